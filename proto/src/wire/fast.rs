//! The constant shapes: hot messages with their keys in the order in which the reference writes them.

use bytes::Bytes;

use super::cursor::{Cursor, Token};
use super::decode::Limits;
use super::message::{Kind, Message};
use crate::payload::Payload;

/// Decodes the hot kinds in the reference's order; `None` leaves the body to the general decoder.
///
/// Never accepts what the general decoder refuses, nor gives another result.
#[inline]
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
#[inline]
fn payload<'a>(body: &'a Bytes, rest: &'a [u8], limits: &Limits) -> Option<(&'a str, Payload)> {
    let (cid, rest) = cid(rest, limits)?;
    let pld = rest.strip_prefix(b"\xa3pld")?;
    let mut cursor = Cursor::new(pld);
    cursor.skip(limits.field_levels()).ok()?;
    cursor.rest().is_empty().then(|| (cid, Payload::trusted(body.slice_ref(pld))))
}

#[inline]
fn cid<'a>(bytes: &'a [u8], limits: &Limits) -> Option<(&'a str, &'a [u8])> {
    let mut cursor = Cursor::new(bytes);
    let Ok(Token::Str(cid)) = cursor.token() else { return None };
    if cid.len() > limits.cid {
        return None;
    }
    Some((core::str::from_utf8(cid).ok()?, cursor.rest()))
}

fn function_kind(bytes: &[u8]) -> Option<Kind> {
    let (&head, text) = bytes.split_first()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.functype().as_bytes() == text)?;
    (usize::from(head ^ 0xa0) == text.len()).then_some(kind)
}
