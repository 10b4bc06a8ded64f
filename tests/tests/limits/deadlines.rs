//! What takes too long is given up when its time is over, and not before.

use std::time::Duration;

use scipp_conformance::pair::Pair;
use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::script::{call, encoded, inject, int, pair};
use scipp_proto::wire::{Message, MsgKind};
use scipp_proto::{CloseReason, Config, Deadline, Instant, Kind, Outcome, OverrunPolicy, Take};

use super::close_reason;

const MILLI: Duration = Duration::from_millis(1);

/// Just before `time` nothing has happened, at `time` the connection is over.
fn assert_times_out(pair: &mut Pair, time: Duration, deadline: Deadline) {
    pair.advance(time - MILLI);
    assert_eq!(close_reason(pair, B), None, "{deadline:?} before its time");
    pair.advance(MILLI);
    assert_eq!(close_reason(pair, B), Some(&CloseReason::TimedOut(deadline)));
}

/// D-12, D-28.
#[test]
fn a_pause_does_not_outlast_its_limit() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    pair.conn(B).set_inbox(child, 1, OverrunPolicy::Pause).unwrap();
    pair.conn(A).send(parent, int(1)).unwrap();
    pair.settle();
    assert!(!pair.end(B).conn.wants_input());
    let pause = Config::default().max_pause;
    assert_eq!(pair.end(B).conn.poll_timeout(), Some((Instant::since_epoch(pause), Deadline::Pause)));
    pair.advance(pause - MILLI);
    assert!(!pair.end(B).conn.wants_input());
    pair.advance(MILLI);
    assert!(pair.end(B).conn.wants_input());
    pair.conn(A).send(parent, int(2)).unwrap();
    pair.drain(A);
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.in_flight(A), [MsgKind::Error], "from now on as Reject");
    assert_eq!(pair.conn(B).take(child), Ok(Take::Item(int(1))));
}

/// R-3, D-28.
#[test]
fn the_handshake_has_one_deadline_for_all_its_bytes() {
    let config = Config::default();
    let mut pair = Pair::new(config.clone());
    pair.drain(A);
    pair.advance(config.handshake_timeout / 2);
    pair.deliver(B, 5);
    assert_times_out(&mut pair, config.handshake_timeout / 2, Deadline::Handshake);
}

/// D-28.
#[test]
fn a_frame_that_drips_in_times_out() {
    let config = Config::default();
    let mut pair = pair();
    inject(&mut pair, B, &Message::Stop { cid: "never".into() });
    pair.deliver(B, 1);
    pair.advance(config.partial_frame_timeout / 2);
    pair.deliver(B, 1);
    assert_times_out(&mut pair, config.partial_frame_timeout / 2, Deadline::PartialFrame);
}

#[test]
fn every_frame_has_its_own_time() {
    let config = Config::default();
    let mut pair = pair();
    let frame = encoded(&Message::Stop { cid: "never".into() });
    pair.end_mut(B).incoming.extend([&frame, &frame[..1]].concat());
    pair.deliver(B, 1);
    pair.advance(config.partial_frame_timeout / 2);
    pair.deliver(B, usize::MAX);
    pair.advance(config.partial_frame_timeout / 2);
    assert_eq!(close_reason(&pair, B), None, "the first frame has come, the second has just begun");
    assert_times_out(&mut pair, config.partial_frame_timeout / 2, Deadline::PartialFrame);
}

/// D-28, W-5.
#[test]
fn writing_that_makes_no_progress_times_out() {
    let config = Config::default();
    let mut pair = pair();
    let (now, timeout) = (pair.now(), config.write_stall_timeout);
    pair.conn(B).open(now, &call(Kind::Function)).unwrap();
    let frame = pair.conn(B).poll_transmit().unwrap();
    pair.conn(B).handle_written(now, 0);
    pair.advance(timeout - MILLI);
    let now = pair.now();
    pair.conn(B).handle_written(now, 1);
    pair.conn(B).handle_written(now, 0);
    assert_times_out(&mut pair, timeout, Deadline::WriteStall);
    assert!(frame.len() > 1);
}

#[test]
fn writing_in_time_disarms_the_deadline() {
    let mut pair = pair();
    let now = pair.now();
    pair.conn(B).open(now, &call(Kind::Function)).unwrap();
    let frame = pair.conn(B).poll_transmit().unwrap();
    pair.conn(B).handle_written(now, 0);
    assert!(matches!(pair.end(B).conn.poll_timeout(), Some((_, Deadline::WriteStall))));
    pair.conn(B).handle_written(now, frame.len());
    assert_eq!(pair.end(B).conn.poll_timeout(), None);
}

/// D-35.
#[test]
fn a_graceful_close_has_an_end() {
    let mut pair = pair();
    let (_, child) = pair.open(A, Kind::Function);
    let deadline = pair.now().saturating_add(Duration::from_secs(5));
    let now = pair.now();
    pair.conn(B).close(now, deadline);
    pair.drain(B);
    pair.advance(Duration::from_secs(5) - MILLI);
    assert_eq!(close_reason(&pair, B), None);
    pair.advance(MILLI);
    assert_eq!(close_reason(&pair, B), Some(&CloseReason::Local));
    assert_eq!(pair.outcome(B, child), Some(Outcome::Disconnected(CloseReason::Local)));
}
