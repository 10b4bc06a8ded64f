//! Every verb in every situation of one dialog, and what follows.

use std::collections::HashSet;

use scipp_conformance::fuzzing::fingerprint;
use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::script::{call, encoded, error_by, int, report};
use scipp_proto::wire::Message;
use scipp_proto::{
    Canceller, Config, Connection, Deadline, DialogId, Identity, Kind, OverrunPolicy, RemoteError, Uid,
};

use Side::{A, B};

/// Pairs with one dialog in every situation, with its handle at each side.
fn situations() -> Vec<(Pair, DialogId, DialogId)> {
    let mut situations = Vec::new();
    for kind in Kind::ALL {
        let mut pair = Pair::established(Config::default());
        let now = pair.now();
        let parent = pair.conn(A).open(now, &call(kind)).unwrap();
        pair.settle();
        let child = pair.next_opened(B).unwrap();
        situations.push((pair.clone(), parent, child));
        pair.conn(B).accept(child, kind).unwrap();
        pair.settle();
        situations.push((pair.clone(), parent, child));
        let mut told = pair.clone();
        told.conn(A).cancel(now, parent).unwrap();
        told.settle();
        situations.push((told.clone(), parent, child));
        told.conn(B).unwound(child).unwrap();
        told.settle();
        situations.push((told, parent, child));
    }
    let mut pair = Pair::established(Config::default());
    let (parent, child) = pair.open_streaming(A);
    situations.push((pair.clone(), parent, child));
    type Act = fn(&mut Pair, DialogId, DialogId);
    let acts: [Act; 6] = [
        |pair, parent, _| pair.conn(A).stop(parent).unwrap(),
        |pair, _, child| pair.conn(B).stop(child).unwrap(),
        |pair, _, child| pair.conn(B).finish(child, int(1)).unwrap(),
        |pair, _, child| pair.conn(B).fail(child, report("E")).unwrap(),
        |pair, parent, _| (0..70).for_each(|n| pair.conn(A).send(parent, int(n)).unwrap()),
        |pair, _, _| pair.cut(false),
    ];
    for act in acts {
        let mut pair = pair.clone();
        act(&mut pair, parent, child);
        pair.settle();
        situations.push((pair, parent, child));
    }
    situations
}

pub(crate) type Verb = fn(&mut Connection, scipp_proto::Instant, DialogId) -> bool;

/// Every verb; each says whether it failed.
pub(crate) const VERBS: [(&str, Verb); 18] = [
    ("open", |conn, now, _| conn.open(now, &call(Kind::Function)).is_err()),
    ("accept", |conn, _, id| conn.accept(id, Kind::Context).is_err()),
    ("refuse", |conn, _, id| conn.refuse(id, report("E")).is_err()),
    ("started", |conn, _, id| conn.started(id, int(1)).is_err()),
    ("open_stream", |conn, _, id| conn.open_stream(id).is_err()),
    ("send", |conn, _, id| conn.send(id, int(1)).is_err()),
    ("take", |conn, _, id| conn.take(id).is_err()),
    ("stop", |conn, _, id| conn.stop(id).is_err()),
    ("finish", |conn, _, id| conn.finish(id, int(1)).is_err()),
    ("fail", |conn, _, id| conn.fail(id, report("E")).is_err()),
    ("relay", |conn, _, id| conn.relay(id, &remote_error()).is_err()),
    ("unwound", |conn, _, id| conn.unwound(id).is_err()),
    ("cancel", |conn, now, id| conn.cancel(now, id).is_err()),
    ("acknowledge", |conn, _, id| conn.acknowledge(id).is_err()),
    ("set_inbox", |conn, _, id| conn.set_inbox(id, 1, OverrunPolicy::DropOldest).is_err()),
    ("cancel_children", |conn, _, _| {
        conn.cancel_children(&Canceller::Us);
        false
    }),
    ("release", |conn, now, id| {
        conn.release(now, id);
        false
    }),
    ("close", |conn, now, _| {
        conn.close(now, now.saturating_add(std::time::Duration::from_secs(1)));
        false
    }),
];

fn remote_error() -> RemoteError {
    RemoteError { msg: error_by(Uid::new("carol", "c"), "KeyError"), repaired: false }
}

#[test]
fn a_failed_verb_changes_nothing() {
    let (mut failed, mut succeeded) = (0, 0);
    for (pair, parent, child) in situations() {
        for (side, id) in [(A, parent), (B, child)] {
            for (name, verb) in VERBS {
                let mut conn = pair.end(side).conn.clone();
                let counters = *conn.counters();
                if verb(&mut conn, pair.now(), id) {
                    assert_eq!(fingerprint(&conn), fingerprint(&pair.end(side).conn), "{name} at {side:?}");
                    assert_eq!(*conn.counters(), counters, "{name} at {side:?}");
                    failed += 1;
                } else {
                    succeeded += 1;
                }
            }
        }
    }
    println!("{failed} verbs failed, {succeeded} did not");
    assert!(failed > 100 && succeeded > 100);
}

#[test]
fn after_any_verb_draining_reaches_quiet() {
    for (pair, parent, child) in situations() {
        for (side, id) in [(A, parent), (B, child)] {
            for (name, verb) in VERBS {
                let mut pair = pair.clone();
                let now = pair.now();
                verb(pair.conn(side), now, id);
                pair.drain(side);
                let conn = pair.conn(side);
                assert_eq!((conn.poll_event(), conn.poll_transmit()), (None, None), "{name} at {side:?}");
                let quiet = fingerprint(conn);
                conn.handle_timeout(now);
                let _ = conn.handle_input(now, &[]);
                assert_eq!(fingerprint(conn), quiet, "{name} at {side:?}: something was left to do");
            }
        }
    }
}

#[test]
fn poll_timeout_names_the_moment_at_which_something_happens() {
    let mut seen = HashSet::new();
    for (pair, parent, child) in situations() {
        for (side, id) in [(A, parent), (B, child)] {
            for (_, verb) in VERBS {
                let mut pair = pair.clone();
                let now = pair.now();
                verb(pair.conn(side), now, id);
                // Nothing can be written: that has a deadline too.
                let conn = pair.conn(side);
                while conn.poll_event().is_some() {}
                while conn.poll_transmit().is_some() {
                    conn.handle_written(now, 0);
                }
                while let Some((at, deadline)) = conn.poll_timeout() {
                    seen.insert(deadline);
                    let before = fingerprint(conn);
                    conn.handle_timeout(at);
                    assert_ne!(fingerprint(conn), before, "{deadline:?} did nothing");
                    while conn.poll_event().is_some() {}
                    assert!(
                        conn.poll_timeout().is_none_or(|(next, _)| next > at),
                        "{deadline:?} is still due"
                    );
                }
            }
        }
    }
    let expected = [Deadline::WriteStall, Deadline::CancelAck, Deadline::Close];
    assert!(expected.iter().all(|deadline| seen.contains(deadline)), "{seen:?}");
}

#[test]
fn clones_behave_alike() {
    for (pair, parent, child) in situations() {
        for (side, id) in [(A, parent), (B, child)] {
            for (name, verb) in VERBS {
                let [mut one, mut other] = [pair.clone(), pair.clone()];
                let now = pair.now();
                for pair in [&mut one, &mut other] {
                    verb(pair.conn(side), now, id);
                    pair.settle();
                }
                for side in Side::BOTH {
                    assert_eq!(
                        fingerprint(&one.end(side).conn),
                        fingerprint(&other.end(side).conn),
                        "{name}"
                    );
                    assert_eq!(one.end(side).events, other.end(side).events, "{name}");
                }
            }
        }
    }
}

#[test]
fn the_fingerprint_sees_what_matters() {
    let mut pair = Pair::new(Config::default());
    let now = pair.now();
    let mut seen = HashSet::from([fingerprint(&pair.end(A).conn)]);
    let mut is_new = |pair: &Pair| seen.insert(fingerprint(&pair.end(A).conn));
    let aid = encoded(&Message::Aid(Box::new(Identity::new(Uid::new("peer", "p")))));
    assert_eq!(pair.conn(A).handle_input(now, &aid), aid.len());
    assert!(is_new(&pair), "unread bytes");
    assert!(pair.conn(A).poll_event().is_some());
    assert!(is_new(&pair), "the peer");
    let id = pair.conn(A).open(now, &call(Kind::Function)).unwrap();
    assert!(is_new(&pair), "a dialog");
    assert!(pair.conn(A).poll_transmit().is_some());
    assert!(is_new(&pair), "what is not handed out");
    pair.conn(A).set_inbox(id, 1, OverrunPolicy::Reject).unwrap();
    assert!(is_new(&pair), "a window");
    pair.conn(A).cancel(now, id).unwrap();
    assert!(is_new(&pair), "a deadline and a request");
}
