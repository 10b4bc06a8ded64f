//! The cases of the reference's own payload suite, and those about its limits: scenarios 130 to 145 of the
//! conformance catalogue.

use bytes::Bytes;
use scipp_conformance::pair::Side;
use scipp_conformance::script::{Unsendable, inject};
use scipp_proto::phase::Role;
use scipp_proto::spec::{PldSpec, Slots};
use scipp_proto::wire::{Message, MsgKind};
use scipp_proto::{
    Failure, Misuse, Outcome, Parity, Payload, PeerViolation, Received, RemoteErrorKind, Report, Take, Terms,
    TypePolicy,
};

use crate::rig::{Rig, payload, terms};

/// The endpoint of the reference's suite: a struct or nothing.
const SPEC: &str = "PldMsg|None where PldMsg = struct(type='PldMsg', field: str)";
const STRUCT: &[u8] = b"\x82\xa4type\xa6PldMsg\xa5field\xa1x";
const TEN: &[u8] = b"\x0a";
const YO: &[u8] = b"\xa2yo";

fn checked(check: bool) -> Terms {
    Terms { check_started: check, check_return: check, ..terms(SPEC) }
}

fn mistyped(outcome: Option<Outcome>) -> std::sync::Arc<scipp_proto::Mistyped> {
    match outcome {
        Some(Outcome::Failed(Failure::Violation(PeerViolation::Mistyped(error)))) => error,
        other => panic!("{other:?}"),
    }
}

/// 130: the child's own check refuses the first value; uncaught, it is the child's error.
#[test]
fn case_invalid_10_check() {
    for result in [YO, b"\xc0"] {
        let mut rig = Rig::alike(Side::A, checked(true));
        let (parent, child) = (rig.parent, rig.child);
        let Err(Misuse::Mistyped(error)) = rig.child_conn().started(child, payload(TEN)) else { panic!() };
        assert_eq!(error.culprit, Role::Child);
        let text = error.to_string();
        assert_eq!(
            text,
            "Started of the child: .: expected PldMsg|None, found 10 (int), at byte 0 (spec: PldMsg|None)"
        );
        assert!(rig.child_conn().finish(child, payload(result)).is_err(), "nothing was started");
        rig.child_conn().fail(child, Report::from(&*error)).unwrap();
        rig.pair.settle();
        let Some(Outcome::Failed(Failure::Remote(remote))) = rig.pair.outcome(Side::A, parent) else {
            panic!()
        };
        assert_eq!(remote.kind(), RemoteErrorKind::MsgTypeError);
        assert_eq!(remote.msg.tb_str, text, "kind, value, its type and the spec reach the parent");
    }
}

/// 131: unchecked, the child goes on; the parent fails the open and the child is cancelled. (D-21)
#[test]
fn case_invalid_10_no_check() {
    let mut rig = Rig::alike(Side::A, checked(false));
    let (parent, child) = (rig.parent, rig.child);
    rig.child_conn().started(child, payload(TEN)).unwrap();
    rig.pair.settle();
    assert_eq!(rig.mistyped(Side::A).kind, MsgKind::Started);
    assert!(rig.child_conn().dialog(child).unwrap().must_unwind(), "the child was cancelled");
    rig.child_conn().unwound(child).unwrap();
    rig.pair.settle();
    assert_eq!(mistyped(rig.pair.outcome(Side::A, parent)).kind, MsgKind::Started);
}

fn valid_then(result: &[u8]) -> Rig {
    let mut rig = Rig::alike(Side::A, checked(false));
    let (parent, child) = (rig.parent, rig.child);
    rig.child_conn().started(child, payload(STRUCT)).unwrap();
    rig.pair.settle();
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Started(payload(STRUCT))));
    rig.child_conn().finish(child, payload(result)).unwrap();
    rig.pair.settle();
    rig
}

/// 132: a bad result is the error of the dialog, with the kind and the id.
#[test]
fn case_valid_invalid_yo() {
    let mut rig = valid_then(YO);
    let parent = rig.parent;
    let error = mistyped(rig.pair.outcome(Side::A, parent));
    let dialog = rig.parent_conn().dialog(parent).unwrap();
    assert_eq!((error.kind, &*error.cid), (MsgKind::Return, dialog.cid()));
    let Some(Failure::Violation(PeerViolation::Mistyped(recorded))) = dialog.error() else { panic!() };
    assert!(std::sync::Arc::ptr_eq(recorded, &error), "what is recorded is what was the outcome");
}

/// 133: all valid.
#[test]
fn case_valid_valid_none() {
    let mut rig = valid_then(b"\xc0");
    let parent = rig.parent;
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Returned(Some(Payload::NIL))));
}

/// 134: the spec is in force inside the endpoint without anybody's doing.
#[test]
fn the_childs_spec_is_active_inside_the_endpoint() {
    let mut rig = Rig::alike(Side::A, checked(true));
    let child = rig.child;
    let spec: PldSpec = SPEC.parse().unwrap();
    assert_eq!(rig.child_conn().dialog(child).unwrap().terms().unwrap().slots.yields.as_ref(), Some(&spec));
}

/// 138: a payload stays raw until somebody decodes it. (P-1)
#[test]
fn a_payload_stays_raw_until_it_is_decoded() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    rig.child_conn().started(child, payload(b"\xa1\xff")).unwrap();
    rig.pair.settle();
    let first = rig.parent_conn().take_first(parent).unwrap();
    assert_eq!(first.as_bytes(), &Bytes::from_static(b"\xa1\xff"));
    assert!(first.decode::<String>().is_err());
}

/// 139: `started` is checked by the sender, items only by the receiver; each dialog by its own spec.
/// (P-17, P-18)
#[test]
fn specs_are_per_dialog_and_items_are_checked_by_the_receiver() {
    let mut rig = Rig::new(Side::A, Terms::default(), terms("int"));
    let (parent, child) = (rig.parent, rig.child);
    assert!(rig.child_conn().started(child, payload(YO)).is_err());
    rig.stream(payload(TEN));
    rig.child_conn().send(child, payload(YO)).unwrap();
    rig.pair.settle();
    assert_eq!(rig.parent_conn().take(parent), Ok(Take::Item(payload(YO))), "this end has no spec");
}

/// 140: only payloads are subject to a spec: whatever it is and whenever, a cancel completes. (P-18)
#[test]
fn a_spec_concerns_payloads_only() {
    for spec in ["None", "Literal['never']", "int|None", SPEC] {
        for has_started in [false, true] {
            let lax = Terms { check_started: false, on_mistyped: TypePolicy::HandOver, ..terms(spec) };
            let mut rig = Rig::alike(Side::A, lax);
            let (parent, child, now) = (rig.parent, rig.child, rig.pair.now());
            if has_started {
                rig.stream(Payload::NIL);
            }
            rig.parent_conn().cancel(now, parent).unwrap();
            rig.pair.settle();
            rig.child_conn().unwound(child).unwrap();
            rig.pair.settle();
            let outcome = rig.pair.outcome(Side::A, parent);
            assert!(
                matches!(outcome, Some(Outcome::Cancelled { confirmed: true, .. })),
                "{spec}: {outcome:?}"
            );
        }
    }
}

/// 141: a type error that was handed to the application is over once it was received.
#[test]
fn a_handled_type_error_leaves_the_dialog_clean() {
    let terms = Terms { on_mistyped: TypePolicy::HandOver, ..terms("int") };
    let mut rig = Rig::alike(Side::A, terms);
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(TEN));
    for item in [TEN, YO, TEN] {
        rig.child_conn().send(child, payload(item)).unwrap();
    }
    rig.child_conn().finish(child, payload(TEN)).unwrap();
    rig.pair.settle();
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Started(payload(TEN))));
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Item(payload(TEN))));
    let bad = rig.parent_conn().receive(parent).unwrap();
    let Received::Mistyped(error) = &bad else { panic!("{bad:?}") };
    assert_eq!((bad.kind(), bad.value()), (Some(MsgKind::Yield), Some(&payload(YO))));
    assert_eq!(error.mismatch.found, "'yo' (str)");
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Item(payload(TEN))));
    for _ in 0..2 {
        assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Returned(Some(payload(TEN)))));
    }
    assert_eq!(rig.pair.outcome(Side::A, parent), Some(Outcome::Returned(Some(payload(TEN)))));
    assert_eq!(rig.parent_conn().dialog(parent).unwrap().mistyped(), 1);
}

/// 142: after a refused `started` another one may be sent; one frame goes out.
#[test]
fn a_child_may_try_again() {
    let mut rig = Rig::alike(Side::A, checked(true));
    let (parent, child) = (rig.parent, rig.child);
    assert!(rig.child_conn().started(child, payload(TEN)).is_err());
    rig.child_conn().started(child, payload(STRUCT)).unwrap();
    rig.pair.drain(Side::B);
    assert_eq!(rig.pair.in_flight(Side::A), [MsgKind::Started]);
    rig.pair.settle();
    assert_eq!(rig.parent_conn().take_first(parent), Some(payload(STRUCT)));
}

/// 143: in parity mode what the type would lose is refused, and the difference is shown. (P-21)
#[test]
fn parity_refuses_what_does_not_come_back_as_it_was() {
    const MORE: &[u8] = b"\x83\xa4type\xa6PldMsg\xa5field\xa1x\xa4more\x01";
    for (parity, is_sent) in [(Parity::Allow, true), (Parity::Strict, false)] {
        let mut rig = Rig::alike(Side::A, Terms { parity, ..terms(SPEC) });
        let child = rig.child;
        let sent = rig.child_conn().started(child, payload(MORE));
        assert_eq!(sent.is_ok(), is_sent);
        if let Err(misuse) = sent {
            let text = misuse.to_string();
            assert!(text.contains("more: expected a field of PldMsg, found 'more'"), "{text}");
        }
    }
    let mut rig = Rig::alike(Side::A, Terms { parity: Parity::Strict, ..terms("float") });
    let child = rig.child;
    assert!(rig.child_conn().started(child, payload(TEN)).is_err(), "10 would become 10.0");
}

/// 144: a bad result is an error on every path, also where nobody waits for it.
#[test]
fn a_bad_return_is_refused_on_every_path() {
    let mut rig = valid_then(YO);
    let parent = rig.parent;
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Failed));
    assert_eq!(rig.parent_conn().take(parent), Ok(Take::Failed));
    let mut rig = Rig::alike(Side::A, checked(false));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(STRUCT));
    rig.parent_conn().stop(parent).unwrap();
    rig.pair.settle();
    rig.child_conn().finish(child, payload(YO)).unwrap();
    rig.pair.settle();
    assert_eq!(mistyped(rig.pair.outcome(Side::A, parent)).kind, MsgKind::Return);
}

/// 145: a result that cannot be written is reported without the value.
#[test]
fn an_unencodable_return_is_a_type_error_without_the_value() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    rig.child_conn().started(child, Payload::NIL).unwrap();
    let error = Payload::encode(&Unsendable).unwrap_err();
    rig.child_conn().fail(child, Report::from(&error)).unwrap();
    rig.pair.settle();
    let Some(Outcome::Failed(Failure::Remote(remote))) = rig.pair.outcome(Side::A, parent) else { panic!() };
    assert_eq!(remote.kind(), RemoteErrorKind::MsgTypeError);
    assert_eq!((&remote.msg.bad_msg, &*remote.msg.tb_str), (&None, ".: it has no form"));
}

/// 137, second half: specs belong to dialogs; there is nothing to narrow without one.
#[test]
fn there_is_nothing_to_narrow_outside_of_a_dialog() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, now) = (rig.parent, rig.pair.now());
    rig.parent_conn().release(now, parent);
    assert_eq!(rig.parent_conn().narrow(parent, Slots::default()), Err(Misuse::UnknownDialog));
}

/// A peer without any check is judged all the same.
#[test]
fn a_hand_written_peer_is_judged_like_any_other() {
    let mut rig = Rig::new(Side::A, terms("int"), Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(TEN));
    let cid = rig.child_conn().dialog(child).unwrap().cid().to_owned();
    inject(&mut rig.pair, Side::A, &Message::Yield { cid: (&cid).into(), pld: payload(YO) });
    rig.pair.settle();
    assert_eq!(rig.mistyped(Side::A).cid.as_ref(), cid);
    assert!(rig.parent_conn().dialog(parent).unwrap().error().is_some());
}
