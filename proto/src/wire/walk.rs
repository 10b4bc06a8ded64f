//! Walking over values without reading them.

use alloc::vec::Vec;

use rmp::Marker;

use super::cursor::Cursor;
use super::error::{Refusal, What, refuse};

/// What follows the first byte of a value.
#[derive(Clone, Copy)]
enum Shape {
    /// So many bytes, which complete it.
    Bytes(u8),
    /// So many elements.
    Elements(u8),
    /// So many entries.
    Entries(u8),
    /// A length and so many bytes.
    Blob(Width),
    /// A length, a type byte and so many bytes.
    Ext(Width),
    /// A number of elements.
    Array(Width),
    /// A number of entries.
    Map(Width),
    /// Nothing: no value starts so.
    Reserved,
}

/// Bytes of a length, big endian.
#[derive(Clone, Copy)]
enum Width {
    One,
    Two,
    Four,
}

impl Shape {
    /// Whether exactly `len` bytes complete the value.
    #[inline]
    fn is_bytes(self, len: usize) -> bool {
        matches!(self, Self::Bytes(bytes) if usize::from(bytes) == len)
    }

    const fn of(marker: Marker) -> Self {
        use Width::{Four, One, Two};
        match marker {
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
                Self::Bytes(0)
            }
            Marker::U8 | Marker::I8 => Self::Bytes(1),
            Marker::U16 | Marker::I16 => Self::Bytes(2),
            Marker::U32 | Marker::I32 | Marker::F32 => Self::Bytes(4),
            Marker::U64 | Marker::I64 | Marker::F64 => Self::Bytes(8),
            Marker::FixStr(len) => Self::Bytes(len),
            Marker::FixExt1 => Self::Bytes(2),
            Marker::FixExt2 => Self::Bytes(3),
            Marker::FixExt4 => Self::Bytes(5),
            Marker::FixExt8 => Self::Bytes(9),
            Marker::FixExt16 => Self::Bytes(17),
            Marker::Str8 | Marker::Bin8 => Self::Blob(One),
            Marker::Str16 | Marker::Bin16 => Self::Blob(Two),
            Marker::Str32 | Marker::Bin32 => Self::Blob(Four),
            Marker::Ext8 => Self::Ext(One),
            Marker::Ext16 => Self::Ext(Two),
            Marker::Ext32 => Self::Ext(Four),
            Marker::FixArray(len) => Self::Elements(len),
            Marker::FixMap(len) => Self::Entries(len),
            Marker::Array16 => Self::Array(Two),
            Marker::Array32 => Self::Array(Four),
            Marker::Map16 => Self::Map(Two),
            Marker::Map32 => Self::Map(Four),
            Marker::Reserved => Self::Reserved,
        }
    }
}

/// The shape that each first byte announces.
const SHAPES: [Shape; 256] = {
    let mut shapes = [Shape::Reserved; 256];
    let mut rest: &mut [Shape] = &mut shapes;
    let mut byte = 0;
    while let Some((shape, others)) = rest.split_first_mut() {
        *shape = Shape::of(Marker::from_u8(byte));
        byte = byte.wrapping_add(1);
        rest = others;
    }
    shapes
};

#[inline]
fn shape(head: u8) -> Shape {
    SHAPES.get(usize::from(head)).copied().unwrap_or(Shape::Reserved)
}

impl<'a> Cursor<'a> {
    /// Skips one whole value that may hold `levels` levels of containers. (W-21, W-25)
    #[inline]
    pub(crate) fn skip(&mut self, levels: usize) -> Result<(), Refusal> {
        if let Some((&head, rest)) = self.rest().split_first() {
            if let Shape::Bytes(len) = shape(head) {
                if let Some(rest) = rest.get(usize::from(len)..) {
                    self.go_to(rest);
                    return Ok(());
                }
            }
        }
        *self = self.clone().after_any(levels)?;
        Ok(())
    }

    /// The place behind the value here.
    #[inline(never)]
    fn after_any(mut self, levels: usize) -> Result<Self, Refusal> {
        let container = self.offset();
        match self.step()? {
            None => Ok(self),
            Some(values) => self.after_values(values, levels, container),
        }
    }

    /// Skips one whole value as [`skip`](Self::skip) does and gives its bytes.
    #[inline]
    pub(crate) fn raw(&mut self, levels: usize) -> Result<&'a [u8], Refusal> {
        let start = self.clone();
        self.skip(levels)?;
        Ok(self.since(&start))
    }

    /// The place behind the values of the container at `container`, and theirs, found without recursion.
    #[inline(never)]
    fn after_values(mut self, values: usize, levels: usize, container: usize) -> Result<Self, Refusal> {
        let too_deep = |offset| refuse(What::TooDeep { limit: levels }, offset);
        let Some(mut levels_left) = levels.checked_sub(1) else { return Err(too_deep(container)) };
        let mut left = values;
        let mut outer = Stack::default();
        loop {
            let Some(others) = left.checked_sub(1) else {
                let Some(siblings) = outer.pop() else { return Ok(self) };
                left = siblings;
                levels_left = levels_left.saturating_add(1);
                continue;
            };
            left = others;
            let offset = self.offset();
            if let Some(values) = self.step()? {
                let Some(deeper) = levels_left.checked_sub(1) else { return Err(too_deep(offset)) };
                levels_left = deeper;
                outer.push(left);
                left = values;
            }
        }
    }

    /// Passes a value that is no container, or enters a container and tells how many values it holds.
    ///
    /// Does not move where it fails. (W-30)
    #[inline(always)]
    pub(super) fn step(&mut self) -> Result<Option<usize>, Refusal> {
        let Some((&head, rest)) = self.rest().split_first() else { return Err(self.truncated()) };
        let (len, rest) = match shape(head) {
            Shape::Bytes(len) => (usize::from(len), rest),
            Shape::Elements(len) => return self.enter(usize::from(len), 1, rest),
            Shape::Entries(len) => return self.enter(usize::from(len), 2, rest),
            Shape::Blob(width) => self.number(width, rest)?,
            Shape::Ext(width) => {
                let (len, rest) = self.number(width, rest)?;
                (len.saturating_add(1), rest)
            }
            Shape::Array(width) => {
                let (len, rest) = self.number(width, rest)?;
                return self.enter(len, 1, rest);
            }
            Shape::Map(width) => {
                let (len, rest) = self.number(width, rest)?;
                return self.enter(len, 2, rest);
            }
            Shape::Reserved => return Err(refuse(What::Reserved, self.offset())),
        };
        let Some(rest) = rest.get(len..) else { return Err(self.truncated()) };
        self.go_to(rest);
        Ok(None)
    }

    #[inline]
    fn enter(&mut self, declared: usize, values: usize, rest: &'a [u8]) -> Result<Option<usize>, Refusal> {
        let left = rest.len();
        match declared.checked_mul(values) {
            Some(values) if values <= left => {
                self.go_to(rest);
                Ok(Some(values))
            }
            _ => Err(refuse(What::Count { declared, left }, self.offset())),
        }
    }

    /// The length at the start of `rest`, and what follows it.
    #[inline]
    fn number(&self, width: Width, rest: &'a [u8]) -> Result<(usize, &'a [u8]), Refusal> {
        let number = match width {
            Width::One => rest.split_first().map(|(len, rest)| (usize::from(*len), rest)),
            Width::Two => {
                rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_be_bytes(*len)), rest))
            }
            // A length that does not fit in memory does not fit in the frame either.
            Width::Four => rest
                .split_first_chunk()
                .map(|(len, rest)| (usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX), rest)),
        };
        number.ok_or_else(|| self.truncated())
    }
}

/// Levels kept in place.
const NEAR: usize = 8;

/// Values still due in each container around the present one.
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

/// Checks that `bytes` are exactly one value of at most `levels` levels. (W-2, W-30)
#[inline]
pub(crate) fn one_value(bytes: &[u8], levels: usize) -> Result<(), Refusal> {
    match bytes.split_first() {
        Some((&head, rest)) if shape(head).is_bytes(rest.len()) => Ok(()),
        _ => one_value_of_any_shape(bytes, levels),
    }
}

#[inline(never)]
fn one_value_of_any_shape(bytes: &[u8], levels: usize) -> Result<(), Refusal> {
    if bytes.is_empty() {
        return Err(refuse(What::Empty, 0));
    }
    let mut cursor = Cursor::new(bytes);
    if let Some(values) = cursor.step()? {
        cursor = cursor.after_values(values, levels, 0)?;
    }
    cursor.finish()
}
