//! The `Error` messages we send: what stands in each field, and what never does.

use alloc::{format, string::String, sync::Arc, vec, vec::Vec};
use core::fmt::Write as _;

use crate::error::PeerViolation;
use crate::event::Report;
use crate::identity::Uid;
use crate::payload::Payload;
use crate::remote::{RemoteError, RemoteErrorKind};
use crate::wire::{self, ErrorMsg, Limits, LooseMsg, decode};

const CONTEXT_CANCELLED: &str = "ContextCancelled";
pub(crate) const MSG_TYPE_ERROR: &str = "MsgTypeError";
const RELAYED: &str = "RemoteActorError";
const STREAM_OVERRUN: &str = "StreamOverrun";

/// An error that arose here: source and box agree, we are its source and its only hop. (D-24)
fn native(us: &Uid, type_name: &str, text: String, cid: &Arc<str>) -> ErrorMsg {
    ErrorMsg {
        src_uid: us.clone(),
        src_type_str: type_name.into(),
        boxed_type_str: type_name.into(),
        relay_path: vec![us.clone()],
        message: Some(String::new()),
        tb_str: text,
        canceller: None,
        sender: None,
        cid: Some(Arc::clone(cid)),
        bad_msg: None,
        bad_msg_as_dict: None,
        repaired: false,
    }
}

/// A request that will not run.
pub(crate) fn refused(us: &Uid, type_name: &str, text: &str, cid: &Arc<str>) -> ErrorMsg {
    native(us, type_name, text.into(), cid)
}

/// The application's own failure, an ordinary one if it has no name. Offending messages that would make
/// it unreadable are left out. A `ContextCancelled` never goes out without a canceller: it kills a
/// Python receiver.
pub(crate) fn failed(us: &Uid, report: Report, limits: &Limits, cid: &Arc<str>) -> ErrorMsg {
    let canceller = (report.type_name == CONTEXT_CANCELLED).then(|| us.clone());
    let type_name = if report.type_name.is_empty() { "RuntimeError" } else { &report.type_name };
    ErrorMsg {
        message: report.message.or_else(|| Some(String::new())),
        canceller,
        bad_msg: report.bad_msg.filter(|bad| is_payload_message(bad, limits)),
        bad_msg_as_dict: report.bad_msg_as_dict.filter(is_complete_message),
        ..native(us, type_name, report.tb_str, cid)
    }
}

/// A Python receiver makes the message out of the map, by name and without a look at it, and does not survive
/// it if that cannot be done. (D-27)
pub(crate) fn is_complete_message(value: &Payload) -> bool {
    LooseMsg::read(value.as_bytes()).is_some_and(|loose| loose.is_complete())
}

fn is_payload_message(value: &Payload, limits: &Limits) -> bool {
    decode(value.as_bytes(), limits).is_ok_and(|message| message.kind().is_payload())
}

/// A task that ended because it was cancelled. `path` are the hops the cancellation came through. (D-25)
pub(crate) fn cancelled(us: &Uid, canceller: &Uid, path: &[Uid], cid: &Arc<str>) -> ErrorMsg {
    ErrorMsg {
        message: Some(String::from("task was cancelled")),
        relay_path: path.iter().chain([us]).cloned().collect(),
        canceller: Some(canceller.clone()),
        ..native(us, CONTEXT_CANCELLED, String::new(), cid)
    }
}

/// The peer sent more items than our window takes. (D-25)
pub(crate) fn overrun(us: &Uid, sender: &Uid, cid: &Arc<str>) -> ErrorMsg {
    ErrorMsg {
        sender: Some(sender.clone()),
        ..native(us, STREAM_OVERRUN, String::from("the window is full"), cid)
    }
}

/// The parent, `culprit`, broke a rule of a dialog we run. The error is ours: it arose where the rule was
/// checked.
pub(crate) fn violated(
    us: &Uid,
    culprit: &Uid,
    violation: &PeerViolation,
    bad_msg: Option<Payload>,
    limits: &Limits,
    cid: &Arc<str>,
) -> ErrorMsg {
    let text = format!("{culprit} broke a rule: {violation}");
    let type_name = match violation {
        PeerViolation::Mistyped(mistyped) => return failed(us, mistyped.report(text), limits, cid),
        PeerViolation::Rejected(_) => {
            let loose = bad_msg.and_then(|bad| LooseMsg::read(bad.as_bytes()));
            return rejected(us, MSG_TYPE_ERROR, text, loose, cid);
        }
        PeerViolation::OutOfPhase(_)
        | PeerViolation::ExpectedAid(_)
        | PeerViolation::Late(_)
        | PeerViolation::CidReuse => "MessagingError",
    };
    native(us, type_name, text, cid)
}

/// The envelope of a message is wrong: all that is wrong with its fields, each on a line, and the message
/// itself where that can be read.
pub(crate) fn rejected(
    us: &Uid,
    type_name: &str,
    mut text: String,
    loose: Option<LooseMsg>,
    cid: &Arc<str>,
) -> ErrorMsg {
    for error in loose.iter().flat_map(LooseMsg::errors) {
        // Writing to memory cannot fail.
        let _ = write!(text, "\n{error}");
    }
    let bad_msg_as_dict = loose.filter(LooseMsg::is_complete).and_then(|loose| loose.as_payload());
    ErrorMsg { bad_msg_as_dict, ..native(us, type_name, text, cid) }
}

/// An error received elsewhere, passed on to `to`: its source stays, we become its last hop. Offending
/// messages are held to what `failed` holds them to. (D-26)
///
/// A cancellation names its sender as source, because that is how the parent knows its own cancel
/// again. An error that arose at the receiver and looks native names us: natively boxed errors from oneself
/// kill a Python actor.
pub(crate) fn relayed(
    us: &Uid,
    to: Option<&Uid>,
    error: &RemoteError,
    limits: &Limits,
    cid: &Arc<str>,
) -> ErrorMsg {
    let msg = &error.msg;
    let path: Vec<Uid> = msg.relay_path.iter().chain([us]).cloned().collect();
    let (src_uid, src_type_str, boxed_type_str) = match error.kind() {
        RemoteErrorKind::ContextCancelled => (us, CONTEXT_CANCELLED, CONTEXT_CANCELLED),
        RemoteErrorKind::MsgTypeError if to == Some(&msg.src_uid) => (us, MSG_TYPE_ERROR, MSG_TYPE_ERROR),
        RemoteErrorKind::MsgTypeError => (&msg.src_uid, MSG_TYPE_ERROR, MSG_TYPE_ERROR),
        _ if msg.src_type_str == RELAYED && to == Some(&msg.src_uid) => (us, RELAYED, RELAYED),
        RemoteErrorKind::StreamOverrun
        | RemoteErrorKind::TransportClosed
        | RemoteErrorKind::Relayed
        | RemoteErrorKind::Other => (&msg.src_uid, msg.src_type_str.as_str(), RELAYED),
    };
    ErrorMsg {
        src_uid: src_uid.clone(),
        src_type_str: src_type_str.into(),
        boxed_type_str: boxed_type_str.into(),
        relay_path: path,
        cid: Some(Arc::clone(cid)),
        repaired: false,
        bad_msg: msg.bad_msg.clone().filter(|bad| is_payload_message(bad, limits)),
        bad_msg_as_dict: msg.bad_msg_as_dict.clone().filter(is_complete_message),
        ..msg.clone()
    }
}

/// Makes a received error safe to store and to pass on: a path that is not empty, a cancellation with a
/// canceller, no offending message longer than a text may be, nothing that keeps a receive buffer alive.
/// What was missing is taken from the peer that sent it. (D37)
pub(crate) fn repaired(mut msg: ErrorMsg, peer: &Uid, max_text: usize) -> RemoteError {
    let mut repaired = msg.repaired;
    for bad in [&mut msg.bad_msg, &mut msg.bad_msg_as_dict] {
        repaired |= bad.as_ref().is_some_and(|value| value.as_bytes().len() > max_text);
        *bad = bad.take().filter(|value| value.as_bytes().len() <= max_text).map(|value| value.compact());
    }
    if msg.relay_path.is_empty() {
        msg.relay_path.push(peer.clone());
        repaired = true;
    }
    if msg.boxed_type_str == CONTEXT_CANCELLED && msg.canceller.is_none() {
        msg.canceller = Some(peer.clone());
        repaired = true;
    }
    RemoteError { msg, repaired }
}

/// Takes texts, offending messages and all but the ends of the path out of an error.
pub(crate) fn strip(error: &mut RemoteError) {
    let msg = &mut error.msg;
    (msg.message, msg.bad_msg, msg.bad_msg_as_dict) = (None, None, None);
    msg.tb_str = String::new();
    if let [first, .., last] = &msg.relay_path[..] {
        msg.relay_path = vec![first.clone(), last.clone()];
    }
    error.repaired = true;
}

/// Cuts `text` to at most `max` bytes, between characters.
pub(crate) fn cut(text: &mut String, max: usize) {
    text.truncate(wire::cut(text, max).len());
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { depth: 9, cid: 9, name: 9, text: 100, relay_path: 9 };

    fn uid(name: &str) -> Uid {
        Uid::new(name, "0")
    }

    fn cid() -> Arc<str> {
        "c".into()
    }

    fn remote(msg: ErrorMsg) -> RemoteError {
        repaired(msg, &uid("peer"), 100)
    }

    /// D-26.
    #[test]
    fn the_source_survives_any_number_of_hops() {
        let origin = failed(&uid("leaf"), Report::new("KeyError", "k"), &LIMITS, &cid());
        let origin = ErrorMsg { repaired: true, ..origin };
        let once = relayed(&uid("mid"), None, &remote(origin), &LIMITS, &cid());
        assert!(!once.repaired, "what was repaired is whole");
        let twice = relayed(&uid("top"), None, &remote(once), &LIMITS, &cid());
        assert_eq!((&*twice.src_type_str, &twice.src_uid), ("KeyError", &uid("leaf")));
        assert_eq!(twice.boxed_type_str, RELAYED);
        assert_eq!(twice.relay_path, [uid("leaf"), uid("mid"), uid("top")]);
    }

    /// D-25, D-26.
    #[test]
    fn a_relayed_cancellation_names_the_relayer_and_keeps_the_canceller() {
        let origin = cancelled(&uid("leaf"), &uid("boss"), &[uid("before")], &cid());
        let msg = relayed(&uid("mid"), None, &remote(origin), &LIMITS, &cid());
        assert_eq!((&msg.src_uid, &*msg.boxed_type_str), (&uid("mid"), CONTEXT_CANCELLED));
        assert_eq!(msg.canceller, Some(uid("boss")));
        assert_eq!(msg.relay_path, [uid("before"), uid("leaf"), uid("mid")]);
        assert_eq!(msg.message.as_deref(), Some("task was cancelled"), "a Python receiver shows it");
    }

    /// D-27.
    #[test]
    fn no_natively_boxed_error_comes_from_its_receiver() {
        let origin = failed(&uid("culprit"), Report::new(MSG_TYPE_ERROR, ""), &LIMITS, &cid());
        let msg = relayed(&uid("us"), Some(&uid("culprit")), &remote(origin), &LIMITS, &cid());
        assert_eq!((&msg.src_uid, &*msg.boxed_type_str), (&uid("us"), MSG_TYPE_ERROR));
    }

    #[test]
    fn a_defective_error_is_repaired_and_marked() {
        let mut msg = failed(&uid("x"), Report::new("E", ""), &LIMITS, &cid());
        msg.relay_path.clear();
        msg.boxed_type_str = CONTEXT_CANCELLED.into();
        let error = remote(msg);
        assert!(error.repaired);
        assert_eq!((error.canceller(), &*error.msg.relay_path), (Some(&uid("peer")), &[uid("peer")][..]));
    }

    /// D-27.
    #[test]
    fn an_offending_message_that_would_spoil_the_report_is_left_out() {
        let bad = |bytes: &'static [u8]| Payload::new(bytes.into()).unwrap();
        let bad_msg = |bad_msg| {
            let report = Report { bad_msg: Some(bad_msg), ..Report::default() };
            failed(&uid("us"), report, &LIMITS, &cid())
        };
        let good = bad(b"\x83\xa8msg_type\xa5Yield\xa3cid\xa1c\xa3pld\x01");
        assert_eq!(bad_msg(good.clone()).bad_msg, Some(good));
        assert_eq!(bad_msg(bad(b"\x82\xa8msg_type\xa4Stop\xa3cid\xa1c")).bad_msg, None);
        assert_eq!(bad_msg(bad(b"\x01")).src_type_str, "RuntimeError", "no name is an ordinary error");
    }

    #[test]
    fn what_is_kept_of_a_received_error_is_bounded() {
        let mut msg = failed(&uid("x"), Report::new("E", ""), &LIMITS, &cid());
        msg.bad_msg_as_dict =
            Some(Payload::new(alloc::vec![b'\xc4', 101].into_iter().chain([0; 101]).collect()).unwrap());
        let error = remote(msg);
        assert!(error.repaired && error.msg.bad_msg_as_dict.is_none());
    }

    /// W-41, W-42.
    #[test]
    fn texts_are_cut_between_characters() {
        let mut text = String::from("aé");
        cut(&mut text, 2);
        assert_eq!(text, "a");
    }
}
