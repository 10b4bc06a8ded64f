//! What all handles and threads of one connection share.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use scipp_proto::{Canceller, CloseReason, Connection, DialogId, Event, Instant};

use crate::actor::Shared;
use crate::clock::now;
use crate::crew::{Crew, Job};
use crate::pump::Input;
use crate::socket::{Socket, Waker};
use crate::tap::LinkTap;

/// How long a graceful close waits for the endings of what is open.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// Output beyond which a verb writes at once, whatever else is to come.
pub(crate) const BATCH: usize = 32 << 10;

/// Where threads sleep that wait for the same thing: one dialog, or the connection as a whole.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    condvar: Condvar,
    // Both are changed under the connection's lock only.
    sleepers: AtomicUsize,
    rings: AtomicUsize,
}

impl Seat {
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

/// When queued output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Now.
    Now,
    /// With what comes next: at the next blocking call, or when it has waited for `LINGER`.
    Soon,
}

/// Why a wait ended without what was waited for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unmet {
    TimedOut,
    Over(CloseReason),
}

/// One connection: the core, the socket, and who waits.
pub(crate) struct Link {
    pub(crate) socket: Socket,
    pub(crate) waker: Waker,
    /// Where the crew waits for work.
    pub(crate) idle: Condvar,
    /// Where threads wait for the connection as a whole.
    pub(crate) lobby: Arc<Seat>,
    pub(crate) tap: Option<LinkTap>,
    pub(crate) actor: Arc<Shared>,
    /// Portals and dialogs of the application; only counted for connections that close with the last.
    handles: Option<AtomicUsize>,
    state: Mutex<State>,
}

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
    /// Threads asleep on any seat.
    pub(crate) sleeping: usize,
    /// Seats to be woken when the lock is free.
    pub(crate) dirty: Vec<Arc<Seat>>,
    /// Seats that wait for room in the outbox.
    pub(crate) crowded: Vec<Arc<Seat>>,
    pub(crate) queue: VecDeque<Job>,
    pub(crate) crew: Crew,
    pub(crate) closed: Option<CloseReason>,
    lobby: Arc<Seat>,
}

/// The lock, held.
pub(crate) type Held<'a> = MutexGuard<'a, State>;

impl Link {
    pub(crate) fn new(
        conn: Connection,
        socket: Socket,
        waker: Waker,
        tap: Option<LinkTap>,
        actor: Arc<Shared>,
        closes_with_handles: bool,
    ) -> Self {
        let lobby = Arc::<Seat>::default();
        let state = State {
            input: Input::new(conn.config().receive_buffer),
            conn,
            unsent: Bytes::new(),
            writing: false,
            stalled: false,
            broken: false,
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
            lobby: Arc::clone(&lobby),
        };
        Self {
            socket,
            waker,
            idle: Condvar::new(),
            lobby,
            tap,
            actor,
            handles: closes_with_handles.then(|| AtomicUsize::new(0)),
            state: Mutex::new(state),
        }
    }

    /// Takes the lock. Nothing panics while it is held, and if it did, the core's verbs are atomic.
    pub(crate) fn lock(&self) -> Held<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A verb that never blocks.
    pub(crate) fn act<T>(&self, urgency: Urgency, verb: impl FnOnce(&mut Connection, Instant) -> T) -> T {
        let mut state = self.lock();
        let result = verb(&mut state.conn, now());
        if state.drain() {
            self.nudge(&mut state);
        }
        self.depart(state, urgency);
        result
    }

    /// As [`act`](Self::act), for a verb that concerns whoever waits on `seat`.
    pub(crate) fn disturb<T>(&self, seat: &Arc<Seat>, verb: impl FnOnce(&mut Connection, Instant) -> T) -> T {
        let mut state = self.lock();
        let result = verb(&mut state.conn, now());
        state.drain();
        state.rouse(seat);
        self.nudge(&mut state);
        self.depart(state, Urgency::Now);
        result
    }

    /// Blocks until `ready` says something, pumping the connection if nobody else does.
    pub(crate) fn wait<T>(
        &self,
        seat: &Arc<Seat>,
        deadline: Option<Instant>,
        urgency: Urgency,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Unmet> {
        let mut state = self.lock();
        let mut led = false;
        let result = loop {
            if let Some(value) = ready(&mut state) {
                break Ok(value);
            }
            if let Some(reason) = &state.closed {
                break Err(Unmet::Over(reason.clone()));
            }
            if deadline.is_some_and(|deadline| deadline <= now()) {
                break Err(Unmet::TimedOut);
            }
            self.urge(&mut state);
            if state.leader == Leader::Nobody {
                state = self.turn(state, deadline);
                led = true;
            } else {
                state = self.flush(state);
                if state.outgrew_parking() {
                    self.nudge(&mut state);
                }
                // Others may have acted while the lock was free for the write.
                match ready(&mut state) {
                    Some(value) => break Ok(value),
                    None if state.closed.is_none() && state.leader != Leader::Nobody => {
                        state = self.sleep(state, seat, deadline);
                    }
                    None => {}
                }
            }
        };
        if state.drain() {
            self.nudge(&mut state);
        }
        if led {
            self.hand_over(&mut state);
        }
        self.depart(state, urgency);
        result
    }

    /// Sleeps on `seat` until somebody wakes it or `deadline` has passed.
    fn sleep<'a>(&'a self, mut state: Held<'a>, seat: &Seat, deadline: Option<Instant>) -> Held<'a> {
        seat.sleepers.fetch_add(1, Ordering::Relaxed);
        state.sleeping += 1;
        let rings = seat.rings.load(Ordering::Relaxed);
        let mut state = match deadline {
            None => seat.condvar.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let timeout = deadline.duration_since(now());
                seat.condvar.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        // Whoever rings counts the sleepers out, so that they count as awake from that moment on.
        if seat.rings.load(Ordering::Relaxed) == rings {
            seat.sleepers.fetch_sub(1, Ordering::Relaxed);
            state.sleeping -= 1;
        }
        state
    }

    /// Makes the leader look again at what it waits for.
    pub(crate) fn nudge(&self, state: &mut State) {
        if state.leader != Leader::Nobody {
            state.nudged = true;
            if state.leader == Leader::Parked {
                self.waker.wake();
            }
        }
    }

    /// Writes what has to be written now, wakes whom it concerns, and lets go of the lock.
    pub(crate) fn depart<'a>(&'a self, mut state: Held<'a>, urgency: Urgency) {
        if urgency == Urgency::Now || state.conn.unwritten() >= BATCH {
            state = self.flush(state);
        } else if state.conn.unwritten() > 0 && !state.corked {
            state.corked = true;
            self.watch_out(&mut state);
        }
        if state.outgrew_parking() {
            self.nudge(&mut state);
        }
        let over = state.closed.is_some();
        let dirty = std::mem::take(&mut state.dirty);
        drop(state);
        for seat in dirty {
            seat.condvar.notify_all();
        }
        if over {
            self.idle.notify_all();
        }
    }

    /// Wakes whom it concerns.
    pub(crate) fn ring<'a>(&'a self, mut state: Held<'a>) -> Held<'a> {
        if state.dirty.is_empty() {
            return state;
        }
        let dirty = std::mem::take(&mut state.dirty);
        drop(state);
        for seat in dirty {
            seat.condvar.notify_all();
        }
        self.lock()
    }

    /// Counts a handle of the application.
    pub(crate) fn hold(&self) {
        if let Some(handles) = &self.handles {
            handles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A handle of the application is gone; with the last one the connection is closed.
    pub(crate) fn let_go(&self) {
        let Some(handles) = &self.handles else { return };
        if handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close(now().saturating_add(GRACE));
        }
    }

    /// Begins a graceful close.
    pub(crate) fn close(&self, deadline: Instant) {
        self.disturb(&self.lobby, |conn, now| conn.close(now, deadline));
    }

    /// Begins a graceful close and waits for its end.
    pub(crate) fn close_and_wait(&self, deadline: Instant) -> CloseReason {
        self.close(deadline);
        self.closed()
    }

    /// Waits until the connection is over.
    pub(crate) fn closed(&self) -> CloseReason {
        match self.wait(&self.lobby, None, Urgency::Now, |state| state.closed.clone()) {
            Ok(reason) | Err(Unmet::Over(reason)) => reason,
            Err(Unmet::TimedOut) => CloseReason::Local,
        }
    }

    /// Cuts the connection.
    pub(crate) fn abort(&self) {
        self.disturb(&self.lobby, |conn, _| conn.abort());
        self.socket.shutdown(Shutdown::Both);
    }

    /// Waits for the peer's introduction.
    pub(crate) fn establish(&self) -> Result<(), CloseReason> {
        let known = |state: &mut State| state.conn.peer().map(|_| ());
        self.wait(&self.lobby, None, Urgency::Now, known).map_err(|unmet| match unmet {
            Unmet::Over(reason) => reason,
            Unmet::TimedOut => CloseReason::Local,
        })
    }

    /// Asks the tasks that run here for the peer to end.
    pub(crate) fn cancel_children(&self, canceller: &Canceller) {
        let mut state = self.lock();
        state.conn.cancel_children(canceller);
        state.drain();
        state.mark_all();
        self.nudge(&mut state);
        self.depart(state, Urgency::Now);
    }
}

impl State {
    /// Takes all events of the core, so that nothing is due. Tells whether there were any.
    pub(crate) fn drain(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.conn.poll_event() {
            any = true;
            match event {
                Event::Opened { id, request } => self.queue.push_back(Job::Serve { id, request }),
                Event::ActorCancelRequested { id } => self.queue.push_back(Job::CancelActor { id }),
                Event::Dialog { id, .. } => self.mark(id),
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

    /// There is room in the outbox.
    pub(crate) fn rouse_crowded(&mut self) {
        while let Some(seat) = self.crowded.pop() {
            self.rouse(&seat);
        }
    }

    /// Whether something came up that the parked leader does not know: room for input, or a deadline.
    fn outgrew_parking(&self) -> bool {
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

    fn mark_all(&mut self) {
        let lobby = Arc::clone(&self.lobby);
        let seats: Vec<_> = self.seats.values().filter(|seat| seat.has_sleepers()).cloned().collect();
        for seat in seats.iter().chain([&lobby]) {
            self.rouse(seat);
        }
        self.crowded.clear();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("socket", &self.socket).finish_non_exhaustive()
    }
}
