//! Application values: checked for form, never read by the core.

use bytes::Bytes;

use crate::wire::DecodeError;
use crate::wire::cursor::{Cursor, Token};
use crate::wire::walk::one_value;

/// Levels of nesting of what we emit, the message map counted. (W-15)
const MAX_DEPTH: usize = 512;

/// One well-formed MessagePack value, unread.
///
/// The form is checked once, when the payload is made: exactly one value, no reserved byte, at most 511
/// levels of containers (a frame has 512). Texts inside are not checked for UTF-8. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Payload(Bytes);

impl Payload {
    /// Levels of containers that a value may have: those of a frame less the message map.
    pub const MAX_DEPTH: usize = MAX_DEPTH - 1;

    /// The value nil.
    pub const NIL: Self = Self(Bytes::from_static(&[0xc0]));

    /// Checks that `bytes` are exactly one value. (P-1, W-15)
    ///
    /// # Errors
    ///
    /// Says what is wrong and at which byte.
    pub fn new(bytes: Bytes) -> Result<Self, DecodeError> {
        one_value(&bytes, Self::MAX_DEPTH).map_err(|refusal| *refusal)?;
        Ok(Self(bytes))
    }

    /// A payload whose form the decoder has already checked.
    pub(crate) const fn trusted(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The encoded value.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The same value in an allocation of its own, exactly as large as it.
    ///
    /// A payload taken from a connection is a slice of a receive buffer and keeps all of it alive;
    /// compact what is to be kept for long.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }
}

/// Keyword arguments: a well-formed MessagePack map with distinct UTF-8 text keys, values unread.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kwargs(Bytes);

/// The arguments as one value.
impl From<&Kwargs> for Payload {
    fn from(kwargs: &Kwargs) -> Self {
        Self(kwargs.0.clone())
    }
}

impl Kwargs {
    /// No arguments.
    pub const EMPTY: Self = Self(Bytes::from_static(&[0x80]));

    /// Checks that `bytes` are one map with distinct text keys.
    ///
    /// # Errors
    ///
    /// Says what is wrong and at which byte.
    pub fn new(bytes: Bytes) -> Result<Self, DecodeError> {
        let check = || {
            one_value(&bytes, Payload::MAX_DEPTH)?;
            Cursor::new(&bytes).raw_names("kwargs", Payload::MAX_DEPTH)
        };
        match check() {
            Ok(_) => Ok(Self(bytes)),
            Err(refusal) => Err(*refusal),
        }
    }

    /// Arguments whose form the decoder has already checked.
    pub(crate) const fn trusted(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The encoded map.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The value of the argument `name`.
    pub fn value(&self, name: &str) -> Option<Payload> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Payload)> {
        let mut cursor = Cursor::new(&self.0);
        let entries = match cursor.token() {
            Ok(Token::Map(entries)) => entries,
            _ => 0,
        };
        (0..entries).map_while(move |_| {
            let name = cursor.text("kwargs", usize::MAX).ok()?.as_str();
            let value = cursor.raw(usize::MAX).ok()?;
            Some((name, Payload(self.0.slice_ref(value))))
        })
    }
}
