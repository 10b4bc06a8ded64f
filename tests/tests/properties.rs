//! The contracts of the core, one test each. The interpreters of the fuzz targets check all of them after
//! every step; here they run on random inputs, and beside them stands what can be tried exhaustively.

use std::collections::HashSet;

use bytes::{Bytes, BytesMut};
use quickcheck::{Gen, QuickCheck};
use scipp_conformance::fuzzing::{self, fingerprint};
use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::script::{call, int, report};
use scipp_proto::phase::{Phase, Role, Signal, Verdict, step};
use scipp_proto::wire::{self, ErrorMsg, Message, Start};
use scipp_proto::{
    Canceller, Config, Connection, Deadline, DialogId, Identity, Kind, Kwargs, OverrunPolicy, RemoteError,
    Uid,
};

use Side::{A, B};

/// A broken promise is a panic: quickcheck reports and shrinks it. One seed gives one set of inputs, so that
/// a run can be repeated; `SCIPP_SEED=N` names another one.
fn holds(cases: u64, size: usize, property: fn(Vec<u8>) -> bool) {
    let seed = std::env::var("SCIPP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    QuickCheck::new().rng(Gen::from_size_and_seed(size, seed)).tests(cases).quickcheck(property);
}

#[test]
fn any_program_keeps_every_contract_and_ends_every_dialog_once() {
    holds(4000, 400, |program| {
        fuzzing::ops(&program);
        true
    });
}

#[test]
fn verbs_are_legal_between_polls() {
    // Byte 2 of a program: events wait until they are asked for.
    holds(3000, 300, |mut program| {
        program.splice(..program.len().min(3), [0, 0, 3]);
        fuzzing::ops(&program);
        true
    });
}

#[test]
fn one_seed_replays_one_run_exactly() {
    holds(200, 300, |program| fuzzing::ops(&program) == fuzzing::ops(&program));
}

#[test]
fn any_bytes_end_in_events_or_one_reason() {
    holds(3000, 300, |input| {
        fuzzing::frames(&input);
        true
    });
}

/// W-3.
#[test]
fn any_chunking_gives_the_same_events_and_output() {
    holds(3000, 200, |choices| {
        let (mode, lengths) = (choices.first().copied().unwrap_or(0) | 1, choices.get(1..4).unwrap_or(&[]));
        fuzzing::frames(&fuzzing::seed(mode, lengths, &stream_of(&choices)));
        true
    });
}

#[test]
fn any_type_and_any_value_are_judged_by_the_rules() {
    holds(3000, 200, |choices| {
        let mut choices = choices.into_iter();
        let mut input = [text_of(&mut choices), text_of(&mut choices)].join("\0").into_bytes();
        input.push(0);
        value_of(&mut choices, 4, &mut input);
        fuzzing::specs(&input);
        true
    });
    holds(3000, 200, |input| {
        fuzzing::specs(&input);
        true
    });
}

/// The text of a type that may make sense.
fn text_of(choices: &mut impl Iterator<Item = u8>) -> String {
    let mut text = part_of(choices, 3);
    let mut before = " where ";
    for name in ["A", "B"].into_iter().filter(|name| text.contains(name)).collect::<Vec<_>>() {
        let definition = match choices.next().unwrap_or_default() % 4 {
            0 => part_of(choices, 2),
            1 => format!("struct(a: {}, b?: {})", part_of(choices, 2), part_of(choices, 2)),
            2 => format!("struct(b='{name}', a?: {})", part_of(choices, 2)),
            _ => format!("struct(b='{name}', a: {}, c: int = 1)!", part_of(choices, 2)),
        };
        text += &format!("{before}{name} = {definition}");
        before = "; ";
    }
    text
}

fn part_of(choices: &mut impl Iterator<Item = u8>, level: usize) -> String {
    const PLAIN: [&str; 20] = [
        "Any",
        "None",
        "bool",
        "int",
        "int[0..=7]",
        "int[-1..]",
        "float",
        "str",
        "bytes",
        "datetime",
        "Ext[5]",
        "NamespacePath",
        "Literal['a', 1]",
        "Literal[None]",
        "A",
        "B",
        "A|B",
        "A|None",
        "Optional[B]",
        "A",
    ];
    let choice = choices.next().unwrap_or_default();
    let mut part = || part_of(choices, level.saturating_sub(1));
    match choice / 32 {
        0 if level > 0 => format!("list[{}]", part()),
        1 if level > 0 => format!("dict[{}, {}]", part(), part()),
        2 if level > 0 => format!("{}|{}", part(), part()),
        3 if level > 0 => format!("tuple[{}, {}]", part(), part()),
        4 if level > 0 => format!("Union[{}, {}]", part(), part()),
        _ => PLAIN[usize::from(choice) % PLAIN.len()].to_owned(),
    }
}

fn value_of(choices: &mut impl Iterator<Item = u8>, level: usize, out: &mut Vec<u8>) {
    const SMALL: [&[u8]; 16] = [
        b"\xc0",
        b"\xc3",
        b"\x00",
        b"\x07",
        b"\xff",
        b"\xcc\xff",
        b"\xcb\x3f\xf0\0\0\0\0\0\0",
        b"\xa1a",
        b"\xa1b",
        b"\xa1A",
        b"\xa1B",
        b"\xa3m:f",
        b"\xa1\xff",
        b"\xc4\x01a",
        b"\xd6\xff\0\0\0\x01",
        b"\xd4\x05a",
    ];
    let choice = choices.next().unwrap_or_default();
    let len = choice % 4;
    match choice / 32 {
        0 | 1 if level > 0 => {
            out.push(0x90 | len);
            (0..len).for_each(|_| value_of(choices, level - 1, out));
        }
        2..=5 if level > 0 => {
            out.push(0x80 | len);
            for _ in 0..len {
                out.extend(
                    [b"\xa1a", b"\xa1b", b"\xa1c", b"\xa1b"]
                        [usize::from(choices.next().unwrap_or_default() % 4)],
                );
                value_of(choices, level - 1, out);
            }
        }
        _ => out.extend_from_slice(SMALL[usize::from(choice) % SMALL.len()]),
    }
}

/// Frames of a peer, two bytes for each: some about its own dialogs, some about ours, whole and torn.
fn stream_of(choices: &[u8]) -> Vec<u8> {
    let own = fuzzing::own_cids();
    let theirs = ["a", "b", "c"].map(str::to_owned);
    let mut stream = BytesMut::new();
    for pair in choices.chunks_exact(2) {
        let cids: Vec<&str> = own.iter().chain(&theirs).map(String::as_str).collect();
        let cid = cids[usize::from(pair[1]) % cids.len()];
        let uid = Uid::new("peer", "p");
        let error = ErrorMsg {
            src_uid: uid.clone(),
            src_type_str: "E".to_owned(),
            boxed_type_str: ["E", "ContextCancelled", "StreamOverrun"][usize::from(pair[1] / 64) % 3]
                .to_owned(),
            relay_path: vec![uid.clone()],
            message: None,
            tb_str: String::new(),
            canceller: (pair[1] < 128).then(|| uid.clone()),
            sender: Some(Uid::new("us", "u")),
            cid: Some(cid.into()),
            bad_msg: None,
            bad_msg_as_dict: None,
            repaired: false,
        };
        let wire_cid = wire::Text::from(cid);
        let start = |ns: &'static str, func: &'static str, kwargs| Start {
            cid: wire_cid,
            ns: ns.into(),
            func: func.into(),
            kwargs,
            uid_name: "peer".into(),
            uid_uuid: "p".into(),
            pld_spec: wire::ANY_PLD_SPEC.into(),
        };
        let cancel = Kwargs::new(Bytes::from_static(b"\x81\xa3cid\xa1a")).unwrap();
        let func = ["a", "b", "c", "d", "e", "f", "g", "h"][usize::from(pair[1] / 8) % 8];
        let kind = Kind::ALL[usize::from(pair[1]) % 3];
        let message = match pair[0] % 16 {
            0 => Message::Start(start("self", "_cancel_task", cancel)),
            1 => Message::Start(start("self", "cancel", Kwargs::EMPTY)),
            2..=4 => Message::Start(start("demo", func, Kwargs::EMPTY)),
            5 | 6 => Message::StartAck { cid: wire_cid, functype: kind },
            7 => Message::Started { cid: wire_cid, pld: int(1) },
            8..=10 => Message::Yield { cid: wire_cid, pld: int(2) },
            11 => Message::Stop { cid: wire_cid },
            12 => Message::Return { cid: wire_cid, pld: int(3) },
            13 => Message::CancelAck { cid: wire_cid, pld: true },
            _ => Message::Error(Box::new(error)),
        };
        wire::encode(&message, &mut stream);
        if pair[0] == 255 {
            stream.truncate(stream.len() - 1);
        }
    }
    stream.to_vec()
}

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

type Verb = fn(&mut Connection, scipp_proto::Instant, DialogId) -> bool;

/// Every verb; each says whether it failed.
const VERBS: [(&str, Verb); 18] = [
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
    let uid = Uid::new("carol", "c");
    let msg = ErrorMsg {
        src_uid: uid.clone(),
        src_type_str: "KeyError".to_owned(),
        boxed_type_str: "KeyError".to_owned(),
        relay_path: vec![uid],
        message: None,
        tb_str: String::new(),
        canceller: None,
        sender: None,
        cid: None,
        bad_msg: None,
        bad_msg_as_dict: None,
        repaired: false,
    };
    RemoteError { msg, repaired: false }
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

/// Two views of one dialog with frames on their way, as the table alone sees them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Views {
    phases: [Phase; 2],
    on_their_way: [Vec<Signal>; 2],
}

/// D-27.
#[test]
fn what_one_role_may_send_is_legal_or_crossed_at_the_other() {
    /// Frames on their way in each direction at most: more show nothing new.
    const DEPTH: usize = 4;
    let mut states = 0;
    for kind in Kind::ALL {
        let start = Views { phases: [Phase::Requested; 2], on_their_way: [vec![], vec![]] };
        let (mut seen, mut open) = (HashSet::from([start.clone()]), vec![start]);
        while let Some(views) = open.pop() {
            states += 1;
            for role in [Role::Parent, Role::Child] {
                let (us, them) = (role as usize, role.peer() as usize);
                let mut next = Vec::new();
                for signal in frames_of(kind, role) {
                    let Verdict::To(phase) = step(kind, views.phases[us], role, signal) else { continue };
                    let mut views = views.clone();
                    views.phases[us] = phase;
                    views.on_their_way[us].push(signal);
                    next.push(views);
                }
                if let Some(&signal) = views.on_their_way[us].first() {
                    let mut views = views.clone();
                    views.on_their_way[us].remove(0);
                    match step(kind, views.phases[them], role, signal) {
                        Verdict::To(phase) => views.phases[them] = phase,
                        Verdict::Crossed => {}
                        Verdict::Illegal(violation) => panic!("{violation}, though it was sent by the table"),
                    }
                    next.push(views);
                }
                next.retain(|views| views.on_their_way.iter().all(|frames| frames.len() <= DEPTH));
                open.extend(next.into_iter().filter(|views| seen.insert(views.clone())));
            }
        }
    }
    println!("{states} states of two views");
    assert!(states > 1000);
}

/// What a role has frames for.
fn frames_of(kind: Kind, role: Role) -> Vec<Signal> {
    match role {
        Role::Parent => vec![Signal::Yield, Signal::Stop, Signal::Notice],
        Role::Child => vec![
            Signal::StartAck(kind),
            Signal::Started,
            Signal::Yield,
            Signal::Stop,
            Signal::Return,
            Signal::Error,
            Signal::Notice,
        ],
    }
}

#[test]
fn the_fingerprint_sees_what_matters() {
    let mut pair = Pair::new(Config::default());
    let now = pair.now();
    let mut seen = HashSet::from([fingerprint(&pair.end(A).conn)]);
    let mut is_new = |pair: &Pair| seen.insert(fingerprint(&pair.end(A).conn));
    let mut aid = BytesMut::new();
    wire::encode(&Message::Aid(Box::new(Identity::new(Uid::new("peer", "p")))), &mut aid);
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
