//! What all handles and threads of one connection share.

use std::fmt;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use scipp_proto::{Canceller, CloseReason, Connection, Instant};

use crate::actor::Shared;
use crate::clock::now;
use crate::socket::{Socket, Waker};
use crate::state::{Held, Leader, Seat, State};
use crate::tap::LinkTap;

/// How long a graceful close waits for the endings of what is open.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// Output beyond which a verb writes at once, whatever else is to come.
pub(crate) const BATCH: usize = 32 << 10;

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
        let state = State::new(conn, Arc::clone(&lobby));
        Self {
            socket,
            waker,
            idle: Condvar::new(),
            lobby,
            tap,
            actor,
            // Whoever makes the connection has the first one, before anybody can find it and let go of it.
            handles: closes_with_handles.then(|| AtomicUsize::new(1)),
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
            state = self.flush(state);
            // While the lock was free for the write, others may have acted; and there may be room now.
            if let Some(value) = ready(&mut state) {
                break Ok(value);
            }
            if state.leader == Leader::Nobody {
                state = self.turn(state, deadline);
                led = true;
            } else {
                if state.outgrew_parking() {
                    self.nudge(&mut state);
                }
                if state.closed.is_none() {
                    state = seat.sleep(state, deadline);
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
            seat.ring();
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
            seat.ring();
        }
        self.lock()
    }

    /// Whether the peer made this connection.
    pub(crate) const fn was_accepted(&self) -> bool {
        self.handles.is_none()
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

    /// Begins a graceful close and waits for its end, to the last byte.
    pub(crate) fn close_and_wait(self: &Arc<Self>, deadline: Instant) -> CloseReason {
        self.close(deadline);
        let reason = self.closed();
        self.actor.wait_for(&[Arc::downgrade(self)]);
        reason
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

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("socket", &self.socket).finish_non_exhaustive()
    }
}
