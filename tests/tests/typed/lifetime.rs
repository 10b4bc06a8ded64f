//! Terms and narrowings over the life of a dialog: before it runs, between its verbs, after its end.

use std::sync::Arc;
use std::time::Duration;

use scipp_conformance::pair::Side;
use scipp_conformance::script::{actor_cancel, call, frame, messages, pair, pair_with};
use scipp_proto::spec::{PldSpec, Slots};
use scipp_proto::wire::{Message, MsgKind};
use scipp_proto::{
    Call, Config, Deadline, DialogEvent, Event, Kind, Kwargs, Misuse, OpenError, Outcome, Parity, Payload,
    Received, Report, Take, Terms, TypePolicy, Verb,
};

use crate::rig::{Rig, payload, terms};

const ONE: &[u8] = b"\x01";
const YO: &[u8] = b"\xa2yo";

fn yields(spec: &str) -> Slots {
    Slots { yields: Some(spec.parse().unwrap()), ..Slots::default() }
}

fn params(spec: &str) -> Terms {
    let spec: PldSpec = spec.parse().unwrap();
    Terms::new(Slots { params: Some(spec), ..Slots::default() })
}

fn called(kwargs: &'static [u8]) -> Call {
    Call { kwargs: Kwargs::new(kwargs.into()).unwrap(), ..call(Kind::Context) }
}

/// What its reader forbids after the end can end nothing any more: it is reported, dropped and counted. (P-20)
#[test]
fn a_narrowing_breaks_no_dialog_that_has_ended() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    for item in [YO, ONE, YO] {
        rig.child_conn().send(child, payload(item)).unwrap();
    }
    rig.child_conn().finish(child, payload(ONE)).unwrap();
    rig.pair.settle();
    let late = rig.parent_conn().counters().late;
    let mut narrowed = rig.parent_conn().narrowed(parent, yields("int")).unwrap();
    assert_eq!(narrowed.take(parent), Ok(Take::Item(payload(ONE))));
    assert_eq!(narrowed.take(parent), Ok(Take::End));
    let dialog = narrowed.dialog(parent).unwrap();
    assert_eq!((dialog.mistyped(), dialog.dropped(), dialog.error()), (2, 2, None));
    assert_eq!(narrowed.counters().late, late);
    drop(narrowed);
    assert_eq!(rig.pair.outcome(Side::A, parent), Some(Outcome::Returned(Some(payload(ONE)))));
}

#[test]
fn nor_one_of_a_child_that_has_finished() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    for item in [YO, ONE] {
        rig.parent_conn().send(parent, payload(item)).unwrap();
    }
    rig.pair.settle();
    rig.child_conn().narrow(child, yields("int")).unwrap();
    rig.child_conn().finish(child, payload(ONE)).unwrap();
    assert_eq!(rig.child_conn().take(child), Ok(Take::Item(payload(ONE))));
    assert_eq!(rig.child_conn().take(child), Ok(Take::End));
    let dialog = rig.child_conn().dialog(child).unwrap();
    assert_eq!((dialog.mistyped(), dialog.dropped(), dialog.error()), (1, 1, None));
}

/// A failed dialog's unread items are held to the narrowings like all others.
#[test]
fn unread_items_are_judged_as_well() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    for item in [ONE, YO, ONE] {
        rig.child_conn().send(child, payload(item)).unwrap();
    }
    rig.child_conn().fail(child, Report::new("KeyError", "k")).unwrap();
    rig.pair.settle();
    rig.parent_conn().narrow(parent, yields("int")).unwrap();
    for expected in [Some(payload(ONE)), Some(payload(ONE)), None] {
        assert_eq!(rig.parent_conn().take_unread(parent), expected);
    }
    let dialog = rig.parent_conn().dialog(parent).unwrap();
    assert_eq!((dialog.mistyped(), dialog.dropped()), (1, 1));
}

/// `take` knows no time: the child gets all of its time from when the core is told what time it is. (P-24)
#[test]
fn a_cancel_by_a_narrowing_has_its_time_however_long_nothing_was_told() {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let mut pair = pair_with(|config| config.final_frame_timeout = Some(TIMEOUT));
    let (parent, child) = pair.open_streaming(Side::A);
    pair.conn(Side::B).send(child, payload(YO)).unwrap();
    pair.settle();
    pair.end_mut(Side::A).events.clear();
    let start = pair.now();
    let conn = pair.conn(Side::A);
    conn.narrow(parent, yields("int")).unwrap();
    assert_eq!(conn.take(parent), Ok(Take::Failed));
    let told: Vec<Event> = std::iter::from_fn(|| conn.poll_event()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(conn.poll_transmit().is_some(), "the request goes out at once");
    assert!(conn.poll_timeout().is_some_and(|(at, _)| at <= start), "the core asks for the time");
    let later = start.saturating_add(Duration::from_secs(60));
    conn.handle_timeout(later);
    assert_eq!(conn.poll_event(), None);
    let (due, _) = conn.poll_timeout().unwrap();
    assert!(due > later, "{due:?}");
    conn.handle_timeout(later.saturating_add(TIMEOUT));
    let told: Vec<Event> = std::iter::from_fn(|| conn.poll_event()).collect();
    let is_ended = |event: &Event| matches!(event, Event::Dialog { event: DialogEvent::Ended, .. });
    let is_overdue = |event: &Event| {
        matches!(event, Event::Dialog { event: DialogEvent::Overdue(Deadline::CancelAck), .. })
    };
    assert!(told.iter().any(is_ended), "{told:?}");
    assert!(told.iter().all(|event| is_ended(event) || is_overdue(event)), "{told:?}");
}

/// A task that ended itself before it was accepted is bound by its terms all the same.
#[test]
fn arguments_are_judged_also_after_the_childs_own_cancel() {
    for (kwargs, runs) in [(&b"\x81\xa1n\x01"[..], true), (b"\x80", false)] {
        let mut pair = pair();
        let now = pair.now();
        let parent = pair.conn(Side::A).open(now, &called(kwargs)).unwrap();
        pair.settle();
        let Some(Event::Opened { id, request }) = pair.end_mut(Side::B).events.pop_front() else { panic!() };
        let conn = pair.conn(Side::B);
        conn.cancel(now, id).unwrap();
        let mut terms = params("F where F = struct(n: int)");
        terms.slots.started = Some("int".parse().unwrap());
        assert_eq!(conn.accept_limited(id, Kind::Context, &request, &Arc::new(terms)), Ok(runs));
        if runs {
            assert!(matches!(conn.started(id, payload(YO)), Err(Misuse::Mistyped(_))));
            continue;
        }
        assert!(conn.dialog(id).unwrap().is_ended());
        pair.settle();
        assert!(pair.conn(Side::A).dialog(parent).unwrap().is_ended());
    }
}

#[test]
fn a_request_is_judged_for_its_own_dialog_only() {
    let mut pair = pair();
    let now = pair.now();
    for kwargs in [&b"\x80"[..], b"\x81\xa1n\x01"] {
        pair.conn(Side::A).open(now, &called(kwargs)).unwrap();
    }
    pair.settle();
    let opened: Vec<_> = pair.end_mut(Side::B).events.drain(..).collect();
    let [Event::Opened { id, .. }, Event::Opened { request, .. }] = &opened[..] else { panic!("{opened:?}") };
    let terms = Arc::new(params("F where F = struct(n: int)"));
    let accepted = pair.conn(Side::B).accept_limited(*id, Kind::Context, request, &terms);
    assert_eq!(accepted, Err(Misuse::WrongTarget(Verb::Accept)));
    assert_eq!(pair.conn(Side::B).poll_transmit(), None);
}

/// P-18.
#[test]
fn the_answer_to_an_actor_cancel_is_never_mistyped() {
    for on_mistyped in [TypePolicy::Cancel, TypePolicy::HandOver] {
        let mut pair = pair();
        let (now, terms) = (pair.now(), Terms { on_mistyped, ..terms("None") });
        let id = pair.conn(Side::A).open_limited(now, &actor_cancel(), &Arc::new(terms)).unwrap();
        pair.settle();
        let asked = pair.asked_to_cancel(Side::B).unwrap();
        pair.conn(Side::B).acknowledge(asked).unwrap();
        pair.settle();
        let received = pair.conn(Side::A).receive(id);
        assert_eq!(received, Ok(Received::Returned(Some(Payload::bool(true)))));
        assert_eq!(pair.outcome(Side::A, id), Some(Outcome::Returned(Some(Payload::bool(true)))));
    }

    let mut rig = Rig::alike(Side::A, terms("None"));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(Payload::NIL);
    rig.parent_conn().send(parent, Payload::bool(true)).unwrap();
    rig.pair.settle();
    assert!(rig.child_conn().dialog(child).unwrap().must_unwind(), "as anything else is");
}

/// P-21.
#[test]
fn strict_parity_holds_for_arguments() {
    let lax = params("F where F = struct(n: float)");
    let strict = Arc::new(Terms { parity: Parity::Strict, ..lax.clone() });
    let mut pair = pair();
    let now = pair.now();
    let conn = pair.conn(Side::A);
    for lossy in [&b"\x82\xa1n\xca\x00\x00\x00\x00\xa5extra\x02"[..], b"\x81\xa1n\x01"] {
        let opened = conn.open_limited(now, &called(lossy), &strict);
        assert!(matches!(opened, Err(OpenError::Mistyped(_))), "{opened:?}");
        assert!(conn.open_limited(now, &called(lossy), &Arc::new(lax.clone())).is_ok());
    }
    assert!(conn.open_limited(now, &called(b"\x81\xa1n\xca\x00\x00\x00\x00"), &strict).is_ok());
}

/// What was told of a value when it arrived is what its reader hears, whatever was narrowed since. (P-19)
#[test]
fn a_first_value_is_judged_when_it_arrives() {
    let lenient = Terms { on_mistyped: TypePolicy::HandOver, ..Terms::default() };
    let narrow = || Slots { started: Some("int".parse().unwrap()), ..Slots::default() };
    for is_early in [true, false] {
        let mut rig = Rig::alike(Side::A, lenient.clone());
        let (parent, child) = (rig.parent, rig.child);
        let early = is_early.then(|| rig.parent_conn().narrow(parent, narrow()).unwrap());
        rig.child_conn().started(child, payload(YO)).unwrap();
        rig.pair.settle();
        match early {
            Some(narrowing) => rig.parent_conn().restore(parent, narrowing),
            None => drop(rig.parent_conn().narrow(parent, narrow()).unwrap()),
        }
        let reported = rig.events(Side::A).iter().any(|event| matches!(event, Event::Mistyped { .. }));
        let received = rig.parent_conn().receive(parent).unwrap();
        assert_eq!((reported, matches!(received, Received::Mistyped(_))), (is_early, is_early));
        assert_eq!((received.kind(), received.value()), (Some(MsgKind::Started), Some(&payload(YO))));
    }
}

/// The same of items, whatever the terms are by then. (P-24)
#[test]
fn an_item_is_judged_when_it_arrives() {
    let lenient = |spec: &str| Terms { on_mistyped: TypePolicy::HandOver, ..terms(spec) };
    for (before, after, is_bad) in [
        (lenient("int"), lenient("str"), true),
        (lenient("int"), terms("int"), true),
        (lenient("str"), lenient("int"), false),
        (terms("str"), lenient("int"), false),
    ] {
        let mut rig = Rig::new(Side::A, before, Terms::default());
        let (parent, child) = (rig.parent, rig.child);
        rig.child_conn().started(child, payload(YO)).unwrap_or_else(|error| panic!("{error}"));
        rig.pair.settle();
        rig.parent_conn().receive(parent).unwrap();
        rig.child_conn().open_stream(child).unwrap();
        rig.events(Side::A);
        rig.child_conn().send(child, payload(YO)).unwrap();
        rig.pair.settle();
        rig.parent_conn().limit(parent, &Arc::new(after)).unwrap();
        let reported = rig.events(Side::A).iter().any(|event| matches!(event, Event::Mistyped { .. }));
        let received = rig.parent_conn().receive(parent).unwrap();
        assert_eq!((reported, matches!(received, Received::Mistyped(_))), (is_bad, is_bad));
        assert_eq!((received.kind(), received.value()), (Some(MsgKind::Yield), Some(&payload(YO))));
    }
}

#[test]
fn new_terms_leave_the_narrowings_in_force() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, yo) = (rig.parent, payload(YO));
    let narrowing = rig.parent_conn().narrow(parent, yields("int")).unwrap();
    rig.parent_conn().limit(parent, &Arc::new(Terms::default())).unwrap();
    assert!(rig.parent_conn().validate(parent, MsgKind::Yield, &yo).is_err());
    rig.parent_conn().restore(parent, narrowing);
    assert_eq!(rig.parent_conn().validate(parent, MsgKind::Yield, &yo), Ok(()));
}

#[test]
fn so_do_those_of_the_endpoint_that_accepts() {
    let mut pair = pair();
    let now = pair.now();
    pair.conn(Side::A).open(now, &call(Kind::Context)).unwrap();
    pair.settle();
    let Some(Event::Opened { id, request }) = pair.end_mut(Side::B).events.pop_front() else { panic!() };
    let conn = pair.conn(Side::B);
    conn.narrow(id, yields("int")).unwrap();
    assert_eq!(conn.accept_limited(id, Kind::Context, &request, &Arc::new(Terms::default())), Ok(true));
    assert!(conn.validate(id, MsgKind::Yield, &payload(YO)).is_err());
}

/// A narrowing that ended with an outer one, and one of another dialog, end nothing when they are given back.
#[test]
fn a_narrowing_ends_itself_and_no_other() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, yo) = (rig.parent, payload(YO));
    let outer = rig.parent_conn().narrow(parent, yields("int|None")).unwrap();
    let inner = rig.parent_conn().narrow(parent, yields("int")).unwrap();
    rig.parent_conn().restore(parent, outer);
    for _ in 0..2 {
        rig.parent_conn().narrow(parent, yields("int")).unwrap();
    }
    rig.parent_conn().restore(parent, inner);
    assert!(rig.parent_conn().validate(parent, MsgKind::Yield, &yo).is_err());
    let other = rig.pair.open(Side::A, Kind::Context).0;
    let foreign = rig.parent_conn().narrow(other, yields("int")).unwrap();
    rig.parent_conn().restore(parent, foreign);
    assert!(rig.parent_conn().validate(parent, MsgKind::Yield, &yo).is_err());
    assert!(rig.parent_conn().validate(other, MsgKind::Yield, &yo).is_err());
}

#[test]
fn a_reply_that_fits_in_no_frame_is_not_sent() {
    let mut pair = pair_with(|config| config.max_frame = 1000);
    let (parent, child) = pair.open_streaming(Side::A);
    let reply = Payload::encode(&"x".repeat(2000)).unwrap();
    let terms = Terms { on_mistyped: TypePolicy::Reply(reply), ..terms("int") };
    pair.conn(Side::B).limit(child, &Arc::new(terms)).unwrap();
    pair.conn(Side::A).send(parent, payload(YO)).unwrap();
    pair.settle();
    assert_eq!(pair.conn(Side::A).take(parent), Ok(Take::Pending));
    assert_eq!(pair.conn(Side::B).dialog(child).unwrap().dropped(), 1);
}

/// What a peer does not read is kept: its own texts are not sent back to it then.
#[test]
fn a_bad_request_is_sent_back_only_to_who_reads() {
    let mut pair = pair_with(|config| config.outbox_bytes = 0);
    let now = pair.now();
    let conn = pair.conn(Side::B);
    let mut echoed = Vec::new();
    for cid in ["1", "2"] {
        let start = serde_json::json!({
            "msg_type": "Start", "cid": cid, "ns": 5, "func": "f", "kwargs": {}, "uid": ["a", "b"], "pld_spec": "Any",
        });
        let body = Payload::encode(&start).unwrap();
        let frame = frame(body.as_bytes());
        assert_eq!(conn.handle_input(now, &frame), frame.len());
        assert_eq!(conn.poll_event(), None);
        let answer = conn.poll_transmit().unwrap();
        echoed.extend(messages(answer, &Config::default().limits(), |answer| match answer {
            Message::Error(error) => error.bad_msg_as_dict.is_some(),
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!(echoed, [true, false], "the first answer was not written");
}
