//! Requests that are about a whole actor: how a connection begins, and how everything on it is asked to end.

use std::time::Duration;

use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::pair::{Pair, uid_of};
use scipp_conformance::script::{args, call, cid, inject, int, pair, start};
use scipp_proto::wire::Message;
use scipp_proto::wire::MsgKind::{self, Aid, CancelAck, Error, StartAck};
use scipp_proto::{Config, Connection, Event, Identity, Instant, Kind, Kwargs, OpenError, Outcome, Payload};

const MINUTE: Duration = Duration::from_secs(60);

const CANCEL: (&str, &str) = ("self", "cancel");

/// Delivers a request of a hand-written peer to B; the kinds of what is answered at once.
fn ask(pair: &mut Pair, cid: &str, target: (&str, &str), kwargs: Kwargs) -> Vec<MsgKind> {
    pair.end_mut(A).incoming.clear();
    inject(pair, B, &start(cid, target, kwargs, &uid_of("carol")));
    pair.deliver(B, usize::MAX);
    pair.in_flight(A)
}

///
#[test]
fn each_end_says_at_once_who_it_is_and_takes_what_follows_in_the_same_write() {
    let mut pair = Pair::new(Config::default());
    pair.drain(A);
    pair.drain(B);
    assert_eq!((pair.in_flight(A), pair.in_flight(B)), (vec![Aid], vec![Aid]));
    inject(&mut pair, B, &start("c", CANCEL, Kwargs::EMPTY, &uid_of("carol")));
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
    let us = Identity::new(uid_of("us"));
    let connect = |seed| Connection::new(Config::default(), us.clone(), seed, Instant::EPOCH);
    let (mut near, mut far) = (connect(1), connect(2));
    let hello = far.poll_transmit().unwrap();
    assert_eq!(near.handle_input(Instant::EPOCH, &hello), hello.len());
    assert!(matches!(near.poll_event(), Some(Event::Established { .. })));
    let _aid = near.poll_transmit();
    assert_eq!(near.open(Instant::EPOCH, &call(Kind::Function)), Err(OpenError::OwnActor));
    assert_eq!(near.poll_transmit(), None);
}

///
#[test]
fn an_actor_cancel_is_taken_whatever_it_says() {
    let mut pair = pair();
    assert_eq!(ask(&mut pair, "c", CANCEL, args("more", "x")), [StartAck]);
    let asked = pair.asked_to_cancel(B).unwrap();
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
        assert_eq!(ask(&mut pair, "c-1", ("demo", "f"), Kwargs::EMPTY), [Error]);
        assert_eq!(ask(&mut pair, "c-2", CANCEL, Kwargs::EMPTY), [StartAck]);
        assert_eq!(ask(&mut pair, "c-3", CANCEL, Kwargs::EMPTY), [Error]);
        assert!(pair.asked_to_cancel(B).is_some());
    }
}

///
#[test]
fn an_actor_cancel_is_taken_again() {
    let mut pair = pair();
    for cid in ["c-1", "c-2"] {
        assert_eq!(ask(&mut pair, cid, CANCEL, Kwargs::EMPTY), [StartAck]);
    }
    let is_asked = |event: &&Event| matches!(event, Event::ActorCancelRequested { .. });
    assert_eq!(pair.end(B).events.iter().filter(is_asked).count(), 2);
}

///
#[test]
fn a_broken_rule_does_not_undo_an_actor_cancel() {
    let mut pair = pair();
    let (request, asked) = pair.cancel_actor(A);
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
    let (request, asked) = pair.cancel_actor(A);
    let now = pair.now();
    pair.conn(A).cancel(now, request).unwrap();
    pair.drain(A);
    assert!(pair.in_flight(B).is_empty());
    let [request, parent] = [request, parent].map(|id| cid(&pair.end(A).conn, id));
    let mut cancel = |creq, cid| ask(&mut pair, creq, ("self", "_cancel_task"), args("cid", cid));
    assert_eq!(cancel("creq-1", &request), [StartAck, CancelAck], "it finds nothing");
    assert_eq!(cancel("creq-2", &parent), [StartAck]);
    assert!(!pair.end(B).conn.dialog(asked).unwrap().must_unwind());
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
        let (request, _) = pair.cancel_actor(A);
        let (parent, _) = pair.open_streaming(A);
        let now = pair.now();
        let cid = cid(&pair.end(A).conn, request);
        inject(&mut pair, A, &answer(&cid));
        pair.deliver(A, usize::MAX);
        assert!(matches!(pair.outcome(A, request), Some(Outcome::Returned(_))));

        pair.conn(A).cancel(now, parent).unwrap();
        pair.drain(A);
        let creq = pair.lose_request(B);
        inject(&mut pair, A, &answer(&creq));
        pair.deliver(A, usize::MAX);
        let outcome = pair.outcome(A, parent);
        assert!(matches!(outcome, Some(Outcome::Cancelled { confirmed: false, .. })), "{outcome:?}");
    }
}
