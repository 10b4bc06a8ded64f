//! An observer of the frames that one core writes: the emission contract.

use std::collections::HashSet;

use bytes::Bytes;
use scipp_proto::wire::{self, ErrorMsg, Limits, LooseMsg, Message, MsgKind};
use scipp_proto::{Connection, Payload, Uid};

/// What one core has written so far, as far as it forbids something later.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    frames: usize,
    /// Ids that it used for a `Start`.
    opened: HashSet<String>,
    /// Ids for which it must not write any more.
    over: HashSet<String>,
}

impl Watch {
    /// Checks what `conn` has just handed out: whole frames in the reference's form, within the contract.
    pub(super) fn sent(&mut self, mut bytes: &[u8], conn: &Connection) {
        // A path grows by one hop with each relay; how much of it is kept is up to the receiver.
        let limits = Limits { relay_path: usize::MAX, ..conn.config().limits() };
        while let Some(len) = wire::frame::body_len(bytes, usize::MAX).expect("no limit") {
            let (body, rest) = bytes[wire::frame::PREFIX..].split_at(len);
            let body = Bytes::copy_from_slice(body);
            let message = wire::decode(&body, &limits).expect("a core wrote it");
            let mut again = bytes::BytesMut::new();
            wire::encode(&message, &mut again);
            assert_eq!(again[wire::frame::PREFIX..], body, "not in the form of the reference");
            self.message(&message, conn);
            bytes = rest;
        }
        assert!(bytes.is_empty(), "whole frames only");
    }

    /// Nothing more may be written for `cid`.
    pub(super) fn is_over(&mut self, cid: &str) {
        if !self.over.contains(cid) {
            self.over.insert(cid.to_owned());
        }
    }

    fn message(&mut self, message: &Message<'_>, conn: &Connection) {
        let at = self.frames;
        self.frames += 1;
        assert_eq!(at == 0, message.kind() == MsgKind::Aid, "Aid is the first frame, once");
        assert!(at == 1 || message.kind() != MsgKind::SpawnSpec, "SpawnSpec is the second frame or none");
        let Some(cid) = message.cid() else {
            return assert!(at < 2, "a frame without id: {message:?}");
        };
        assert!(!self.over.contains(cid), "after the ending: {message:?}");
        match message {
            Message::Start(start) => {
                assert!(self.opened.insert(cid.to_owned()), "an id used twice: {cid}");
                if start.func == "_cancel_task" {
                    let target = start.kwargs.value("cid").expect("_cancel_task has one argument");
                    let over = self.over.iter().any(|cid| payload_of(cid) == target);
                    assert!(!over, "a cancel request after the ending");
                }
            }
            Message::Return { .. } | Message::CancelAck { .. } => self.is_over(cid),
            Message::Error(error) => {
                let peer = &conn.peer().expect("no dialog before the handshake").uid;
                let is_notice = is_notice(error, peer);
                check_error(error, &conn.identity().uid, peer).unwrap_or_else(|wrong| panic!("{wrong}"));
                assert!(is_notice || !self.opened.contains(cid), "an Error from a parent: {error:?}");
                if !is_notice {
                    self.is_over(cid);
                }
            }
            _ => {}
        }
    }
}

/// Whether `error` tells its receiver, `peer`, that it sent too fast.
pub(crate) fn is_notice(error: &ErrorMsg, peer: &Uid) -> bool {
    error.src_type_str == "StreamOverrun"
        && error.boxed_type_str == "StreamOverrun"
        && error.sender.as_ref() == Some(peer)
}

/// Whether an `Error` of `us` to `peer` is one that no receiver dies of.
pub(crate) fn check_error(error: &ErrorMsg, us: &Uid, peer: &Uid) -> Result<(), String> {
    let is_native = error.boxed_type_str == error.src_type_str;
    let is_message = |map: &Payload| LooseMsg::read(map.as_bytes()).is_some_and(|loose| loose.is_complete());
    let wrong = if error.relay_path.last() != Some(us) {
        "the sender is not the last hop"
    } else if is_native && error.src_uid == *peer {
        "natively boxed, and its receiver is the source"
    } else if error.boxed_type_str == "ContextCancelled" && error.canceller.is_none() {
        "a cancellation without canceller"
    } else if error.boxed_type_str == "RemoteActorError" && error.src_type_str.is_empty() {
        "relayed, and without a source"
    } else if !error.bad_msg_as_dict.as_ref().is_none_or(is_message) {
        "a map that is no message"
    } else {
        return Ok(());
    };
    Err(format!("{wrong}: {error:?}"))
}

/// A text of at most 255 bytes as payload.
fn payload_of(text: &str) -> Payload {
    let len = u8::try_from(text.len()).expect("an id of ours is short");
    let head: &[u8] = if len < 32 { &[0xa0 | len] } else { &[0xd9, len] };
    Payload::new([head, text.as_bytes()].concat().into()).expect("a text is a value")
}

/// The observer itself: it lets a right frame pass and stops at a wrong one.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::{Pair, Side};
    use crate::script::int;
    use bytes::BytesMut;
    use scipp_proto::{Config, Identity, Kind};

    /// What a core that has said its `Aid` would write next.
    fn watch(messages: &[Message<'_>]) {
        let pair = Pair::established(Config::default());
        let conn = &pair.end(Side::A).conn;
        let mut watch = Watch::default();
        let mut bytes = BytesMut::new();
        wire::encode(&Message::Aid(Box::new(conn.identity().clone())), &mut bytes);
        for message in messages {
            wire::encode(message, &mut bytes);
        }
        watch.sent(&bytes, conn);
    }

    fn error(src: &str, canceller: Option<Uid>, boxed: &str) -> Message<'static> {
        Message::Error(Box::new(ErrorMsg {
            src_uid: Uid::new(src, format!("{src}-uuid")),
            src_type_str: boxed.to_owned(),
            boxed_type_str: boxed.to_owned(),
            relay_path: vec![Uid::new("alice", "alice-uuid")],
            message: None,
            tb_str: String::new(),
            canceller,
            sender: None,
            cid: Some("c".into()),
            bad_msg: None,
            bad_msg_as_dict: None,
            repaired: false,
        }))
    }

    #[test]
    fn right_frames_pass() {
        watch(&[
            Message::StartAck { cid: "c".into(), functype: Kind::Context },
            Message::Started { cid: "c".into(), pld: int(1) },
            error("alice", None, "ValueError"),
        ]);
    }

    #[test]
    #[should_panic(expected = "after the ending")]
    fn a_frame_after_the_ending_is_noticed() {
        watch(&[Message::Return { cid: "c".into(), pld: int(1) }, Message::Stop { cid: "c".into() }]);
    }

    #[test]
    #[should_panic(expected = "Aid is the first frame, once")]
    fn a_second_aid_is_noticed() {
        watch(&[Message::Aid(Box::new(Identity::new(Uid::new("alice", "a"))))]);
    }

    #[test]
    #[should_panic(expected = "natively boxed, and its receiver is the source")]
    fn an_error_in_the_name_of_its_receiver_is_noticed() {
        watch(&[error("bob", None, "ValueError")]);
    }

    #[test]
    #[should_panic(expected = "a cancellation without canceller")]
    fn a_cancellation_by_nobody_is_noticed() {
        watch(&[error("alice", None, "ContextCancelled")]);
    }

    #[test]
    #[should_panic(expected = "a map that is no message")]
    fn a_hollow_message_is_noticed() {
        let Message::Error(mut hollow) = error("alice", None, "MsgTypeError") else { panic!() };
        hollow.bad_msg_as_dict = Some(Payload::new((&b"\x80"[..]).into()).expect("a map"));
        watch(&[Message::Error(hollow)]);
    }

    #[test]
    #[should_panic(expected = "whole frames only")]
    fn half_a_frame_is_noticed() {
        let pair = Pair::established(Config::default());
        Watch::default().sent(&[1, 0], &pair.end(Side::A).conn);
    }
}
