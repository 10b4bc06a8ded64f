//! Values of the envelope: each of its type, none converted. (W-22)

use super::cursor::{Cursor, Token};
use super::error::{Refusal, What, refuse};
use super::text::{Text, checked_text};

/// Most entries of a list or map that are kept as Rust values.
///
/// Each costs some ten times its shortest form on the wire; the reference writes a handful.
const MAX_KEPT: usize = 1 << 16;

impl<'a> Cursor<'a> {
    /// A text of at most `limit` bytes.
    #[inline]
    pub(crate) fn text(&mut self, field: &'static str, limit: usize) -> Result<Text<'a>, Refusal> {
        let offset = self.offset();
        checked_text(self.text_bytes(field)?, field, limit, offset)
    }

    /// The bytes of a text of any length.
    #[inline]
    pub(super) fn text_bytes(&mut self, field: &'static str) -> Result<&'a [u8], Refusal> {
        match self.short_text() {
            Some(text) => Ok(text),
            None => self.other_text(|found| What::Type { field, expected: "str", found }),
        }
    }

    /// A pair of texts of at most `limit` bytes each: name and uuid. (W-22)
    pub(crate) fn uid(&mut self, field: &'static str, limit: usize) -> Result<(Text<'a>, Text<'a>), Refusal> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Array(2) = token else {
            return Err(wrong_type(field, "an array of two texts", token, offset));
        };
        Ok((self.text(field, limit)?, self.text(field, limit)?))
    }

    /// A truth value; no number stands for one. (W-22)
    pub(crate) fn boolean(&mut self, field: &'static str) -> Result<bool, Refusal> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Bool(value) = token else { return Err(wrong_type(field, "bool", token, offset)) };
        Ok(value)
    }

    /// The next value, unless it is nil. (W-22)
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        if self.nil() { Ok(None) } else { read(self).map(Some) }
    }

    /// The head of an array whose elements are kept.
    pub(crate) fn list(&mut self, field: &'static str) -> Result<usize, Refusal> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Array(len) = token else { return Err(wrong_type(field, "array", token, offset)) };
        kept(len, field, offset)
    }
}

/// `len`, if so many entries may be kept.
pub(crate) fn kept(len: usize, field: &'static str, offset: usize) -> Result<usize, Refusal> {
    if len <= MAX_KEPT {
        return Ok(len);
    }
    Err(refuse(What::TooLong { field, len, limit: MAX_KEPT }, offset))
}

#[cold]
pub(crate) fn wrong_type(
    field: &'static str,
    expected: &'static str,
    found: Token<'_>,
    offset: usize,
) -> Refusal {
    refuse(What::Type { field, expected, found: found.name() }, offset)
}
