//! What each kind of dialog sends and how it ends.

use scipp_conformance::pair::Pair;
use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::script::{int, pair, report};
use scipp_proto::wire::MsgKind::{Return, Started, Stop, Yield};
use scipp_proto::{Config, Failure, Kind, Outcome, Payload, Take};

use super::failed_with;

/// D-2, D-20.
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

/// D-4, D-24.
#[test]
fn a_function_fails() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    pair.conn(B).fail(child, report("ValueError")).unwrap();
    pair.settle();
    assert_eq!(failed_with(pair.outcome(A, parent)), "ValueError");
    assert_eq!(pair.outcome(B, child), Some(Outcome::Failed(Failure::Reported("ValueError".into()))));
}

/// D-9, D-20.
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

/// D-10.
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

    let mut pair = Pair::established(Config::reference());
    let (_, child) = pair.open_streaming(A);
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Stop, Return]);
}
