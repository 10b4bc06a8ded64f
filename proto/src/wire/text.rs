//! Texts of the envelope: UTF-8, within limits, or cut to them.

use alloc::string::String;
use core::fmt;

use super::error::{Refusal, What, refuse};
use super::heads::UUID;

/// A text of a message, borrowed from its frame.
///
/// Its bytes are UTF-8, which was checked when it was made. They are kept as bytes because most are only
/// compared with others, and a `str` of them costs a second, slower check: [`as_str`](Self::as_str) is
/// for texts that are to be kept or shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The same text.
    pub const fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    /// `bytes`, if they are ASCII.
    #[inline]
    pub(crate) fn ascii(bytes: &'a [u8]) -> Option<Self> {
        is_ascii(bytes).then_some(Self(bytes))
    }

    /// `bytes`, if they are UTF-8.
    #[inline]
    pub(crate) fn checked(bytes: &'a [u8]) -> Option<Self> {
        Self::ascii(bytes).or_else(|| core::str::from_utf8(bytes).ok().map(Self::new))
    }

    /// The same text.
    pub fn as_str(self) -> &'a str {
        // Never the default, since no other bytes come in.
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// Its bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a, T: AsRef<str> + ?Sized> From<&'a T> for Text<'a> {
    fn from(text: &'a T) -> Self {
        Self::new(text.as_ref())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

/// Whether all bytes are ASCII, told by words: ids and names are short and at any address.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    match <&[u8; UUID]>::try_from(bytes) {
        Ok(uuid) => is_ascii_by_words(uuid),
        Err(_) => is_ascii_of_any_length(bytes),
    }
}

#[inline(never)]
fn is_ascii_of_any_length(bytes: &[u8]) -> bool {
    is_ascii_by_words(bytes)
}

/// Inlined, so that no loop is left where the length is known.
#[inline(always)]
fn is_ascii_by_words(bytes: &[u8]) -> bool {
    // The last word overlaps the one before it, unless the length is a multiple of its size.
    let seen = if let Some(last) = bytes.last_chunk() {
        let mut seen = u128::from_ne_bytes(*last);
        let mut rest = bytes;
        while let Some((word, others)) = rest.split_first_chunk() {
            seen |= u128::from_ne_bytes(*word);
            rest = others;
        }
        seen
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u128::from(u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u128::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last))
    } else {
        u128::from(bytes.iter().fold(0, |seen, byte| seen | byte))
    };
    seen & 0x8080_8080_8080_8080_8080_8080_8080_8080 == 0
}

/// `bytes` as a text of at most `limit` bytes; errors are about the value at `offset`.
#[inline(always)]
pub(crate) fn checked_text<'a>(
    bytes: &'a [u8],
    field: &'static str,
    limit: usize,
    offset: usize,
) -> Result<Text<'a>, Refusal> {
    // (W-41)
    if bytes.len() > limit {
        return Err(refuse(What::TooLong { field, len: bytes.len(), limit }, offset));
    }
    // (W-26)
    Text::checked(bytes).ok_or_else(|| refuse(What::Utf8 { field }, offset))
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

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_text_is_utf8_whatever_its_length_and_wherever_the_odd_byte_stands() {
        for len in 0..40 {
            let mut bytes = vec![b'a'; len];
            assert!(is_ascii(&bytes) && Text::checked(&bytes).is_some(), "{len}");
            for at in 0..len {
                bytes[at] = 0xff;
                assert!(!is_ascii(&bytes), "{at} of {len}");
                assert_eq!(Text::checked(&bytes), None, "{at} of {len}");
                bytes[at] = b'a';
            }
            for at in 1..len {
                bytes[at - 1..=at].copy_from_slice("é".as_bytes());
                let text = Text::checked(&bytes).unwrap();
                assert_eq!((text.as_str().as_bytes(), text.as_bytes()), (&*bytes, &*bytes));
                bytes[at - 1..=at].fill(b'a');
            }
        }
    }

    #[test]
    fn a_text_shows_and_compares_as_its_str() {
        let text = Text::from("é\n");
        assert_eq!(
            (alloc::format!("{text}").as_str(), alloc::format!("{text:?}").as_str()),
            ("é\n", "\"é\\n\"")
        );
        assert!(text == "é\n" && text == *"é\n" && text != "e\n");
        assert_eq!(Text::from(&String::from("x")), Text::new("x"));
    }
}
