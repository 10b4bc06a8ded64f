//! What the lock of a connection guards: the core, who reads, who sleeps, and what is to be done.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};

use bytes::Bytes;
use scipp_common::now;
use scipp_proto::{CloseReason, Connection, DialogId, Event, Instant, Mistyped};

use crate::crew::{Crew, Job};
use crate::pump::Input;

/// Where threads sleep that wait for the same thing: one dialog, or the connection as a whole.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    condvar: Condvar,
    // Both are changed under the connection's lock only.
    sleepers: AtomicUsize,
    rings: AtomicUsize,
}

impl Seat {
    /// Sleeps until somebody rouses this seat or `deadline` has passed.
    pub(crate) fn sleep<'a>(&self, mut state: Held<'a>, deadline: Option<Instant>) -> Held<'a> {
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        state.sleeping += 1;
        let rings = self.rings.load(Ordering::Relaxed);
        let mut state = match deadline {
            None => self.condvar.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let timeout = deadline.duration_since(now());
                self.condvar.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        // Whoever rings counts the sleepers out, so that they count as awake from that moment on.
        if self.rings.load(Ordering::Relaxed) == rings {
            self.sleepers.fetch_sub(1, Ordering::Relaxed);
            state.sleeping -= 1;
        }
        state
    }

    /// Wakes those that were roused; when the lock is free, so that they need not wait for it.
    pub(crate) fn ring(&self) {
        self.condvar.notify_all();
    }

    fn has_sleepers(&self) -> bool {
        self.sleepers.load(Ordering::Relaxed) > 0
    }
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Leader {
    /// Nobody.
    #[default]
    Nobody,
    /// A thread that is back within `LINGER`.
    Reading,
    /// A thread that only the waker reaches.
    Parked,
}

/// The lock, held.
pub(crate) type Held<'a> = MutexGuard<'a, State>;

/// What the connection's lock guards.
pub(crate) struct State {
    pub(crate) conn: Connection,
    pub(crate) input: Input,
    /// What the core handed out and the socket did not take yet.
    pub(crate) unsent: Bytes,
    /// A thread is writing.
    pub(crate) writing: bool,
    /// The socket took nothing; whoever leads waits until it does.
    pub(crate) stalled: bool,
    /// Writing failed; reading finds out what was still sent to us, then it is over.
    pub(crate) broken: bool,
    /// Cut off: what is left is not written any more.
    pub(crate) is_cut: bool,
    /// Output waits for company.
    pub(crate) corked: bool,
    pub(crate) leader: Leader,
    /// When a parked leader is back at the latest, and whether it is until then for input.
    pub(crate) parked_until: Option<Instant>,
    pub(crate) parked_for_input: bool,
    /// The leader has to look again at what it waits for.
    pub(crate) nudged: bool,
    /// Counts changes of the leader, so that an idle connection can be told from a busy one.
    pub(crate) turns: u64,
    pub(crate) seats: HashMap<DialogId, Arc<Seat>>,
    /// Threads asleep on any seat and not roused.
    pub(crate) sleeping: usize,
    /// Seats to be woken when the lock is free.
    pub(crate) dirty: Vec<Arc<Seat>>,
    /// Seats that wait for room in the outbox, each once.
    crowded: Vec<Arc<Seat>>,
    pub(crate) queue: VecDeque<Job>,
    pub(crate) crew: Crew,
    pub(crate) closed: Option<CloseReason>,
    /// Values of the wrong type, to be reported when the lock is free.
    pub(crate) mistyped: Vec<Arc<Mistyped>>,
    lobby: Arc<Seat>,
}

impl State {
    pub(crate) fn new(conn: Connection, lobby: Arc<Seat>) -> Self {
        Self {
            input: Input::new(conn.config().receive_buffer),
            conn,
            unsent: Bytes::new(),
            writing: false,
            stalled: false,
            broken: false,
            is_cut: false,
            corked: false,
            leader: Leader::Nobody,
            parked_until: None,
            parked_for_input: false,
            nudged: false,
            turns: 0,
            seats: HashMap::new(),
            sleeping: 0,
            dirty: Vec::new(),
            crowded: Vec::new(),
            queue: VecDeque::new(),
            crew: Crew::default(),
            closed: None,
            mistyped: Vec::new(),
            lobby,
        }
    }

    /// Takes all events of the core, so that nothing is due. Tells whether there were any.
    pub(crate) fn drain(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.conn.poll_event() {
            any = true;
            match event {
                Event::Opened { id, request } => self.queue.push_back(Job::Serve { id, request }),
                Event::ActorCancelRequested { id } => self.queue.push_back(Job::CancelActor { id }),
                Event::Dialog { id, .. } => self.mark(id),
                Event::Mistyped { error, .. } => self.mistyped.push(error),
                Event::Closed { reason } => {
                    self.closed = Some(reason);
                    self.mark_all();
                }
                // Whoever waits for the handshake looks at the core.
                _ => self.mark_all(),
            }
        }
        any
    }

    /// Notes that whoever waits for this dialog has to look at it.
    fn mark(&mut self, id: DialogId) {
        if self.sleeping == 0 {
            return;
        }
        if let Some(seat) = self.seats.get(&id).filter(|seat| seat.has_sleepers()).cloned() {
            self.rouse(&seat);
        }
    }

    /// Wakes who sleeps on `seat`, as soon as the lock is free.
    pub(crate) fn rouse(&mut self, seat: &Arc<Seat>) {
        let sleepers = seat.sleepers.swap(0, Ordering::Relaxed);
        if sleepers > 0 {
            seat.rings.fetch_add(1, Ordering::Relaxed);
            self.sleeping -= sleepers;
            self.dirty.push(Arc::clone(seat));
        }
    }

    /// Notes that whoever sleeps on `seat` waits for room in the outbox.
    pub(crate) fn await_room(&mut self, seat: &Arc<Seat>) {
        if !self.crowded.iter().any(|other| Arc::ptr_eq(other, seat)) {
            self.crowded.push(Arc::clone(seat));
        }
    }

    /// Nobody waits for this dialog any more.
    pub(crate) fn forget_seat(&mut self, id: DialogId) {
        if let Some(seat) = self.seats.remove(&id) {
            self.crowded.retain(|other| !Arc::ptr_eq(other, &seat));
        }
    }

    /// There is room in the outbox. Tells whether anybody waited for it.
    pub(crate) fn rouse_crowded(&mut self) -> bool {
        let any = !self.crowded.is_empty();
        while let Some(seat) = self.crowded.pop() {
            self.rouse(&seat);
        }
        any
    }

    /// Whether something came up that the parked leader does not know: room for input, or a deadline.
    pub(crate) fn outgrew_parking(&self) -> bool {
        if self.leader != Leader::Parked {
            return false;
        }
        if !self.parked_for_input && self.conn.wants_input() {
            return true;
        }
        match (self.conn.poll_timeout(), self.parked_until) {
            (Some((due, _)), Some(until)) => due < until,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    pub(crate) fn mark_all(&mut self) {
        let lobby = Arc::clone(&self.lobby);
        let seats: Vec<_> = self.seats.values().filter(|seat| seat.has_sleepers()).cloned().collect();
        for seat in seats.iter().chain([&lobby]) {
            self.rouse(seat);
        }
        self.crowded.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scipp_proto::{Config, Identity, Uid};

    #[test]
    fn a_seat_that_waits_for_room_is_listed_once() {
        let identity = Identity::new(Uid::new("us", "1"));
        let conn = Connection::new(Config::default(), identity, 1, now());
        let mut state = State::new(conn, Arc::default());
        let seat = Arc::<Seat>::default();
        (0..3).for_each(|_| state.await_room(&seat));
        assert_eq!(state.crowded.len(), 1);
        assert!(state.rouse_crowded() && !state.rouse_crowded());
    }
}
