//! What stands in a payload, in a few words, for reports.

use alloc::string::String;
use core::fmt::Write as _;

use super::limits::SHOWN;
use crate::wire::cursor::{Cursor, Token};

/// The value with the bytes `raw`, shortened.
pub(crate) fn describe(raw: &[u8]) -> String {
    let mut text = String::new();
    // Writing to memory cannot fail.
    let _ = match Cursor::new(raw).token() {
        Ok(Token::Nil) => write!(text, "None"),
        Ok(Token::Bool(value)) => write!(text, "{} (bool)", if value { "True" } else { "False" }),
        Ok(Token::Unsigned(value)) => write!(text, "{value} (int)"),
        Ok(Token::Negative(value)) => write!(text, "{value} (int)"),
        Ok(Token::Float) => write!(text, "{:?} (float)", float(raw).unwrap_or_default()),
        Ok(Token::Str(bytes)) => write!(text, "{} (str)", quoted(bytes)),
        Ok(Token::Bin) => write!(text, "bytes"),
        Ok(Token::Ext) => match ext(raw) {
            Some((code, bytes)) => write!(text, "Ext[{code}] of {} bytes", bytes.len()),
            None => write!(text, "an extension"),
        },
        Ok(Token::Array(len)) => write!(text, "a list of {len}"),
        Ok(Token::Map(len)) => write!(text, "a dict of {len}"),
        Err(refusal) => write!(text, "no value: {}", refusal.what),
    };
    text
}

/// A text as shown, escaped and shortened: a peer wrote it.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let Ok(text) = core::str::from_utf8(bytes) else { return String::from("text that is not UTF-8") };
    let mut shown = String::from("'");
    let mut chars = text.chars();
    for char in chars.by_ref().take(SHOWN) {
        shown.extend(char.escape_debug());
    }
    shown.push_str(if chars.next().is_some() { "…'" } else { "'" });
    shown
}

fn float(raw: &[u8]) -> Option<f64> {
    match raw {
        [0xca, bytes @ ..] => Some(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        [0xcb, bytes @ ..] => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// Code and content of an extension value.
pub(crate) fn ext(raw: &[u8]) -> Option<(i8, &[u8])> {
    let head = match raw.first()? {
        0xd4..=0xd8 => 1,
        0xc7 => 2,
        0xc8 => 3,
        0xc9 => 5,
        _ => return None,
    };
    let (code, bytes) = raw.get(head..)?.split_first()?;
    Some((i8::from_be_bytes([*code]), bytes))
}

/// Whether an extension value is a timestamp, of any of the three widths. (P-5)
pub(super) fn is_timestamp(raw: &[u8]) -> bool {
    ext(raw).is_some_and(|(code, bytes)| crate::timestamp::Timestamp::from_ext(code, bytes).is_some())
}
