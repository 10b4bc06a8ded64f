//! What a connection costs: measured by a counting allocator, so these tests run one at a time.

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use scipp_conformance::bound;
use scipp_conformance::pair::uid_of;
use scipp_conformance::script::{call, encoded, error_by, int, start};
use scipp_proto::wire::{ErrorMsg, Message};
use scipp_proto::{Config, Connection, DialogId, Event, Identity, Instant, Kind, Kwargs, Payload, Take};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOW: Instant = Instant::EPOCH;

/// Only one test at a time: the counts are those of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes allocated at present.
fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Allocations so far.
fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// The least that `measure` gives in three rounds: the test runner may allocate beside one of them.
fn least<T: Ord>(mut measure: impl FnMut() -> T) -> T {
    (0..3).map(|_| measure()).min().expect("three rounds")
}

fn identity(name: &str) -> Identity {
    Identity::new(uid_of(name))
}

/// Moves everything that `from` has to say to `to`, and gives the events of `to` to `react`.
fn pump(from: &mut Connection, to: &mut Connection, mut react: impl FnMut(&mut Connection, Event)) {
    while let Some(event) = from.poll_event() {
        react(from, event);
    }
    while let Some(bytes) = from.poll_transmit() {
        feed(to, &bytes, &mut react);
        from.handle_written(NOW, bytes.len());
    }
}

fn feed(to: &mut Connection, mut bytes: &[u8], mut react: impl FnMut(&mut Connection, Event)) {
    loop {
        let taken = to.handle_input(NOW, bytes);
        bytes = &bytes[taken..];
        while let Some(event) = to.poll_event() {
            react(to, event);
        }
        if bytes.is_empty() {
            break;
        }
        assert!(taken > 0, "nothing was taken: {:?}", to.close_reason());
    }
}

fn established(config: &Config) -> (Connection, Connection) {
    let mut a = Connection::new(config.clone(), identity("a"), 1, NOW);
    let mut b = Connection::new(config.clone(), identity("b"), 1 << 65 | 2, NOW);
    pump(&mut a, &mut b, |_, _| {});
    pump(&mut b, &mut a, |_, _| {});
    assert!(a.peer().is_some() && b.peer().is_some());
    (a, b)
}

/// Opens a context from `a` to `b`, up to its first value.
fn open(a: &mut Connection, b: &mut Connection) -> (DialogId, DialogId) {
    let parent = a.open(NOW, &call(Kind::Context)).unwrap();
    let mut child = None;
    pump(a, b, |b, event| {
        if let Event::Opened { id, .. } = event {
            b.accept(id, Kind::Context).unwrap();
            b.started(id, int(1)).unwrap();
            child = Some(id);
        }
    });
    pump(b, a, |_, _| {});
    assert_eq!(a.take_first(parent), Some(int(1)));
    (parent, child.unwrap())
}

fn text(len: u8) -> Payload {
    Payload::new([&[0xd9, len], vec![b'x'; len.into()].as_slice()].concat().into()).unwrap()
}

/// Streams a batch of `count` items from `from` to `to`, of which `keep` stay unread.
fn stream(
    (from, sender): (&mut Connection, DialogId),
    (to, reader): (&mut Connection, DialogId),
    item: &Payload,
    (count, keep): (usize, usize),
) {
    for _ in 0..count {
        from.send(sender, item.clone()).unwrap();
    }
    pump(from, to, |_, _| {});
    while to.dialog(reader).unwrap().unread() > keep {
        assert!(matches!(to.take(reader), Ok(Take::Item(_))));
    }
}

#[test]
fn a_running_stream_does_not_allocate() {
    let _alone = alone();
    for keep in [0, 5] {
        let (mut a, mut b) = established(&Config::default());
        let (parent, child) = open(&mut a, &mut b);
        a.open_stream(parent).unwrap();
        b.open_stream(child).unwrap();
        let item = text(100);
        let mut messages = |count: usize| {
            for _ in 0..count / 100 {
                stream((&mut a, parent), (&mut b, child), &item, (50, keep));
                stream((&mut b, child), (&mut a, parent), &item, (50, keep));
            }
        };
        messages(10_000);
        let made = least(|| {
            let before = allocations();
            messages(100_000);
            allocations() - before
        });
        println!("{made} allocations in 100,000 messages, {keep} items unread");
        assert!(made <= 10, "{made} allocations with {keep} items unread");
    }
}

#[test]
fn an_idle_dialog_is_small_on_both_sides() {
    const DIALOGS: usize = 10_000;
    let _alone = alone();
    let mut config = Config::default();
    config.max_peer_dialogs = DIALOGS;
    config.max_own_dialogs = DIALOGS;
    let sizes = |dialogs: usize| {
        let (mut a, mut b) = established(&config);
        for _ in 0..dialogs {
            open(&mut a, &mut b);
        }
        let all = live();
        drop(a);
        let of_b = live();
        drop(b);
        [all - of_b, of_b - live()]
    };
    let [parents, children] = least(|| {
        let (none, many) = (sizes(0), sizes(DIALOGS));
        [0, 1].map(|side| (many[side] - none[side]) / DIALOGS)
    });
    println!("an idle dialog: {parents} bytes at the parent, {children} at the child");
    assert!(parents <= 400 && children <= 400, "{parents} and {children} bytes");
}

#[test]
fn finished_dialogs_leave_nothing() {
    let _alone = alone();
    let (mut a, mut b) = established(&Config::default());
    let release = |conn: &mut Connection, event| match event {
        Event::Opened { id, .. } => {
            conn.accept(id, Kind::Function).unwrap();
            conn.finish(id, int(1)).unwrap();
        }
        Event::Dialog { id, .. } if conn.dialog(id).is_some_and(|view| view.is_ended()) => {
            conn.release(NOW, id);
        }
        _ => {}
    };
    let mut dialogs = |count: usize| {
        for _ in 0..count / 10 {
            for _ in 0..10 {
                a.open(NOW, &call(Kind::Function)).unwrap();
            }
            pump(&mut a, &mut b, release);
            pump(&mut b, &mut a, release);
        }
        assert_eq!((a.dialogs().count(), b.dialogs().count()), (0, 0));
    };
    dialogs(10_000);
    let growth = least(|| {
        let before = live();
        dialogs(100_000);
        live().saturating_sub(before)
    });
    println!("100,000 finished dialogs leave {growth} bytes");
    assert_eq!(growth, 0);
}

/// A hand-written peer: encoded messages, and frames that fill the rest of a receive buffer.
struct Attacker {
    conn: Connection,
    buffer: usize,
    late: String,
}

impl Attacker {
    /// Connected to a core that has one ended dialog, whose late frames cost the attacker nothing.
    fn new(config: &Config) -> Self {
        let conn = Connection::new(config.clone(), identity("us"), 3, NOW);
        let mut attacker = Self { conn, buffer: config.receive_buffer, late: "late".to_owned() };
        attacker.say(&Message::Aid(Box::new(identity("mallory"))));
        let late = attacker.start("late").expect("a live connection");
        attacker.conn.release(NOW, late);
        attacker.drain();
        attacker
    }

    fn say(&mut self, message: &Message<'_>) -> Option<DialogId> {
        let mut opened = None;
        feed(&mut self.conn, &encoded(message), |_, event| {
            if let Event::Opened { id, .. } = event {
                opened = Some(id);
            }
        });
        self.drain();
        opened
    }

    fn drain(&mut self) {
        while let Some(bytes) = self.conn.poll_transmit() {
            self.conn.handle_written(NOW, bytes.len());
        }
    }

    /// Opens a context that has started and never reads.
    fn start(&mut self, cid: &str) -> Option<DialogId> {
        let id = self.say(&start(cid, ("demo", "deaf"), Kwargs::EMPTY, &uid_of("mallory")))?;
        self.conn.accept(id, Kind::Context).unwrap();
        self.conn.started(id, int(0)).unwrap();
        self.conn.open_stream(id).unwrap();
        self.drain();
        Some(id)
    }

    /// Fills up a receive buffer with frames that mean nothing: late ones, and strays between them.
    fn fill(&mut self, is_stray: bool) {
        let cid = if is_stray { "never" } else { self.late.as_str() }.to_owned();
        let half = u16::try_from(self.buffer / 2).unwrap();
        let junk = [&[0xc5], half.to_be_bytes().as_slice(), &vec![0; half.into()]].concat();
        let junk = Payload::new(junk.into()).unwrap();
        for _ in 0..2 {
            self.say(&Message::Yield { cid: (&cid).into(), pld: junk.clone() });
        }
    }
}

/// Small limits make the formula bite: pinned buffers would be a hundred times as much.
fn small() -> Config {
    let mut config = Config::default();
    config.max_frame = 1 << 17;
    config.inbox_bytes = 1 << 16;
    config.max_text = 1000;
    config.max_name = 100;
    config.max_relay_path = 4;
    config
}

/// After such an attack no more is kept than so many dialogs may cost.
fn assert_bounded(what: &str, dialogs: usize, attack: impl FnOnce(&mut Attacker)) {
    let _alone = alone();
    let config = small();
    let before = live();
    let mut attacker = Attacker::new(&config);
    attack(&mut attacker);
    let bound = bound::resting(&config, dialogs);
    let (used, said) = (live() - before, attacker.conn.memory());
    println!("{dialogs} dialogs with {what}: {used} bytes used, {said} accounted, the bound is {bound}");
    assert!(used <= bound && said <= bound, "{used} bytes, {said} accounted, are more than {bound}");
}

#[test]
fn unread_items_pin_no_receive_buffers() {
    const DIALOGS: usize = 64;
    assert_bounded("unread items", DIALOGS, |attacker| {
        let cids: Vec<String> = (0..DIALOGS).map(|n| format!("deaf-{n}")).collect();
        let ids: Vec<DialogId> = cids.iter().filter_map(|cid| attacker.start(cid)).collect();
        for round in 0..small().inbox_items {
            for (at, cid) in cids.iter().enumerate() {
                attacker.say(&Message::Yield { cid: cid.into(), pld: int(7) });
                attacker.fill((round + at) % 2 == 0);
            }
        }
        let unread: usize = ids.iter().map(|&id| attacker.conn.dialog(id).unwrap().unread()).sum();
        assert_eq!(unread, 4096, "one-byte items, each in a buffer of its own");
    });
}

#[test]
fn kept_errors_pin_no_receive_buffers() {
    const DIALOGS: usize = 500;
    assert_bounded("errors", DIALOGS, |attacker| {
        for n in 0..DIALOGS {
            let cid = format!("parked-{n}");
            attacker.start(&cid).unwrap();
            attacker.say(&Message::Error(Box::new(error_with_bad_msg(&cid))));
            attacker.fill(false);
        }
        assert!(attacker.conn.dialogs().all(|view| view.error().is_some()));
    });
}

/// A type error with the offending message in it.
fn error_with_bad_msg(cid: &str) -> ErrorMsg {
    let stop = Payload::new(Bytes::from_static(b"\x82\xa8msg_type\xa4Stop\xa3cid\xa1c")).unwrap();
    let error = error_by(uid_of("mallory"), "MsgTypeError");
    ErrorMsg { cid: Some(cid.into()), bad_msg_as_dict: Some(stop), ..error }
}

#[test]
fn kept_results_pin_no_receive_buffers() {
    const DIALOGS: usize = 500;
    assert_bounded("first values and results", DIALOGS, |attacker| {
        for n in 0..DIALOGS {
            let id = attacker.conn.open(NOW, &call(Kind::Context)).unwrap();
            let cid = attacker.conn.dialog(id).unwrap().cid().to_owned();
            attacker.say(&Message::StartAck { cid: (&cid).into(), functype: Kind::Context });
            attacker.say(&Message::Started { cid: (&cid).into(), pld: int(1) });
            attacker.fill(false);
            if n % 2 == 0 {
                attacker.say(&Message::Return { cid: (&cid).into(), pld: int(2) });
                attacker.fill(false);
            }
        }
    });
}
