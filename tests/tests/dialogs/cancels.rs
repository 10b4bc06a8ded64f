//! Cancellation by either side, and its answers.

use std::time::Duration;

use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::pair::{Pair, uid_of};
use scipp_conformance::script::{call, cid, error_by, inject, int, pair, pair_with, report};
use scipp_proto::phase::{CancelPhase, State};
use scipp_proto::wire::MsgKind::{CancelAck, Error, Start, StartAck, Stop};
use scipp_proto::wire::{ErrorMsg, Message};
use scipp_proto::{
    Canceller, Config, Deadline, DialogEvent, DialogId, Event, Kind, Misuse, Outcome, Payload, Take, Verb,
};

use super::failed_with;

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
    assert_eq!(error.canceller(), Some(pair.uid(A)));
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
    assert_eq!(view.canceller(), Some(pair.uid(B)));
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
    assert_eq!(pair.conn(B).accept(child, Kind::Context), Err(Misuse::Ended(Verb::Accept)));
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
    assert_eq!(view.canceller(), Some(pair.uid(B)));
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
    let creq = pair.lose_request(B);
    inject(&mut pair, A, &Message::StartAck { cid: (&creq).into(), functype: Kind::Function });
    inject(&mut pair, A, &Message::CancelAck { cid: (&creq).into(), pld: true });
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
    let (request, asked) = pair.cancel_actor(A);
    let requester = pair.uid(A).clone();
    pair.conn(B).cancel_children(&Canceller::Actor(requester.clone()));
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
    pair.conn(B).cancel_children(&Canceller::Us);
    for id in [child, yielding] {
        assert_eq!(pair.end(B).conn.dialog(id).unwrap().state(), State::ActorCancelled);
        pair.conn(B).unwound(id).unwrap();
    }
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Stop, Error, Stop], "the generator's Stop is its final frame");
    pair.settle();
    assert_eq!(pair.end(A).conn.dialog(parent).unwrap().canceller(), Some(pair.uid(B)));
    assert_eq!(failed_with(pair.outcome(A, parent)), "ContextCancelled");
    assert_eq!(pair.outcome(A, generator), Some(Outcome::Returned(None)));
}

/// D-13, D-14, D-17, D-19, D-22: the table "in one look" of the page about precedence.
#[test]
fn what_comes_after_a_cancel_while_two_items_are_unread() {
    let (items, error) = ([Take::Item(int(1)), Take::Item(int(2))], [Take::Failed, Take::Failed]);
    let cancelled_by = |name| Comes::Error("ContextCancelled", Some(name));
    let cases = [
        (Comes::Return, "returned", &items, Take::End),
        (Comes::Error("KeyError", None), "failed", &error, Take::Failed),
        (cancelled_by("alice"), "cancelled", &items, Take::End),
        (cancelled_by("bob"), "cancelled", &items, Take::End),
        (cancelled_by("carol"), "failed", &error, Take::Failed),
        (Comes::CancelAck, "cancelled, unconfirmed", &items, Take::End),
        (Comes::Deadline, "cancelled, unconfirmed", &items, Take::End),
        (Comes::Loss, "disconnected", &items, Take::Failed),
        (Comes::More, "none", &items, Take::Item(int(3))),
    ];
    for (comes, outcome, reads, then) in cases {
        let (mut pair, parent, creq) = two_unread();
        comes.to_a(&mut pair, parent, &creq);
        assert_eq!(in_a_word(pair.outcome(A, parent)), outcome, "{comes:?}");
        for due in reads.iter().chain([&then]) {
            assert_eq!(pair.conn(A).take(parent).as_ref(), Ok(due), "{comes:?}");
        }
        let unread = pair.conn(A).take_unread(parent);
        assert_eq!(unread, (outcome == "failed").then(|| int(1)), "{comes:?}");
        let now = pair.now();
        pair.conn(A).stop(parent).unwrap();
        pair.conn(A).cancel(now, parent).unwrap();
        pair.drain(A);
        assert!(comes == Comes::Loss || pair.in_flight(B).is_empty(), "{comes:?}: {:?}", pair.in_flight(B));
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// A context of A's with two unread items, and its request to cancel it, which never reaches B.
fn two_unread() -> (Pair, DialogId, String) {
    let mut pair = pair_with(|config| config.final_frame_timeout = Some(SECOND));
    let (parent, child) = pair.open_streaming(A);
    for n in [1, 2] {
        pair.conn(B).send(child, int(n)).unwrap();
    }
    pair.settle();
    let now = pair.now();
    pair.conn(A).cancel(now, parent).unwrap();
    pair.drain(A);
    let creq = pair.lose_request(B);
    (pair, parent, creq)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    Return,
    /// Of this class, in the name of this actor.
    Error(&'static str, Option<&'static str>),
    CancelAck,
    Deadline,
    Loss,
    /// A notice, an item, and the end of the stream.
    More,
}

impl Comes {
    fn to_a(self, pair: &mut Pair, parent: DialogId, creq: &str) {
        let (cid, [us, bob]) = (cid(&pair.end(A).conn, parent), [A, B].map(|side| pair.uid(side).clone()));
        let error = |class| ErrorMsg { cid: Some(cid.as_str().into()), ..error_by(bob, class) };
        match self {
            Self::Return => inject(pair, A, &Message::Return { cid: (&cid).into(), pld: int(9) }),
            Self::Error(class, canceller) => {
                let error = ErrorMsg { canceller: canceller.map(uid_of), ..error(class) };
                inject(pair, A, &Message::Error(Box::new(error)));
            }
            Self::CancelAck => inject(pair, A, &Message::CancelAck { cid: creq.into(), pld: true }),
            Self::Deadline => pair.advance(SECOND),
            Self::Loss => pair.cut(true),
            Self::More => {
                let notice = ErrorMsg { sender: Some(us), ..error("StreamOverrun") };
                inject(pair, A, &Message::Error(Box::new(notice)));
                inject(pair, A, &Message::Yield { cid: (&cid).into(), pld: int(3) });
                inject(pair, A, &Message::Stop { cid: (&cid).into() });
            }
        }
        pair.deliver(A, usize::MAX);
    }
}

fn in_a_word(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Returned(_)) => "returned",
        Some(Outcome::Failed(_)) => "failed",
        Some(Outcome::Cancelled { confirmed: true, .. }) => "cancelled",
        Some(Outcome::Cancelled { confirmed: false, .. }) => "cancelled, unconfirmed",
        Some(Outcome::Disconnected(_)) => "disconnected",
        _ => "none",
    }
}
