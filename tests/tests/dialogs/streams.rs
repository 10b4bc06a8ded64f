//! Streams: windows, overruns, and what a reader sees at the end.

use bytes::Bytes;
use scipp_conformance::pair::Pair;
use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::script::{cid, error_by, inject, int, pair, report};
use scipp_proto::wire::MsgKind::{Error, Return, Start};
use scipp_proto::wire::{ErrorMsg, Message};
use scipp_proto::{Config, DialogId, Kind, Misuse, Outcome, OverrunPolicy, Payload, SendError, Take};

use super::failed_with;

/// D-7, D-8, D-20.
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

/// D-19.
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
fn a_dialog_is_spent_when_take_has_nothing_more_to_give() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let (failing, failed) = pair.open_streaming(A);
    for id in [child, failed] {
        pair.conn(B).send(id, int(1)).unwrap();
    }
    pair.settle();
    pair.conn(B).finish(child, int(9)).unwrap();
    pair.conn(B).fail(failed, report("KeyError")).unwrap();
    let is_spent = |pair: &mut Pair, id| pair.conn(A).dialog(id).unwrap().is_spent();
    assert!(!is_spent(&mut pair, parent) && !is_spent(&mut pair, failing), "more can come");
    pair.settle();
    assert!(!is_spent(&mut pair, parent), "an item is unread");
    assert!(is_spent(&mut pair, failing), "the error comes first");
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Item(int(1))));
    assert!(is_spent(&mut pair, parent));
}

/// D-6, D-12, D-25.
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
    let view = pair.end(B).conn.dialog(child).unwrap();
    assert_eq!((view.unread(), view.window(), view.overrun_policy()), (64, 64, OverrunPolicy::Reject));
    assert_eq!((view.dropped(), view.overruns()), (16, 16));
    pair.deliver(A, usize::MAX);
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Failed));
    assert_eq!(pair.conn(A).send(parent, int(1)), Err(SendError::Failed));
    assert_eq!(pair.outcome(A, parent), None, "a notice is not an ending");
    let notice = notice(&pair, parent);
    inject(&mut pair, A, &notice);
    pair.deliver(A, usize::MAX);
    assert_eq!(pair.conn(A).counters().crossed, 1, "another one says nothing new");
    assert_eq!(pair.in_flight(B), [Start], "the one cancel request");
    pair.settle();
    pair.conn(B).unwound(child).unwrap();
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "StreamOverrun");
}

/// What B says of A, if A has sent too many items.
fn notice(pair: &Pair, parent: DialogId) -> Message<'static> {
    let [ours, theirs] = [A, B].map(|side| pair.uid(side).clone());
    let cid = cid(&pair.end(A).conn, parent).into();
    let notice = ErrorMsg { cid: Some(cid), sender: Some(ours), ..error_by(theirs, "StreamOverrun") };
    Message::Error(Box::new(notice))
}

/// D-4, D-6.
#[test]
fn what_looks_like_a_notice_before_a_context_has_started_is_an_error() {
    for kind in [Kind::Function, Kind::Generator, Kind::Context] {
        let mut pair = pair();
        let (parent, _child) = pair.open(A, kind);
        let notice = notice(&pair, parent);
        inject(&mut pair, A, &notice);
        pair.deliver(A, usize::MAX);
        assert_eq!(failed_with(pair.outcome(A, parent)), "StreamOverrun");
        assert!(pair.in_flight(B).is_empty(), "there is nothing to cancel");
    }
}

/// D-12.
#[test]
fn items_for_a_task_that_was_told_of_a_failure_are_dropped_in_silence() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    pair.conn(A).send(parent, int(0)).unwrap();
    pair.settle();
    let cid = cid(&pair.end(A).conn, parent);
    inject(&mut pair, B, &Message::Started { cid: (&cid).into(), pld: int(0) });
    for n in 1..100 {
        pair.conn(A).send(parent, int(n)).unwrap();
    }
    pair.settle();
    let view = pair.end(B).conn.dialog(child).unwrap();
    assert_eq!((view.unread(), view.dropped(), view.overruns()), (1, 99, 0), "what was unread before stays");
    assert_eq!(pair.end(A).conn.dialog(parent).unwrap().error(), None);
}

/// D-11.
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

/// D-5, D-10, D-26, D-27.
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

/// D-12.
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

/// D-7.
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

/// D-19, D-22.
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

/// D-12.
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
    assert_eq!((view.unread(), view.window(), view.overrun_policy()), (2, 2, OverrunPolicy::DropOldest));
    assert_eq!((view.dropped(), view.overruns()), (98, 98));
    assert_eq!(pair.conn(B).take(child), Ok(Take::Item(int(98))));
    assert_eq!(pair.conn(B).take(child), Ok(Take::Item(int(99))));
    assert_eq!(pair.outcome(A, parent), None, "nothing was sent about it");
}

#[test]
fn leaving_a_stream_counts_what_it_drops() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    for n in 0..3 {
        pair.conn(B).send(child, int(n)).unwrap();
    }
    pair.settle();
    pair.conn(A).stop(parent).unwrap();
    pair.conn(B).send(child, int(3)).unwrap();
    pair.settle();
    let view = pair.end(A).conn.dialog(parent).unwrap();
    assert_eq!((view.unread(), view.dropped()), (0, 4), "what was unread, and what was on its way");
    assert_eq!((view.overruns(), view.is_spent()), (0, true));
    pair.conn(B).finish(child, int(9)).unwrap();
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(Some(int(9)))), "the result is not dropped");
}

/// W-14: integers in more bytes than they need, among them.
#[test]
fn a_payload_travels_as_it_was_made() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let wide = Payload::new(Bytes::from_static(b"\x92\xd3\0\0\0\0\0\0\0\x01\xd9\x01a")).unwrap();
    pair.conn(B).send(child, wide.clone()).unwrap();
    pair.settle();
    assert_eq!(pair.conn(A).take(parent), Ok(Take::Item(wide.clone())));
    pair.conn(B).finish(child, wide.clone()).unwrap();
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(Some(wide))));
}
