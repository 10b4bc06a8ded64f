//! The few values the core reads or makes itself: a truth value, a text, one argument.

use alloc::vec::Vec;

use bytes::Bytes;
use rmp::encode::{ByteBuf, write_map_len, write_str};

use crate::payload::{Kwargs, Payload};

impl Payload {
    /// A truth value.
    pub const fn bool(value: bool) -> Self {
        Self::trusted(Bytes::from_static(if value { &[0xc3] } else { &[0xc2] }))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.as_bytes().first(), Some(0x80..=0x8f | 0xde | 0xdf))
    }

    /// The value, if it is a text in valid UTF-8.
    pub(crate) fn as_text(&self) -> Option<&str> {
        let (&marker, rest) = self.as_bytes().split_first()?;
        let header = match marker {
            0xa0..=0xbf => 0,
            0xd9 => 1,
            0xda => 2,
            0xdb => 4,
            _ => return None,
        };
        core::str::from_utf8(rest.get(header..)?).ok()
    }
}

impl Kwargs {
    /// One argument, a text.
    pub(crate) fn text(name: &str, value: &str) -> Self {
        let room = name.len().saturating_add(value.len()).saturating_add(11);
        let mut out = ByteBuf::from_vec(Vec::with_capacity(room));
        // Writing to memory cannot fail.
        let _ = write_map_len(&mut out, 1);
        let _ = write_str(&mut out, name);
        let _ = write_str(&mut out, value);
        Self::trusted(out.into_vec().into())
    }
}
