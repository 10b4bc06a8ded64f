//! Dialogs between two cores: what each side sends, sees and ends with.

use std::time::Duration;

use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::script::{call, cid, inject, int, report};
use scipp_proto::phase::{CancelPhase, State};
use scipp_proto::wire::{Message, MsgKind};
use scipp_proto::{
    CloseReason, Config, Deadline, DialogEvent, Event, Failure, Kind, Misuse, Outcome, OverrunPolicy,
    Payload, SendError, Take,
};

use MsgKind::{CancelAck, Error, Return, Start, StartAck, Started, Stop, Yield};
use Side::{A, B};

fn pair() -> Pair {
    Pair::established(Config::default())
}

fn failed_with(outcome: Option<Outcome>) -> String {
    match outcome {
        Some(Outcome::Failed(Failure::Remote(error))) => error.msg.boxed_type_str.clone(),
        other => panic!("expected a remote failure, got {other:?}"),
    }
}

#[test]
fn a_function_returns() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    pair.conn(B).finish(child, int(7)).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Return]);
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(Some(int(7)))));
    assert_eq!(pair.outcome(B, child), Some(Outcome::Returned(None)));
}

#[test]
fn a_function_fails() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    pair.conn(B).fail(child, report("ValueError")).unwrap();
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "ValueError");
    assert_eq!(pair.outcome(B, child), Some(Outcome::Failed(Failure::Reported("ValueError".into()))));
}

#[test]
fn a_generator_yields_and_stops_without_a_return() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Generator);
    pair.conn(B).send(child, int(1)).unwrap();
    pair.conn(B).finish(child, Payload::NIL).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Yield, Stop]);
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(None)));
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Item(int(1))));
    assert_eq!(pair.conn(A).take(parent), Ok(Take::End));
    assert!(pair.in_flight(B).is_empty(), "no cancel request after the ending");
}

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

#[test]
fn a_context_streams_both_ways_and_returns() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    assert_eq!(pair.conn(A).take_first(parent), Some(int(0)));
    pair.conn(A).send(parent, int(1)).unwrap();
    pair.settle();
    assert_eq!(pair.conn(B).take(child), Ok(Take::Item(int(1))));
    pair.conn(B).send(child, int(2)).unwrap();
    pair.settle();
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Item(int(2))));
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Pending));
    pair.conn(A).stop(parent).unwrap();
    pair.settle();
    assert_eq!(pair.conn(B).take(child), Ok(Take::End));
    pair.conn(B).finish(child, int(9)).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Return], "the parent's Stop is never answered");
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(Some(int(9)))));
}

#[test]
fn a_context_child_stops_before_it_returns() {
    let mut pair = pair();
    let (_, child) = pair.open(A, Kind::Context);
    pair.conn(B).started(child, int(0)).unwrap();
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Started, Stop, Return]);

    let mut pair = Pair::established(Config::reference());
    let (_, child) = pair.open(A, Kind::Context);
    pair.conn(B).started(child, int(0)).unwrap();
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Started, Return], "only opened streams, as the reference");
}

#[test]
fn unread_items_come_before_the_end_and_after_an_error() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    pair.conn(B).send(child, int(1)).unwrap();
    pair.conn(B).finish(child, int(9)).unwrap();
    pair.settle();
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Item(int(1))));
    assert_eq!(pair.conn(A).take(parent), Ok(Take::End));

    let (parent, child) = pair.open_streaming(A);
    pair.conn(B).send(child, int(1)).unwrap();
    pair.conn(B).fail(child, report("KeyError")).unwrap();
    pair.settle();
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Failed));
    assert_eq!(pair.end(A).conn.dialog(parent).unwrap().unread(), 1);
    assert_eq!(pair.conn(A).take_unread(parent), Some(int(1)));
    assert_eq!(pair.conn(A).take_unread(parent), None);
}

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
    let message = scipp_proto::wire::decode(&body, &Config::default().limits()).unwrap();
    let ack = message.cid().unwrap().to_owned();
    inject(&mut pair, A, &Message::StartAck { cid: (&ack).into(), functype: Kind::Function });
    inject(&mut pair, A, &Message::CancelAck { cid: (&ack).into(), pld: true });
    pair.deliver(A, usize::MAX);
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Cancelled { confirmed: false, error: None }));
    assert!(pair.end(B).conn.dialog(child).is_some());
}

#[test]
fn an_overrun_is_told_once_and_fails_the_sender() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    for n in 0..80 {
        pair.conn(A).send(parent, int(n)).unwrap();
    }
    pair.drain(A);
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.in_flight(A), [Error], "one notice, not sixteen");
    assert_eq!(pair.end(B).conn.dialog(child).unwrap().unread(), 64);
    assert_eq!(pair.end(B).conn.dialog(child).unwrap().dropped(), 16);
    pair.deliver(A, usize::MAX);
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Failed));
    assert_eq!(pair.conn(A).send(parent, int(1)), Err(SendError::Failed));
    assert_eq!(pair.outcome(A, parent), None, "a notice is not an ending");
    assert_eq!(pair.in_flight(B), [Start], "the one cancel request");
    pair.settle();
    pair.conn(B).unwound(child).unwrap();
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "StreamOverrun");
}

#[test]
fn exactly_the_window_is_no_overrun() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    for n in 0..64 {
        pair.conn(A).send(parent, int(n)).unwrap();
    }
    pair.conn(A).stop(parent).unwrap();
    pair.settle();
    for n in 0..64 {
        assert_eq!(pair.conn(B).take(child), Ok(Take::Item(int(n))));
    }
    assert_eq!(pair.conn(B).take(child), Ok(Take::End), "Stop is not subject to the window");
}

#[test]
fn a_child_that_overran_its_parent_fails_with_a_relayed_error() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    for n in 0..65 {
        pair.conn(B).send(child, int(n)).unwrap();
    }
    pair.settle();
    assert!(pair.end(B).conn.dialog(child).unwrap().must_unwind());
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Error], "never a Return after a notice, and no Stop");
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "RemoteActorError");
}

#[test]
fn a_paused_connection_is_not_read_until_there_is_room() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    pair.conn(B).set_inbox(child, 2, OverrunPolicy::Pause).unwrap();
    for n in 0..3 {
        pair.conn(A).send(parent, int(n)).unwrap();
    }
    pair.settle();
    assert!(!pair.end(B).conn.wants_input());
    assert_eq!(pair.end(B).conn.dialog(child).unwrap().unread(), 3, "what was received is kept");
    for n in 0..2 {
        assert_eq!(pair.conn(B).take(child), Ok(Take::Item(int(n))));
    }
    assert!(pair.end(B).conn.wants_input());
    pair.conn(A).send(parent, int(3)).unwrap();
    pair.settle();
    assert!(!pair.end(B).conn.wants_input());
    pair.advance(Config::default().max_pause);
    assert!(pair.end(B).conn.wants_input(), "a pause has an end");
}

#[test]
fn errors_keep_their_source_over_hops() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Context);
    pair.conn(B).fail(child, report("KeyError")).unwrap();
    pair.settle();
    let Some(Outcome::Failed(Failure::Remote(first))) = pair.outcome(A, parent) else { panic!() };
    let (back, back_child) = pair.open(B, Kind::Context);
    pair.conn(A).relay(back_child, &first).unwrap();
    pair.settle();
    let Some(Outcome::Failed(Failure::Remote(second))) = pair.outcome(B, back) else { panic!() };
    assert!(second.is_inception());
    assert_eq!(second.msg.src_type_str, "KeyError");
    assert_eq!(
        second.msg.relay_path,
        [pair.end(B).conn.identity().uid.clone(), pair.end(A).conn.identity().uid.clone()]
    );
}

#[test]
fn a_return_before_started_fails_the_open() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Context);
    assert!(matches!(pair.conn(B).finish(child, int(1)), Err(Misuse::OutOfPhase { .. })));
    let cid = cid(&pair.end(A).conn, parent);
    inject(&mut pair, A, &Message::Return { cid: (&cid).into(), pld: int(1) });
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Failed(Failure::Violation(_)))));
    assert!(pair.in_flight(B).is_empty());
}

#[test]
fn a_broken_rule_fails_one_dialog_only() {
    let mut pair = pair();
    let (other, other_child) = pair.open_streaming(A);
    let (parent, child) = pair.open_streaming(A);
    let cid = cid(&pair.end(A).conn, parent);
    inject(&mut pair, B, &Message::Return { cid: (&cid).into(), pld: int(1) });
    pair.settle();
    assert!(pair.end(B).conn.dialog(child).unwrap().must_unwind());
    pair.conn(B).unwound(child).unwrap();
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "MessagingError");
    pair.conn(A).send(other, int(1)).unwrap();
    pair.settle();
    assert_eq!(pair.conn(B).take(other_child), Ok(Take::Item(int(1))));
}

#[test]
fn a_parent_asks_an_offending_child_to_end_and_sends_no_error() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let cid = cid(&pair.end(A).conn, parent);
    inject(&mut pair, A, &Message::Started { cid: (&cid).into(), pld: int(1) });
    pair.deliver(A, usize::MAX);
    assert_eq!(pair.in_flight(B), [Start]);
    pair.settle();
    pair.conn(B).unwound(child).unwrap();
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Failed(Failure::Violation(_)))));
}

#[test]
fn losing_the_connection_ends_every_dialog_once() {
    let mut pair = pair();
    let ids = [pair.open_streaming(A), pair.open(B, Kind::Function), pair.open(A, Kind::Generator)];
    for side in Side::BOTH {
        pair.end_mut(side).events.clear();
    }
    pair.cut(false);
    assert_eq!(pair.outcome(A, ids[0].0), Some(Outcome::Disconnected(CloseReason::Eof)));
    assert_eq!(pair.outcome(B, ids[0].1), Some(Outcome::Disconnected(CloseReason::Eof)));
    for side in Side::BOTH {
        let events = &pair.end(side).events;
        let ended =
            events.iter().filter(|e| matches!(e, Event::Dialog { event: DialogEvent::Ended, .. })).count();
        assert_eq!(ended, 3);
        assert_eq!(events.back(), Some(&Event::Closed { reason: CloseReason::Eof }));
        assert!(pair.conn(side).poll_transmit().is_none(), "nothing is sent");
    }
}

#[test]
fn the_end_inside_a_frame_is_reported_as_such() {
    let mut pair = pair();
    let now = pair.now();
    assert_eq!(pair.conn(A).handle_input(now, &[9, 0]), 2);
    pair.conn(A).handle_eof(now);
    pair.drain(A);
    assert_eq!(pair.end(A).conn.close_reason(), Some(&CloseReason::Truncated));
}

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

#[test]
fn a_graceful_close_waits_for_endings_and_for_the_outbox() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let now = pair.now();
    pair.conn(A).close(now, now.saturating_add(Duration::from_secs(5)));
    pair.settle();
    assert!(!pair.end(A).conn.is_closed());
    assert_eq!(pair.conn(B).open(now, &call(Kind::Function)).map(|_| ()), Ok(()));
    pair.settle();
    pair.conn(B).unwound(child).unwrap();
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Cancelled { confirmed: true, .. })));
    assert_eq!(pair.end(A).conn.close_reason(), Some(&CloseReason::Local));
}

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

#[test]
fn one_stream_per_dialog() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Context);
    assert!(matches!(pair.conn(B).open_stream(child), Err(Misuse::OutOfPhase { .. })), "before started");
    pair.conn(B).started(child, int(0)).unwrap();
    assert!(matches!(pair.conn(B).started(child, int(0)), Err(Misuse::OutOfPhase { .. })), "twice");
    pair.settle();
    pair.conn(A).open_stream(parent).unwrap();
    assert_eq!(pair.conn(A).open_stream(parent), Err(Misuse::SecondStream));
    pair.conn(A).stop(parent).unwrap();
    assert_eq!(pair.conn(A).send(parent, int(1)), Err(SendError::Ended));
}

#[test]
fn a_cut_stream_is_not_taken_for_a_whole_one() {
    for stopped in [false, true] {
        let mut pair = pair();
        let (parent, child) = pair.open_streaming(A);
        pair.conn(B).send(child, int(1)).unwrap();
        if stopped {
            pair.conn(B).stop(child).unwrap();
        }
        pair.settle();
        pair.cut(true);
        assert_eq!(pair.conn(A).take(parent), Ok(Take::Item(int(1))));
        assert_eq!(pair.conn(A).take(parent), Ok(if stopped { Take::End } else { Take::Failed }));
    }
}

#[test]
fn a_stream_that_ended_before_it_was_opened_can_still_be_read() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Context);
    pair.conn(B).started(child, int(0)).unwrap();
    pair.conn(B).open_stream(child).unwrap();
    pair.conn(B).send(child, int(1)).unwrap();
    pair.conn(B).finish(child, int(2)).unwrap();
    pair.settle();
    pair.conn(A).open_stream(parent).unwrap();
    assert_eq!(pair.conn(A).open_stream(parent), Err(Misuse::SecondStream));
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Item(int(1))));
    assert_eq!(pair.conn(A).take(parent), Ok(Take::End));
}

#[test]
fn sending_on_a_dialog_that_failed_says_so() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    pair.conn(B).fail(child, report("KeyError")).unwrap();
    pair.settle();
    assert_eq!(pair.conn(A).send(parent, int(1)), Err(SendError::Failed));
    assert_eq!(pair.conn(B).send(child, int(1)), Err(SendError::Ended), "our own failure is no news");
}

#[test]
fn the_namespace_of_the_runtime_is_not_for_functions() {
    let mut pair = pair();
    let now = pair.now();
    let target = scipp_proto::Target::function("self", "cancel_soon");
    let opened = pair.conn(A).open(now, &scipp_proto::Call { target, ..call(Kind::Function) });
    assert_eq!(opened, Err(scipp_proto::OpenError::RuntimeName));
    pair.drain(A);
    assert!(pair.in_flight(B).is_empty());
}

#[test]
fn the_oldest_items_are_dropped_without_losing_count() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    pair.conn(B).set_inbox(child, 2, OverrunPolicy::DropOldest).unwrap();
    for n in 0..100 {
        pair.conn(A).send(parent, int(n)).unwrap();
    }
    pair.settle();
    let view = pair.end(B).conn.dialog(child).unwrap();
    assert_eq!((view.unread(), view.dropped()), (2, 98));
    assert_eq!(pair.conn(B).take(child), Ok(Take::Item(int(98))));
    assert_eq!(pair.conn(B).take(child), Ok(Take::Item(int(99))));
    assert_eq!(pair.outcome(A, parent), None, "nothing was sent about it");
}

#[test]
fn a_peer_that_makes_us_answer_and_does_not_read_is_let_go() {
    let mut config = Config::default();
    (config.outbox_bytes, config.max_owed) = (1000, 10);
    let mut pair = Pair::established(config);
    let now = pair.now();
    for n in 0..100 {
        let Ok(parent) = pair.conn(A).open(now, &call(Kind::Function)) else { break };
        let cid = cid(&pair.end(A).conn, parent);
        let sent = pair.conn(A).poll_transmit().unwrap();
        let _ = pair.conn(B).handle_input(now, &sent);
        while let Some(event) = pair.conn(B).poll_event() {
            let Event::Opened { id, .. } = event else { continue };
            pair.conn(B).accept(id, Kind::Function).unwrap();
            pair.conn(B).finish(id, int(0)).unwrap();
            pair.conn(B).release(now, id);
        }
        assert!(n < 50, "{cid}");
        if pair.end(B).conn.is_closed() {
            break;
        }
    }
    let reason = pair.end(B).conn.close_reason();
    assert_eq!(reason, Some(&CloseReason::Limit(scipp_proto::LimitKind::Owed)));
}
