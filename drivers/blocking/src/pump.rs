//! Moving bytes: one thread at a time reads, one at a time writes, neither under the lock.

use std::io;
use std::mem;

use bytes::{Buf, Bytes};
use scipp_common::now;
use scipp_proto::Instant;

use crate::link::Link;
use crate::socket::{Interest, LINGER, Readiness, park};
use crate::state::{Held, Leader, State};

/// What was read and the core did not take yet.
#[derive(Debug)]
pub(crate) struct Input {
    /// Empty while the leader reads into it.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl Input {
    pub(crate) fn new(len: usize) -> Self {
        Self { buffer: vec![0; len.max(4096)], start: 0, end: 0, ended: false }
    }

    /// Whether bytes wait until the core takes input again.
    pub(crate) fn is_paused(&self) -> bool {
        self.start < self.end
    }
}

/// What one attempt to read gave.
type Got = io::Result<Option<usize>>;

impl Link {
    /// One turn of the leader: write what is queued, wait for input (or `deadline`, or a nudge), and
    /// let the core have it. The lock is free while anything blocks.
    pub(crate) fn turn<'a>(&'a self, mut state: Held<'a>, deadline: Option<Instant>) -> Held<'a> {
        state.leader = Leader::Reading;
        state.turns = state.turns.wrapping_add(1);
        state = self.flush(state);
        if mem::take(&mut state.nudged) || state.closed.is_some() {
            // What this thread waits for may have changed.
        } else if state.input.is_paused() && state.conn.wants_input() {
            state.feed();
        } else {
            state = self.read(state, deadline);
        }
        if state.conn.poll_timeout().is_some_and(|(due, _)| due <= now()) {
            state.conn.handle_timeout(now());
            state.drain();
        }
        state.leader = Leader::Nobody;
        self.ring(state)
    }

    /// Waits for input and feeds it to the core.
    fn read<'a>(&'a self, mut state: Held<'a>, deadline: Option<Instant>) -> Held<'a> {
        let mut buffer = mem::take(&mut state.input.buffer);
        let mut got = Ok(None);
        if state.wants_bytes() && !state.stalled && !state.is_due_within_linger(deadline) {
            drop(state);
            got = self.tapped(self.socket.read_lingering(&mut buffer), &buffer);
            state = self.lock();
        }
        if matches!(got, Ok(None)) {
            state = self.flush(state);
            if mem::take(&mut state.nudged) || state.closed.is_some() {
                state.input.buffer = buffer;
                return state;
            }
            (state, got) = self.read_parked(state, deadline, &mut buffer);
        }
        state.input.buffer = buffer;
        state.take_in(got);
        state
    }

    /// Waits in reach of the waker until something can be read, or written if writing has stalled.
    fn read_parked<'a>(
        &'a self,
        mut state: Held<'a>,
        deadline: Option<Instant>,
        buffer: &mut [u8],
    ) -> (Held<'a>, Got) {
        let interest = Interest { read: state.wants_bytes(), write: state.stalled };
        state.parked_for_input = interest.read;
        state.parked_until = state.next_due(deadline);
        let timeout = state.parked_until.map(|due| due.duration_since(now()));
        state.leader = Leader::Parked;
        drop(state);
        let (writable, got) = match park(&self.socket, interest, &self.waker, timeout) {
            Ok(Readiness { readable: true, writable }) => {
                (writable, self.tapped(self.socket.read_now(buffer), buffer))
            }
            Ok(Readiness { writable, .. }) => (writable, Ok(None)),
            Err(error) => (false, Err(error)),
        };
        let mut state = self.lock();
        state.leader = Leader::Reading;
        state.nudged = false;
        self.keep_watched(&mut state);
        if writable {
            state.stalled = false;
            state = self.flush(state);
        }
        (state, got)
    }

    /// Writes everything that is queued, as far as the socket takes it. If another thread is writing,
    /// that one does it.
    pub(crate) fn flush<'a>(&'a self, mut state: Held<'a>) -> Held<'a> {
        while !state.writing && !state.stalled && !state.broken {
            state.corked = false;
            let is_fresh = state.unsent.is_empty();
            if is_fresh {
                let Some(frames) = state.conn.poll_transmit() else { break };
                state.unsent = frames;
            }
            let chunk = state.unsent.clone();
            state.writing = true;
            drop(state);
            if let (true, Some(tap)) = (is_fresh, &self.tap) {
                tap.sent(&chunk);
            }
            let wrote = self.socket.write_now(&chunk);
            drop(chunk);
            state = self.lock();
            state.writing = false;
            self.wrote(&mut state, wrote);
        }
        self.ring(state)
    }

    fn wrote(&self, state: &mut State, wrote: io::Result<Option<usize>>) {
        match wrote {
            Ok(Some(len)) => {
                state.unsent.advance(len);
                if state.unsent.is_empty() {
                    // Even an empty slice holds the memory that the core wants to use again.
                    state.unsent = Bytes::new();
                }
                state.conn.handle_written(now(), len);
                // The leader may be one of those that wait for room.
                if state.rouse_crowded() {
                    self.nudge(state);
                }
            }
            Ok(None) => {
                state.stalled = true;
                self.nudge(state);
                self.watch_out(state);
            }
            Err(_) => {
                state.broken = true;
                self.nudge(state);
                self.watch_out(state);
            }
        }
        if state.drain() {
            self.nudge(state);
        }
    }

    fn tapped(&self, got: Got, buffer: &[u8]) -> Got {
        if let (Some(tap), Ok(Some(len))) = (&self.tap, &got) {
            tap.received(buffer.get(..*len).unwrap_or_default());
        }
        got
    }
}

impl State {
    /// Whether more bytes are wanted from the socket.
    fn wants_bytes(&self) -> bool {
        !self.input.ended && !self.input.is_paused() && self.conn.wants_input()
    }

    /// When the leader has to be back.
    fn next_due(&self, deadline: Option<Instant>) -> Option<Instant> {
        let due = self.conn.poll_timeout().map(|(due, _)| due);
        // A broken connection is read empty at once.
        if self.broken { Some(now()) } else { due.into_iter().chain(deadline).min() }
    }

    fn is_due_within_linger(&self, deadline: Option<Instant>) -> bool {
        self.next_due(deadline).is_some_and(|due| due <= now().saturating_add(LINGER))
    }

    /// Lets the core have what a read gave.
    fn take_in(&mut self, got: Got) {
        match got {
            Ok(Some(0)) => self.end(|state| state.conn.handle_eof(now())),
            Ok(Some(len)) => {
                (self.input.start, self.input.end) = (0, len);
                self.feed();
            }
            Ok(None) if self.broken && !self.input.is_paused() => {
                self.end(|state| state.conn.handle_reset(now()));
            }
            Ok(None) => {}
            Err(_) => self.end(|state| state.conn.handle_reset(now())),
        }
    }

    fn end(&mut self, tell: impl FnOnce(&mut Self)) {
        if !self.input.ended {
            self.input.ended = true;
            tell(self);
            self.drain();
        }
    }

    /// Offers the core what was read until it has all of it or takes no more.
    fn feed(&mut self) {
        while let Some(rest) = self.input.buffer.get(self.input.start..self.input.end) {
            let taken = if rest.is_empty() { 0 } else { self.conn.handle_input(now(), rest) };
            self.input.start += taken;
            self.drain();
            if taken == 0 {
                break;
            }
        }
        // After the end nothing is wanted: what is left of the input is of no use.
        if self.closed.is_some() {
            self.input.start = self.input.end;
        }
    }
}
