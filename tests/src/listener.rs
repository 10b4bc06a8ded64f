//! A listener's end of one connection without a socket: a core, and six small endpoints.

use scipp_proto::phase::Role;
use scipp_proto::{
    Config, Connection, DialogEvent, DialogId, Event, Identity, Instant, Kind, Payload, Report, Request,
    Take, Target, Uid,
};

/// What one endpoint does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Endpoint {
    /// Sends back what it gets, and returns when the caller stops.
    Echo,
    /// Starts and waits.
    Park,
    /// Starts, opens its stream and never reads.
    Deaf,
    /// Sends the same item again and again.
    Flood(Payload),
    /// Starts and fails.
    Boom,
    /// Returns the sum of two numbers.
    Add(Payload),
}

/// One accepted connection.
#[derive(Debug)]
pub struct Listener {
    /// The core.
    pub conn: Connection,
    /// Everything it has handed out.
    pub output: Vec<u8>,
    /// Whether what it hands out gets written.
    pub is_read: bool,
    module: &'static str,
    running: Vec<(DialogId, Endpoint)>,
}

impl Listener {
    /// A connection that has just been accepted; the endpoints live in `module`.
    pub fn new(config: Config, module: &'static str, seed: u128, now: Instant) -> Self {
        let identity = Identity::new(Uid::new("listener", "l-0001"));
        let conn = Connection::new(config, identity, seed, now);
        Self { conn, output: Vec::new(), is_read: true, module, running: Vec::new() }
    }

    /// Bytes arrive; those that the core does not want any more are left.
    pub fn feed(&mut self, now: Instant, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.conn.wants_input() {
            let taken = self.conn.handle_input(now, bytes);
            bytes = &bytes[taken..];
            self.drain(now);
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now: Instant) {
        if self.conn.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.conn.handle_timeout(now);
        }
        self.drain(now);
    }

    /// Handles all events, then writes all output.
    pub fn drain(&mut self, now: Instant) {
        while let Some(event) = self.conn.poll_event() {
            self.react(now, &event);
        }
        for (id, endpoint) in &self.running {
            if let Endpoint::Flood(item) = endpoint {
                while self.conn.send(*id, item.clone()).is_ok() {}
            }
        }
        while let Some(bytes) = self.conn.poll_transmit() {
            self.output.extend(&bytes);
            self.conn.handle_written(now, if self.is_read { bytes.len() } else { 0 });
        }
    }

    /// What fails here has ended meanwhile.
    fn react(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Opened { id, request } => match self.endpoint(request) {
                Ok(endpoint) => self.start(*id, endpoint),
                Err(report) => _ = self.conn.refuse(*id, *report),
            },
            Event::Dialog { id, event } => self.follow(now, *id, *event),
            _ => {}
        }
    }

    fn endpoint(&self, request: &Request) -> Result<Endpoint, Box<Report>> {
        let Target::Function { ns, func } = &request.target else {
            return Err(refusal("RuntimeError", "no such runtime here"));
        };
        if ns != self.module {
            return Err(refusal("ModuleNotExposed", "no such module"));
        }
        let args: Vec<_> = request.kwargs.iter().collect();
        match (func.as_str(), args.as_slice()) {
            ("echo", []) => Ok(Endpoint::Echo),
            ("park", []) => Ok(Endpoint::Park),
            ("deaf", []) => Ok(Endpoint::Deaf),
            ("boom", []) => Ok(Endpoint::Boom),
            ("flood", [("size", size)]) => {
                let len = number(size).and_then(|len| usize::try_from(len).ok()).filter(|&len| len < 1 << 16);
                len.map(|len| Endpoint::Flood(bin(len))).ok_or_else(bad_arguments)
            }
            ("add", [("a", a), ("b", b)]) => {
                let sum = number(a).zip(number(b)).and_then(|(a, b)| a.checked_add(b));
                sum.map(|sum| Endpoint::Add(int64(sum))).ok_or_else(bad_arguments)
            }
            ("echo" | "park" | "deaf" | "boom" | "flood" | "add", _) => Err(bad_arguments()),
            _ => Err(refusal("AttributeError", "no such function")),
        }
    }

    fn start(&mut self, id: DialogId, endpoint: Endpoint) {
        let conn = &mut self.conn;
        let hi = || Payload::new((&b"\xa2hi"[..]).into()).expect("a text");
        let _ = match &endpoint {
            Endpoint::Add(sum) => conn.accept(id, Kind::Function).and_then(|()| conn.finish(id, sum.clone())),
            Endpoint::Boom => conn
                .accept(id, Kind::Context)
                .and_then(|()| conn.started(id, hi()))
                .and_then(|()| conn.fail(id, Report::new("ValueError", "boom"))),
            Endpoint::Park => conn.accept(id, Kind::Context).and_then(|()| conn.started(id, hi())),
            Endpoint::Echo | Endpoint::Deaf | Endpoint::Flood(_) => conn
                .accept(id, Kind::Context)
                .and_then(|()| conn.started(id, hi()))
                .and_then(|()| conn.open_stream(id)),
        };
        self.running.push((id, endpoint));
    }

    fn follow(&mut self, now: Instant, id: DialogId, event: DialogEvent) {
        let Some(view) = self.conn.dialog(id).filter(|view| view.role() == Role::Child) else { return };
        let must_unwind = view.must_unwind();
        let echoes = self.running.contains(&(id, Endpoint::Echo));
        match event {
            DialogEvent::Ended => {
                self.conn.release(now, id);
                self.running.retain(|(running, _)| *running != id);
            }
            _ if must_unwind => _ = self.conn.unwound(id),
            DialogEvent::Readable | DialogEvent::Stopped if echoes => {
                while let Ok(Take::Item(item)) = self.conn.take(id) {
                    let _ = self.conn.send(id, item);
                }
                if self.conn.take(id) == Ok(Take::End) {
                    let _ = self.conn.finish(id, Payload::new((&b"\xa3bye"[..]).into()).expect("a text"));
                }
            }
            _ => {}
        }
    }
}

fn bad_arguments() -> Box<Report> {
    refusal("TypeError", "these are not its arguments")
}

fn refusal(type_name: &str, text: &str) -> Box<Report> {
    Box::new(Report::new(type_name, text))
}

/// A small whole number.
fn number(value: &Payload) -> Option<i64> {
    match *value.as_bytes().as_ref() {
        [n @ 0..=0x7f] => Some(n.into()),
        [n @ 0xe0..=0xff] => Some(i8::from_be_bytes([n]).into()),
        [0xcc, n] => Some(n.into()),
        [0xcd, a, b] => Some(u16::from_be_bytes([a, b]).into()),
        [0xce, a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]).into()),
        _ => None,
    }
}

fn int64(n: i64) -> Payload {
    Payload::new([&[0xd3], n.to_be_bytes().as_slice()].concat().into()).expect("a number")
}

fn bin(len: usize) -> Payload {
    let head = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    Payload::new([&[0xc5], head.as_slice(), &vec![7; len]].concat().into()).expect("as long as announced")
}
