//! Frame body to message, in any key order and any width.

use bytes::Bytes;

use super::{ErrorMsg, Message, Rejected};

/// What a decoder accepts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Levels of nesting of the body, the message map counted.
    pub depth: usize,
    /// Bytes of a dialog id.
    pub cid: usize,
    /// Bytes of a name: uids, `ns`, `func`, type names, `pld_spec`.
    pub name: usize,
    /// Bytes kept of `message` and `tb_str`; longer ones are cut, at a character boundary.
    pub text: usize,
    /// Entries kept of `relay_path`: the oldest and the newest ones of a longer path.
    pub relay_path: usize,
}

/// Decodes one frame body (without its length prefix).
///
/// # Errors
///
/// [`Rejected`] says what is wrong, at which byte, and how bad it is.
pub fn decode<'a>(body: &'a Bytes, limits: &Limits) -> Result<Message<'a>, Rejected> {
    todo!("{body:?} {limits:?}")
}

/// Makes the best of a defective `Error`: what is readable is kept, the rest takes neutral values.
///
/// For bodies that [`decode`] rejected as an envelope fault of kind `Error`.
pub fn salvage_error(body: &Bytes, limits: &Limits) -> ErrorMsg {
    todo!("{body:?} {limits:?}")
}
