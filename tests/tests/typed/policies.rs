//! What happens to values that do not conform (P-20), and what narrows a spec (P-24).

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::script::{call, pair, pair_with};
use scipp_proto::phase::Role;
use scipp_proto::spec::{PldSpec, Slots};
use scipp_proto::wire::MsgKind;
use scipp_proto::{
    Call, Config, Event, Failure, Kind, Kwargs, Misuse, OpenError, Outcome, Payload, PeerViolation, Received,
    Take, Terms, TypePolicy,
};

use crate::rig::{Rig, payload, terms};

const ONE: &[u8] = b"\x01";
const YO: &[u8] = b"\xa2yo";

fn with(policy: TypePolicy) -> Terms {
    Terms { on_mistyped: policy, check_started: false, check_return: false, ..terms("int") }
}

fn yields(spec: &str) -> Slots {
    Slots { yields: Some(spec.parse().unwrap()), ..Slots::default() }
}

/// P-20.
#[test]
fn skipped_items_are_counted_and_nothing_else_happens() {
    let mut rig = Rig::alike(Side::A, with(TypePolicy::Skip));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    for item in [ONE, YO, YO, ONE] {
        rig.parent_conn().send(parent, payload(item)).unwrap();
    }
    rig.pair.settle();
    let events = rig.events(Side::B);
    let reported = events.iter().filter(|event| matches!(event, Event::Mistyped { .. })).count();
    let dialog = rig.child_conn().dialog(child).unwrap();
    assert_eq!((reported, dialog.mistyped(), dialog.dropped(), dialog.unread()), (2, 2, 2, 2));
    assert!(dialog.error().is_none());
    assert_eq!(rig.pair.in_flight(Side::A), []);
    for expected in [Take::Item(payload(ONE)), Take::Item(payload(ONE)), Take::Pending] {
        assert_eq!(rig.child_conn().take(child), Ok(expected));
    }
}

/// P-20.
#[test]
fn a_reply_goes_back_for_each_bad_item() {
    let reply = payload(b"\xa3bad");
    let mut rig = Rig::new(Side::A, Terms::default(), with(TypePolicy::Reply(reply.clone())));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    for item in [YO, ONE] {
        rig.parent_conn().send(parent, payload(item)).unwrap();
    }
    rig.pair.settle();
    assert_eq!(rig.parent_conn().take(parent), Ok(Take::Item(reply)));
    assert_eq!(rig.child_conn().take(child), Ok(Take::Item(payload(ONE))));
    rig.child_conn().stop(child).unwrap();
    rig.parent_conn().send(parent, payload(YO)).unwrap();
    rig.pair.settle();
    assert_eq!(rig.parent_conn().take(parent), Ok(Take::End), "nothing follows a Stop");
}

/// Neither reply conforms at the other end. (P-20)
#[test]
fn ends_that_answer_each_others_answers_come_to_rest() {
    let mut rig = Rig::alike(Side::A, with(TypePolicy::Reply(payload(YO))));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    rig.parent_conn().send(parent, payload(YO)).unwrap();
    rig.pair.settle();
    let most = u64::from(Config::default().max_replies);
    assert_eq!(rig.parent_conn().dialog(parent).unwrap().mistyped(), most);
    let dialog = rig.child_conn().dialog(child).unwrap();
    assert_eq!((dialog.mistyped(), dialog.must_unwind()), (most + 1, true));
    assert!(matches!(dialog.error(), Some(Failure::Violation(PeerViolation::Mistyped(_)))));
}

/// P-19, P-20.
#[test]
fn an_item_that_conforms_earns_the_replies_back() {
    let mut pair = pair_with(|config| config.max_replies = 1);
    let (parent, child) = pair.open_streaming(Side::A);
    pair.conn(Side::B).limit(child, &Arc::new(with(TypePolicy::Reply(payload(YO))))).unwrap();
    for (item, is_broken) in [(YO, false), (ONE, false), (YO, false), (YO, true)] {
        pair.conn(Side::A).send(parent, payload(item)).unwrap();
        pair.settle();
        assert_eq!(pair.conn(Side::B).dialog(child).unwrap().must_unwind(), is_broken);
    }
    assert_eq!(pair.conn(Side::B).dialog(child).unwrap().mistyped(), 3);
}

/// D-21, P-17.
#[test]
fn functions_and_generators_are_checked_like_contexts() {
    for kind in [Kind::Function, Kind::Generator] {
        let mut pair = pair();
        let (parent, child) = pair.open(Side::A, kind);
        pair.conn(Side::A).limit(parent, &Arc::new(terms("int"))).unwrap();
        if kind == Kind::Function {
            pair.conn(Side::B).finish(child, payload(YO)).unwrap();
        } else {
            pair.conn(Side::B).send(child, payload(YO)).unwrap();
        }
        pair.settle();
        let dialog = pair.conn(Side::A).dialog(parent).unwrap();
        let Some(Failure::Violation(PeerViolation::Mistyped(error))) = dialog.error() else {
            panic!("{kind:?}")
        };
        assert_eq!(error.culprit, Role::Child);
        assert_eq!(dialog.is_ended(), kind == Kind::Function, "a generator is asked to end");
        let own = pair.open(Side::A, kind).1;
        pair.conn(Side::B).limit(own, &Arc::new(terms("int"))).unwrap();
        let finished = pair.conn(Side::B).finish(own, payload(YO));
        assert_eq!(finished.is_ok(), kind == Kind::Generator, "a generator has no result: {finished:?}");
    }
}

/// P-20.
#[test]
fn a_first_value_or_a_result_cannot_be_skipped() {
    for policy in [TypePolicy::Skip, TypePolicy::Reply(payload(ONE))] {
        let mut rig = Rig::alike(Side::A, with(policy.clone()));
        let child = rig.child;
        rig.child_conn().started(child, payload(YO)).unwrap();
        rig.pair.settle();
        assert!(rig.child_conn().dialog(child).unwrap().must_unwind());

        let mut rig = Rig::alike(Side::A, with(policy));
        let (parent, child) = (rig.parent, rig.child);
        rig.stream(payload(ONE));
        rig.child_conn().finish(child, payload(YO)).unwrap();
        rig.pair.settle();
        let outcome = rig.pair.outcome(Side::A, parent);
        assert!(matches!(outcome, Some(Outcome::Failed(Failure::Violation(PeerViolation::Mistyped(_))))));
    }
}

/// P-20, P-24.
#[test]
fn a_first_value_and_a_result_can_be_handed_over() {
    let mut handing = with(TypePolicy::HandOver);
    handing.slots.result = Some("bool".parse().unwrap());
    let mut rig = Rig::alike(Side::A, handing);
    let (parent, child) = (rig.parent, rig.child);
    rig.child_conn().started(child, payload(YO)).unwrap();
    rig.child_conn().finish(child, payload(YO)).unwrap();
    rig.pair.settle();
    for (kind, spec) in [(MsgKind::Started, "int"), (MsgKind::Return, "bool")] {
        let told = rig.parent_conn().handed_over(parent, kind, &payload(YO)).unwrap();
        assert_eq!((told.kind, &*told.spec), (kind, spec));
        let received = rig.parent_conn().receive(parent).unwrap();
        assert!(matches!(received, Received::Mistyped(error) if *error == *told));
    }
    assert_eq!(rig.pair.outcome(Side::A, parent), Some(Outcome::Returned(Some(payload(YO)))));
    let dialog = rig.parent_conn().dialog(parent).unwrap();
    assert_eq!((dialog.mistyped(), dialog.error()), (2, None));
}

/// D-14, D-43.
#[test]
fn an_earlier_failure_stays_the_outcome() {
    let mut rig = Rig::alike(Side::A, with(TypePolicy::Cancel));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    rig.child_conn().send(child, payload(YO)).unwrap();
    rig.child_conn().send(child, payload(YO)).unwrap();
    rig.child_conn().finish(child, payload(YO)).unwrap();
    rig.pair.settle();
    let outcome = rig.pair.outcome(Side::A, parent);
    let Some(Outcome::Failed(Failure::Violation(PeerViolation::Mistyped(error)))) = outcome else { panic!() };
    assert_eq!(error.kind, MsgKind::Yield);
    let failed = rig
        .events(Side::A)
        .iter()
        .filter(|event| matches!(event, Event::Dialog { event: scipp_proto::DialogEvent::Failed, .. }))
        .count();
    assert_eq!(failed, 1);
}

/// Bytes of errors are counted where they are kept, so that bad items of a task that is ending cost no other
/// dialog its texts. (P-20, D-21)
#[test]
fn bad_items_of_a_task_that_is_ending_are_not_kept() {
    for (is_ending, judged, text_left) in [(true, 5, 5_000), (false, 1, 0)] {
        let mut pair = pair_with(|config| config.error_bytes = 10_000);
        let (parent, child) = pair.open_streaming(Side::A);
        pair.conn(Side::B).limit(child, &Arc::new(with(TypePolicy::Cancel))).unwrap();
        if is_ending {
            let now = pair.now();
            pair.conn(Side::A).cancel(now, parent).unwrap();
        }
        for _ in 0..5 {
            pair.conn(Side::A).send(parent, Payload::encode(&"x".repeat(6_000)).unwrap()).unwrap();
        }
        pair.settle();
        assert_eq!(pair.conn(Side::B).dialog(child).unwrap().mistyped(), judged);
        let (parent, child) = pair.open(Side::B, Kind::Function);
        pair.conn(Side::A).fail(child, scipp_proto::Report::new("KeyError", "y".repeat(5_000))).unwrap();
        pair.settle();
        let Some(Outcome::Failed(Failure::Remote(error))) = pair.outcome(Side::B, parent) else { panic!() };
        assert_eq!(error.msg.tb_str.len(), text_left);
    }
}

#[test]
fn a_narrowing_holds_until_it_is_restored() {
    let mut rig = Rig::alike(Side::A, with(TypePolicy::Skip));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    for item in [b"\x01", b"\x0b", b"\x02", b"\x0c"] {
        rig.child_conn().send(child, payload(item)).unwrap();
    }
    rig.pair.settle();
    let before = hash(&rig.pair, Side::A);
    let mut narrowed = rig.parent_conn().narrowed(parent, yields("int[0..=9]")).unwrap();
    assert_eq!(narrowed.take(parent), Ok(Take::Item(payload(ONE))));
    assert_eq!(narrowed.take(parent), Ok(Take::Item(payload(b"\x02"))), "11 was passed over");
    let refused = narrowed.send_checked(parent, payload(b"\x0d"));
    assert!(refused.is_err());
    drop(narrowed);
    assert_eq!(rig.parent_conn().take(parent), Ok(Take::Item(payload(b"\x0c"))));
    rig.parent_conn().send_checked(parent, payload(b"\x0d")).unwrap();
    assert_eq!(rig.parent_conn().dialog(parent).unwrap().mistyped(), 1);
    assert_ne!(hash(&rig.pair, Side::A), before);
}

#[test]
fn narrowings_nest_and_the_outer_one_ends_the_inner() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, five) = (rig.parent, payload(b"\x05"));
    rig.stream(payload(ONE));
    let bare = hash(&rig.pair, Side::A);
    let outer = rig.parent_conn().narrow(parent, yields("int|None")).unwrap();
    rig.parent_conn().narrow(parent, yields("None")).unwrap();
    assert_ne!(hash(&rig.pair, Side::A), bare, "a narrowing is part of the state");
    assert!(matches!(rig.parent_conn().validate(parent, MsgKind::Yield, &five), Err(Misuse::Mistyped(_))));
    assert_eq!(rig.parent_conn().validate(parent, MsgKind::Return, &payload(YO)), Ok(()));
    rig.parent_conn().restore(parent, outer);
    assert_eq!(rig.parent_conn().validate(parent, MsgKind::Yield, &payload(YO)), Ok(()));
    assert_eq!(hash(&rig.pair, Side::A), bare);
}

#[test]
fn a_narrowing_that_cancels_fails_the_take() {
    let mut rig = Rig::alike(Side::A, with(TypePolicy::Cancel));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    rig.parent_conn().send(parent, payload(b"\x0b")).unwrap();
    rig.pair.settle();
    let mut narrowed = rig.child_conn().narrowed(child, yields("int[0..=9]")).unwrap();
    assert_eq!(narrowed.take(child), Ok(Take::Failed));
    drop(narrowed);
    rig.pair.drain(Side::B);
    assert_eq!(rig.mistyped(Side::B).culprit, Role::Parent);
    assert!(rig.child_conn().dialog(child).unwrap().must_unwind());
}

fn hash(pair: &Pair, side: Side) -> u64 {
    let mut hasher = DefaultHasher::new();
    pair.end(side).conn.hash_state(&mut hasher);
    hasher.finish()
}

#[test]
fn terms_are_part_of_the_state() {
    let mut rig = Rig::alike(Side::A, terms("int"));
    let parent = rig.parent;
    let before = hash(&rig.pair, Side::A);
    rig.parent_conn().limit(parent, &Arc::new(terms("str"))).unwrap();
    assert_ne!(hash(&rig.pair, Side::A), before);
    rig.parent_conn().limit(parent, &Arc::new(terms("int"))).unwrap();
    assert_eq!(hash(&rig.pair, Side::A), before);
}

fn params() -> Arc<Terms> {
    let spec: PldSpec = "F where F = struct(n: int, name: str = 'x')!".parse().unwrap();
    Arc::new(Terms::new(Slots { params: Some(spec), ..Slots::default() }))
}

fn called(kwargs: &'static [u8]) -> Call {
    Call { kwargs: Kwargs::new(kwargs.into()).unwrap(), ..call(Kind::Function) }
}

#[test]
fn arguments_are_checked_before_they_are_sent() {
    let mut pair = pair();
    let now = pair.now();
    let opened = pair.conn(Side::A).open_limited(now, &called(b"\x81\xa1n\xa1x"), &params());
    let Err(OpenError::Mistyped(mismatch)) = opened else { panic!("{opened:?}") };
    assert_eq!(mismatch.to_string(), "n: expected int, found 'x' (str), at byte 3");
    pair.drain(Side::A);
    assert_eq!((pair.in_flight(Side::B), pair.conn(Side::A).dialogs().count()), (vec![], 0));
    assert!(pair.conn(Side::A).open_limited(now, &called(b"\x81\xa1n\x01"), &params()).is_ok());
}

#[test]
fn arguments_are_checked_before_anything_runs() {
    let mut pair = pair();
    let now = pair.now();
    for (kwargs, runs) in
        [(&b"\x81\xa1n\x01"[..], true), (b"\x80", false), (b"\x82\xa1n\x01\xa1m\x01", false)]
    {
        let parent = pair.conn(Side::A).open(now, &called(kwargs)).unwrap();
        pair.settle();
        pair.end_mut(Side::A).events.clear();
        let Some(Event::Opened { id, request }) = pair.end_mut(Side::B).events.pop_front() else { panic!() };
        let accepted = pair.conn(Side::B).accept_limited(id, Kind::Function, &request, &params());
        assert_eq!(accepted, Ok(runs));
        pair.settle();
        let outcome = pair.outcome(Side::A, parent);
        if runs {
            assert_eq!(outcome, None);
            continue;
        }
        let Some(Event::Mistyped { error, .. }) = pair.end_mut(Side::B).events.pop_front() else { panic!() };
        assert_eq!((error.culprit, error.kind), (Role::Parent, MsgKind::Start));
        let Some(Outcome::Failed(Failure::Remote(remote))) = outcome else { panic!("{outcome:?}") };
        assert_eq!(remote.msg.boxed_type_str, "MsgTypeError");
        let bad = remote.msg.bad_msg_as_dict.clone().unwrap().decode::<BadStart>().unwrap();
        assert_eq!((bad.msg_type.as_str(), bad.cid.as_str()), ("Start", &*request.cid));
        pair.end_mut(Side::B).events.clear();
    }
}

#[derive(serde::Deserialize)]
struct BadStart {
    msg_type: String,
    cid: String,
}
