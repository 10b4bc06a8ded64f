//! What all handles and threads of one connection share.

use std::fmt;
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Poll;

use scipp_common::{GRACE, Handles, LinkTap, now};
use scipp_proto::{Canceller, CloseReason, Connection, Instant};

use crate::actor::Shared;
use crate::socket::{Socket, Waker};
use crate::state::{Held, Leader, Seat, State};

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
    pub(crate) serial: u64,
    /// Portals and dialogs of the application, if the connection closes with the last of them.
    handles: Option<Handles>,
    /// Whether the socket is shut down, and where threads wait for that.
    gone: (Mutex<bool>, Condvar),
    state: Mutex<State>,
}

impl Link {
    pub(crate) fn new(socket: Socket, waker: Waker, actor: Arc<Shared>, handles: Option<Handles>) -> Self {
        let (conn, serial, tap) = actor.connection();
        let lobby = Arc::<Seat>::default();
        let state = State::new(conn, Arc::clone(&lobby));
        Self {
            socket,
            waker,
            idle: Condvar::new(),
            lobby,
            tap,
            actor,
            serial,
            handles,
            gone: (Mutex::new(false), Condvar::new()),
            state: Mutex::new(state),
        }
    }

    /// Takes the lock. Nothing panics while it is held, and if it did, the core's verbs are atomic.
    pub(crate) fn lock(&self) -> Held<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A verb that never blocks.
    pub(crate) fn act<T>(&self, urgency: Urgency, verb: impl FnOnce(&mut Connection) -> T) -> T {
        let mut state = self.lock();
        let result = verb(&mut state.conn);
        if state.drain() {
            self.nudge(&mut state);
        }
        self.depart(state, urgency);
        result
    }

    /// As [`act`](Self::act), for a verb that concerns whoever waits on `seat`.
    pub(crate) fn disturb<T>(&self, seat: &Arc<Seat>, verb: impl FnOnce(&mut Connection) -> T) -> T {
        let mut state = self.lock();
        let result = verb(&mut state.conn);
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
        mut ready: impl FnMut(&mut State) -> Poll<T>,
    ) -> Result<T, Unmet> {
        let mut state = self.lock();
        let mut led = false;
        let result = loop {
            if let Poll::Ready(value) = ready(&mut state) {
                break Ok(value);
            }
            if let Some(reason) = &state.closed {
                break Err(Unmet::Over(reason.clone()));
            }
            if deadline.is_some_and(|deadline| deadline <= now()) {
                break Err(Unmet::TimedOut);
            }
            // The core may have something to say of what it passed over.
            state.drain();
            self.urge(&mut state);
            state = self.flush(state);
            // While the lock was free for the write, others may have acted; and there may be room now.
            if let Poll::Ready(value) = ready(&mut state) {
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
        self.tell(state);
        if over {
            self.idle.notify_all();
        }
    }

    /// Wakes whom it concerns.
    pub(crate) fn ring<'a>(&'a self, state: Held<'a>) -> Held<'a> {
        if state.dirty.is_empty() && state.mistyped.is_empty() {
            return state;
        }
        self.tell(state);
        self.lock()
    }

    /// Lets go of the lock, then tells whom it concerns.
    fn tell(&self, mut state: Held<'_>) {
        let (mistyped, dirty) = (std::mem::take(&mut state.mistyped), std::mem::take(&mut state.dirty));
        drop(state);
        self.actor.report(self.serial, mistyped);
        for seat in dirty {
            seat.ring();
        }
    }

    /// Counts a handle of the application.
    pub(crate) fn hold(&self) {
        if let Some(handles) = &self.handles {
            handles.hold();
        }
    }

    /// A handle of the application is gone; with the last one the connection is closed.
    pub(crate) fn let_go(&self) {
        if self.handles.as_ref().is_some_and(Handles::let_go) {
            self.close(now().saturating_add(GRACE));
        }
    }

    /// Begins a graceful close.
    pub(crate) fn close(&self, deadline: Instant) {
        self.disturb(&self.lobby, |conn| conn.close(now(), deadline));
    }

    /// Begins a graceful close and waits for its end, to the last byte.
    pub(crate) fn close_and_wait(&self, deadline: Instant) -> CloseReason {
        self.close(deadline);
        let reason = self.closed();
        self.wait_until_gone();
        reason
    }

    /// The socket is shut down, and nothing more happens.
    pub(crate) fn depart_for_good(&self) {
        self.actor.forget(self.serial);
        *self.gone.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.gone.1.notify_all();
    }

    /// Waits for that.
    pub(crate) fn wait_until_gone(&self) {
        let mut gone = self.gone.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*gone {
            gone = self.gone.1.wait(gone).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the connection is over.
    pub(crate) fn closed(&self) -> CloseReason {
        let closed = |state: &mut State| state.closed.clone().map_or(Poll::Pending, Poll::Ready);
        match self.wait(&self.lobby, None, Urgency::Now, closed) {
            Ok(reason) | Err(Unmet::Over(reason)) => reason,
            Err(Unmet::TimedOut) => CloseReason::Local,
        }
    }

    /// Cuts the connection.
    pub(crate) fn abort(&self) {
        self.lock().is_cut = true;
        self.disturb(&self.lobby, Connection::abort);
        self.socket.shutdown(Shutdown::Both);
    }

    /// Waits for the peer's introduction.
    pub(crate) fn establish(&self) -> Result<(), CloseReason> {
        let known = |state: &mut State| state.conn.peer().map_or(Poll::Pending, |_| Poll::Ready(()));
        self.wait(&self.lobby, None, Urgency::Now, known).map_err(|unmet| match unmet {
            Unmet::Over(reason) => reason,
            Unmet::TimedOut => CloseReason::Local,
        })
    }
}

impl scipp_common::Link for Link {
    fn cancel_children(&self, canceller: &Canceller) {
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
