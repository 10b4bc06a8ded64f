//! Two real cores, the bytes between them, and what an observer at each end has seen.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use scipp_proto::phase::Role;
use scipp_proto::{
    CloseReason, Config, Connection, DialogEvent, DialogId, Event, Failure, Identity, Instant, Outcome,
    Payload, RemoteError, Target, Uid,
};

use super::fingerprint;
use super::watch::Watch;
use crate::pair::Side;

/// What the observer knows of one dialog at one end.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: DialogId,
    pub(super) cid: String,
    pub(super) role: Role,
    /// How many `Ended` events there were.
    pub(super) endings: usize,
    pub(super) outcome: Option<Outcome>,
    pub(super) is_released: bool,
    /// The two applications disagree on the kind: the parent may call it a violation.
    pub(super) is_mismatched: bool,
    /// An actor cancel.
    pub(super) is_actor_cancel: bool,
    /// The number of the next item to send, and of the next one expected.
    pub(super) sent: u32,
    pub(super) expected: u32,
    /// Items may be missing: the application chose to drop some.
    pub(super) is_lossy: bool,
    /// Child: what it returned.
    pub(super) result: Option<Payload>,
}

/// One end.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) conn: Connection,
    /// Written by the other end, not yet delivered.
    pub(super) incoming: VecDeque<u8>,
    /// Handed out by the core, not yet written.
    pub(super) outgoing: VecDeque<u8>,
    /// Of these and of what is still queued, at most so many bytes are there because of its own verbs.
    pub(super) forced: usize,
    /// Nothing can be written at present.
    pub(super) is_stalled: bool,
    /// The other end has hung up; its end of input is reported after `incoming`.
    pub(super) is_hung_up: bool,
    /// The application asked for a graceful close.
    pub(super) is_closing: bool,
    pub(super) known: Vec<Known>,
    pub(super) closed: Option<CloseReason>,
    watch: Watch,
    /// All events and all output so far, condensed.
    events: DefaultHasher,
    output: DefaultHasher,
}

/// Both ends.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) ends: [End; 2],
    pub(super) now: Instant,
    /// Whether events are polled after every operation.
    pub(super) is_eager: bool,
    /// Whether the link was cut, so that input may end anywhere.
    pub(super) is_cut: bool,
    /// Errors received so far, to be relayed.
    pub(super) errors: Vec<Arc<RemoteError>>,
}

impl World {
    pub(super) fn new(a: Config, b: Config, is_eager: bool) -> Self {
        let now = Instant::EPOCH;
        let end = |config, name, seed| End {
            conn: Connection::new(config, Identity::new(Uid::new(name, name)), seed, now),
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            forced: 0,
            is_stalled: false,
            is_hung_up: false,
            is_closing: false,
            known: Vec::new(),
            closed: None,
            watch: Watch::default(),
            events: DefaultHasher::new(),
            output: DefaultHasher::new(),
        };
        let ends = [end(a, "alice", 1), end(b, "bob", 1 << 65 | 2)];
        Self { ends, now, is_eager, is_cut: false, errors: Vec::new() }
    }

    pub(super) const fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// Everything an observer can tell, as a number.
    pub(super) fn digest(&self) -> [[u64; 3]; 2] {
        self.ends.each_ref().map(|end| [fingerprint(&end.conn), end.events.finish(), end.output.finish()])
    }

    /// Takes up to `max` events of `side`, then everything it wants to write.
    pub(super) fn poll(&mut self, side: Side, max: usize) {
        for _ in 0..max {
            let Some(event) = self.end(side).conn.poll_event() else { break };
            self.observe(side, &event);
        }
        self.transmit(side);
    }

    /// Drains `side` and checks that it is quiet then.
    pub(super) fn drain(&mut self, side: Side) {
        self.poll(side, usize::MAX);
        // A graceful close may have waited for what was just written.
        self.poll(side, usize::MAX);
        let end = self.end(side);
        assert_eq!(end.conn.poll_event(), None, "an event after the drain");
        assert_eq!(end.conn.poll_transmit(), None, "a frame after the drain");
    }

    fn transmit(&mut self, side: Side) {
        let end = self.end(side);
        while let Some(bytes) = end.conn.poll_transmit() {
            end.watch.sent(&bytes, &end.conn);
            end.output.write(&bytes);
            end.outgoing.extend(bytes);
        }
        let all = if end.is_stalled { 0 } else { usize::MAX };
        self.write(side, all);
    }

    /// The application at `side` does something.
    pub(super) fn verbs(&mut self, side: Side, verbs: impl FnOnce(&mut Self)) {
        let before = self.end(side).conn.unwritten();
        verbs(self);
        let end = self.end(side);
        end.forced += end.conn.unwritten() - before;
    }

    /// Up to `max` bytes of what `side` has to write reach the link.
    pub(super) fn write(&mut self, side: Side, max: usize) {
        let now = self.now;
        let end = self.end(side);
        let len = max.min(end.outgoing.len());
        let written: Vec<u8> = end.outgoing.drain(..len).collect();
        end.conn.handle_written(now, len);
        end.forced = end.forced.min(end.conn.unwritten());
        let has_hung_up = end.conn.is_closed() && end.outgoing.is_empty();
        let other = self.end(side.other());
        other.incoming.extend(written);
        other.is_hung_up |= has_hung_up;
    }

    /// Up to `max` bytes reach `side`, and the end of input after the last. How much the core takes at a
    /// time is its own affair: it is offered the rest again.
    pub(super) fn deliver(&mut self, side: Side, max: usize) -> usize {
        let now = self.now;
        let mut left = max;
        loop {
            let is_eager = self.is_eager;
            let end = self.end(side);
            let len = left.min(end.incoming.len());
            let is_wanted = len > 0 && end.conn.wants_input();
            if is_wanted {
                let taken = end.conn.handle_input(now, &end.incoming.make_contiguous()[..len]);
                assert!(taken > 0, "input was wanted and not taken");
                end.incoming.drain(..taken);
                left -= taken;
            }
            if end.incoming.is_empty() && end.is_hung_up {
                end.conn.handle_eof(now);
            }
            if is_eager {
                self.drain(side);
            } else {
                self.transmit(side);
            }
            if !is_wanted {
                return max - left;
            }
        }
    }

    /// Everything is written, delivered and taken until nothing moves any more.
    pub(super) fn settle(&mut self) {
        loop {
            for side in Side::BOTH {
                self.end(side).is_stalled = false;
                self.drain(side);
            }
            if Side::BOTH.map(|side| self.deliver(side, usize::MAX)) == [0, 0] {
                break;
            }
        }
        for side in Side::BOTH {
            self.drain(side);
        }
        self.check_agreement();
    }

    /// The link breaks; of what was on its way to each end the first bytes still arrive.
    pub(super) fn cut(&mut self, arriving: usize, is_reset: bool) {
        self.is_cut = true;
        for side in Side::BOTH {
            let now = self.now;
            let end = self.end(side);
            end.incoming.truncate(arriving);
            end.outgoing.clear();
            let _ = end.conn.handle_input(now, end.incoming.make_contiguous());
            end.incoming.clear();
            if is_reset {
                end.conn.handle_reset(now);
            } else {
                end.conn.handle_eof(now);
            }
            self.drain(side);
        }
    }

    fn observe(&mut self, side: Side, event: &Event) {
        let end = &mut self.ends[side as usize];
        assert_eq!(end.closed, None, "{event:?} after Closed");
        event.hash(&mut end.events);
        match event {
            Event::Opened { id, request } => {
                let is_cancel =
                    matches!(request.target, Target::Runtime(scipp_proto::RuntimeEndpoint::Cancel));
                assert!(!is_cancel, "an actor cancel has its own event");
                end.known.push(Known::new(*id, request.cid.to_string(), Role::Child));
            }
            Event::ActorCancelRequested { id } => {
                let cid = end.conn.dialog(*id).map_or_else(String::new, |view| view.cid().to_owned());
                end.known.push(Known { is_actor_cancel: true, ..Known::new(*id, cid, Role::Child) });
            }
            Event::Dialog { id, event } => {
                let known = end.known.iter_mut().find(|known| known.id == *id);
                let known = known.expect("an event of a dialog that was never opened");
                assert!(known.endings == 0 || *event == DialogEvent::CancelAcked, "{event:?} after Ended");
                known.endings += usize::from(*event == DialogEvent::Ended);
                let error = end.conn.dialog(*id).and_then(|view| view.error().cloned());
                if let Some(Failure::Remote(error)) = error {
                    self.errors.truncate(3);
                    self.errors.insert(0, error);
                }
            }
            Event::Closed { reason } => end.closed = Some(reason.clone()),
            _ => {}
        }
    }

    /// What has ended at `side` is told to the observer of its frames: no more for these.
    pub(super) fn note_endings(&mut self, side: Side) {
        let end = self.end(side);
        for known in &end.known {
            if end.conn.dialog(known.id).is_some_and(|view| view.is_ended()) {
                end.watch.is_over(&known.cid);
            }
        }
    }
}

impl Known {
    pub(super) const fn new(id: DialogId, cid: String, role: Role) -> Self {
        Self {
            id,
            cid,
            role,
            endings: 0,
            outcome: None,
            is_released: false,
            is_mismatched: false,
            is_actor_cancel: false,
            sent: 0,
            expected: 0,
            is_lossy: false,
            result: None,
        }
    }
}
