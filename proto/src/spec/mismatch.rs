//! A part of a payload that does not conform: where it is, what is due, what stands there.

use alloc::string::String;
use core::fmt;

/// A part of a payload that does not conform to a spec. Every text of the peer in it is escaped and
/// shortened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mismatch {
    /// The part, as `field.items[2]`; `.` for the whole.
    pub path: String,
    /// Its first byte in the payload: of the map where a field is missing, of the key if it is about a key.
    pub offset: usize,
    /// What the spec asks for, as it is written.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, expected, found } = self;
        write!(f, "{path}: expected {expected}, found {found}, at byte {offset}")
    }
}

impl core::error::Error for Mismatch {}
