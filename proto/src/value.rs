//! The few values that are read or made without a type: nil, truth values, integers, texts, binary data.

use alloc::vec::Vec;

use bytes::Bytes;
use rmp::encode::{ByteBuf, write_map_len, write_str};

use crate::payload::{Kwargs, Payload};
use crate::wire::cursor::{Cursor, Token};

impl Payload {
    /// A truth value.
    pub const fn bool(value: bool) -> Self {
        Self::trusted(Bytes::from_static(if value { &[0xc3] } else { &[0xc2] }))
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        self.as_bytes().as_ref() == [0xc0]
    }

    /// The value, if it is an integer: all of them are in range.
    pub fn as_int(&self) -> Option<i128> {
        match Cursor::new(self.as_bytes()).token() {
            Ok(Token::Unsigned(value)) => Some(value.into()),
            Ok(Token::Negative(value)) => Some(value.into()),
            _ => None,
        }
    }

    /// The content, if it is binary data: a slice of the payload, not a copy.
    pub fn to_bin(&self) -> Option<Bytes> {
        let head = match self.as_bytes().first()? {
            0xc4 => 2,
            0xc5 => 3,
            0xc6 => 5,
            _ => return None,
        };
        Some(self.as_bytes().slice_ref(self.as_bytes().get(head..)?))
    }

    /// The value, if it is a text in valid UTF-8.
    pub fn as_text(&self) -> Option<&str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(bytes: &'static [u8]) -> Payload {
        Payload::new(Bytes::from_static(bytes)).unwrap()
    }

    #[test]
    fn bytes_come_without_a_copy() {
        for bytes in [&b"\xc4\x02hi"[..], b"\xc5\x00\x02hi", b"\xc6\x00\x00\x00\x02hi"] {
            let payload = payload(bytes);
            let content = payload.to_bin().unwrap();
            assert_eq!(content, Bytes::from_static(b"hi"));
            let end = payload.as_bytes().as_ptr_range().end;
            assert_eq!(content.as_ptr_range().end, end, "a slice of the payload");
        }
        assert_eq!(payload(b"\xa2hi").to_bin(), None);
        assert_eq!(payload(b"\xa2hi").as_text(), Some("hi"));
    }

    #[test]
    fn integers_have_their_full_range() {
        for (bytes, value) in [
            (&b"\x7f"[..], 127),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", i128::from(u64::MAX)),
            (b"\xd3\x80\0\0\0\0\0\0\0", i128::from(i64::MIN)),
            (b"\xd1\x00\x07", 7),
        ] {
            assert_eq!(payload(bytes).as_int(), Some(value));
        }
        assert_eq!(payload(b"\xc3").as_int(), None);
        assert!(payload(b"\xc0").is_nil() && !payload(b"\xc2").is_nil());
    }
}
