//! Message to frame, in exactly the bytes of the reference: tag first, keys in declared order, all
//! defaults written, shortest forms.

use bytes::{BufMut, BytesMut};
use rmp::Marker;

use super::frame::PREFIX;
use super::heads::{self, UUID};
use super::message::{ErrorMsg, Message, SpawnSpec, Start, WireAddr};
use super::text::Text;
use crate::identity::{Era, Identity, Uid};

/// Appends `message` to `out` as one frame, length prefix included. (W-1, W-10 to W-13)
///
/// The caller keeps the body within what four bytes can tell.
pub fn encode(message: &Message<'_>, out: &mut BytesMut) {
    let before = out.len();
    // What there is most of has a way of its own, with little on the stack.
    if let Message::Yield { cid, pld } = message {
        payload(heads::YIELD, *cid, pld.as_bytes(), out);
    } else {
        other(message, out);
    }
    let body = out.len().saturating_sub(before).saturating_sub(PREFIX);
    if let Some(prefix) = out.get_mut(before..).and_then(<[u8]>::first_chunk_mut) {
        *prefix = u32::try_from(body).unwrap_or(u32::MAX).to_le_bytes();
    }
}

#[inline(never)]
fn other(message: &Message<'_>, out: &mut BytesMut) {
    match message {
        Message::Yield { cid, pld } => payload(heads::YIELD, *cid, pld.as_bytes(), out),
        Message::Started { cid, pld } => payload(heads::STARTED, *cid, pld.as_bytes(), out),
        Message::Return { cid, pld } => payload(heads::RETURN, *cid, pld.as_bytes(), out),
        Message::CancelAck { cid, pld } => {
            let pld = if *pld { Marker::True } else { Marker::False };
            payload(heads::CANCEL_ACK, *cid, &[pld.to_u8()], out);
        }
        Message::Stop { cid } => open(heads::STOP, *cid, 0, out),
        Message::StartAck { cid, functype } => {
            open(heads::START_ACK, *cid, 0, out);
            out.put_slice(b"\xa8functype");
            text(functype.functype(), out);
        }
        Message::Start(message) => start(message, out),
        Message::Aid(identity) => aid(identity, out),
        Message::SpawnSpec(spec) => spawn_spec(spec, out),
        Message::Error(message) => error(message, out),
    }
}

/// Room for heads, keys and an id, so that one reservation does for a payload; what is longer makes its own.
const ROOM: usize = 128;

/// The frame up to the end of the dialog id. `more` are the bytes to come that are not short.
#[inline(always)]
fn open<const N: usize>(head: &[u8; N], cid: Text<'_>, more: usize, out: &mut BytesMut) {
    out.reserve(more.saturating_add(ROOM));
    match <&[u8; UUID]>::try_from(cid.as_bytes()) {
        // Two copies of lengths that the compiler knows.
        Ok(uuid) => {
            out.put_slice(head);
            out.put_slice(uuid);
        }
        Err(_) => open_with_other_id(heads::before_id(head), cid, out),
    }
}

#[inline(never)]
fn open_with_other_id(head: &[u8], cid: Text<'_>, out: &mut BytesMut) {
    out.put_slice(head);
    borrowed(cid, out);
}

/// The value as the application made it. (W-14)
#[inline]
fn payload<const N: usize>(head: &[u8; N], cid: Text<'_>, pld: &[u8], out: &mut BytesMut) {
    open(head, cid, pld.len(), out);
    out.put_slice(b"\xa3pld");
    out.put_slice(pld);
}

#[inline]
fn start(message: &Start<'_>, out: &mut BytesMut) {
    open(heads::START, message.cid, message.kwargs.as_bytes().len(), out);
    out.put_slice(b"\xa2ns");
    borrowed(message.ns, out);
    out.put_slice(b"\xa4func");
    borrowed(message.func, out);
    out.put_slice(b"\xa6kwargs");
    out.put_slice(message.kwargs.as_bytes());
    out.put_slice(b"\xa3uid\x92");
    borrowed(message.uid_name, out);
    borrowed(message.uid_uuid, out);
    out.put_slice(b"\xa8pld_spec");
    borrowed(message.pld_spec, out);
}

/// The form of the era we speak. (W-16)
fn aid(identity: &Identity, out: &mut BytesMut) {
    out.put_slice(&[0; PREFIX]);
    let current = identity.era == Era::Current;
    out.put_slice(if current {
        b"\x86\xa8msg_type\xa3Aid\xa4name"
    } else {
        b"\x83\xa8msg_type\xa3Aid\xa4name"
    });
    text(identity.uid.name(), out);
    out.put_slice(b"\xa4uuid");
    text(identity.uid.uuid(), out);
    if current {
        out.put_slice(b"\xa3pid");
        match identity.pid {
            Some(pid) => integer(pid, out),
            None => marker(Marker::Null, out),
        }
        out.put_slice(b"\xacis_registrar");
        match identity.is_registrar {
            Some(value) => boolean(value, out),
            None => marker(Marker::Null, out),
        }
        out.put_slice(b"\xa8is_probe");
        boolean(identity.is_probe, out);
    }
}

fn spawn_spec(spec: &SpawnSpec, out: &mut BytesMut) {
    out.put_slice(&[0; PREFIX]);
    out.put_slice(b"\x86\xa8msg_type\xa9SpawnSpec\xb1_parent_main_data");
    out.put_slice(spec.parent_main_data.as_bytes());
    out.put_slice(b"\xad_runtime_vars");
    out.put_slice(spec.runtime_vars.as_bytes());
    out.put_slice(b"\xaeenable_modules");
    map_head(spec.enable_modules.len(), out);
    for (module, path) in &spec.enable_modules {
        text(module, out);
        text(path, out);
    }
    out.put_slice(b"\xa9reg_addrs");
    addresses(&spec.reg_addrs, out);
    out.put_slice(b"\xaabind_addrs");
    match &spec.bind_addrs {
        Some(addrs) => addresses(addrs, out),
        None => marker(Marker::Null, out),
    }
}

fn addresses(addrs: &[WireAddr], out: &mut BytesMut) {
    array_head(addrs.len(), out);
    for addr in addrs {
        array_head(2, out);
        match addr {
            WireAddr::Tcp(host, port) => {
                text(host, out);
                unsigned(*port, out);
            }
            WireAddr::Unix(directory, file) => {
                text(directory, out);
                text(file, out);
            }
        }
    }
}

/// Every key and no other. (W-11, W-12)
fn error(message: &ErrorMsg, out: &mut BytesMut) {
    out.put_slice(&[0; PREFIX]);
    out.put_slice(b"\x8c\xa8msg_type\xa5Error\xa7src_uid");
    uid(&message.src_uid, out);
    out.put_slice(b"\xacsrc_type_str");
    text(&message.src_type_str, out);
    out.put_slice(b"\xaeboxed_type_str");
    text(&message.boxed_type_str, out);
    out.put_slice(b"\xaarelay_path");
    array_head(message.relay_path.len(), out);
    for hop in &message.relay_path {
        uid(hop, out);
    }
    out.put_slice(b"\xa7message");
    optional(message.message.as_deref(), text, out);
    out.put_slice(b"\xa6tb_str");
    text(&message.tb_str, out);
    out.put_slice(b"\xa9canceller");
    optional(message.canceller.as_ref(), uid, out);
    out.put_slice(b"\xa6sender");
    optional(message.sender.as_ref(), uid, out);
    out.put_slice(b"\xa3cid");
    optional(message.cid.as_deref(), text, out);
    out.put_slice(b"\xa8_bad_msg");
    optional(message.bad_msg.as_ref(), |map, out| out.put_slice(map.as_bytes()), out);
    out.put_slice(b"\xb0_bad_msg_as_dict");
    optional(message.bad_msg_as_dict.as_ref(), |map, out| out.put_slice(map.as_bytes()), out);
}

fn optional<T: ?Sized>(value: Option<&T>, write: impl FnOnce(&T, &mut BytesMut), out: &mut BytesMut) {
    match value {
        Some(value) => write(value, out),
        None => marker(Marker::Null, out),
    }
}

fn uid(uid: &Uid, out: &mut BytesMut) {
    array_head(2, out);
    text(uid.name(), out);
    text(uid.uuid(), out);
}

/// Texts, lists, maps and integers in their shortest forms. (W-13)
fn text(text: &str, out: &mut BytesMut) {
    borrowed(Text::new(text), out);
}

#[inline]
fn borrowed(text: Text<'_>, out: &mut BytesMut) {
    let text = text.as_bytes();
    match u8::try_from(text.len()) {
        Ok(len @ ..32) => marker(Marker::FixStr(len), out),
        Ok(len) => out.put_slice(&[Marker::Str8.to_u8(), len]),
        Err(_) => long_head(text.len(), Marker::Str16, Marker::Str32, out),
    }
    out.put_slice(text);
}

fn array_head(len: usize, out: &mut BytesMut) {
    match u8::try_from(len) {
        Ok(len @ ..16) => marker(Marker::FixArray(len), out),
        _ => long_head(len, Marker::Array16, Marker::Array32, out),
    }
}

fn map_head(len: usize, out: &mut BytesMut) {
    match u8::try_from(len) {
        Ok(len @ ..16) => marker(Marker::FixMap(len), out),
        _ => long_head(len, Marker::Map16, Marker::Map32, out),
    }
}

fn long_head(len: usize, short: Marker, long: Marker, out: &mut BytesMut) {
    match u16::try_from(len) {
        Ok(len) => with(short, len.to_be_bytes(), out),
        // Longer ones do not fit in a frame.
        Err(_) => with(long, u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes(), out),
    }
}

fn integer(value: i64, out: &mut BytesMut) {
    if let Ok(value) = u64::try_from(value) {
        unsigned(value, out);
    } else if let Ok(value) = i8::try_from(value) {
        if value >= -32 {
            marker(Marker::FixNeg(value), out)
        } else {
            with(Marker::I8, value.to_be_bytes(), out)
        }
    } else if let Ok(value) = i16::try_from(value) {
        with(Marker::I16, value.to_be_bytes(), out);
    } else if let Ok(value) = i32::try_from(value) {
        with(Marker::I32, value.to_be_bytes(), out);
    } else {
        with(Marker::I64, value.to_be_bytes(), out);
    }
}

fn unsigned(value: u64, out: &mut BytesMut) {
    if let Ok(value) = u8::try_from(value) {
        if value < 128 { marker(Marker::FixPos(value), out) } else { with(Marker::U8, [value], out) }
    } else if let Ok(value) = u16::try_from(value) {
        with(Marker::U16, value.to_be_bytes(), out);
    } else if let Ok(value) = u32::try_from(value) {
        with(Marker::U32, value.to_be_bytes(), out);
    } else {
        with(Marker::U64, value.to_be_bytes(), out);
    }
}

fn boolean(value: bool, out: &mut BytesMut) {
    marker(if value { Marker::True } else { Marker::False }, out);
}

#[inline]
fn marker(marker: Marker, out: &mut BytesMut) {
    out.put_u8(marker.to_u8());
}

fn with<const N: usize>(head: Marker, bytes: [u8; N], out: &mut BytesMut) {
    marker(head, out);
    out.put_slice(&bytes);
}
