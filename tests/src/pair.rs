//! Two real cores back to back, with a virtual clock and a link that can be cut anywhere.

use std::collections::VecDeque;
use std::time::Duration;

use scipp_proto::{Config, Connection, DialogId, Event, Identity, Instant, Uid};

/// The uid of an actor of this name.
pub fn uid_of(name: &str) -> Uid {
    Uid::new(name, format!("{name}-uuid"))
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Usually the one that opens dialogs.
    A,
    /// Usually the one that runs them.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// One end: a core, what it has reported, and the bytes on their way to it.
#[derive(Debug, Clone)]
pub struct End {
    /// The core.
    pub conn: Connection,
    /// What it reported, oldest first.
    pub events: VecDeque<Event>,
    /// Bytes written by the other end and not yet delivered.
    pub incoming: VecDeque<u8>,
}

/// Two connected cores.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The two ends; see [`Pair::end`].
    ends: [End; 2],
    now: Instant,
}

impl Pair {
    /// A pair of fresh connections; nothing was delivered yet.
    pub fn new(config: Config) -> Self {
        Self::with(config.clone(), config, 1)
    }

    /// A pair with a configuration each.
    pub fn with(a: Config, b: Config, seed: u128) -> Self {
        Self::between(["alice", "bob"], [a, b], seed)
    }

    /// A connection between actors of these names.
    pub fn between(names: [&str; 2], configs: [Config; 2], seed: u128) -> Self {
        let now = Instant::EPOCH;
        let end = |config, name, seed| End {
            conn: Connection::new(config, Identity::new(uid_of(name)), seed, now),
            events: VecDeque::new(),
            incoming: VecDeque::new(),
        };
        let ([a, b], [one, other]) = (configs, names);
        Self { ends: [end(a, one, seed), end(b, other, seed.wrapping_add(1 << 65 | 1))], now }
    }

    /// A pair whose handshake is complete and reported.
    pub fn established(config: Config) -> Self {
        let mut pair = Self::new(config);
        pair.settle();
        for side in Side::BOTH {
            assert!(matches!(pair.end_mut(side).events.pop_front(), Some(Event::Established { .. })));
        }
        pair
    }

    /// One end.
    pub fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    /// One end, to do something with it.
    pub fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// Who one end is.
    pub fn uid(&self, side: Side) -> &Uid {
        &self.end(side).conn.identity().uid
    }

    /// One core.
    pub fn conn(&mut self, side: Side) -> &mut Connection {
        &mut self.end_mut(side).conn
    }

    /// The virtual time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass at both ends.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
        for side in Side::BOTH {
            let now = self.now;
            self.conn(side).handle_timeout(now);
            self.drain(side);
        }
    }

    /// Collects events of `side` and puts what it wants to write on the link.
    pub fn drain(&mut self, side: Side) {
        let now = self.now;
        let end = self.end_mut(side);
        while let Some(event) = end.conn.poll_event() {
            end.events.push_back(event);
        }
        let mut written = Vec::new();
        while let Some(bytes) = end.conn.poll_transmit() {
            end.conn.handle_written(now, bytes.len());
            written.push(bytes);
        }
        // A graceful close may have been waiting for this write.
        while let Some(event) = end.conn.poll_event() {
            end.events.push_back(event);
        }
        for bytes in written {
            self.end_mut(side.other()).incoming.extend(bytes);
        }
    }

    /// Delivers up to `len` bytes to `side`; returns how many it took.
    pub fn deliver(&mut self, side: Side, len: usize) -> usize {
        let now = self.now;
        let end = self.end_mut(side);
        let len = len.min(end.incoming.len());
        let bytes: Vec<u8> = end.incoming.iter().take(len).copied().collect();
        let taken = end.conn.handle_input(now, &bytes);
        end.incoming.drain(..taken);
        self.drain(side);
        taken
    }

    /// Delivers everything until nothing moves any more.
    pub fn settle(&mut self) {
        for side in Side::BOTH {
            self.drain(side);
        }
        while Side::BOTH.iter().any(|&side| self.deliver(side, usize::MAX) > 0) {}
    }

    /// Cuts the link: both ends see the end of input after what was delivered.
    pub fn cut(&mut self, reset: bool) {
        let now = self.now;
        for side in Side::BOTH {
            let end = self.end_mut(side);
            end.incoming.clear();
            if reset {
                end.conn.handle_reset(now)
            } else {
                end.conn.handle_eof(now)
            }
            self.drain(side);
        }
    }

    /// The dialog of the oldest unreported `Opened` event of `side`, with everything before it dropped.
    pub fn next_opened(&mut self, side: Side) -> Option<DialogId> {
        while let Some(event) = self.end_mut(side).events.pop_front() {
            if let Event::Opened { id, .. } = event {
                return Some(id);
            }
        }
        None
    }
}
