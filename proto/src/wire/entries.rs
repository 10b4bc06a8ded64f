//! The entries of a message map, in any order.

use super::cursor::{Cursor, Token};
use super::error::{DecodeError, What};
use super::message::MsgKind;
use super::text::wrong_type;

/// The key of the tag.
pub(super) const TAG: &str = "msg_type";

/// A message map whose entries are read one after another.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    /// Before the next key, or before the value of the key just given.
    pub(super) cursor: Cursor<'a>,
    left: usize,
    map: usize,
    tagged: bool,
}

impl<'a> Entries<'a> {
    /// Enters the map at the cursor.
    pub(super) fn new(mut cursor: Cursor<'a>) -> Result<Self, DecodeError> {
        let map = cursor.offset();
        let token = cursor.token()?;
        let Token::Map(left) = token else {
            return Err(DecodeError { what: What::NotAMap(token.name()), offset: map });
        };
        Ok(Self { cursor, left, map, tagged: false })
    }

    /// The next key and its offset, the tag included.
    #[inline]
    pub(super) fn next_key(&mut self) -> Result<Option<(usize, &'a [u8])>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let offset = self.cursor.offset();
        self.cursor.key().map(|key| Some((offset, key)))
    }

    /// The next key other than the tag's, and its offset.
    #[inline]
    pub(super) fn next_field(&mut self) -> Result<Option<(usize, &'a [u8])>, DecodeError> {
        while let Some((offset, key)) = self.next_key()? {
            if key != TAG.as_bytes() {
                return Ok(Some((offset, key)));
            }
            if core::mem::replace(&mut self.tagged, true) {
                return Err(DecodeError { what: What::Duplicate(TAG), offset });
            }
            self.cursor.token()?;
        }
        Ok(None)
    }

    /// The kind of the message, wherever its tag is. Does not move.
    #[inline]
    pub(super) fn kind(&self, levels: usize) -> Result<MsgKind, DecodeError> {
        let mut entries = self.clone();
        while let Some((_, key)) = entries.next_key()? {
            if key == TAG.as_bytes() {
                return entries.tag();
            }
            entries.cursor.skip(levels)?;
        }
        Err(self.missing(TAG))
    }

    fn tag(&mut self) -> Result<MsgKind, DecodeError> {
        let offset = self.cursor.offset();
        let token = self.cursor.token()?;
        let Token::Str(tag) = token else { return Err(wrong_type(TAG, "str", token, offset)) };
        MsgKind::from_tag(tag).ok_or(DecodeError { what: What::UnknownTag, offset })
    }

    #[cold]
    fn missing(&self, key: &'static str) -> DecodeError {
        DecodeError { what: What::Missing(key), offset: self.map }
    }
}

/// The place of one field of a message.
#[derive(Debug)]
pub(super) struct Slot<T> {
    key: &'static str,
    value: Option<T>,
}

impl<T> Slot<T> {
    pub(super) const fn new(key: &'static str) -> Self {
        Self { key, value: None }
    }

    /// Puts what was read after the key at `offset`.
    #[inline]
    pub(super) fn put(&mut self, offset: usize, value: Result<T, DecodeError>) -> Result<(), DecodeError> {
        if self.value.is_some() {
            return Err(DecodeError { what: What::Duplicate(self.key), offset });
        }
        self.value = Some(value?);
        Ok(())
    }

    /// The value of a key that must be there.
    #[inline]
    pub(super) fn required(self, entries: &Entries<'_>) -> Result<T, DecodeError> {
        self.value.ok_or_else(|| entries.missing(self.key))
    }

    /// The value of a key that may be absent.
    pub(super) fn optional(self) -> Option<T> {
        self.value
    }
}
