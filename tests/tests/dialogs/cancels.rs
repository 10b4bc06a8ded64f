//! Cancellation by either side, and its answers.

use std::time::Duration;

use scipp_conformance::pair::Pair;
use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::script::{call, cid, error_by, inject, int, report};
use scipp_proto::phase::{CancelPhase, State};
use scipp_proto::wire::MsgKind::{CancelAck, Error, Start, StartAck, Stop};
use scipp_proto::wire::{self, ErrorMsg, Message};
use scipp_proto::{Config, Deadline, DialogEvent, Event, Kind, Misuse, Outcome, Payload, Take, Uid};

use super::{failed_with, pair};

/// D-9, D-16.
#[test]
fn a_generator_left_early_gets_stop_and_a_cancel_request_and_answers_by_stop() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Generator);
    pair.conn(B).send(child, int(1)).unwrap();
    pair.settle();
    let now = pair.now();
    pair.conn(A).stop(parent).unwrap();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.drain(A);
    assert_eq!(pair.in_flight(B), [Stop, Start]);
    pair.settle();
    assert!(pair.end(B).conn.dialog(child).unwrap().must_unwind());
    pair.conn(B).unwound(child).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Stop, CancelAck]);
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(None)));
}

/// D-10, D-13, D-16, D-17.
#[test]
fn a_cancelled_context_ends_before_its_request_is_answered() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.drain(A);
    assert_eq!(pair.in_flight(B), [Start], "one request, however often it is asked for");
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.in_flight(A), [StartAck]);
    assert_eq!(pair.end(B).conn.dialog(child).unwrap().state(), State::PeerCancelled);
    pair.conn(B).unwound(child).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [StartAck, Stop, Error, CancelAck]);
    pair.settle();
    let Some(Outcome::Cancelled { confirmed: true, error: Some(error) }) = pair.outcome(A, parent) else {
        panic!("{:?}", pair.outcome(A, parent));
    };
    assert_eq!(error.canceller(), Some(&pair.end(A).conn.identity().uid));
    let view = pair.end(A).conn.dialog(parent).unwrap();
    assert_eq!((view.state(), view.cancel_phase()), (State::SelfCancelled, CancelPhase::Acked));
}

/// D-14, D-1.
#[test]
fn a_result_that_was_quicker_than_the_cancel_stands() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    pair.conn(B).finish(child, int(7)).unwrap();
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(Some(int(7)))));
}

/// D-16, D-42.
#[test]
fn the_first_reason_to_end_counts() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let cid = cid(&pair.end(A).conn, parent);
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.settle();
    inject(&mut pair, B, &Message::Return { cid: (&cid).into(), pld: int(1) });
    pair.deliver(B, usize::MAX);
    pair.conn(B).unwound(child).unwrap();
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Cancelled { confirmed: true, .. })));
}

/// D-16.
#[test]
fn a_child_told_to_end_cannot_return() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.settle();
    pair.conn(B).finish(child, int(9)).unwrap();
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Cancelled { confirmed: true, .. })));
}

/// D-14, D-16.
#[test]
fn an_error_during_cancellation_is_reported() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.settle();
    pair.conn(B).fail(child, report("OSError")).unwrap();
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "OSError");
}

/// D-13.
#[test]
fn crossing_cancels_are_absorbed_unless_strict() {
    for (config, absorbed) in [(Config::default(), true), (Config::reference(), false)] {
        let mut pair = Pair::established(config);
        let (parent, child) = pair.open_streaming(A);
        let now = pair.now();
        pair.conn(A).cancel(now, parent).unwrap();
        pair.conn(B).cancel(now, child).unwrap();
        pair.conn(B).unwound(child).unwrap();
        pair.settle();
        let outcome = pair.outcome(A, parent);
        assert_eq!(matches!(outcome, Some(Outcome::Cancelled { .. })), absorbed, "{outcome:?}");
    }
}

/// D-16, D-25.
#[test]
fn a_child_that_cancels_itself_names_itself() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let now = pair.now();
    pair.conn(B).cancel(now, child).unwrap();
    assert_eq!(pair.end(B).conn.dialog(child).unwrap().state(), State::SelfCancelled);
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "ContextCancelled");
    let view = pair.end(A).conn.dialog(parent).unwrap();
    assert_eq!(view.canceller(), Some(&pair.end(B).conn.identity().uid));
    assert_eq!(view.state(), State::PeerCancelled);
}

/// D-16, D-17.
#[test]
fn a_cancel_before_acceptance_refuses_the_request() {
    let mut pair = pair();
    let now = pair.now();
    let parent = pair.conn(A).open(now, &call(Kind::Context)).unwrap();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.drain(A);
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.in_flight(A), [StartAck, Error, CancelAck]);
    let child = pair.next_opened(B).unwrap();
    assert_eq!(pair.conn(B).accept(child, Kind::Context), Err(Misuse::Ended(scipp_proto::Verb::Accept)));
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Cancelled { confirmed: true, .. })));
}

/// Its application says when it is over, whoever else asks. (D-16, D-42)
#[test]
fn a_task_that_cancels_itself_before_acceptance_is_not_refused() {
    let mut pair = pair();
    let now = pair.now();
    let parent = pair.conn(A).open(now, &call(Kind::Context)).unwrap();
    pair.drain(A);
    pair.deliver(B, usize::MAX);
    let child = pair.next_opened(B).unwrap();
    pair.conn(B).cancel(now, child).unwrap();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.drain(A);
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.in_flight(A), [StartAck], "of the request to cancel");
    pair.conn(B).unwound(child).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [StartAck, Error, CancelAck]);
    pair.settle();
    let view = pair.end(A).conn.dialog(parent).unwrap();
    assert_eq!(view.canceller(), Some(&pair.end(B).conn.identity().uid));
}

/// D-17, D-20.
#[test]
fn an_ack_without_an_ending_ends_the_dialog_unconfirmed() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    // The task is gone at B without a word: as a Python function does when it is cancelled.
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.drain(A);
    let request = pair.end(A).conn.counters().frames_out;
    assert_eq!(request, 3);
    let start = pair.end(B).incoming.iter().copied().collect::<Vec<_>>();
    pair.end_mut(B).incoming.clear();
    let body = bytes::Bytes::copy_from_slice(&start[4..]);
    let message = wire::decode(&body, &Config::default().limits()).unwrap();
    let ack = message.cid().unwrap().to_owned();
    inject(&mut pair, A, &Message::StartAck { cid: (&ack).into(), functype: Kind::Function });
    inject(&mut pair, A, &Message::CancelAck { cid: (&ack).into(), pld: true });
    pair.deliver(A, usize::MAX);
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Cancelled { confirmed: false, error: None }));
    assert!(pair.end(B).conn.dialog(child).is_some());
}

/// D-15, D-20, D-29.
#[test]
fn a_released_parent_cancels_and_a_released_child_fails() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let now = pair.now();
    pair.conn(A).release(now, parent);
    assert!(pair.end(A).conn.dialog(parent).is_none());
    pair.settle();
    pair.conn(B).unwound(child).unwrap();
    pair.settle();
    assert_eq!(pair.conn(A).dialogs().count(), 0);

    let (parent, child) = pair.open_streaming(A);
    pair.conn(B).release(now, child);
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "RuntimeError");
}

/// D-18.
#[test]
fn an_actor_cancel_is_answered_after_all_final_frames() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let now = pair.now();
    let request = pair
        .conn(A)
        .open(
            now,
            &scipp_proto::Call {
                target: scipp_proto::Target::Runtime(scipp_proto::RuntimeEndpoint::Cancel),
                kind: Kind::Function,
                kwargs: scipp_proto::Kwargs::EMPTY,
            },
        )
        .unwrap();
    pair.settle();
    let asked = pair.end_mut(B).events.iter().find_map(|event| match event {
        Event::ActorCancelRequested { id } => Some(*id),
        _ => None,
    });
    let asked = asked.expect("told");
    let requester = pair.end(B).conn.peer().unwrap().uid.clone();
    pair.conn(B).cancel_children(&scipp_proto::Canceller::Actor(requester.clone()));
    pair.conn(B).acknowledge(asked).unwrap();
    pair.drain(B);
    assert!(pair.in_flight(A).is_empty());
    assert_eq!(pair.end(B).conn.dialog(child).unwrap().state(), State::ActorCancelled);
    pair.conn(B).unwound(child).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Stop, Error, CancelAck]);
    pair.settle();
    assert_eq!(pair.outcome(A, request), Some(Outcome::Returned(Some(Payload::bool(true)))));
    assert_eq!(pair.end(A).conn.dialog(parent).unwrap().canceller(), Some(&requester));
}

/// D-28, D-17.
#[test]
fn an_unanswered_cancel_is_reported_and_nothing_more() {
    let mut pair = pair();
    let (parent, _) = pair.open_streaming(A);
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.drain(A);
    pair.end_mut(A).events.clear();
    pair.advance(Duration::from_millis(615));
    assert!(pair.end(A).events.is_empty());
    pair.advance(Duration::from_millis(1));
    let overdue = DialogEvent::Overdue(Deadline::CancelAck);
    assert_eq!(pair.end(A).events, [Event::Dialog { id: parent, event: overdue }]);
    assert_eq!(pair.outcome(A, parent), None);
}

/// D-16, D-17.
#[test]
fn a_cancelled_function_says_so_before_its_request_is_answered() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.settle();
    pair.conn(B).unwound(child).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Error, CancelAck]);
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Cancelled { confirmed: true, .. })));
}

/// D-16.
#[test]
fn a_task_ended_by_its_own_actor_names_that_actor() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let (generator, yielding) = pair.open(A, Kind::Generator);
    pair.conn(B).cancel_children(&scipp_proto::Canceller::Us);
    for id in [child, yielding] {
        assert_eq!(pair.end(B).conn.dialog(id).unwrap().state(), State::ActorCancelled);
        pair.conn(B).unwound(id).unwrap();
    }
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Stop, Error, Stop], "the generator's Stop is its final frame");
    pair.settle();
    let bob = &pair.end(B).conn.identity().uid;
    assert_eq!(pair.end(A).conn.dialog(parent).unwrap().canceller(), Some(bob));
    assert_eq!(failed_with(pair.outcome(A, parent)), "ContextCancelled");
    assert_eq!(pair.outcome(A, generator), Some(Outcome::Returned(None)));
}

/// D-13, D-14, D-17, D-19, D-22: the table "in one look" of the page about precedence.
#[test]
fn what_comes_after_a_cancel_while_two_items_are_unread() {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Comes {
        Return,
        Error(&'static str, Option<&'static str>),
        CancelAck,
        Deadline,
        Loss,
        More,
    }
    use Comes::{Deadline, Error, Loss, More};
    let (items, error) = ([Take::Item(int(1)), Take::Item(int(2))], [Take::Failed, Take::Failed]);
    let cases = [
        (Comes::Return, "returned", &items, Take::End),
        (Error("KeyError", None), "failed", &error, Take::Failed),
        (Error("ContextCancelled", Some("alice")), "cancelled", &items, Take::End),
        (Error("ContextCancelled", Some("bob")), "cancelled", &items, Take::End),
        (Error("ContextCancelled", Some("carol")), "failed", &error, Take::Failed),
        (Comes::CancelAck, "cancelled, unconfirmed", &items, Take::End),
        (Deadline, "cancelled, unconfirmed", &items, Take::End),
        (Loss, "disconnected", &items, Take::Failed),
        (More, "none", &items, Take::Item(int(3))),
    ];
    for (comes, outcome, reads, then) in cases {
        let mut config = Config::default();
        config.final_frame_timeout = Some(Duration::from_secs(1));
        let mut pair = Pair::established(config);
        let (parent, child) = pair.open_streaming(A);
        for n in [1, 2] {
            pair.conn(B).send(child, int(n)).unwrap();
        }
        pair.settle();
        let now = pair.now();
        pair.conn(A).cancel(now, parent).unwrap();
        pair.drain(A);
        assert_eq!(pair.in_flight(B), [Start]);
        let creq: Vec<u8> = pair.end(B).incoming.iter().skip(4).copied().collect();
        pair.end_mut(B).incoming.clear();
        let creq = wire::decode(&creq.into(), &Config::default().limits()).unwrap().cid().unwrap().to_owned();
        let target = cid(&pair.end(A).conn, parent);
        match comes {
            Comes::Return => inject(&mut pair, A, &Message::Return { cid: (&target).into(), pld: int(9) }),
            Error(name, canceller) => {
                let canceller = canceller.map(|name| Uid::new(name, format!("{name}-uuid")));
                inject(&mut pair, A, &Message::Error(Box::new(from_bob(&target, name, canceller))));
            }
            Comes::CancelAck => inject(&mut pair, A, &Message::CancelAck { cid: (&creq).into(), pld: true }),
            Deadline => pair.advance(Duration::from_secs(1)),
            Loss => pair.cut(true),
            More => {
                inject(&mut pair, A, &Message::Error(Box::new(from_bob(&target, "StreamOverrun", None))));
                inject(&mut pair, A, &Message::Yield { cid: (&target).into(), pld: int(3) });
                inject(&mut pair, A, &Message::Stop { cid: (&target).into() });
            }
        }
        pair.deliver(A, usize::MAX);
        let found = match pair.outcome(A, parent) {
            Some(Outcome::Returned(_)) => "returned",
            Some(Outcome::Failed(_)) => "failed",
            Some(Outcome::Cancelled { confirmed: true, .. }) => "cancelled",
            Some(Outcome::Cancelled { confirmed: false, .. }) => "cancelled, unconfirmed",
            Some(Outcome::Disconnected(_)) => "disconnected",
            _ => "none",
        };
        assert_eq!(found, outcome, "{comes:?}");
        for due in reads.iter().chain([&then]) {
            assert_eq!(pair.conn(A).take(parent).as_ref(), Ok(due), "{comes:?}");
        }
        let unread = pair.conn(A).take_unread(parent);
        assert_eq!(unread, (outcome == "failed").then(|| int(1)), "{comes:?}");
        pair.conn(A).stop(parent).unwrap();
        pair.conn(A).cancel(now, parent).unwrap();
        pair.drain(A);
        assert!(comes == Loss || pair.in_flight(B).is_empty(), "{comes:?}: {:?}", pair.in_flight(B));
    }
}

/// An error of B's about the dialog `cid`; its notices are about A's sending.
fn from_bob(cid: &str, type_name: &str, canceller: Option<Uid>) -> ErrorMsg {
    let [alice, bob] = ["alice", "bob"].map(|name| Uid::new(name, format!("{name}-uuid")));
    ErrorMsg {
        canceller,
        sender: (type_name == "StreamOverrun").then_some(alice),
        cid: Some(cid.into()),
        ..error_by(bob, type_name)
    }
}
