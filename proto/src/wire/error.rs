//! What can be wrong with the bytes of one frame.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::message::MsgKind;

/// Why one frame body is not a message: the broken rule and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{what} at byte {offset}")]
#[non_exhaustive]
pub struct DecodeError {
    /// The broken rule.
    #[source]
    pub what: What,
    /// Offset in the frame body (the length prefix not counted) of the first byte of the value that
    /// breaks the rule: of the key if it is about a key, of the map if a key is missing.
    pub offset: usize,
}

/// A [`DecodeError`] on its way out: one word, so that what is not refused pays nothing for it.
pub(crate) type Refusal = Box<DecodeError>;

/// The value, or key, at `offset` breaks a rule.
#[cold]
pub(crate) fn refuse(what: What, offset: usize) -> Refusal {
    Box::new(DecodeError { what, offset })
}

/// A broken rule of the wire format.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum What {
    /// The frame is empty.
    #[error("expected one MessagePack map, found an empty frame")]
    Empty,
    /// The value needs more bytes than the frame has.
    #[error("value truncated: the frame ends first")]
    Truncated,
    /// Bytes follow the value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// The byte `c1`, which MessagePack never uses.
    #[error("reserved byte c1")]
    Reserved,
    /// Nested deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit in force.
        limit: usize,
    },
    /// A container declares more elements than bytes are left.
    #[error("{declared} elements declared, but only {left} bytes are left")]
    Count {
        /// Elements declared.
        declared: usize,
        /// Bytes left in the frame.
        left: usize,
    },
    /// A value of another type than the field has.
    #[error("{field}: expected {expected}, found {found}")]
    Type {
        /// The field, by its key.
        field: &'static str,
        /// What the field takes.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A text of the envelope is not UTF-8.
    #[error("{field}: invalid UTF-8")]
    Utf8 {
        /// The field, by its key.
        field: &'static str,
    },
    /// A text, name or list is longer than its limit.
    #[error("{field}: length {len} is over the limit of {limit}")]
    TooLong {
        /// The field, by its key.
        field: &'static str,
        /// Its length, in bytes or elements.
        len: usize,
        /// The limit in force.
        limit: usize,
    },
    /// A required key is absent.
    #[error("required key {0} is missing")]
    Missing(&'static str),
    /// A key occurs twice.
    #[error("key {0} occurs twice")]
    Duplicate(&'static str),
    /// A name occurs twice in a map of names.
    #[error("{field}: a name occurs twice")]
    DuplicateName {
        /// The field, by its key.
        field: &'static str,
    },
    /// A key of the message map, or of a map of names in it, is not a text.
    #[error("a key is not a text but {0}")]
    KeyType(&'static str),
    /// The body is a value other than a map.
    #[error("expected a map, found {0}")]
    NotAMap(&'static str),
    /// `msg_type` names no message.
    #[error("msg_type names no message")]
    UnknownTag,
}

/// How bad it is: decides what a connection does about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The body is not one well-formed MessagePack value.
    Malformed,
    /// A well-formed value that is not a message: not a map, a key that is not a text, no known
    /// tag, or no readable dialog id.
    NotAMessage,
    /// A known message about a known dialog id, with a wrong envelope.
    Envelope {
        /// What it claims to be.
        kind: MsgKind,
        /// The dialog it is about.
        cid: Arc<str>,
        /// For a `Start`: whether it addresses `self:_cancel_task`.
        is_cancel_request: bool,
    },
}

/// A frame body that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{error}")]
pub struct Rejected {
    /// What is wrong and where.
    #[source]
    pub error: DecodeError,
    /// How bad it is.
    pub fault: Fault,
}
