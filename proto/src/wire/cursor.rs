//! A bounded MessagePack cursor over a frame body.
//!
//! It never recurses, never allocates more than a small multiple of the nesting depth, and every step
//! consumes at least one byte, so walking a value is linear in its bytes.

use rmp::Marker;

use super::error::{Refusal, What, refuse};

/// The head of one value. Texts and blobs come with their bytes, containers without their elements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Token<'a> {
    Nil,
    Bool(bool),
    /// Any integer that is not negative, whatever its width.
    Unsigned(u64),
    /// Any integer below zero.
    Negative(i64),
    Float,
    Str(&'a [u8]),
    Bin,
    Ext,
    /// Number of elements, at most the bytes left.
    Array(usize),
    /// Number of entries, at most half the bytes left.
    Map(usize),
}

impl Token<'_> {
    /// What stands there, for error texts.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Unsigned(_) | Self::Negative(_) => "int",
            Self::Float => "float",
            Self::Str(_) => "str",
            Self::Bin => "bin",
            Self::Ext => "ext",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
        }
    }
}

/// A position in a frame body.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Cursor<'a> {
    /// At the first byte of `body`.
    #[inline]
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        Self { rest: body, len: body.len() }
    }

    /// Bytes before the cursor.
    #[inline]
    pub(crate) const fn offset(&self) -> usize {
        // What is left is never longer than the whole.
        self.len.wrapping_sub(self.rest.len())
    }

    /// Bytes after the cursor.
    #[inline]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Moves to `rest`, a part of what is left that reaches to its end.
    #[inline]
    pub(super) const fn go_to(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// The next token; containers are entered. (W-20)
    ///
    /// The offset of an error is that of the value's first byte.
    pub(crate) fn token(&mut self) -> Result<Token<'a>, Refusal> {
        let start = self.clone();
        let values = self.step()?.unwrap_or(0);
        let (head, rest) = self.since(&start).split_first().unwrap_or((&NIL, &[]));
        Ok(match Marker::from_u8(*head) {
            Marker::FixPos(value) => Token::Unsigned(u64::from(value)),
            Marker::FixNeg(value) => Token::Negative(i64::from(value)),
            // A reserved byte was refused before.
            Marker::Null | Marker::Reserved => Token::Nil,
            Marker::True => Token::Bool(true),
            Marker::False => Token::Bool(false),
            Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => Token::Unsigned(unsigned(rest)),
            Marker::I8 => signed(rest.first_chunk().map_or(0, |bytes| i64::from(i8::from_be_bytes(*bytes)))),
            Marker::I16 => {
                signed(rest.first_chunk().map_or(0, |bytes| i64::from(i16::from_be_bytes(*bytes))))
            }
            Marker::I32 => {
                signed(rest.first_chunk().map_or(0, |bytes| i64::from(i32::from_be_bytes(*bytes))))
            }
            Marker::I64 => signed(rest.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))),
            Marker::F32 | Marker::F64 => Token::Float,
            Marker::FixStr(_) => Token::Str(rest),
            Marker::Str8 => Token::Str(rest.get(1..).unwrap_or_default()),
            Marker::Str16 => Token::Str(rest.get(2..).unwrap_or_default()),
            Marker::Str32 => Token::Str(rest.get(4..).unwrap_or_default()),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => Token::Bin,
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => Token::Array(values),
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => Token::Map(values / 2),
            Marker::FixExt1
            | Marker::FixExt2
            | Marker::FixExt4
            | Marker::FixExt8
            | Marker::FixExt16
            | Marker::Ext8
            | Marker::Ext16
            | Marker::Ext32 => Token::Ext,
        })
    }

    /// The next value as the key of a map: the bytes of a text.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<&'a [u8], Refusal> {
        match self.short_text() {
            Some(key) => Ok(key),
            None => self.other_text(What::KeyType),
        }
    }

    /// The bytes of the next value if it is a text that is whole and has one of the two shortest forms;
    /// most have. Otherwise stays where it is.
    #[inline]
    pub(crate) fn short_text(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = match self.rest {
            [head @ 0xa0..=0xbf, rest @ ..] => (usize::from(head & 0x1f), rest),
            [STR8, len, rest @ ..] => (usize::from(*len), rest),
            _ => return None,
        };
        let (text, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(text)
    }

    /// The bytes of the next value, a text of any form; `wrong` says what it means that there is none.
    #[inline]
    pub(super) fn other_text(
        &mut self,
        wrong: impl FnOnce(&'static str) -> What,
    ) -> Result<&'a [u8], Refusal> {
        let offset = self.offset();
        let (token, next) = self.clone().next_token()?;
        let Token::Str(text) = token else { return Err(refuse(wrong(token.name()), offset)) };
        *self = next;
        Ok(text)
    }

    /// Enters the next value, a map, and tells how many entries it has; `wrong` says what it means that
    /// there is none.
    #[inline]
    pub(super) fn map(&mut self, wrong: impl FnOnce(&'static str) -> What) -> Result<usize, Refusal> {
        if let [head @ 0x80..=0x8f, rest @ ..] = self.rest {
            let entries = head & 0x0f;
            if usize::from(entries.wrapping_mul(2)) <= rest.len() {
                self.rest = rest;
                return Ok(usize::from(entries));
            }
        }
        let offset = self.offset();
        let (token, next) = self.clone().next_token()?;
        let Token::Map(entries) = token else { return Err(refuse(wrong(token.name()), offset)) };
        *self = next;
        Ok(entries)
    }

    /// The next token and the place behind it: for rare forms, so that a cursor that mostly meets others
    /// need not be in memory.
    #[cold]
    fn next_token(mut self) -> Result<(Token<'a>, Self), Refusal> {
        let token = self.token()?;
        Ok((token, self))
    }

    /// Consumes the next value if it is nil.
    pub(crate) fn nil(&mut self) -> bool {
        match self.rest.split_first() {
            Some((&NIL, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Consumes the next value if it begins with `head` and `len` bytes complete it.
    #[inline]
    pub(crate) fn pass(&mut self, head: u8, len: usize) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == head && rest.len() >= len => {
                self.rest = rest.get(len..).unwrap_or_default();
                true
            }
            _ => false,
        }
    }

    /// Consumes `bytes` if they stand here.
    #[inline]
    pub(super) fn literal(&mut self, bytes: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(bytes)?;
        Some(())
    }

    /// The bytes between `start`, an earlier state of this cursor, and now.
    #[inline]
    pub(crate) fn since(&self, start: &Self) -> &'a [u8] {
        let len = start.rest.len().saturating_sub(self.rest.len());
        start.rest.get(..len).unwrap_or_default()
    }

    /// Checks that nothing follows.
    pub(crate) fn finish(&self) -> Result<(), Refusal> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(refuse(What::Trailing(more), self.offset())),
        }
    }

    #[cold]
    pub(super) fn truncated(&self) -> Refusal {
        refuse(What::Truncated, self.offset())
    }
}

const NIL: u8 = Marker::Null.to_u8();
const STR8: u8 = Marker::Str8.to_u8();

/// Up to eight bytes, big endian.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

const fn signed(value: i64) -> Token<'static> {
    if value < 0 { Token::Negative(value) } else { Token::Unsigned(value.unsigned_abs()) }
}
