//! An observer of the frames that one core writes: the emission contract.

use std::collections::HashSet;

use bytes::{Bytes, BytesMut};
use scipp_proto::wire::{self, ErrorMsg, Limits, LooseMsg, Message, MsgKind};
use scipp_proto::{Connection, Payload, Uid};

use crate::script::{is_notice, messages};

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
    pub(super) fn sent(&mut self, bytes: &[u8], conn: &Connection) {
        // A path grows by one hop with each relay; how much of it is kept is up to the receiver.
        let limits = Limits { relay_path: usize::MAX, ..conn.config().limits() };
        let mut again = BytesMut::new();
        messages(Bytes::copy_from_slice(bytes), &limits, |message| {
            wire::encode(message, &mut again);
            self.message(message, conn);
        });
        assert_eq!(again, bytes, "not in the form of the reference");
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
                    let target = target.decode::<String>().expect("an id is a text");
                    assert!(!self.over.contains(&target), "a cancel request after the ending");
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

/// The observer itself: it lets a right frame pass and stops at a wrong one.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::{Side, uid_of};
    use crate::script::{encoded, error_by, int, pair};
    use scipp_proto::{Identity, Kind};

    /// What a core that has said its `Aid` would write next.
    fn watch(messages: &[Message<'_>]) {
        let pair = pair();
        let conn = &pair.end(Side::A).conn;
        let mut watch = Watch::default();
        let aid = Message::Aid(Box::new(conn.identity().clone()));
        let frames: Vec<_> = [&aid].into_iter().chain(messages).map(encoded).collect();
        watch.sent(&frames.concat(), conn);
    }

    /// An error that arose at `src` and comes from Alice.
    fn error(src: &str, canceller: Option<Uid>, boxed: &str) -> Message<'static> {
        let error = error_by(uid_of("alice"), boxed);
        let src_uid = uid_of(src);
        Message::Error(Box::new(ErrorMsg { src_uid, canceller, cid: Some("c".into()), ..error }))
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
}
