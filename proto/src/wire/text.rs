//! Texts and names of the envelope: UTF-8, within limits, or cut to them.

use alloc::{string::String, vec::Vec};

use super::cursor::{Cursor, Token};
use super::error::{DecodeError, What};

/// Most entries of a list or map that are kept or compared.
///
/// Each costs some ten times its shortest form on the wire; the reference writes a handful.
const MAX_ENTRIES: usize = 1 << 16;

impl<'a> Cursor<'a> {
    /// A text of at most `limit` bytes.
    #[inline]
    pub(crate) fn text(&mut self, field: &'static str, limit: usize) -> Result<&'a str, DecodeError> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Str(bytes) = token else { return Err(wrong_type(field, "str", token, offset)) };
        checked_text(bytes, field, limit, offset)
    }

    /// A text, cut to `limit` bytes.
    pub(crate) fn cut_text(&mut self, field: &'static str, limit: usize) -> Result<&'a str, DecodeError> {
        self.text(field, usize::MAX).map(|text| cut(text, limit))
    }

    /// A pair of texts of at most `limit` bytes each: name and uuid.
    pub(crate) fn uid(
        &mut self,
        field: &'static str,
        limit: usize,
    ) -> Result<(&'a str, &'a str), DecodeError> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Array(2) = token else {
            return Err(wrong_type(field, "an array of two texts", token, offset));
        };
        Ok((self.text(field, limit)?, self.text(field, limit)?))
    }

    /// A truth value; no number stands for one.
    pub(crate) fn boolean(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Bool(value) = token else { return Err(wrong_type(field, "bool", token, offset)) };
        Ok(value)
    }

    /// The next value, unless it is nil.
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.nil() { Ok(None) } else { read(self).map(Some) }
    }

    /// The head of an array that is kept.
    pub(crate) fn list(&mut self, field: &'static str) -> Result<usize, DecodeError> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Array(len) = token else { return Err(wrong_type(field, "array", token, offset)) };
        bounded(len, field, offset)
    }

    /// A map with distinct names as keys. `value` reads each value, the name given.
    pub(crate) fn names(
        &mut self,
        field: &'static str,
        mut value: impl FnMut(&mut Self, &'a str) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Map(entries) = token else { return Err(wrong_type(field, "map", token, offset)) };
        let mut seen = Names::default();
        for _ in 0..bounded(entries, field, offset)? {
            let offset = self.offset();
            let bytes = self.key()?;
            let name = checked_text(bytes, field, usize::MAX, offset)?;
            seen.insert(name, field, offset)?;
            value(self, name)?;
        }
        seen.finish(field)
    }

    /// A map with distinct names as keys, values unread and of at most `levels` levels less one.
    pub(crate) fn raw_names(&mut self, field: &'static str, levels: usize) -> Result<&'a [u8], DecodeError> {
        let start = self.clone();
        let inner = levels.saturating_sub(1);
        self.names(field, |cursor, _| cursor.skip(inner))?;
        Ok(self.since(&start))
    }
}

/// Names compared one by one.
const FEW: usize = 8;

/// Names met so far in one map.
///
/// A few are compared one by one as they come; more are sorted at the end.
#[derive(Default)]
struct Names<'a> {
    first: [&'a str; FEW],
    len: usize,
    many: Vec<(&'a str, usize)>,
}

impl<'a> Names<'a> {
    fn insert(&mut self, name: &'a str, field: &'static str, offset: usize) -> Result<(), DecodeError> {
        if self.first.iter().take(self.len).any(|earlier| *earlier == name) {
            return Err(DecodeError { what: What::DuplicateName { field }, offset });
        }
        match self.first.get_mut(self.len) {
            Some(slot) => {
                *slot = name;
                self.len = self.len.saturating_add(1);
            }
            None => self.many.push((name, offset)),
        }
        Ok(())
    }

    fn finish(mut self, field: &'static str) -> Result<(), DecodeError> {
        self.many.sort_unstable();
        let again = self.many.windows(2).filter_map(|pair| match pair {
            [(earlier, _), (name, offset)] if earlier == name => Some(*offset),
            _ => None,
        });
        match again.min() {
            Some(offset) => Err(DecodeError { what: What::DuplicateName { field }, offset }),
            None => Ok(()),
        }
    }
}

/// `bytes` as a text of at most `limit` bytes; errors are about the value at `offset`.
#[inline]
pub(crate) fn checked_text<'a>(
    bytes: &'a [u8],
    field: &'static str,
    limit: usize,
    offset: usize,
) -> Result<&'a str, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError { what: What::TooLong { field, len: bytes.len(), limit }, offset });
    }
    core::str::from_utf8(bytes).map_err(|_| DecodeError { what: What::Utf8 { field }, offset })
}

/// The longest start of `text` that has at most `limit` bytes and ends between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

/// `bytes` as a text of at most `limit` bytes, with what is not UTF-8 replaced.
pub(crate) fn lossy(bytes: &[u8], limit: usize) -> String {
    let bytes = bytes.get(..limit).unwrap_or(bytes);
    String::from(cut(&String::from_utf8_lossy(bytes), limit))
}

#[cold]
pub(crate) fn wrong_type(
    field: &'static str,
    expected: &'static str,
    found: Token<'_>,
    offset: usize,
) -> DecodeError {
    DecodeError { what: What::Type { field, expected, found: found.name() }, offset }
}

fn bounded(len: usize, field: &'static str, offset: usize) -> Result<usize, DecodeError> {
    if len <= MAX_ENTRIES {
        return Ok(len);
    }
    Err(DecodeError { what: What::TooLong { field, len, limit: MAX_ENTRIES }, offset })
}
