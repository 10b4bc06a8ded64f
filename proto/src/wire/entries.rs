//! The entries of a message map, in any order.

use super::cursor::Cursor;
use super::error::{Refusal, What, refuse};
use super::message::MsgKind;

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
    #[inline]
    pub(super) fn new(mut cursor: Cursor<'a>) -> Result<Self, Refusal> {
        let map = cursor.offset();
        let left = cursor.map(What::NotAMap)?;
        Ok(Self { cursor, left, map, tagged: false })
    }

    /// The next key and its offset, the tag included. (W-2, W-20)
    #[inline(always)]
    pub(super) fn next_key(&mut self) -> Result<Option<(usize, &'a [u8])>, Refusal> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let offset = self.cursor.offset();
        self.cursor.key().map(|key| Some((offset, key)))
    }

    /// The next key other than the tag's, and its offset.
    #[inline(always)]
    pub(super) fn next_field(&mut self) -> Result<Option<(usize, &'a [u8])>, Refusal> {
        while let Some((offset, key)) = self.next_key()? {
            if key != TAG.as_bytes() {
                return Ok(Some((offset, key)));
            }
            if core::mem::replace(&mut self.tagged, true) {
                return Err(refuse(What::Duplicate(TAG), offset));
            }
            self.cursor.text_bytes(TAG)?;
        }
        Ok(None)
    }

    /// The kind of the message, wherever its tag is. (W-20)
    ///
    /// A tag that comes first is passed; for another one nothing moves.
    #[inline]
    pub(super) fn kind(&mut self, levels: usize) -> Result<MsgKind, Refusal> {
        let mut ahead = self.clone();
        while let Some((_, key)) = ahead.next_key()? {
            if key != TAG.as_bytes() {
                ahead.cursor.skip(levels)?;
                continue;
            }
            let kind = ahead.tag()?;
            if self.left.saturating_sub(ahead.left) == 1 {
                *self = Self { tagged: true, ..ahead };
            }
            return Ok(kind);
        }
        Err(self.missing(TAG))
    }

    fn tag(&mut self) -> Result<MsgKind, Refusal> {
        let offset = self.cursor.offset();
        let tag = self.cursor.text_bytes(TAG)?;
        MsgKind::from_tag(tag).ok_or_else(|| refuse(What::UnknownTag, offset))
    }

    #[cold]
    fn missing(&self, key: &'static str) -> Refusal {
        refuse(What::Missing(key), self.map)
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

    /// Puts what was read after the key at `offset`; a known key may not come twice. (W-23, D35)
    #[inline]
    pub(super) fn put(&mut self, offset: usize, value: Result<T, Refusal>) -> Result<(), Refusal> {
        if self.value.is_some() {
            return Err(refuse(What::Duplicate(self.key), offset));
        }
        self.value = Some(value?);
        Ok(())
    }

    /// The value of a key that must be there. (W-22)
    #[inline]
    pub(super) fn required(self, entries: &Entries<'_>) -> Result<T, Refusal> {
        self.value.ok_or_else(|| entries.missing(self.key))
    }

    /// The value of a key that may be absent.
    pub(super) fn optional(self) -> Option<T> {
        self.value
    }
}
