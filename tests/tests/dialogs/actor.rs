//! Requests that are about a whole actor: how a connection begins, and how everything on it is asked to end.

use std::collections::BTreeMap;
use std::time::Duration;

use scipp_conformance::pair::Pair;
use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::script::{cid, inject, int};
use scipp_proto::wire::MsgKind::{self, Aid, CancelAck, Error, Start, StartAck};
use scipp_proto::wire::{self, Message};
use scipp_proto::{
    Call, Config, Connection, DialogId, Event, Identity, Instant, Kind, Kwargs, OpenError, Outcome, Payload,
    RuntimeEndpoint, Target, Uid,
};

use super::pair;

const MINUTE: Duration = Duration::from_secs(60);

fn start<'a>(cid: &'a str, (ns, func): (&'a str, &'a str), kwargs: Kwargs) -> Message<'a> {
    Message::Start(wire::Start {
        cid: cid.into(),
        ns: ns.into(),
        func: func.into(),
        kwargs,
        uid_name: "carol".into(),
        uid_uuid: "carol-uuid".into(),
        pld_spec: "typing.Any".into(),
    })
}

fn args(name: &str, value: &str) -> Kwargs {
    Kwargs::encode(&BTreeMap::from([(name, value)])).unwrap()
}

/// Delivers a request of a hand-written peer to B; the kinds of what is answered at once.
fn ask(pair: &mut Pair, request: &Message<'_>) -> Vec<MsgKind> {
    pair.end_mut(A).incoming.clear();
    inject(pair, B, request);
    pair.deliver(B, usize::MAX);
    pair.in_flight(A)
}

fn asked(pair: &Pair) -> Option<DialogId> {
    pair.end(B).events.iter().find_map(|event| match event {
        Event::ActorCancelRequested { id } => Some(*id),
        _ => None,
    })
}

/// A asks B to cancel: A's end of the request, and B's.
fn actor_cancel(pair: &mut Pair) -> (DialogId, DialogId) {
    let target = Target::Runtime(RuntimeEndpoint::Cancel);
    let now = pair.now();
    let call = Call { target, kind: Kind::Function, kwargs: Kwargs::EMPTY };
    let request = pair.conn(A).open(now, &call).unwrap();
    pair.settle();
    let asked = asked(pair).unwrap();
    (request, asked)
}

///
#[test]
fn each_end_says_at_once_who_it_is_and_takes_what_follows_in_the_same_write() {
    let mut pair = Pair::new(Config::default());
    pair.drain(A);
    pair.drain(B);
    assert_eq!((pair.in_flight(A), pair.in_flight(B)), (vec![Aid], vec![Aid]));
    inject(&mut pair, B, &start("c", ("self", "cancel"), Kwargs::EMPTY));
    pair.deliver(B, usize::MAX);
    let events: Vec<_> = pair.end(B).events.iter().collect();
    assert!(
        matches!(events[..], [Event::Established { .. }, Event::ActorCancelRequested { .. }]),
        "{events:?}"
    );
}

///
#[test]
fn nobody_calls_himself() {
    let uid = Uid::new("alice", "alice-uuid");
    let connect = |seed| Connection::new(Config::default(), Identity::new(uid.clone()), seed, Instant::EPOCH);
    let (mut near, mut far) = (connect(1), connect(2));
    let hello = far.poll_transmit().unwrap();
    assert_eq!(near.handle_input(Instant::EPOCH, &hello), hello.len());
    assert!(matches!(near.poll_event(), Some(Event::Established { .. })));
    let _aid = near.poll_transmit();
    let call = scipp_conformance::script::call(Kind::Function);
    assert_eq!(near.open(Instant::EPOCH, &call), Err(OpenError::OwnActor));
    assert_eq!(near.poll_transmit(), None);
}

///
#[test]
fn an_actor_cancel_is_taken_whatever_it_says() {
    let mut pair = pair();
    assert_eq!(ask(&mut pair, &start("c", ("self", "cancel"), args("more", "x"))), [StartAck]);
    let asked = asked(&pair).unwrap();
    pair.conn(B).acknowledge(asked).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [StartAck, CancelAck]);
}

/// not one after the other, though.
#[test]
fn an_actor_cancel_is_taken_when_nothing_else_is() {
    let mut full = Config::default();
    full.max_peer_dialogs = 0;
    let mut closing = pair();
    let _held = closing.open(A, Kind::Function);
    let now = closing.now();
    closing.conn(B).close(now, now.saturating_add(MINUTE));
    for mut pair in [Pair::established(full), closing] {
        pair.settle();
        assert_eq!(ask(&mut pair, &start("c-1", ("demo", "f"), Kwargs::EMPTY)), [Error]);
        assert_eq!(ask(&mut pair, &start("c-2", ("self", "cancel"), Kwargs::EMPTY)), [StartAck]);
        assert_eq!(ask(&mut pair, &start("c-3", ("self", "cancel"), Kwargs::EMPTY)), [Error]);
        assert!(asked(&pair).is_some());
    }
}

///
#[test]
fn an_actor_cancel_is_taken_again() {
    let mut pair = pair();
    for cid in ["c-1", "c-2"] {
        assert_eq!(ask(&mut pair, &start(cid, ("self", "cancel"), Kwargs::EMPTY)), [StartAck]);
    }
    let is_asked = |event: &&Event| matches!(event, Event::ActorCancelRequested { .. });
    assert_eq!(pair.end(B).events.iter().filter(is_asked).count(), 2);
}

///
#[test]
fn a_broken_rule_does_not_undo_an_actor_cancel() {
    let mut pair = pair();
    let (request, asked) = actor_cancel(&mut pair);
    let cid = cid(&pair.end(A).conn, request);
    inject(&mut pair, B, &Message::Yield { cid: (&cid).into(), pld: int(1) });
    pair.settle();
    assert!(pair.end(B).conn.dialog(asked).unwrap().error().is_some());
    pair.conn(B).acknowledge(asked).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [CancelAck]);
    pair.settle();
    assert_eq!(pair.outcome(A, request), Some(Outcome::Returned(Some(Payload::bool(true)))));
}

/// R-17, D-15.
#[test]
fn an_actor_cancel_is_not_cancelled() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    let (request, asked) = actor_cancel(&mut pair);
    let now = pair.now();
    pair.conn(A).cancel(now, request).unwrap();
    pair.drain(A);
    assert!(pair.in_flight(B).is_empty());
    let [request, parent] = [request, parent].map(|id| cid(&pair.end(A).conn, id));
    let cancel = |creq, cid| start(creq, ("self", "_cancel_task"), args("cid", cid));
    assert_eq!(ask(&mut pair, &cancel("creq-1", &request)), [StartAck, CancelAck], "it finds nothing");
    assert!(!pair.end(B).conn.dialog(asked).unwrap().must_unwind());
    assert_eq!(ask(&mut pair, &cancel("creq-2", &parent)), [StartAck]);
    assert!(pair.end(B).conn.dialog(child).unwrap().must_unwind());
}

///
#[test]
fn whatever_is_no_error_acknowledges_a_cancel() {
    let answers: [fn(&str) -> Message<'_>; 3] = [
        |cid| Message::CancelAck { cid: cid.into(), pld: true },
        |cid| Message::CancelAck { cid: cid.into(), pld: false },
        |cid| Message::Return { cid: cid.into(), pld: int(1) },
    ];
    for answer in answers {
        let mut pair = pair();
        let (request, _) = actor_cancel(&mut pair);
        let (parent, _) = pair.open_streaming(A);
        let now = pair.now();
        let cid = cid(&pair.end(A).conn, request);
        inject(&mut pair, A, &answer(&cid));
        pair.deliver(A, usize::MAX);
        assert!(matches!(pair.outcome(A, request), Some(Outcome::Returned(_))));

        pair.conn(A).cancel(now, parent).unwrap();
        pair.drain(A);
        assert_eq!(pair.in_flight(B), [Start]);
        let creq: Vec<u8> = pair.end(B).incoming.iter().skip(4).copied().collect();
        let limits = Config::default().limits();
        let creq = wire::decode(&creq.into(), &limits).unwrap().cid().unwrap().to_owned();
        inject(&mut pair, A, &answer(&creq));
        pair.deliver(A, usize::MAX);
        let outcome = pair.outcome(A, parent);
        assert!(matches!(outcome, Some(Outcome::Cancelled { confirmed: false, .. })), "{outcome:?}");
    }
}
