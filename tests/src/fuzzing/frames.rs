//! Any bytes, in any cuts, into one connection.

use std::collections::HashMap;

use bytes::BytesMut;
use scipp_proto::phase::Role;
use scipp_proto::wire::{self, Message};
use scipp_proto::{
    Call, Canceller, CloseReason, Config, Connection, Counters, DialogEvent, DialogId, Event, Identity,
    Instant, Kind, Kwargs, Payload, Report, Request, Take, Target, Uid,
};

use super::fingerprint;
use super::program::Program;
use crate::bound;

/// Seed of the connection: the ids of the dialogs it opens follow from it.
const SEED: u128 = 7;

/// Feeds `input` to one connection, in one piece and in the pieces that it says itself.
///
/// Byte 0 is the mode, byte 1 the number of lengths that follow; the rest is the stream, cut into
/// pieces of these lengths in turn (single bytes if there are none).
///
/// # Panics
///
/// If the core breaks a promise: panics, uses too much memory, goes on after its end, or makes a
/// difference between the two ways of cutting.
pub fn frames(input: &[u8]) {
    let mut program = Program::new(input);
    let mode = Mode(program.byte());
    let count = program.byte().into();
    let lengths = program.take(count);
    let stream = program.rest();
    let whole = Run::new(mode).feed(std::iter::once(stream));
    let cut = Run::new(mode).feed(Pieces { stream, lengths: lengths.iter().cycle(), is_single: count == 0 });
    assert_eq!(cut, whole, "the cuts made a difference");
}

/// The bytes that make a seed of the corpus out of a stream.
pub fn seed(mode: u8, lengths: &[u8], stream: &[u8]) -> Vec<u8> {
    let count = u8::try_from(lengths.len()).expect("at most 255 lengths");
    [&[mode, count], lengths, stream].concat()
}

/// The ids of the dialogs that a connection in mode 2 opens itself, in this order of kinds: function,
/// generator, context. Seeds are written with them.
///
/// # Panics
///
/// Never: the handshake before is valid.
pub fn own_cids() -> Vec<String> {
    let run = Run::new(Mode(3));
    run.conn.dialogs().map(|view| view.cid().to_owned()).collect()
}

/// How the connection is used, bit by bit: 1 a valid handshake comes first; 2 dialogs of ours are open;
/// 4 we were spawned; 8 four malformed frames are forgiven; 16 the input ends; 32 by a reset; 64 nothing
/// of ours is ever read.
#[derive(Debug, Clone, Copy)]
struct Mode(u8);

impl Mode {
    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    fn config(self) -> Config {
        let mut config = Config::default();
        config.max_frame = 1 << 16;
        config.receive_buffer = 4096;
        config.max_text = 500;
        config.max_name = 200;
        config.max_relay_path = 4;
        config.inbox_items = 8;
        config.inbox_bytes = 1 << 14;
        config.outbox_bytes = 1 << 16;
        config.max_owed = 64;
        config.max_peer_dialogs = 16;
        config.max_strays = 100;
        config.late_cids = 32;
        config.spawned = self.has(4);
        config.malformed_budget = if self.has(8) { 4 } else { 0 };
        config
    }
}

/// A stream cut into pieces.
struct Pieces<'a, L> {
    stream: &'a [u8],
    lengths: L,
    is_single: bool,
}

impl<'a, 'l, L: Iterator<Item = &'l u8>> Iterator for Pieces<'a, L> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.stream.is_empty() {
            return None;
        }
        let wanted = if self.is_single { 1 } else { usize::from(*self.lengths.next()?).max(1) };
        let (piece, rest) = self.stream.split_at(wanted.min(self.stream.len()));
        self.stream = rest;
        Some(piece)
    }
}

/// What can be seen of a connection in the end.
#[derive(Debug, PartialEq)]
struct Seen {
    events: Vec<Event>,
    output: Vec<u8>,
    state: u64,
    counters: Counters,
    closed: Option<CloseReason>,
}

/// A connection with an application that reacts to every event at once, and to nothing else.
struct Run {
    mode: Mode,
    conn: Connection,
    events: Vec<Event>,
    output: Vec<u8>,
    /// What each request of the peer is served by.
    services: HashMap<DialogId, u8>,
    /// Bytes that the application queued.
    forced: usize,
}

impl Run {
    fn new(mode: Mode) -> Self {
        let us = Identity::new(Uid::new("us", "u"));
        let conn = Connection::new(mode.config(), us, SEED, Instant::EPOCH);
        let (events, output, services) = Default::default();
        let mut run = Self { mode, conn, events, output, services, forced: 0 };
        if mode.has(1) {
            let mut aid = BytesMut::new();
            wire::encode(&Message::Aid(Box::new(Identity::new(Uid::new("peer", "p")))), &mut aid);
            run.take(&aid);
            assert!(run.conn.peer().is_some());
        }
        run
    }

    fn feed<'a>(mut self, pieces: impl Iterator<Item = &'a [u8]>) -> Seen {
        for piece in pieces {
            self.take(piece);
        }
        match (self.mode.has(16), self.mode.has(32)) {
            (true, false) => self.conn.handle_eof(Instant::EPOCH),
            (true, true) => self.conn.handle_reset(Instant::EPOCH),
            (false, _) => {}
        }
        self.drain();
        if self.mode.has(16) {
            assert!(self.conn.is_closed());
        }
        self.check_end();
        let mut counters = *self.conn.counters();
        // How much came after the fatal byte is a matter of the cuts.
        counters.bytes_in = 0;
        Seen {
            state: fingerprint(&self.conn),
            counters,
            closed: self.conn.close_reason().cloned(),
            events: self.events,
            output: self.output,
        }
    }

    fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let taken = self.conn.handle_input(Instant::EPOCH, piece);
            assert_eq!(taken == 0, self.conn.is_closed(), "only a closed connection takes nothing");
            if taken == 0 {
                break;
            }
            piece = &piece[taken..];
            self.check_memory();
            self.drain();
            self.check_memory();
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.conn.poll_event() {
            assert!(!matches!(self.events.last(), Some(Event::Closed { .. })), "{event:?} after Closed");
            let before = self.conn.unwritten();
            self.react(&event);
            self.forced += self.conn.unwritten() - before;
            self.events.push(event);
            self.transmit();
        }
        self.transmit();
    }

    fn transmit(&mut self) {
        while let Some(bytes) = self.conn.poll_transmit() {
            let written = if self.mode.has(64) { 0 } else { bytes.len() };
            self.conn.handle_written(Instant::EPOCH, written);
            self.output.extend(bytes);
        }
    }

    fn check_memory(&self) {
        let config = self.conn.config();
        let unwritten = self.conn.unwritten();
        let most = bound::unwritten(config, self.forced);
        assert!(unwritten <= most, "{unwritten} bytes unwritten are more than {most}");
        // Besides the dialogs of the peer there are three of ours, each with a cancel request and with a first
        // value and a result of any size.
        let values = 6 * config.max_frame;
        let most = bound::resting(config, config.max_peer_dialogs + 6) + unwritten + values;
        let memory = self.conn.memory();
        assert!(memory <= most, "{memory} bytes are more than {most}");
    }

    fn check_end(&self) {
        let reported = self.events.iter().find_map(|event| match event {
            Event::Closed { reason } => Some(reason),
            _ => None,
        });
        assert_eq!(reported, self.conn.close_reason());
        if self.conn.is_closed() {
            assert!(self.conn.dialogs().all(|view| view.is_ended()), "alive after the connection");
            assert_eq!(self.conn.poll_timeout(), None);
        }
    }
}

/// The application.
impl Run {
    fn react(&mut self, event: &Event) {
        match event {
            Event::Established { .. } if self.mode.has(2) => {
                for kind in Kind::ALL {
                    let call = Call { target: Target::function("m", "f"), kind, kwargs: Kwargs::EMPTY };
                    self.conn.open(Instant::EPOCH, &call).expect("just established");
                }
            }
            Event::Opened { id, request } => self.serve(*id, request),
            Event::ActorCancelRequested { id } => {
                self.conn.cancel_children(&Canceller::Us);
                // It may be over already, with the connection.
                let _ = self.conn.acknowledge(*id);
            }
            Event::Dialog { id, event } => self.follow(*id, *event),
            _ => {}
        }
    }

    /// Runs a request; which service it is follows from the name. What fails is over already.
    fn serve(&mut self, id: DialogId, request: &Request) {
        let service = match &request.target {
            Target::Function { func, .. } => func.bytes().fold(0_u8, u8::wrapping_add) % 8,
            Target::Runtime(_) => 1,
        };
        self.services.insert(id, service);
        let value = Payload::from(&request.kwargs);
        let conn = &mut self.conn;
        let _ = match service {
            0 => conn.refuse(id, Report::new("AttributeError", "no such function")),
            1 => conn.accept(id, Kind::Function).and_then(|()| conn.finish(id, value)),
            2 => conn.accept(id, Kind::Function),
            3 => conn.accept(id, Kind::Generator).and_then(|()| {
                let _ = conn.send(id, value.clone());
                conn.finish(id, value)
            }),
            4 => conn.accept(id, Kind::Generator),
            5 | 6 => conn
                .accept(id, Kind::Context)
                .and_then(|()| conn.started(id, value))
                .and_then(|()| conn.open_stream(id)),
            _ => Ok(()),
        };
    }

    fn follow(&mut self, id: DialogId, event: DialogEvent) {
        let Some(view) = self.conn.dialog(id) else { return };
        let role = view.role();
        let echoes = self.services.get(&id) == Some(&6);
        match (event, role) {
            (DialogEvent::Readable, Role::Child) if !echoes => {}
            (DialogEvent::Readable, _) => {
                if let Ok(Take::Item(item)) = self.conn.take(id) {
                    let _ = self.conn.send(id, item);
                }
            }
            (DialogEvent::Started, _) => {
                let _ = self.conn.open_stream(id);
                let first = self.conn.take_first(id);
                let _ = self.conn.send(id, first.unwrap_or(Payload::NIL));
            }
            (DialogEvent::Stopped, Role::Child) if echoes => {
                let _ = self.conn.finish(id, Payload::NIL);
            }
            (DialogEvent::CancelRequested | DialogEvent::Failed, Role::Child) => {
                let _ = self.conn.unwound(id);
            }
            // Some records are kept: they count as live.
            (DialogEvent::Ended, _) if !echoes => self.conn.release(Instant::EPOCH, id),
            _ => {}
        }
    }
}
