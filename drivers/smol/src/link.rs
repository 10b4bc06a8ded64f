//! What all handles and the driver of one connection share.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};

use scipp_common::{Address, GRACE, Handles, now};
use scipp_proto::{Canceller, CloseReason, Connection, Instant, Mistyped};

use crate::actor::Shared;
use crate::wait::{Place, Spot, Waiters};

/// One connection: the core, and who waits.
pub(crate) struct Link {
    pub(crate) actor: Arc<Shared>,
    pub(crate) serial: u64,
    /// Where the peer is, as far as known.
    pub(crate) peer_addr: Option<Address>,
    /// Portals and dialogs of the application, if the connection closes with the last of them.
    handles: Option<Handles>,
    state: Mutex<State>,
}

/// What the connection's lock guards.
pub(crate) struct State {
    pub(crate) conn: Connection,
    pub(crate) waiters: Waiters,
    /// Cut off: what is queued is not written any more.
    pub(crate) is_cut: bool,
    /// A graceful close was asked for.
    pub(crate) is_closing: bool,
    /// The socket is gone, for this reason.
    pub(crate) gone: Option<CloseReason>,
    /// Something was done that the driver has to look at.
    has_work: bool,
    /// The driver is at work and will look before it rests.
    is_attended: bool,
    driver: Option<Waker>,
    /// Wakers to be woken, when the lock is free.
    calls: Vec<Waker>,
    /// Values of the wrong type, to be reported before that.
    pub(crate) mistyped: Vec<Arc<Mistyped>>,
}

impl Link {
    pub(crate) fn new(
        conn: Connection,
        serial: u64,
        actor: Arc<Shared>,
        peer_addr: Option<Address>,
        handles: Option<Handles>,
    ) -> Self {
        let state = State {
            conn,
            waiters: Waiters::default(),
            is_cut: false,
            is_closing: false,
            gone: None,
            has_work: true,
            is_attended: false,
            driver: None,
            calls: Vec::new(),
            mistyped: Vec::new(),
        };
        Self { actor, serial, peer_addr, handles, state: Mutex::new(state) }
    }

    /// Does something under the lock, then wakes whom it concerns. Nothing panics under the lock, and if it
    /// did, the core's verbs are atomic.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut state);
        let (mistyped, calls) = (std::mem::take(&mut state.mistyped), std::mem::take(&mut state.calls));
        drop(state);
        self.actor.report(self.serial, mistyped);
        calls.into_iter().for_each(Waker::wake);
        result
    }

    /// A verb.
    pub(crate) fn act<T>(&self, verb: impl FnOnce(&mut Connection) -> T) -> T {
        self.with(|state| {
            let result = verb(&mut state.conn);
            state.nudge();
            result
        })
    }

    /// As [`act`](Self::act), for a verb that concerns whoever waits at `spot`.
    pub(crate) fn disturb<T>(&self, spot: Spot, verb: impl FnOnce(&mut Connection) -> T) -> T {
        self.with(|state| {
            let result = verb(&mut state.conn);
            state.call(spot);
            state.nudge();
            result
        })
    }

    /// Waits at `spot` until `ready` says something.
    pub(crate) async fn wait<T>(&self, spot: Spot, mut ready: impl FnMut(&mut State) -> Poll<T>) -> T {
        let mut place = Place::new(self, spot);
        poll_fn(|cx| place.poll(cx, &mut ready)).await
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
        self.with(|state| {
            state.is_closing = true;
            state.conn.close(now(), deadline);
            state.nudge();
        });
    }

    /// Cuts the connection.
    pub(crate) fn abort(&self) {
        self.with(|state| {
            state.is_cut = true;
            state.conn.abort();
            state.nudge();
        });
    }

    /// Waits for the peer's introduction.
    pub(crate) async fn established(&self) -> Result<(), CloseReason> {
        self.wait(Spot::Lobby, |state| match (state.conn.peer(), state.conn.close_reason()) {
            (Some(_), _) => Poll::Ready(Ok(())),
            (None, Some(reason)) => Poll::Ready(Err(reason.clone())),
            (None, None) => Poll::Pending,
        })
        .await
    }

    /// Waits until the connection is over.
    pub(crate) async fn closed(&self) -> CloseReason {
        self.wait(Spot::Lobby, |state| state.conn.close_reason().cloned().map_or(Poll::Pending, Poll::Ready))
            .await
    }

    /// Waits until the socket is gone.
    pub(crate) async fn gone(&self) -> CloseReason {
        self.wait(Spot::Lobby, |state| state.gone.clone().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// Between handles and the driver.
impl Link {
    /// The driver is at work.
    pub(crate) fn attend(&self) {
        self.with(|state| state.is_attended = true);
    }

    /// The driver would rest and be woken by `waker`. Tells when it has to be back, or `None` if there is
    /// something to do.
    pub(crate) fn rest(&self, waker: &Waker) -> Option<Option<Instant>> {
        // A waker is never dropped under the lock: that may run anything.
        let (due, _spare) = self.with(|state| {
            if std::mem::take(&mut state.has_work) {
                return (None, None);
            }
            state.is_attended = false;
            let is_known = state.driver.as_ref().is_some_and(|known| known.will_wake(waker));
            let spare = if is_known { None } else { state.driver.replace(waker.clone()) };
            (Some(state.conn.poll_timeout().map(|(due, _)| due)), spare)
        });
        due
    }

    /// The driver is gone, and the socket with it.
    pub(crate) fn part(&self) -> CloseReason {
        self.actor.forget(self.serial);
        // A waker is never dropped under the lock: that may run anything.
        let (reason, _spare) = self.with(|state| {
            let reason = state.conn.close_reason().cloned().unwrap_or(CloseReason::Local);
            state.gone = Some(reason.clone());
            state.call_all();
            (reason, state.driver.take())
        });
        reason
    }
}

impl State {
    /// The driver has to look at what was done.
    pub(crate) fn nudge(&mut self) {
        self.has_work = true;
        if !self.is_attended {
            self.calls.extend(self.driver.take());
        }
    }

    /// Something happened at `spot`.
    pub(crate) fn call(&mut self, spot: Spot) {
        self.waiters.call(spot, &mut self.calls);
    }

    /// Something happened that concerns everybody.
    pub(crate) fn call_all(&mut self) {
        self.waiters.call_all(&mut self.calls);
    }

    /// Output was written.
    pub(crate) fn call_crowded(&mut self) {
        self.waiters.call_crowded(&mut self.calls);
    }

    /// Nobody waits at `spot` any more.
    pub(crate) fn close_spot(&mut self, spot: Spot) {
        self.waiters.close(spot, &mut self.calls);
    }

    /// Whether somebody is about to be woken.
    pub(crate) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }
}

/// As a waker of what the driver itself runs.
impl Wake for Link {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.with(State::nudge);
    }
}

/// As a waker of a future that the driver runs beside the connection: waking a whole task, only to find the
/// driver at work already, may cost several system calls.
pub(crate) struct Guest {
    link: Arc<Link>,
    is_called: AtomicBool,
}

impl Guest {
    pub(crate) fn new(link: &Arc<Link>) -> Arc<Self> {
        Arc::new(Self { link: Arc::clone(link), is_called: AtomicBool::new(true) })
    }

    /// Whether it was woken since the last time.
    pub(crate) fn take_call(&self) -> bool {
        self.is_called.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Guest {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_called.store(true, Ordering::Release);
        self.link.with(State::nudge);
    }
}

impl scipp_common::Link for Link {
    fn cancel_children(&self, canceller: &Canceller) {
        self.act(|conn| conn.cancel_children(canceller));
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("serial", &self.serial).finish_non_exhaustive()
    }
}
