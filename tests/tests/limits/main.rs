//! Limits and deadlines: what goes over one gets a typed answer, and nothing grows without end.

mod deadlines;

use scipp_conformance::bound;
use scipp_conformance::fuzzing::fingerprint;
use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::script::{args, call, cid, encoded, inject, int, messages, pair, pair_with, start};
use scipp_proto::wire::{Message, MsgKind};
use scipp_proto::{
    Call, CloseReason, Config, Connection, DialogEvent, Event, Failure, Identity, Instant, Kind, Kwargs,
    LimitKind, Misuse, OpenError, Outcome, Payload, Report, SendError, Target, Uid,
};

use Side::{A, B};

fn close_reason(pair: &Pair, side: Side) -> Option<&CloseReason> {
    pair.end(side).conn.close_reason()
}

/// W-1, W-4.
#[test]
fn a_frame_over_the_limit_is_refused_by_its_prefix() {
    let mut pair = pair_with(|config| config.max_frame = 1000);
    let before = pair.end(B).conn.memory();
    pair.end_mut(B).incoming.extend(1001_u32.to_le_bytes());
    pair.deliver(B, 3);
    assert_eq!(close_reason(&pair, B), None);
    pair.deliver(B, 1);
    let limit = LimitKind::Frame { len: 1001, limit: 1000 };
    assert_eq!(close_reason(&pair, B), Some(&CloseReason::Limit(limit)));
    assert!(pair.end(B).conn.memory() <= before, "nothing is reserved for what is announced");
}

/// W-4, W-40.
#[test]
fn what_is_announced_is_not_reserved() {
    let mut pair = pair();
    pair.end_mut(B).incoming.extend((16_u32 << 20).to_le_bytes());
    pair.end_mut(B).incoming.extend([0xc4; 1000]);
    pair.deliver(B, usize::MAX);
    let config = Config::default();
    assert!(pair.end(B).conn.memory() < 4 * config.receive_buffer, "{}", pair.end(B).conn.memory());
    assert_eq!(close_reason(&pair, B), None);
}

/// W-42.
#[test]
fn our_own_frames_keep_the_limit() {
    let mut pair = pair_with(|config| (config.max_frame, config.max_name) = (1000, 800));
    let (parent, child) = pair.open_streaming(A);
    let long = Payload::new([&[0xc5, 4, 0], [0; 1024].as_slice()].concat().into()).unwrap();
    let before = fingerprint(&pair.end(B).conn);
    let refused = pair.conn(B).send(child, long.clone());
    assert!(matches!(refused, Err(SendError::Misuse(Misuse::TooLong { limit: 1000, .. }))), "{refused:?}");
    let refused = pair.conn(B).finish(child, long.clone());
    assert!(matches!(refused, Err(Misuse::TooLong { limit: 1000, .. })), "{refused:?}");
    assert_eq!(fingerprint(&pair.end(B).conn), before, "a failed verb changes nothing");
    let kwargs = Kwargs::new([&[0x81, 0xa1, b'a'], long.as_bytes().as_ref()].concat().into()).unwrap();
    let now = pair.now();
    let refused = pair.conn(A).open(now, &Call { kwargs, ..call(Kind::Function) });
    assert!(matches!(refused, Err(OpenError::TooLong { .. })), "{refused:?}");
    let named = |len| Call { target: Target::function("m", "n".repeat(len)), ..call(Kind::Function) };
    let refused = pair.conn(A).open(now, &named(801));
    assert_eq!(refused, Err(OpenError::TooLong { len: 801, limit: 800 }));
    assert!(pair.conn(A).open(now, &named(800)).is_ok());
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(Some(int(1)))));
}

/// D-23.
#[test]
fn strays_are_counted_and_limited() {
    let mut pair = pair_with(|config| config.max_strays = 10);
    let (parent, _) = pair.open_streaming(A);
    let live = cid(&pair.end(A).conn, parent);
    for _ in 0..10 {
        inject(&mut pair, B, &Message::Stop { cid: "never".into() });
    }
    inject(&mut pair, B, &Message::Yield { cid: (&live).into(), pld: int(1) });
    inject(&mut pair, B, &Message::Stop { cid: "never".into() });
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.end(B).conn.counters().strays, 11);
    assert_eq!(close_reason(&pair, B), None, "a good frame earns one back");
    inject(&mut pair, B, &Message::Stop { cid: "never".into() });
    pair.deliver(B, usize::MAX);
    assert_eq!(close_reason(&pair, B), Some(&CloseReason::Limit(LimitKind::Strays)));
}

/// D-1, D-23.
#[test]
fn late_frames_are_no_strays() {
    let mut pair = pair_with(|config| config.max_strays = 10);
    let (parent, child) = pair.open_streaming(A);
    let ended = cid(&pair.end(A).conn, parent);
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.settle();
    let now = pair.now();
    pair.conn(B).release(now, child);
    for _ in 0..1000 {
        inject(&mut pair, B, &Message::Yield { cid: (&ended).into(), pld: int(1) });
    }
    pair.settle();
    let counters = pair.end(B).conn.counters();
    assert_eq!((counters.late, counters.strays), (1000, 0));
    assert_eq!(close_reason(&pair, B), None);
}

/// Feeds `count` requests that B has to answer, none of whose answers is read.
fn flood_unread(pair: &mut Pair, count: usize) {
    for n in 0..count {
        let cid = format!("refused-{n}");
        let start = start(&cid, ("self", "no_such_method"), Kwargs::EMPTY, pair.uid(A));
        let (now, mut start) = (pair.now(), &encoded(&start)[..]);
        while !start.is_empty() && !pair.end(B).conn.is_closed() {
            let taken = pair.conn(B).handle_input(now, start);
            start = &start[taken..];
            while pair.conn(B).poll_event().is_some() {}
            while pair.conn(B).poll_transmit().is_some() {
                pair.conn(B).handle_written(now, 0);
            }
        }
    }
}

/// Also of a peer that reads all its answers. (W-41)
#[test]
fn unanswered_cancel_requests_for_a_task_that_was_told_are_limited() {
    let mut pair = pair_with(|config| config.max_owed = 3);
    let (parent, _child) = pair.open(A, Kind::Function);
    let (task, by) = (cid(&pair.end(A).conn, parent), pair.uid(A).clone());
    for request in ["the first", "1", "2", "3", "4"] {
        assert_eq!(close_reason(&pair, B), None, "{request}");
        inject(&mut pair, B, &start(request, ("self", "_cancel_task"), args("cid", &task), &by));
        pair.deliver(B, usize::MAX);
        pair.drain(B);
        pair.end_mut(A).incoming.clear();
    }
    assert_eq!(close_reason(&pair, B), Some(&CloseReason::Limit(LimitKind::Owed)));
}

///
#[test]
fn a_peer_that_does_not_read_is_not_served_without_end() {
    let mut config = Config::default();
    config.outbox_bytes = 10_000;
    config.max_owed = 50;
    let most = bound::unwritten(&config, 0);
    let mut pair = Pair::established(config);
    flood_unread(&mut pair, 1000);
    assert_eq!(close_reason(&pair, B), Some(&CloseReason::Limit(LimitKind::Owed)));
    let unwritten = pair.end(B).conn.unwritten();
    assert!(unwritten > 10_000 && unwritten <= most, "{unwritten}");
}

#[test]
fn a_full_outbox_is_no_misuse() {
    let mut pair = pair_with(|config| config.outbox_bytes = 1000);
    let (parent, _) = pair.open_streaming(A);
    let sent = (0..).take_while(|_| pair.conn(A).send(parent, int(1)).is_ok()).count();
    assert!(sent > 0 && pair.end(A).conn.unwritten() < 1100);
    assert_eq!(pair.conn(A).send(parent, int(1)), Err(SendError::Full));
    pair.drain(A);
    assert_eq!(pair.conn(A).send(parent, int(1)), Ok(()), "after the outbox was written");
}

///
#[test]
fn too_many_dialogs_of_the_peer_are_refused_one_by_one() {
    let mut pair = pair_with(|config| config.max_peer_dialogs = 2);
    let (_, first) = pair.open(A, Kind::Function);
    pair.open(A, Kind::Function);
    let now = pair.now();
    let third = pair.conn(A).open(now, &call(Kind::Function)).unwrap();
    pair.drain(A);
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.in_flight(A), [MsgKind::Error]);
    pair.settle();
    assert!(matches!(pair.outcome(A, third), Some(Outcome::Failed(_))));
    pair.conn(B).finish(first, int(1)).unwrap();
    pair.settle();
    let fourth = pair.conn(A).open(now, &call(Kind::Function)).unwrap();
    pair.settle();
    assert!(matches!(pair.outcome(A, fourth), Some(Outcome::Failed(_))), "an unreleased record counts");
    pair.conn(B).release(now, first);
    pair.open(A, Kind::Function);
}

#[test]
fn too_many_dialogs_of_our_own_are_not_opened() {
    let mut pair = pair_with(|config| config.max_own_dialogs = 2);
    let (first, _) = pair.open(A, Kind::Function);
    pair.open(A, Kind::Function);
    let (now, before) = (pair.now(), fingerprint(&pair.end(A).conn));
    assert_eq!(pair.conn(A).open(now, &call(Kind::Function)), Err(OpenError::TooMany(2)));
    assert_eq!(fingerprint(&pair.end(A).conn), before);
    pair.conn(A).cancel(now, first).unwrap();
    pair.drain(A);
    assert_eq!(pair.in_flight(B), [MsgKind::Start], "a request to cancel is sent all the same");
}

/// D-11, D-12.
#[test]
fn unread_items_are_bounded_in_bytes_too() {
    let mut pair = pair_with(|config| config.inbox_bytes = 1000);
    let (parent, child) = pair.open_streaming(A);
    let item = Payload::new([&[0xc4, 100], [0; 100].as_slice()].concat().into()).unwrap();
    for _ in 0..20 {
        pair.conn(A).send(parent, item.clone()).unwrap();
    }
    pair.settle();
    let view = pair.end(B).conn.dialog(child).unwrap();
    assert_eq!((view.unread(), view.dropped()), (9, 11), "of 102 bytes each");
    let overran = Event::Dialog { id: child, event: DialogEvent::Overrun };
    assert_eq!(pair.end(B).events.iter().filter(|&event| *event == overran).count(), 1);
    while pair.conn(B).take_unread(child).is_some() {}
    let (parent, child) = pair.open_streaming(A);
    for _ in 0..9 {
        pair.conn(A).send(parent, item.clone()).unwrap();
    }
    pair.settle();
    assert_eq!(pair.end(B).conn.dialog(child).unwrap().unread(), 9, "what was taken makes room");
}

///
#[test]
fn a_probe_gets_its_answer_and_nothing_more() {
    let us = Identity::new(Uid::new("us", "u"));
    let mut conn = Connection::new(Config::default(), us, 1, Instant::EPOCH);
    let aid = encoded(&Message::Aid(Box::new(Identity::probe("p"))));
    assert_eq!(conn.handle_input(Instant::EPOCH, &aid), aid.len());
    assert_eq!(conn.poll_event(), Some(Event::Closed { reason: CloseReason::Probe }));
    let answer = conn.poll_transmit().expect("our Aid may still be written");
    let kinds = messages(answer, &Config::default().limits(), |answer| answer.kind());
    assert_eq!(kinds, [MsgKind::Aid]);
    assert_eq!(conn.handle_input(Instant::EPOCH, &aid), 0);
}

/// R-4, W-6.
#[test]
fn a_probe_that_says_nothing_is_an_ordinary_end() {
    let us = Identity::new(Uid::new("us", "u"));
    let mut conn = Connection::new(Config::default(), us, 1, Instant::EPOCH);
    conn.handle_eof(Instant::EPOCH);
    assert_eq!(conn.poll_event(), Some(Event::Closed { reason: CloseReason::Eof }));
    assert_eq!(conn.poll_event(), None);
}

/// The same peer on two connections, with the same ids on both: what it does on one is not seen on the
/// other. (R-5, D-30)
#[test]
fn two_connections_never_affect_each_other() {
    let script = |pair: &mut Pair, step: usize| {
        let now = pair.now();
        match step {
            0 => _ = pair.open_streaming(A),
            1 => {
                let id = pair.end(A).conn.dialogs().next().unwrap().id();
                pair.conn(A).send(id, int(1)).unwrap();
            }
            2 => {
                let id = pair.end(B).conn.dialogs().next().unwrap().id();
                pair.conn(B).finish(id, int(2)).unwrap();
            }
            _ => {
                let id = pair.end(A).conn.dialogs().next().unwrap().id();
                pair.conn(A).release(now, id);
            }
        }
        pair.settle();
    };
    let attack = |pair: &mut Pair, step: usize| {
        let cid =
            pair.end(A).conn.dialogs().next().map_or_else(|| "c".to_owned(), |view| view.cid().to_owned());
        match step {
            0 => pair.end_mut(B).incoming.extend([1, 0, 0, 0, 0xc1]),
            1 => inject(pair, B, &Message::Return { cid: (&cid).into(), pld: int(9) }),
            _ => inject(pair, B, &Message::CancelAck { cid: (&cid).into(), pld: true }),
        }
        pair.deliver(B, usize::MAX);
    };
    for attacked_at in 0..4 {
        let mut alone = pair();
        let (mut healthy, mut hostile) = (alone.clone(), alone.clone());
        for step in 0..4 {
            script(&mut alone, step);
            if step >= attacked_at {
                attack(&mut hostile, step - attacked_at);
            } else {
                script(&mut hostile, step);
            }
            script(&mut healthy, step);
            for side in Side::BOTH {
                assert_eq!(fingerprint(&healthy.end(side).conn), fingerprint(&alone.end(side).conn));
                assert_eq!(healthy.end(side).events, alone.end(side).events);
            }
        }
        assert_ne!(
            fingerprint(&hostile.end(B).conn),
            fingerprint(&alone.end(B).conn),
            "the attack did something"
        );
    }
}

/// W-41.
#[test]
fn errors_beyond_their_room_keep_what_they_mean() {
    let mut pair = pair_with(|config| config.error_bytes = 10_000);
    let now = pair.now();
    let fail_one = |pair: &mut Pair| {
        let (parent, child) = pair.open(A, Kind::Function);
        pair.conn(B).fail(child, Report::new("KeyError", "x".repeat(4000))).unwrap();
        pair.conn(B).release(now, child);
        pair.settle();
        parent
    };
    let text_of = |pair: &Pair, id| match pair.outcome(A, id) {
        Some(Outcome::Failed(Failure::Remote(error))) => {
            assert_eq!(error.msg.src_type_str, "KeyError");
            (error.msg.tb_str.len(), error.repaired)
        }
        other => panic!("{other:?}"),
    };
    let failed: Vec<_> = (0..3).map(|_| fail_one(&mut pair)).collect();
    assert_eq!(
        failed.iter().map(|&id| text_of(&pair, id)).collect::<Vec<_>>(),
        [(4000, false), (4000, false), (0, true)]
    );
    for id in failed {
        pair.conn(A).release(now, id);
    }
    let next = fail_one(&mut pair);
    assert_eq!(text_of(&pair, next), (4000, false), "what was let go of makes room");
}
