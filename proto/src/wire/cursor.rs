//! A bounded MessagePack cursor over a frame body.
//!
//! It never recurses, never allocates more than a small multiple of the nesting depth, and every step
//! consumes at least one byte, so walking a value is linear in its bytes.

use alloc::vec::Vec;

use rmp::Marker;

use super::error::{DecodeError, What};

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

    /// Values that must follow to complete this one; `None` if it is no container.
    const fn children(&self) -> Option<usize> {
        match *self {
            Self::Array(len) => Some(len),
            // Exact: both halves of every entry fit in the bytes left.
            Self::Map(len) => Some(len.saturating_mul(2)),
            Self::Nil
            | Self::Bool(_)
            | Self::Unsigned(_)
            | Self::Negative(_)
            | Self::Float
            | Self::Str(_)
            | Self::Bin
            | Self::Ext => None,
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
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        Self { rest: body, len: body.len() }
    }

    /// Bytes before the cursor.
    pub(crate) const fn offset(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }

    /// Bytes after the cursor.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next token; containers are entered.
    ///
    /// The offset of an error is that of the value's first byte.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        let offset = self.offset();
        self.advance().map_err(|what| DecodeError { what, offset })
    }

    /// The next value as the key of a map: the bytes of a text.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<&'a [u8], DecodeError> {
        let offset = self.offset();
        let token = self.token()?;
        let Token::Str(key) = token else {
            return Err(DecodeError { what: What::KeyType(token.name()), offset });
        };
        Ok(key)
    }

    /// Consumes the next value if it is nil.
    pub(crate) fn nil(&mut self) -> bool {
        match self.rest.split_first() {
            Some((&byte, rest)) if Marker::from_u8(byte) == Marker::Null => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Skips one whole value that may hold `levels` levels of containers.
    #[inline]
    pub(crate) fn skip(&mut self, levels: usize) -> Result<(), DecodeError> {
        let offset = self.offset();
        match self.advance() {
            Ok(token) => match token.children() {
                None => Ok(()),
                Some(children) => self.skip_children(children, levels, offset),
            },
            Err(what) => Err(DecodeError { what, offset }),
        }
    }

    /// Skips one whole value as [`skip`](Self::skip) does and gives its bytes.
    #[inline]
    pub(crate) fn raw(&mut self, levels: usize) -> Result<&'a [u8], DecodeError> {
        let start = self.clone();
        self.skip(levels)?;
        Ok(self.since(&start))
    }

    /// The bytes between `start`, an earlier state of this cursor, and now.
    pub(crate) fn since(&self, start: &Self) -> &'a [u8] {
        let len = start.rest.len().saturating_sub(self.rest.len());
        start.rest.get(..len).unwrap_or_default()
    }

    /// Checks that nothing follows.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(DecodeError { what: What::Trailing(more), offset: self.offset() }),
        }
    }

    /// Walks the elements of a container at `container`, and theirs, without recursion.
    fn skip_children(&mut self, children: usize, levels: usize, container: usize) -> Result<(), DecodeError> {
        let too_deep = |offset| DecodeError { what: What::TooDeep { limit: levels }, offset };
        let Some(mut levels_left) = levels.checked_sub(1) else { return Err(too_deep(container)) };
        let mut left = children;
        let mut outer = Stack::default();
        loop {
            let Some(others) = left.checked_sub(1) else {
                let Some(siblings) = outer.pop() else { return Ok(()) };
                left = siblings;
                levels_left = levels_left.saturating_add(1);
                continue;
            };
            left = others;
            let offset = self.offset();
            let token = self.advance().map_err(|what| DecodeError { what, offset })?;
            if let Some(children) = token.children() {
                let Some(deeper) = levels_left.checked_sub(1) else { return Err(too_deep(offset)) };
                levels_left = deeper;
                outer.push(left);
                left = children;
            }
        }
    }

    #[inline]
    fn advance(&mut self) -> Result<Token<'a>, What> {
        let [byte] = self.array()?;
        Ok(match Marker::from_u8(byte) {
            Marker::FixPos(value) => Token::Unsigned(u64::from(value)),
            Marker::FixNeg(value) => Token::Negative(i64::from(value)),
            Marker::FixStr(len) => Token::Str(self.bytes(usize::from(len))?),
            Marker::FixArray(len) => self.array_of(usize::from(len))?,
            Marker::FixMap(len) => self.map_of(usize::from(len))?,
            Marker::Null => Token::Nil,
            Marker::True => Token::Bool(true),
            Marker::False => Token::Bool(false),
            Marker::U8 => Token::Unsigned(u64::from(u8::from_be_bytes(self.array()?))),
            Marker::U16 => Token::Unsigned(u64::from(u16::from_be_bytes(self.array()?))),
            Marker::U32 => Token::Unsigned(u64::from(u32::from_be_bytes(self.array()?))),
            Marker::U64 => Token::Unsigned(u64::from_be_bytes(self.array()?)),
            Marker::I8 => signed(i64::from(i8::from_be_bytes(self.array()?))),
            Marker::I16 => signed(i64::from(i16::from_be_bytes(self.array()?))),
            Marker::I32 => signed(i64::from(i32::from_be_bytes(self.array()?))),
            Marker::I64 => signed(i64::from_be_bytes(self.array()?)),
            Marker::F32 => self.blob(4, Token::Float)?,
            Marker::F64 => self.blob(8, Token::Float)?,
            Marker::Str8 => self.len8().and_then(|len| self.bytes(len)).map(Token::Str)?,
            Marker::Str16 => self.len16().and_then(|len| self.bytes(len)).map(Token::Str)?,
            Marker::Str32 => self.len32().and_then(|len| self.bytes(len)).map(Token::Str)?,
            Marker::Bin8 => self.len8().and_then(|len| self.blob(len, Token::Bin))?,
            Marker::Bin16 => self.len16().and_then(|len| self.blob(len, Token::Bin))?,
            Marker::Bin32 => self.len32().and_then(|len| self.blob(len, Token::Bin))?,
            Marker::Array16 => self.len16().and_then(|len| self.array_of(len))?,
            Marker::Array32 => self.len32().and_then(|len| self.array_of(len))?,
            Marker::Map16 => self.len16().and_then(|len| self.map_of(len))?,
            Marker::Map32 => self.len32().and_then(|len| self.map_of(len))?,
            Marker::FixExt1 => self.ext(1)?,
            Marker::FixExt2 => self.ext(2)?,
            Marker::FixExt4 => self.ext(4)?,
            Marker::FixExt8 => self.ext(8)?,
            Marker::FixExt16 => self.ext(16)?,
            Marker::Ext8 => self.len8().and_then(|len| self.ext(len))?,
            Marker::Ext16 => self.len16().and_then(|len| self.ext(len))?,
            Marker::Ext32 => self.len32().and_then(|len| self.ext(len))?,
            Marker::Reserved => return Err(What::Reserved),
        })
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], What> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(What::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn blob(&mut self, len: usize, token: Token<'a>) -> Result<Token<'a>, What> {
        self.bytes(len).map(|_| token)
    }

    fn ext(&mut self, len: usize) -> Result<Token<'a>, What> {
        let [_code] = self.array()?;
        self.blob(len, Token::Ext)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], What> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(What::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn len8(&mut self) -> Result<usize, What> {
        self.array().map(|[len]| usize::from(len))
    }

    fn len16(&mut self) -> Result<usize, What> {
        self.array().map(|len| usize::from(u16::from_be_bytes(len)))
    }

    fn len32(&mut self) -> Result<usize, What> {
        // A length that does not fit in memory does not fit in the frame either.
        self.array().map(|len| usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX))
    }

    fn array_of(&self, declared: usize) -> Result<Token<'a>, What> {
        let left = self.rest.len();
        if declared <= left { Ok(Token::Array(declared)) } else { Err(What::Count { declared, left }) }
    }

    fn map_of(&self, declared: usize) -> Result<Token<'a>, What> {
        let left = self.rest.len();
        match declared.checked_mul(2) {
            Some(values) if values <= left => Ok(Token::Map(declared)),
            _ => Err(What::Count { declared, left }),
        }
    }
}

const fn signed(value: i64) -> Token<'static> {
    if value < 0 { Token::Negative(value) } else { Token::Unsigned(value.unsigned_abs()) }
}

/// Levels kept in place.
const NEAR: usize = 8;

/// Elements still due in each container around the present one.
///
/// The first levels need no allocation, so that payloads of ordinary nesting are walked without one.
#[derive(Default)]
struct Stack {
    near: [usize; NEAR],
    far: Vec<usize>,
    len: usize,
}

impl Stack {
    fn push(&mut self, left: usize) {
        match self.near.get_mut(self.len) {
            Some(slot) => *slot = left,
            None => self.far.push(left),
        }
        self.len = self.len.saturating_add(1);
    }

    fn pop(&mut self) -> Option<usize> {
        self.len = self.len.checked_sub(1)?;
        match self.near.get(self.len) {
            Some(left) => Some(*left),
            None => self.far.pop(),
        }
    }
}

/// Checks that `bytes` are exactly one value of at most `levels` levels.
pub(crate) fn one_value(bytes: &[u8], levels: usize) -> Result<(), DecodeError> {
    let mut cursor = Cursor::new(bytes);
    if bytes.is_empty() {
        return Err(DecodeError { what: What::Empty, offset: 0 });
    }
    cursor.skip(levels)?;
    cursor.finish()
}
