//! Message to frame, in exactly the bytes of the reference: tag first, keys in declared order, all
//! defaults written, shortest forms.

use bytes::{BufMut, BytesMut};
use rmp::Marker;

use super::frame::PREFIX;
use super::message::{ErrorMsg, Message, SpawnSpec, Start, WireAddr};
use crate::identity::{Era, Identity, Uid};

/// Appends `message` to `out` as one frame, length prefix included.
///
/// The caller keeps the body, [`encoded_len`], within the four bytes of the prefix.
pub fn encode(message: &Message<'_>, out: &mut BytesMut) {
    let len = encoded_len(message);
    out.reserve(len.saturating_add(PREFIX));
    out.put_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    body(message, out);
}

/// Length of the body that [`encode`] writes for `message`.
pub fn encoded_len(message: &Message<'_>) -> usize {
    let mut len = Length(0);
    body(message, &mut len);
    len.0
}

/// Where encoded bytes go.
trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for BytesMut {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }
}

/// Only counts.
struct Length(usize);

impl Sink for Length {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }
}

#[inline]
fn body(message: &Message<'_>, out: &mut impl Sink) {
    match message {
        Message::Yield { cid, pld } => payload(b"\x83\xa8msg_type\xa5Yield\xa3cid", cid, pld.as_bytes(), out),
        Message::Started { cid, pld } => {
            payload(b"\x83\xa8msg_type\xa7Started\xa3cid", cid, pld.as_bytes(), out);
        }
        Message::Return { cid, pld } => {
            payload(b"\x83\xa8msg_type\xa6Return\xa3cid", cid, pld.as_bytes(), out);
        }
        Message::CancelAck { cid, pld } => {
            let pld = if *pld { Marker::True } else { Marker::False };
            payload(b"\x83\xa8msg_type\xa9CancelAck\xa3cid", cid, &[pld.to_u8()], out);
        }
        Message::Stop { cid } => {
            out.put(b"\x82\xa8msg_type\xa4Stop\xa3cid");
            text(cid, out);
        }
        Message::StartAck { cid, functype } => {
            out.put(b"\x83\xa8msg_type\xa8StartAck\xa3cid");
            text(cid, out);
            out.put(b"\xa8functype");
            text(functype.functype(), out);
        }
        Message::Start(message) => start(message, out),
        Message::Aid(identity) => aid(identity, out),
        Message::SpawnSpec(spec) => spawn_spec(spec, out),
        Message::Error(message) => error(message, out),
    }
}

#[inline]
fn payload(head: &[u8], cid: &str, pld: &[u8], out: &mut impl Sink) {
    out.put(head);
    text(cid, out);
    out.put(b"\xa3pld");
    out.put(pld);
}

#[inline]
fn start(message: &Start<'_>, out: &mut impl Sink) {
    out.put(b"\x87\xa8msg_type\xa5Start\xa3cid");
    text(message.cid, out);
    out.put(b"\xa2ns");
    text(message.ns, out);
    out.put(b"\xa4func");
    text(message.func, out);
    out.put(b"\xa6kwargs");
    out.put(message.kwargs.as_bytes());
    out.put(b"\xa3uid\x92");
    text(message.uid_name, out);
    text(message.uid_uuid, out);
    out.put(b"\xa8pld_spec");
    text(message.pld_spec, out);
}

fn aid(identity: &Identity, out: &mut impl Sink) {
    let current = identity.era == Era::Current;
    out.put(if current { b"\x86\xa8msg_type\xa3Aid\xa4name" } else { b"\x83\xa8msg_type\xa3Aid\xa4name" });
    text(identity.uid.name(), out);
    out.put(b"\xa4uuid");
    text(identity.uid.uuid(), out);
    if current {
        out.put(b"\xa3pid");
        match identity.pid {
            Some(pid) => integer(pid, out),
            None => marker(Marker::Null, out),
        }
        out.put(b"\xacis_registrar");
        match identity.is_registrar {
            Some(value) => boolean(value, out),
            None => marker(Marker::Null, out),
        }
        out.put(b"\xa8is_probe");
        boolean(identity.is_probe, out);
    }
}

fn spawn_spec(spec: &SpawnSpec, out: &mut impl Sink) {
    out.put(b"\x86\xa8msg_type\xa9SpawnSpec\xb1_parent_main_data");
    out.put(spec.parent_main_data.as_bytes());
    out.put(b"\xad_runtime_vars");
    out.put(spec.runtime_vars.as_bytes());
    out.put(b"\xaeenable_modules");
    map_head(spec.enable_modules.len(), out);
    for (module, path) in &spec.enable_modules {
        text(module, out);
        text(path, out);
    }
    out.put(b"\xa9reg_addrs");
    addresses(&spec.reg_addrs, out);
    out.put(b"\xaabind_addrs");
    match &spec.bind_addrs {
        Some(addrs) => addresses(addrs, out),
        None => marker(Marker::Null, out),
    }
}

fn addresses(addrs: &[WireAddr], out: &mut impl Sink) {
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

fn error(message: &ErrorMsg, out: &mut impl Sink) {
    out.put(b"\x8c\xa8msg_type\xa5Error\xa7src_uid");
    uid(&message.src_uid, out);
    out.put(b"\xacsrc_type_str");
    text(&message.src_type_str, out);
    out.put(b"\xaeboxed_type_str");
    text(&message.boxed_type_str, out);
    out.put(b"\xaarelay_path");
    array_head(message.relay_path.len(), out);
    for hop in &message.relay_path {
        uid(hop, out);
    }
    out.put(b"\xa7message");
    optional(message.message.as_deref(), text, out);
    out.put(b"\xa6tb_str");
    text(&message.tb_str, out);
    out.put(b"\xa9canceller");
    optional(message.canceller.as_ref(), uid, out);
    out.put(b"\xa6sender");
    optional(message.sender.as_ref(), uid, out);
    out.put(b"\xa3cid");
    optional(message.cid.as_deref(), text, out);
    out.put(b"\xa8_bad_msg");
    optional(message.bad_msg.as_ref(), |map, out| out.put(map.as_bytes()), out);
    out.put(b"\xb0_bad_msg_as_dict");
    optional(message.bad_msg_as_dict.as_ref(), |map, out| out.put(map.as_bytes()), out);
}

fn optional<T: ?Sized, S: Sink>(value: Option<&T>, write: impl FnOnce(&T, &mut S), out: &mut S) {
    match value {
        Some(value) => write(value, out),
        None => marker(Marker::Null, out),
    }
}

fn uid(uid: &Uid, out: &mut impl Sink) {
    array_head(2, out);
    text(uid.name(), out);
    text(uid.uuid(), out);
}

#[inline]
fn text(text: &str, out: &mut impl Sink) {
    match u8::try_from(text.len()) {
        Ok(len @ ..32) => marker(Marker::FixStr(len), out),
        Ok(len) => out.put(&[Marker::Str8.to_u8(), len]),
        Err(_) => long_head(text.len(), Marker::Str16, Marker::Str32, out),
    }
    out.put(text.as_bytes());
}

fn array_head(len: usize, out: &mut impl Sink) {
    match u8::try_from(len) {
        Ok(len @ ..16) => marker(Marker::FixArray(len), out),
        _ => long_head(len, Marker::Array16, Marker::Array32, out),
    }
}

fn map_head(len: usize, out: &mut impl Sink) {
    match u8::try_from(len) {
        Ok(len @ ..16) => marker(Marker::FixMap(len), out),
        _ => long_head(len, Marker::Map16, Marker::Map32, out),
    }
}

fn long_head(len: usize, short: Marker, long: Marker, out: &mut impl Sink) {
    match u16::try_from(len) {
        Ok(len) => with(short, len.to_be_bytes(), out),
        // Longer ones do not fit in a frame.
        Err(_) => with(long, u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes(), out),
    }
}

fn integer(value: i64, out: &mut impl Sink) {
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

fn unsigned(value: u64, out: &mut impl Sink) {
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

fn boolean(value: bool, out: &mut impl Sink) {
    marker(if value { Marker::True } else { Marker::False }, out);
}

#[inline]
fn marker(marker: Marker, out: &mut impl Sink) {
    out.put(&[marker.to_u8()]);
}

fn with<const N: usize>(head: Marker, bytes: [u8; N], out: &mut impl Sink) {
    marker(head, out);
    out.put(&bytes);
}
