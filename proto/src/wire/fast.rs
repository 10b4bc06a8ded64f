//! The constant shapes: dialog messages with their keys in the order in which the reference writes them.

use bytes::{Buf, Bytes};

use super::cursor::Cursor;
use super::decode::Limits;
use super::heads::{self, UUID};
use super::message::{Kind, Message, MsgKind, Start};
use super::text::Text;
use super::walk::one_value;
use crate::payload::{Kwargs, Payload};

/// The dialog id and the payload of a `Yield` in the reference's order: the message there are most of.
///
/// `None` leaves the body to the general decoder. Never accepts what that refuses, nor gives another
/// result.
#[inline]
pub(super) fn item<'a>(body: &'a Bytes, limits: &Limits) -> Option<(Text<'a>, Payload)> {
    payload(body, heads::YIELD, limits)
}

/// A `Start` in the reference's order, of which the same is true.
#[inline]
pub(super) fn start<'a>(body: &'a Bytes, limits: &Limits) -> Option<Start<'a>> {
    let cursor = &mut Cursor::new(body.strip_prefix(heads::tag(heads::START))?);
    let cid = text(cursor, limits.cid)?;
    let name = |cursor: &mut Cursor<'a>| text(cursor, limits.name);
    cursor.literal(b"\xa2ns")?;
    let ns = name(cursor)?;
    cursor.literal(b"\xa4func")?;
    let func = name(cursor)?;
    cursor.literal(b"\xa6kwargs")?;
    let kwargs = cursor.raw_names("kwargs", limits.field_levels()).ok()?;
    cursor.literal(b"\xa3uid\x92")?;
    let (uid_name, uid_uuid) = (name(cursor)?, name(cursor)?);
    cursor.literal(b"\xa8pld_spec")?;
    let pld_spec = name(cursor)?;
    if !cursor.rest().is_empty() {
        return None;
    }
    let kwargs = Kwargs::trusted(body.slice_ref(kwargs));
    Some(Start { cid, ns, func, kwargs, uid_name, uid_uuid, pld_spec })
}

/// Decodes what else a dialog has in the reference's order, of which the same is true.
#[inline(never)]
pub(super) fn other<'a>(body: &'a Bytes, limits: &Limits) -> Option<Message<'a>> {
    if let Some((cid, pld)) = payload(body, heads::RETURN, limits) {
        return Some(Message::Return { cid, pld });
    }
    if let Some((cid, pld)) = payload(body, heads::STARTED, limits) {
        return Some(Message::Started { cid, pld });
    }
    if let Some(rest) = body.strip_prefix(heads::tag(heads::STOP)) {
        let (cid, rest) = cid(rest, limits)?;
        return rest.is_empty().then_some(Message::Stop { cid });
    }
    if let Some(rest) = body.strip_prefix(heads::tag(heads::START_ACK)) {
        let (cid, rest) = cid(rest, limits)?;
        let functype = rest.strip_prefix(b"\xa8functype")?;
        return Some(Message::StartAck { cid, functype: function_kind(functype)? });
    }
    if let Some(rest) = body.strip_prefix(heads::tag(heads::CANCEL_ACK)) {
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

/// A dialog id of the usual form and, as the last value of the body, a payload.
#[inline]
fn payload<'a, const N: usize>(
    body: &'a Bytes,
    head: &[u8; N],
    limits: &Limits,
) -> Option<(Text<'a>, Payload)> {
    // All lengths up to the payload are known to the compiler.
    let head = heads::body(head);
    let (cid_and_key, pld) = body.strip_prefix(head)?.split_first_chunk::<CID_AND_KEY>()?;
    let cid = cid_and_key.strip_suffix(b"\xa3pld")?;
    if cid.len() > limits.cid {
        return None;
    }
    let cid = Text::ascii(cid)?;
    one_value(pld, limits.field_levels()).ok()?;
    let mut value = body.clone();
    value.advance(head.len().saturating_add(CID_AND_KEY));
    Some((cid, Payload::trusted(value)))
}

const CID_AND_KEY: usize = UUID + 4;

/// A message that carries a payload, its keys in any order but without others, of which the same is true.
#[inline]
pub(super) fn shuffled<'a>(body: &'a Bytes, limits: &Limits) -> Option<Message<'a>> {
    let cursor = &mut Cursor::new(body.strip_prefix(&[0x83])?);
    let (mut kind, mut cid, mut pld) = (None, None, None);
    for _ in 0..3 {
        match cursor.short_text()? {
            b"msg_type" => kind = MsgKind::from_tag(cursor.short_text()?),
            b"cid" => cid = text(cursor, limits.cid),
            b"pld" => pld = cursor.raw(limits.field_levels()).ok(),
            _ => return None,
        }
    }
    // Three keys filled three places: none of them came twice.
    let (kind, cid, pld) = (kind?, cid?, pld?);
    if !cursor.rest().is_empty() {
        return None;
    }
    let pld = Payload::trusted(body.slice_ref(pld));
    Some(match kind {
        MsgKind::Yield => Message::Yield { cid, pld },
        MsgKind::Started => Message::Started { cid, pld },
        MsgKind::Return => Message::Return { cid, pld },
        MsgKind::Aid
        | MsgKind::SpawnSpec
        | MsgKind::Start
        | MsgKind::StartAck
        | MsgKind::Stop
        | MsgKind::CancelAck
        | MsgKind::Error => return None,
    })
}

/// A dialog id, and what follows it.
#[inline]
fn cid<'a>(bytes: &'a [u8], limits: &Limits) -> Option<(Text<'a>, &'a [u8])> {
    let mut cursor = Cursor::new(bytes);
    Some((text(&mut cursor, limits.cid)?, cursor.rest()))
}

#[inline]
fn text<'a>(cursor: &mut Cursor<'a>, limit: usize) -> Option<Text<'a>> {
    cursor.short_text().filter(|text| text.len() <= limit).and_then(Text::checked)
}

fn function_kind(bytes: &[u8]) -> Option<Kind> {
    let (&head, text) = bytes.split_first()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.functype().as_bytes() == text)?;
    (usize::from(head ^ 0xa0) == text.len()).then_some(kind)
}
