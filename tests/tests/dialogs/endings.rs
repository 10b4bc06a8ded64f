//! Endings that nobody asked for: broken rules, lost connections, dropped handles.

use std::time::Duration;

use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::pair::{Pair, Side, uid_of};
use scipp_conformance::script::{call, cid, error_by, inject, int, pair, pair_with, report, start};
use scipp_proto::wire::MsgKind::Start;
use scipp_proto::wire::{ErrorMsg, Message};
use scipp_proto::{
    CloseReason, DialogEvent, DialogId, Event, Failure, Kind, Kwargs, Misuse, Outcome, Report,
    RuntimeEndpoint, Take, Target,
};

use super::failed_with;

/// D-24, D-26.
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
    assert_eq!(second.msg.relay_path, [B, A].map(|side| pair.uid(side).clone()));
}

/// D-3, D-21.
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

/// D-21.
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

/// D-21, D-5.
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

/// D-5.
#[test]
fn an_error_of_the_parent_tells_the_task_to_end_and_why() {
    let boss = uid_of("boss");
    for (class, outcome, canceller) in
        [("ContextCancelled", "ContextCancelled", Some(&boss)), ("KeyError", "RemoteActorError", None)]
    {
        let mut pair = pair();
        let (parent, child) = pair.open_streaming(A);
        let cid = cid(&pair.end(A).conn, parent);
        let error = error_by(pair.uid(A).clone(), class);
        let error = ErrorMsg { cid: Some(cid.into()), canceller: Some(boss.clone()), ..error };
        inject(&mut pair, B, &Message::Error(Box::new(error)));
        pair.deliver(B, usize::MAX);
        let dialog = pair.end(B).conn.dialog(child).unwrap();
        assert!(dialog.must_unwind() && !dialog.is_ended());
        assert_eq!(dialog.canceller(), canceller);
        pair.conn(B).unwound(child).unwrap();
        pair.settle();
        assert_eq!(failed_with(pair.outcome(A, parent)), outcome);
    }
}

/// D-22.
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

/// D-22, W-6.
#[test]
fn the_end_inside_a_frame_is_reported_as_such() {
    let mut pair = pair();
    let now = pair.now();
    assert_eq!(pair.conn(A).handle_input(now, &[9, 0]), 2);
    pair.conn(A).handle_eof(now);
    pair.drain(A);
    assert_eq!(pair.end(A).conn.close_reason(), Some(&CloseReason::Truncated));
}

/// D-35.
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

///
#[test]
fn the_namespace_of_the_runtime_is_not_for_functions() {
    let mut pair = pair();
    let now = pair.now();
    let mut open = |target| pair.conn(A).open(now, &scipp_proto::Call { target, ..call(Kind::Function) });
    assert_eq!(open(Target::function("self", "cancel_soon")), Err(scipp_proto::OpenError::RuntimeName));
    assert!(open(Target::Runtime(RuntimeEndpoint::Cancel)).is_ok());
    assert!(open(Target::function("selfish", "cancel_soon")).is_ok());
    pair.drain(A);
    assert_eq!(pair.in_flight(B), [Start, Start]);
}

///
#[test]
fn a_peer_that_makes_us_answer_and_does_not_read_is_let_go() {
    let mut pair = pair_with(|config| (config.outbox_bytes, config.max_owed) = (1000, 10));
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

/// D-29.
#[test]
fn an_outcome_stays_until_its_dialog_is_let_go() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.settle();
    pair.cut(true);
    for (side, id, value) in [(A, parent, Some(int(1))), (B, child, None)] {
        assert_eq!(pair.outcome(side, id), Some(Outcome::Returned(value)));
        let now = pair.now();
        pair.conn(side).release(now, id);
        assert!(pair.end(side).conn.dialog(id).is_none());
    }
}

/// D-29: nobody looks at a dialog that was let go and has ended, in either order; its id is free then.
#[test]
fn a_dialog_that_was_let_go_leaves_no_record() {
    for ends_first in [false, true] {
        let mut pair = pair();
        let (parent, child) = pair.open(A, Kind::Function);
        let cid = cid(&pair.end(A).conn, parent);
        let now = pair.now();
        if ends_first {
            pair.conn(B).finish(child, int(1)).unwrap();
        }
        pair.conn(B).release(now, child);
        pair.settle();
        let alice = pair.uid(A).clone();
        inject(&mut pair, B, &start(&cid, ("demo", "f"), Kwargs::EMPTY, &alice));
        pair.deliver(B, usize::MAX);
        assert!(pair.next_opened(B).is_some());
    }
}

/// D14: an application that lends something to a dialog can take it back, whatever ended the dialog.
#[test]
fn whoever_lends_something_to_a_dialog_hears_of_its_end() {
    let ends: [fn(&mut Pair, DialogId, DialogId); 5] = [
        |pair, _, child| pair.conn(B).finish(child, int(1)).unwrap(),
        |pair, _, child| pair.conn(B).fail(child, report("KeyError")).unwrap(),
        |pair, parent, child| {
            let now = pair.now();
            pair.conn(A).cancel(now, parent).unwrap();
            pair.settle();
            pair.conn(B).unwound(child).unwrap();
        },
        |pair, parent, _| {
            let now = pair.now();
            pair.conn(A).release(now, parent);
            pair.cut(false);
        },
        |pair, _, _| pair.cut(true),
    ];
    for end in ends {
        let mut pair = pair();
        let (parent, child) = pair.open_streaming(A);
        let (_, same_name) = pair.open_streaming(A);
        end(&mut pair, parent, child);
        pair.settle();
        let ended = |id| {
            let is_end = |event: &&Event| **event == Event::Dialog { id, event: DialogEvent::Ended };
            pair.end(B).events.iter().filter(is_end).count()
        };
        assert_eq!(ended(child), 1);
        assert_eq!(ended(same_name), usize::from(pair.end(B).conn.is_closed()), "told apart");
    }
}

/// D26: a group of errors is a name and texts, which are passed on as they are.
#[test]
fn a_group_of_errors_is_passed_on_unread() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Context);
    let text = "  + Exception Group Traceback\n    ValueError: 1\n    KeyError: 'k'\n";
    let group = Report { message: Some("two failed".into()), ..Report::new("ExceptionGroup", text) };
    pair.conn(B).fail(child, group).unwrap();
    pair.settle();
    let Some(Outcome::Failed(Failure::Remote(first))) = pair.outcome(A, parent) else { panic!() };
    let (back, back_child) = pair.open(B, Kind::Context);
    pair.conn(A).relay(back_child, &first).unwrap();
    pair.settle();
    let Some(Outcome::Failed(Failure::Remote(second))) = pair.outcome(B, back) else { panic!() };
    for msg in [&first.msg, &second.msg] {
        assert_eq!(msg.src_type_str, "ExceptionGroup");
        assert_eq!((msg.message.as_deref(), msg.tb_str.as_str()), (Some("two failed"), text));
    }
}
