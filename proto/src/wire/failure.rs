//! `Error`: decoded, or made the best of.

use alloc::{collections::VecDeque, string::String, sync::Arc, vec::Vec};

use bytes::Bytes;

use super::cursor::{Cursor, Token};
use super::decode::Limits;
use super::entries::{Entries, Slot};
use super::error::{Refusal, What, refuse};
use super::fields::wrong_type;
use super::message::ErrorMsg;
use super::text::{cut, lossy};
use crate::identity::Uid;
use crate::payload::Payload;

pub(super) fn error(entries: &mut Entries<'_>, body: &Bytes, limits: &Limits) -> Result<ErrorMsg, Refusal> {
    let levels = limits.field_levels();
    let mut src_uid = Slot::new("src_uid");
    let mut src_type_str = Slot::new("src_type_str");
    let mut boxed_type_str = Slot::new("boxed_type_str");
    let mut relay_path = Slot::new("relay_path");
    let mut message = Slot::new("message");
    let mut tb_str = Slot::new("tb_str");
    let mut canceller = Slot::new("canceller");
    let mut sender = Slot::new("sender");
    let mut cid = Slot::new("cid");
    let mut bad_msg = Slot::new("_bad_msg");
    let mut bad_msg_as_dict = Slot::new("_bad_msg_as_dict");
    let mut repaired = false;
    while let Some((at, key)) = entries.next_field()? {
        let cursor = &mut entries.cursor;
        match key {
            b"src_uid" => src_uid.put(at, uid(cursor, "src_uid", limits))?,
            b"src_type_str" => src_type_str.put(at, cursor.text("src_type_str", limits.name))?,
            b"boxed_type_str" => boxed_type_str.put(at, cursor.text("boxed_type_str", limits.name))?,
            b"relay_path" => relay_path.put(at, path(cursor, limits, &mut repaired))?,
            b"message" => message
                .put(at, cursor.optional(|cursor| cut_text(cursor, "message", limits, &mut repaired)))?,
            b"tb_str" => tb_str.put(at, cut_text(cursor, "tb_str", limits, &mut repaired))?,
            b"canceller" => canceller.put(at, cursor.optional(|cursor| uid(cursor, "canceller", limits)))?,
            b"sender" => sender.put(at, cursor.optional(|cursor| uid(cursor, "sender", limits)))?,
            b"cid" => cid.put(at, cursor.optional(|cursor| cursor.text("cid", limits.cid)))?,
            b"_bad_msg" => bad_msg.put(at, cursor.optional(|cursor| payload_message(cursor, levels)))?,
            b"_bad_msg_as_dict" => {
                bad_msg_as_dict
                    .put(at, cursor.optional(|cursor| plain_map(cursor, "_bad_msg_as_dict", levels)))?;
            }
            _ => cursor.skip(levels)?,
        }
    }
    let slice = |map: &[u8]| Payload::trusted(body.slice_ref(map));
    Ok(ErrorMsg {
        src_uid: src_uid.required(entries)?,
        src_type_str: String::from(src_type_str.required(entries)?.as_str()),
        boxed_type_str: String::from(boxed_type_str.required(entries)?.as_str()),
        relay_path: relay_path.required(entries)?,
        message: message.optional().flatten().map(String::from),
        tb_str: String::from(tb_str.optional().unwrap_or_default()),
        canceller: canceller.optional().flatten(),
        sender: sender.optional().flatten(),
        cid: cid.optional().flatten().map(|cid| Arc::from(cid.as_str())),
        bad_msg: bad_msg.optional().flatten().map(slice),
        bad_msg_as_dict: bad_msg_as_dict.optional().flatten().map(slice),
        repaired,
    })
}

/// Makes the best of a defective `Error`: what is readable is kept, the rest takes neutral values. (W-33)
///
/// For bodies that [`decode`](super::decode) rejected as an envelope fault of kind `Error`.
pub fn salvage_error(body: &Bytes, limits: &Limits) -> ErrorMsg {
    let levels = limits.field_levels();
    let mut msg = ErrorMsg {
        src_uid: Uid::new("", ""),
        src_type_str: String::new(),
        boxed_type_str: String::new(),
        relay_path: Vec::new(),
        message: None,
        tb_str: String::new(),
        canceller: None,
        sender: None,
        cid: None,
        bad_msg: None,
        bad_msg_as_dict: None,
        repaired: true,
    };
    let Ok(mut entries) = Entries::new(Cursor::new(body)) else { return named(msg) };
    while let Ok(Some((_, key))) = entries.next_key() {
        let Ok(value) = entries.cursor.raw(levels) else { break };
        let cursor = &mut Cursor::new(value);
        let slice = |map: &[u8]| Payload::trusted(body.slice_ref(map));
        match key {
            b"src_uid" => salvage_uid(cursor, limits).into_iter().for_each(|uid| msg.src_uid = uid),
            b"src_type_str" => keep(&mut msg.src_type_str, salvage_text(cursor, limits.name)),
            b"boxed_type_str" => keep(&mut msg.boxed_type_str, salvage_text(cursor, limits.name)),
            b"relay_path" => msg.relay_path = salvage_path(cursor, limits),
            b"message" => msg.message = salvage_text(cursor, limits.text).or(msg.message),
            b"tb_str" => keep(&mut msg.tb_str, salvage_text(cursor, limits.text)),
            b"canceller" => msg.canceller = salvage_uid(cursor, limits).or(msg.canceller),
            b"sender" => msg.sender = salvage_uid(cursor, limits).or(msg.sender),
            b"cid" => msg.cid = cid(cursor, limits).or(msg.cid),
            b"_bad_msg" => msg.bad_msg = payload_message(cursor, levels).ok().map(slice).or(msg.bad_msg),
            b"_bad_msg_as_dict" => {
                msg.bad_msg_as_dict =
                    plain_map(cursor, "_bad_msg_as_dict", levels).ok().map(slice).or(msg.bad_msg_as_dict);
            }
            _ => {}
        }
    }
    named(msg)
}

/// Gives nameless types a name: receivers look errors up by it.
fn named(mut msg: ErrorMsg) -> ErrorMsg {
    for name in [&mut msg.src_type_str, &mut msg.boxed_type_str] {
        if name.is_empty() {
            *name = String::from("<unknown>");
        }
    }
    msg
}

fn keep(slot: &mut String, text: Option<String>) {
    if let Some(text) = text {
        *slot = text;
    }
}

fn salvage_text(cursor: &mut Cursor<'_>, limit: usize) -> Option<String> {
    match cursor.token() {
        Ok(Token::Str(bytes)) => Some(lossy(bytes, limit)),
        _ => None,
    }
}

fn cid(cursor: &mut Cursor<'_>, limits: &Limits) -> Option<Arc<str>> {
    cursor.text("cid", limits.cid).ok().map(|cid| Arc::from(cid.as_str()))
}

fn salvage_uid(cursor: &mut Cursor<'_>, limits: &Limits) -> Option<Uid> {
    let Ok(Token::Array(2)) = cursor.token() else { return None };
    let name = salvage_text(cursor, limits.name)?;
    let uuid = salvage_text(cursor, limits.name)?;
    Some(Uid::new(name, uuid))
}

fn salvage_path(cursor: &mut Cursor<'_>, limits: &Limits) -> Vec<Uid> {
    let Ok(Token::Array(hops)) = cursor.token() else { return Vec::new() };
    let mut path = Ends::new(limits.relay_path);
    for _ in 0..hops {
        let Ok(hop) = cursor.raw(limits.levels()) else { break };
        if let Some(hop) = salvage_uid(&mut Cursor::new(hop), limits) {
            path.push(hop);
        }
    }
    path.into_vec()
}

fn uid(cursor: &mut Cursor<'_>, field: &'static str, limits: &Limits) -> Result<Uid, Refusal> {
    cursor.uid(field, limits.name).map(|(name, uuid)| Uid::new(name.as_str(), uuid.as_str()))
}

/// A text for people, cut to the limit for those. (W-27, W-41)
fn cut_text<'a>(
    cursor: &mut Cursor<'a>,
    field: &'static str,
    limits: &Limits,
    is_cut: &mut bool,
) -> Result<&'a str, Refusal> {
    let text = cursor.text(field, usize::MAX)?.as_str();
    let kept = cut(text, limits.text);
    *is_cut |= kept.len() < text.len();
    Ok(kept)
}

/// The hops of a relay, of a longer path the oldest and the newest ones. (W-41)
fn path(cursor: &mut Cursor<'_>, limits: &Limits, is_cut: &mut bool) -> Result<Vec<Uid>, Refusal> {
    let offset = cursor.offset();
    let token = cursor.token()?;
    let Token::Array(hops) = token else { return Err(wrong_type("relay_path", "array", token, offset)) };
    let mut path = Ends::new(limits.relay_path);
    for _ in 0..hops {
        path.push(uid(cursor, "relay_path", limits)?);
    }
    *is_cut |= hops > limits.relay_path;
    Ok(path.into_vec())
}

/// The first and the last of a sequence.
struct Ends<T> {
    first: Vec<T>,
    last: VecDeque<T>,
    most_first: usize,
    most_last: usize,
}

impl<T> Ends<T> {
    const fn new(most: usize) -> Self {
        let most_first = most.div_ceil(2);
        let most_last = most.saturating_sub(most_first);
        Self { first: Vec::new(), last: VecDeque::new(), most_first, most_last }
    }

    fn push(&mut self, item: T) {
        if self.first.len() < self.most_first {
            self.first.push(item);
            return;
        }
        self.last.push_back(item);
        if self.last.len() > self.most_last {
            self.last.pop_front();
        }
    }

    fn into_vec(mut self) -> Vec<T> {
        self.first.extend(self.last);
        self.first
    }
}

/// A `Started`, `Yield` or `Return` as one map, its payload unread.
fn payload_message<'a>(cursor: &mut Cursor<'a>, levels: usize) -> Result<&'a [u8], Refusal> {
    let start = cursor.clone();
    let raw = plain_map(cursor, "_bad_msg", levels)?;
    let mut entries = Entries::new(start.clone())?;
    let kind = entries.kind(levels)?;
    if !kind.is_payload() {
        let what = What::Type {
            field: "_bad_msg",
            expected: "a Started, Yield or Return message",
            found: kind.name(),
        };
        return Err(refuse(what, start.offset()));
    }
    while entries.next_field()?.is_some() {
        entries.cursor.skip(levels)?;
    }
    Ok(raw)
}

/// A map, unread.
fn plain_map<'a>(cursor: &mut Cursor<'a>, field: &'static str, levels: usize) -> Result<&'a [u8], Refusal> {
    let offset = cursor.offset();
    let token = cursor.clone().token()?;
    let Token::Map(_) = token else { return Err(wrong_type(field, "map", token, offset)) };
    cursor.raw(levels)
}
