//! MessagePack values as short text for people, in the manner of JSON.

use std::fmt::Write;

/// Nesting shown at most. Peers may send much deeper values.
const DEPTH: usize = 8;

/// The text of one encoded value, of at most `limit` characters; what is left out is an ellipsis.
pub(crate) fn value(bytes: &[u8], limit: usize) -> String {
    let mut painter = Painter { rest: bytes, out: String::new(), limit };
    let _shortened = painter.value(DEPTH);
    shorten(&painter.out, limit)
}

/// The entries of an encoded map, as `name=value`.
pub(crate) fn arguments<'a>(entries: impl Iterator<Item = (&'a str, Vec<u8>)>, limit: usize) -> String {
    let shown = entries.map(|(name, bytes)| format!("{}={}", name.escape_debug(), value(&bytes, limit)));
    shorten(&shown.collect::<Vec<_>>().join(", "), limit)
}

/// `text`, cut to `limit` characters.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

struct Painter<'a> {
    rest: &'a [u8],
    out: String,
    limit: usize,
}

/// Nothing more is shown: enough was, or the bytes ended.
struct Enough;

impl<'a> Painter<'a> {
    fn value(&mut self, depth: usize) -> Result<(), Enough> {
        if self.out.len() > self.limit * 4 || depth == 0 {
            self.out.push('…');
            return Err(Enough);
        }
        let marker = self.uint(1)?;
        match marker {
            0x00..=0x7f => self.print(marker),
            0x80..=0x8f => self.map(marker & 0x0f, depth),
            0x90..=0x9f => self.list(marker & 0x0f, depth),
            0xa0..=0xbf => self.text(marker & 0x1f),
            0xc0 => self.print("null"),
            0xc2 => self.print("false"),
            0xc3 => self.print("true"),
            0xc4..=0xc6 => self.sized(1 << (marker - 0xc4), |painter, len| painter.binary(len)),
            0xc7..=0xc9 => self.sized(1 << (marker - 0xc7), Self::extension),
            0xca => self.uint(4).and_then(|bits| self.print(f32::from_bits(bits as u32))),
            0xcb => self.uint(8).and_then(|bits| self.print(f64::from_bits(bits))),
            0xcc..=0xcf => self.uint(1 << (marker - 0xcc)).and_then(|number| self.print(number)),
            0xd0 => self.uint(1).and_then(|bits| self.print(bits as i8)),
            0xd1 => self.uint(2).and_then(|bits| self.print(bits as i16)),
            0xd2 => self.uint(4).and_then(|bits| self.print(bits as i32)),
            0xd3 => self.uint(8).and_then(|bits| self.print(bits as i64)),
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4)),
            0xd9..=0xdb => self.sized(1 << (marker - 0xd9), Self::text),
            0xdc | 0xdd => self.sized(2 << (marker - 0xdc), |painter, len| painter.list(len, depth)),
            0xde | 0xdf => self.sized(2 << (marker - 0xde), |painter, len| painter.map(len, depth)),
            0xe0..=0xff => self.print(marker as u8 as i8),
            _ => Err(Enough),
        }
    }

    fn print(&mut self, text: impl std::fmt::Display) -> Result<(), Enough> {
        write!(self.out, "{text}").map_err(|_| Enough)
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8], Enough> {
        let len = usize::try_from(len).map_err(|_| Enough)?;
        let (head, rest) = self.rest.split_at_checked(len).ok_or(Enough)?;
        self.rest = rest;
        Ok(head)
    }

    fn uint(&mut self, width: u64) -> Result<u64, Enough> {
        Ok(self.bytes(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn sized(
        &mut self,
        width: u64,
        show: impl FnOnce(&mut Self, u64) -> Result<(), Enough>,
    ) -> Result<(), Enough> {
        let len = self.uint(width)?;
        show(self, len)
    }

    fn text(&mut self, len: u64) -> Result<(), Enough> {
        let text = self.bytes(len)?;
        let shown = text.get(..self.limit * 4).unwrap_or(text);
        self.print(format_args!("\"{}\"", String::from_utf8_lossy(shown).escape_debug()))
    }

    fn binary(&mut self, len: u64) -> Result<(), Enough> {
        self.bytes(len)?;
        self.print(format_args!("<{len} bytes>"))
    }

    fn extension(&mut self, len: u64) -> Result<(), Enough> {
        let kind = self.uint(1)? as u8 as i8;
        self.bytes(len)?;
        self.print(format_args!("<extension {kind}, {len} bytes>"))
    }

    fn list(&mut self, len: u64, depth: usize) -> Result<(), Enough> {
        self.out.push('[');
        for index in 0..len {
            if index > 0 {
                self.out.push_str(", ");
            }
            self.value(depth - 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, len: u64, depth: usize) -> Result<(), Enough> {
        self.out.push('{');
        for index in 0..len {
            if index > 0 {
                self.out.push_str(", ");
            }
            self.value(depth - 1)?;
            self.out.push_str(": ");
            self.value(depth - 1)?;
        }
        self.out.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_like_json() {
        let bytes = b"\x82\xa1a\x93\x01\xff\xc0\xa1b\xcb\x3f\xf8\0\0\0\0\0\0";
        assert_eq!(value(bytes, 80), r#"{"a": [1, -1, null], "b": 1.5}"#);
        assert_eq!(value(b"\xd1\xff\x00", 80), "-256");
        assert_eq!(value(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 80), u64::MAX.to_string());
        assert_eq!(value(b"\xc4\x02ab", 80), "<2 bytes>");
        assert_eq!(value(b"\xd5\x07ab", 80), "<extension 7, 2 bytes>");
    }

    #[test]
    fn terminal_controls_of_a_peer_do_not_reach_the_terminal() {
        assert_eq!(value(b"\xa5\x1b[2J\x07", 80), r#""\u{1b}[2J\u{7}""#);
    }

    #[test]
    fn long_deep_and_lying_values_stay_short() {
        assert_eq!(value(&[0x91; 100_000], 80), format!("{}…", "[".repeat(DEPTH)));
        assert_eq!(value(b"\xdd\xff\xff\xff\xff\x01\x02", 80), "[1, 2, ");
        assert_eq!(value(b"\xdb\xff\xff\xff\xff", 80), "");
        let long = [&b"\xda\x03\xe8"[..], &[b'x'; 1000]].concat();
        assert_eq!(value(&long, 10), "\"xxxxxxxx…");
        let list = [&[0xdc, 0x27, 0x10][..], &[7; 10_000]].concat();
        assert_eq!(value(&list, 10).chars().count(), 10);
    }
}
