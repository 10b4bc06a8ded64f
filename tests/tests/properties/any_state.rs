//! One connection in any state that frames, verbs and time lead to.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::BytesMut;
use scipp_conformance::fuzzing::fingerprint;
use scipp_conformance::script::{call, encoded, int};
use scipp_proto::spec::Slots;
use scipp_proto::wire::{self, Message, MsgKind};
use scipp_proto::{
    Config, Connection, Deadline, DialogId, Identity, Instant, Kind, Payload, Terms, TypePolicy, Uid,
};

use crate::holds;
use crate::situations::{VERBS, Verb};
use crate::stream::stream_of;

/// Verbs about types, as [`VERBS`].
const TYPED: [(&str, Verb); 7] = [
    ("limit", |conn, _, id| conn.limit(id, &TERMS[0]).is_err()),
    ("limit to reply", |conn, _, id| conn.limit(id, &TERMS[1]).is_err()),
    ("narrow", |conn, _, id| conn.narrow(id, TERMS[2].slots.clone()).is_err()),
    ("send_checked", |conn, _, id| conn.send_checked(id, int(2)).is_err()),
    ("validate", |conn, _, id| conn.validate(id, MsgKind::Yield, &Payload::NIL).is_err()),
    ("receive", |conn, _, id| conn.receive(id).is_err()),
    ("open_limited", |conn, now, _| conn.open_limited(now, &call(Kind::Context), &TERMS[3]).is_err()),
];

/// Items are small integers that do not conform to `None`; arguments are none.
static TERMS: LazyLock<[Arc<Terms>; 4]> = LazyLock::new(|| {
    let of = |spec: &str, policy| {
        let spec = spec.parse().expect("a type");
        Arc::new(Terms { on_mistyped: policy, ..Terms::one_for_all(spec) })
    };
    let params = Some("A where A = struct(n: int)".parse().expect("a type"));
    [
        of("None", TypePolicy::HandOver),
        of("None", TypePolicy::Reply(int(4))),
        of("int[..=1]", TypePolicy::Cancel),
        Arc::new(Terms { slots: Slots { params, ..Slots::default() }, ..Terms::default() }),
    ]
});

/// The frame that [`stream_of`] makes of it: an item.
const ITEM: u8 = 8;

/// A connection with dialogs of its own, of each kind.
#[derive(Clone)]
struct One {
    conn: Connection,
    now: Instant,
    own: Vec<String>,
}

impl One {
    fn new() -> Self {
        let mut config = Config::default();
        (config.inbox_items, config.max_peer_dialogs, config.max_replies) = (2, 4, 1);
        config.final_frame_timeout = Some(Duration::from_secs(2));
        let now = Instant::EPOCH;
        let mut conn = Connection::new(config, Identity::new(Uid::new("us", "u")), 7, now);
        let aid = encoded(&Message::Aid(Box::new(Identity::new(Uid::new("peer", "p")))));
        assert_eq!(conn.handle_input(now, &aid), aid.len());
        while conn.poll_event().is_some() {}
        for kind in Kind::ALL {
            conn.open(now, &call(kind)).expect("established");
        }
        let own = conn.dialogs().map(|view| view.cid().to_owned()).collect();
        Self { conn, now, own }
    }

    /// With all streams open, and one more of a task here.
    fn streaming() -> Self {
        let mut one = Self::new();
        let mut frames = BytesMut::new();
        for (cid, functype) in one.own.iter().zip(Kind::ALL) {
            wire::encode(&Message::StartAck { cid: (&**cid).into(), functype }, &mut frames);
        }
        let context: &str = &one.own[2];
        wire::encode(&Message::Started { cid: context.into(), pld: int(0) }, &mut frames);
        frames.extend_from_slice(&stream_of(&[2, 3], &one.own));
        assert_eq!(one.conn.handle_input(one.now, &frames), frames.len());
        one.drain();
        let ids: Vec<DialogId> = one.conn.dialogs().map(|view| view.id()).collect();
        let [_, _, context, task] = ids[..] else { panic!("{} dialogs", ids.len()) };
        one.conn.open_stream(context).expect("started");
        one.conn.accept(task, Kind::Context).expect("requested");
        one.conn.started(task, int(0)).expect("accepted");
        one.conn.open_stream(task).expect("started");
        one.drain();
        one
    }

    /// A step for each two bytes, from the beginning or with streams.
    fn after(choices: &[u8]) -> Self {
        let mut one = if choices.len() % 4 < 2 { Self::new() } else { Self::streaming() };
        choices.chunks_exact(2).for_each(|pair| _ = one.step([pair[0], pair[1]], true));
        one
    }

    /// A frame, a verb of one of the dialogs, or time; then its events and its output, if they are asked for. What
    /// can be seen of it.
    fn step(&mut self, [what, which]: [u8; 2], is_polled: bool) -> String {
        let mut seen = String::new();
        let conn = &mut self.conn;
        match what % 16 {
            0..=7 => {
                // Of items there are more than of others.
                let kind = if what % 16 > 4 { ITEM } else { what / 16 + (which & 0xf0) };
                let frame = stream_of(&[kind, which], &self.own);
                seen += &format!("{} ", conn.handle_input(self.now, &frame));
            }
            8..=14 => {
                let ids: Vec<DialogId> = conn.dialogs().map(|view| view.id()).collect();
                let Some(&id) = ids.get(usize::from(which) / 32 % ids.len().max(1)) else { return seen };
                if what % 16 == 14 {
                    seen += &format!("{:?} ", conn.receive(id));
                } else {
                    let verbs: Vec<_> = verbs().filter(|(name, _)| !name.starts_with("open")).collect();
                    let (_, verb) = verbs[(usize::from(what) * 32 + usize::from(which)) % verbs.len()];
                    seen += &format!("{} ", verb(conn, self.now, id));
                }
            }
            _ => {
                self.now = self.now.saturating_add(Duration::from_millis(u64::from(which) * 10));
                conn.handle_timeout(self.now);
            }
        }
        if is_polled { seen + &self.drain() } else { seen }
    }

    fn drain(&mut self) -> String {
        let mut seen = String::new();
        // Once more, because a graceful close may have waited for what was just written.
        for _ in 0..2 {
            while let Some(event) = self.conn.poll_event() {
                seen += &format!("{event:?} ");
            }
            while let Some(bytes) = self.conn.poll_transmit() {
                seen += &format!("{bytes:?} ");
                self.conn.handle_written(self.now, bytes.len());
            }
        }
        let due = self.conn.poll_timeout();
        let due = due.map(|(at, deadline)| (at.duration_since(self.now), deadline));
        seen + &format!("{due:?} {} {}", self.conn.wants_input(), self.conn.is_closed())
    }
}

fn verbs() -> impl Iterator<Item = (&'static str, Verb)> {
    VERBS.into_iter().chain(TYPED)
}

#[test]
fn a_verb_that_fails_in_any_state_changes_nothing() {
    holds(1000, 60, |choices| {
        let one = One::after(&choices);
        let ids: Vec<DialogId> = one.conn.dialogs().map(|view| view.id()).collect();
        for (id, (name, verb)) in ids.iter().flat_map(|id| verbs().map(move |verb| (id, verb))) {
            let mut conn = one.conn.clone();
            if verb(&mut conn, one.now, *id) {
                assert_eq!(fingerprint(&conn), fingerprint(&one.conn), "{name}");
                assert_eq!(conn.counters(), one.conn.counters(), "{name}");
            }
        }
        true
    });
}

#[test]
fn after_anything_from_outside_draining_reaches_quiet() {
    type Outside = fn(&mut One, &[u8]);
    const OUTSIDE: [(&str, Outside); 5] = [
        ("input", |one, choices| {
            let stream = stream_of(choices, &one.own);
            let _ = one.conn.handle_input(one.now, &stream);
        }),
        ("eof", |one, _| one.conn.handle_eof(one.now)),
        ("reset", |one, _| one.conn.handle_reset(one.now)),
        ("timeout", |one, _| {
            one.now = one.conn.poll_timeout().map_or(one.now, |(at, _)| at.max(one.now));
            one.conn.handle_timeout(one.now);
        }),
        ("written", |one, _| one.conn.handle_written(one.now, 0)),
    ];
    holds(2000, 60, |choices| {
        for (name, outside) in OUTSIDE {
            let mut one = One::after(&choices);
            outside(&mut one, &choices);
            one.drain();
            assert_eq!((one.conn.poll_event(), one.conn.poll_transmit()), (None, None), "{name}");
            let quiet = fingerprint(&one.conn);
            let next = one.conn.poll_timeout();
            assert!(next.is_none_or(|(at, _)| at > one.now), "{name}: {next:?} is due");
            one.conn.handle_timeout(one.now);
            let _ = one.conn.handle_input(one.now, &[]);
            assert_eq!(fingerprint(&one.conn), quiet, "{name}: something was left to do");
        }
        true
    });
}

/// Whether something can be polled is what `poll_timeout` says, in any state and between polls.
#[test]
fn poll_timeout_never_lies_about_queued_work() {
    holds(2000, 60, |choices| {
        let mut one = One::new();
        for pair in choices.chunks_exact(2) {
            one.step([pair[0], pair[1]], pair[1] % 3 == 0);
            let mut polled = one.conn.clone();
            let has_event = polled.poll_event().is_some();
            let is_changed = fingerprint(&polled) != fingerprint(&one.conn);
            match one.conn.poll_timeout() {
                Some((at, Deadline::Event)) => assert!((has_event || is_changed) && at <= one.now),
                next => assert!(!has_event, "{next:?}, and there is an event"),
            }
        }
        true
    });
}

thread_local! {
    static COMPARED: Cell<usize> = const { Cell::new(0) };
}

/// Histories that lead to one fingerprint are followed by the same, whatever they were.
#[test]
fn connections_with_equal_state_answer_every_script_equally() {
    holds(300, 600, |choices| {
        let mut met: HashMap<u64, One> = HashMap::new();
        for history in choices.chunks(16) {
            let mut one = One::streaming();
            for pair in history.chunks_exact(2) {
                one.step([pair[0], pair[1]], true);
                let state = fingerprint(&one.conn);
                let Some(mut other) = met.get(&state).filter(|_| !one.conn.is_closed()).cloned() else {
                    met.entry(state).or_insert_with(|| one.clone());
                    continue;
                };
                COMPARED.set(COMPARED.get() + 1);
                let mut one = one.clone();
                for pair in choices.chunks_exact(2).rev().take(20) {
                    let [said, expected] =
                        [&mut one, &mut other].map(|one| one.step([pair[0], pair[1]], true));
                    assert_eq!(said, expected);
                }
            }
        }
        true
    });
    println!("{} pairs of histories", COMPARED.get());
    assert!(COMPARED.get() > 1000, "{} pairs of histories", COMPARED.get());
}
