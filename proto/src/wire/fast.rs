//! The constant shapes: hot messages with their keys in the order in which the reference writes them.

use bytes::Bytes;

use rmp::Marker;

use super::cursor::Cursor;
use super::decode::Limits;
use super::message::{Kind, Message};
use crate::payload::Payload;

const STR8: u8 = Marker::Str8.to_u8();

/// Decodes the hot kinds in the reference's order; `None` leaves the body to the general decoder.
///
/// Never accepts what the general decoder refuses, nor gives another result.
#[inline(always)]
pub(super) fn decode<'a>(body: &'a Bytes, limits: &Limits) -> Option<Message<'a>> {
    let bytes: &'a [u8] = body;
    if let Some(rest) = bytes.strip_prefix(b"\x83\xa8msg_type\xa5Yield\xa3cid") {
        let (cid, pld) = payload(body, rest, limits)?;
        return Some(Message::Yield { cid, pld });
    }
    if let Some(rest) = bytes.strip_prefix(b"\x83\xa8msg_type\xa6Return\xa3cid") {
        let (cid, pld) = payload(body, rest, limits)?;
        return Some(Message::Return { cid, pld });
    }
    if let Some(rest) = bytes.strip_prefix(b"\x83\xa8msg_type\xa7Started\xa3cid") {
        let (cid, pld) = payload(body, rest, limits)?;
        return Some(Message::Started { cid, pld });
    }
    if let Some(rest) = bytes.strip_prefix(b"\x82\xa8msg_type\xa4Stop\xa3cid") {
        let (cid, rest) = cid(rest, limits)?;
        return rest.is_empty().then_some(Message::Stop { cid });
    }
    if let Some(rest) = bytes.strip_prefix(b"\x83\xa8msg_type\xa8StartAck\xa3cid") {
        let (cid, rest) = cid(rest, limits)?;
        let functype = rest.strip_prefix(b"\xa8functype")?;
        return Some(Message::StartAck { cid, functype: function_kind(functype)? });
    }
    if let Some(rest) = bytes.strip_prefix(b"\x83\xa8msg_type\xa9CancelAck\xa3cid") {
        let (cid, rest) = cid(rest, limits)?;
        let pld = match rest {
            b"\xa3pld\xc3" => true,
            b"\xa3pld\xc2" => false,
            _ => return None,
        };
        return Some(Message::CancelAck { cid, pld });
    }
    None
}

/// A dialog id and, as the last value of the body, a payload.
#[inline(always)]
fn payload<'a>(body: &'a Bytes, rest: &'a [u8], limits: &Limits) -> Option<(&'a str, Payload)> {
    let (cid, rest) = cid(rest, limits)?;
    let pld = rest.strip_prefix(b"\xa3pld")?;
    let mut cursor = Cursor::new(pld);
    cursor.skip(limits.field_levels()).ok()?;
    if !cursor.rest().is_empty() {
        return None;
    }
    let start = body.len().saturating_sub(pld.len());
    Some((cid, Payload::trusted(body.slice(start..))))
}

#[inline(always)]
fn cid<'a>(bytes: &'a [u8], limits: &Limits) -> Option<(&'a str, &'a [u8])> {
    let (len, rest) = match bytes {
        [STR8, len, rest @ ..] => (usize::from(*len), rest),
        [head @ 0xa0..=0xbf, rest @ ..] => (usize::from(head & 0x1f), rest),
        _ => return None,
    };
    let (cid, rest) = rest.split_at_checked(len).filter(|_| len <= limits.cid)?;
    Some((core::str::from_utf8(cid).ok()?, rest))
}

fn function_kind(bytes: &[u8]) -> Option<Kind> {
    let (&head, text) = bytes.split_first()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.functype().as_bytes() == text)?;
    (usize::from(head ^ 0xa0) == text.len()).then_some(kind)
}
