//! Frame body to message, in any key order and any width.

use alloc::boxed::Box;

use bytes::Bytes;

use super::cursor::Cursor;
use super::entries::{Entries, Slot};
use super::error::{Refusal, Rejected, What, refuse};
use super::message::{ANY_PLD_SPEC, Kind, Message, MsgKind, Start};
use super::text::Text;
use super::{failure, fast, fault, handshake};
use crate::payload::{Kwargs, Payload};

/// Levels that the envelope itself needs: message map, list, uid.
const ENVELOPE_LEVELS: usize = 3;

/// What a decoder accepts at most. (W-40, W-41)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Levels of nesting of the body, the message map counted; less than 3 counts as 3.
    pub depth: usize,
    /// Bytes of a dialog id.
    pub cid: usize,
    /// Bytes of a name: uids, `ns`, `func`, type names, `pld_spec`.
    pub name: usize,
    /// Bytes kept of `message` and `tb_str`; longer ones are cut, at a character boundary.
    pub text: usize,
    /// Entries kept of `relay_path`: the oldest and the newest ones of a longer path.
    pub relay_path: usize,
}

impl Limits {
    /// Levels that the whole body may have.
    pub(super) fn levels(&self) -> usize {
        self.depth.max(ENVELOPE_LEVELS)
    }

    /// Levels that the value of one field may have.
    pub(super) fn field_levels(&self) -> usize {
        self.levels().saturating_sub(1)
    }
}

/// Decodes one frame body (without its length prefix).
///
/// # Errors
///
/// [`Rejected`] says what is wrong, at which byte, and how bad it is.
pub fn decode<'a>(body: &'a Bytes, limits: &Limits) -> Result<Message<'a>, Rejected> {
    if let Some((cid, pld)) = fast::item(body, limits) {
        return Ok(Message::Yield { cid, pld });
    }
    decode_other(body, limits)
}

/// Decodes what is not an item in the reference's order.
#[inline(never)]
fn decode_other<'a>(body: &'a Bytes, limits: &Limits) -> Result<Message<'a>, Rejected> {
    if let Some(start) = fast::start(body, limits) {
        return Ok(Message::Start(start));
    }
    if body.get(1..).is_some_and(|rest| rest.starts_with(b"\xa8msg_type")) {
        if let Some(message) = fast::other(body, limits) {
            return Ok(message);
        }
    } else if let Some(message) = fast::shuffled(body, limits) {
        return Ok(message);
    }
    any_order(body, limits).map_err(|refusal| fault::reject(body, limits, *refusal))
}

/// Decodes without regard to order and widths. (W-20 to W-26)
#[inline(never)]
pub(super) fn any_order<'a>(body: &'a Bytes, limits: &Limits) -> Result<Message<'a>, Refusal> {
    if body.is_empty() {
        return Err(refuse(What::Empty, 0));
    }
    let mut entries = Entries::new(Cursor::new(body))?;
    let kind = entries.kind(limits.field_levels())?;
    let entries = &mut entries;
    let message = match kind {
        MsgKind::Yield => {
            let (cid, pld) = payload(entries, body, limits)?;
            Message::Yield { cid, pld }
        }
        MsgKind::Started => {
            let (cid, pld) = payload(entries, body, limits)?;
            Message::Started { cid, pld }
        }
        MsgKind::Return => {
            let (cid, pld) = payload(entries, body, limits)?;
            Message::Return { cid, pld }
        }
        MsgKind::Stop => stop(entries, limits)?,
        MsgKind::Start => Message::Start(start(entries, body, limits)?),
        MsgKind::StartAck => start_ack(entries, limits)?,
        MsgKind::CancelAck => cancel_ack(entries, limits)?,
        MsgKind::Aid => Message::Aid(Box::new(handshake::aid(entries, limits)?)),
        MsgKind::SpawnSpec => Message::SpawnSpec(Box::new(handshake::spawn_spec(entries, body, limits)?)),
        MsgKind::Error => Message::Error(Box::new(failure::error(entries, body, limits)?)),
    };
    entries.cursor.finish()?;
    Ok(message)
}

fn payload<'a>(
    entries: &mut Entries<'a>,
    body: &Bytes,
    limits: &Limits,
) -> Result<(Text<'a>, Payload), Refusal> {
    let mut cid = Slot::new("cid");
    let mut pld = Slot::new("pld");
    while let Some((at, key)) = entries.next_field()? {
        let cursor = &mut entries.cursor;
        match key {
            b"cid" => cid.put(at, cursor.text("cid", limits.cid))?,
            b"pld" => pld.put(at, cursor.raw(limits.field_levels()))?,
            _ => cursor.skip(limits.field_levels())?,
        }
    }
    let cid = cid.required(entries)?;
    let pld = pld.required(entries)?;
    Ok((cid, Payload::trusted(body.slice_ref(pld))))
}

fn stop<'a>(entries: &mut Entries<'a>, limits: &Limits) -> Result<Message<'a>, Refusal> {
    let mut cid = Slot::new("cid");
    while let Some((at, key)) = entries.next_field()? {
        let cursor = &mut entries.cursor;
        match key {
            b"cid" => cid.put(at, cursor.text("cid", limits.cid))?,
            _ => cursor.skip(limits.field_levels())?,
        }
    }
    Ok(Message::Stop { cid: cid.required(entries)? })
}

fn start_ack<'a>(entries: &mut Entries<'a>, limits: &Limits) -> Result<Message<'a>, Refusal> {
    let mut cid = Slot::new("cid");
    let mut functype = Slot::new("functype");
    while let Some((at, key)) = entries.next_field()? {
        let cursor = &mut entries.cursor;
        match key {
            b"cid" => cid.put(at, cursor.text("cid", limits.cid))?,
            b"functype" => functype.put(at, kind_of_function(cursor))?,
            _ => cursor.skip(limits.field_levels())?,
        }
    }
    let cid = cid.required(entries)?;
    Ok(Message::StartAck { cid, functype: functype.required(entries)? })
}

fn kind_of_function(cursor: &mut Cursor<'_>) -> Result<Kind, Refusal> {
    let offset = cursor.offset();
    let text = cursor.text("functype", usize::MAX)?;
    let what =
        What::Type { field: "functype", expected: "asyncfunc, asyncgen or context", found: "another text" };
    Kind::from_functype(text.as_str()).ok_or_else(|| refuse(what, offset))
}

fn cancel_ack<'a>(entries: &mut Entries<'a>, limits: &Limits) -> Result<Message<'a>, Refusal> {
    let mut cid = Slot::new("cid");
    let mut pld = Slot::new("pld");
    while let Some((at, key)) = entries.next_field()? {
        let cursor = &mut entries.cursor;
        match key {
            b"cid" => cid.put(at, cursor.text("cid", limits.cid))?,
            b"pld" => pld.put(at, cursor.boolean("pld"))?,
            _ => cursor.skip(limits.field_levels())?,
        }
    }
    let cid = cid.required(entries)?;
    Ok(Message::CancelAck { cid, pld: pld.required(entries)? })
}

fn start<'a>(entries: &mut Entries<'a>, body: &Bytes, limits: &Limits) -> Result<Start<'a>, Refusal> {
    let mut cid = Slot::new("cid");
    let mut ns = Slot::new("ns");
    let mut func = Slot::new("func");
    let mut kwargs = Slot::new("kwargs");
    let mut uid = Slot::new("uid");
    let mut pld_spec = Slot::new("pld_spec");
    while let Some((at, key)) = entries.next_field()? {
        let cursor = &mut entries.cursor;
        match key {
            b"cid" => cid.put(at, cursor.text("cid", limits.cid))?,
            b"ns" => ns.put(at, cursor.text("ns", limits.name))?,
            b"func" => func.put(at, cursor.text("func", limits.name))?,
            b"kwargs" => kwargs.put(at, cursor.raw_names("kwargs", limits.field_levels()))?,
            b"uid" => uid.put(at, cursor.uid("uid", limits.name))?,
            b"pld_spec" => pld_spec.put(at, cursor.text("pld_spec", limits.name))?,
            _ => cursor.skip(limits.field_levels())?,
        }
    }
    let cid = cid.required(entries)?;
    let ns = ns.required(entries)?;
    let func = func.required(entries)?;
    let kwargs = Kwargs::trusted(body.slice_ref(kwargs.required(entries)?));
    let (uid_name, uid_uuid) = uid.required(entries)?;
    let pld_spec = pld_spec.optional().unwrap_or(Text::new(ANY_PLD_SPEC));
    Ok(Start { cid, ns, func, kwargs, uid_name, uid_uuid, pld_spec })
}
