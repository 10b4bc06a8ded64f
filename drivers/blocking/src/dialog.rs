//! A handle's hold on one end of one dialog, and how a thread waits on it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use scipp_common::{End, Error, Handle, Inbox, Opening, StreamCounters, now};
use scipp_proto::wire::MsgKind;
use scipp_proto::{Connection, DialogRef, Instant, Outcome, OverrunPolicy, Payload};

use crate::link::{Link, Unmet, Urgency};
use crate::state::{Seat, State};

/// How long each blocking call of a handle may take.
#[derive(Debug, Default)]
pub(crate) struct Patience(AtomicU64);

impl Patience {
    const ENDLESS: u64 = 0;

    pub(crate) fn set(&self, timeout: Option<Duration>) {
        let nanos = timeout.map_or(Self::ENDLESS, |timeout| {
            u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).max(Self::ENDLESS + 1)
        });
        self.0.store(nanos, Ordering::Relaxed);
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        let nanos = self.0.load(Ordering::Relaxed);
        (nanos != Self::ENDLESS).then(|| Duration::from_nanos(nanos))
    }

    /// When a call that begins now has to be over.
    fn deadline(&self) -> Option<Instant> {
        self.limit().map(|limit| now().saturating_add(limit))
    }
}

/// One end of one dialog. Its record in the core lives as long as this.
pub(crate) struct Dialog {
    pub(crate) link: Arc<Link>,
    pub(crate) patience: Patience,
    pub(crate) end: End,
    seat: Arc<Seat>,
}

impl Dialog {
    /// Opens a dialog.
    pub(crate) fn open(
        link: &Arc<Link>,
        opening: &Opening,
        inbox: Option<Inbox>,
        timeout: Option<Duration>,
    ) -> Result<Self, Error> {
        // It is written when the caller waits for the answer, which is now.
        let dialog = Self::new(link, link.act(Urgency::Soon, |conn| End::open(conn, opening, inbox))?);
        dialog.patience.set(timeout);
        Ok(dialog)
    }

    /// Takes charge of a dialog.
    pub(crate) fn new(link: &Arc<Link>, end: End) -> Self {
        let seat = Arc::<Seat>::default();
        link.lock().seats.insert(end.id, Arc::clone(&seat));
        if end.is_own() {
            link.hold();
        }
        Self { link: Arc::clone(link), patience: Patience::default(), end, seat }
    }

    /// Looks at the dialog.
    pub(crate) fn look<T>(&self, look: impl FnOnce(DialogRef<'_>) -> T) -> Option<T> {
        self.link.lock().conn.dialog(self.end.id).map(look)
    }

    /// Looks at the core.
    pub(crate) fn inspect<T>(&self, look: impl FnOnce(End, &Connection) -> T) -> T {
        look(self.end, &self.link.lock().conn)
    }

    /// A verb that others who wait on this dialog have to know of.
    pub(crate) fn disturb<T>(&self, verb: impl FnOnce(End, &mut Connection) -> T) -> T {
        self.link.disturb(&self.seat, |conn| verb(self.end, conn))
    }

    /// Asks the task to end.
    pub(crate) fn cancel(&self) -> Result<(), Error> {
        self.disturb(End::cancel)
    }

    /// Whether a value may be sent, as far as its type goes.
    pub(crate) fn validate(&self, kind: MsgKind, value: &Payload) -> Result<(), Error> {
        Ok(self.link.lock().conn.validate(self.end.id, kind, value)?)
    }

    /// Child: whether the task shall end.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.inspect(End::check)
    }

    /// Blocks until `ready` says something, until `deadline` at most.
    fn wait<T>(
        &self,
        deadline: Option<Instant>,
        urgency: Urgency,
        mut ready: impl FnMut(End, &mut State) -> Poll<Result<T, Error>>,
    ) -> Result<T, Error> {
        let ready = |state: &mut State| ready(self.end, state);
        self.link.wait(&self.seat, deadline, urgency, ready).unwrap_or_else(|unmet| {
            Err(match unmet {
                Unmet::TimedOut => Error::TimedOut,
                Unmet::Over(reason) => Error::Disconnected(reason),
            })
        })
    }

    /// Sets the inbox.
    pub(crate) fn set_inbox(&self, window: usize, policy: OverrunPolicy) -> Result<(), Error> {
        Ok(self.act(|end, conn| conn.set_inbox(end.id, window, policy))?)
    }

    /// How it stands with the peer's items.
    pub(crate) fn counters(&self) -> StreamCounters {
        self.look(|dialog| dialog.into()).unwrap_or_default()
    }

    /// What is next, which `take` takes.
    pub(crate) fn take<T>(
        &self,
        patience: &Patience,
        mut take: impl FnMut(End, &mut Connection) -> Poll<Result<T, Error>>,
    ) -> Result<T, Error> {
        self.wait(patience.deadline(), Urgency::Soon, |end, state| take(end, &mut state.conn))
    }

    /// Sends an item of the stream, as soon as there is room for it.
    pub(crate) fn send(&self, item: &Payload, urgency: Urgency) -> Result<(), Error> {
        self.wait(self.patience.deadline(), urgency, |end, state| {
            let sent = end.send(&mut state.conn, item);
            if sent.is_pending() {
                state.await_room(&self.seat);
            }
            sent
        })
    }

    /// Parent: the first value of a context.
    pub(crate) fn first(&self) -> Result<Payload, Error> {
        self.wait(self.patience.deadline(), Urgency::Soon, |end, state| end.first(&mut state.conn))
    }

    /// Parent: how the dialog ended.
    pub(crate) fn outcome(&self) -> Result<Outcome, Error> {
        self.outcome_by(self.patience.deadline())
    }

    /// Parent: how the dialog ended, however long it takes.
    pub(crate) fn final_outcome(&self) -> Result<Outcome, Error> {
        self.outcome_by(None)
    }

    fn outcome_by(&self, deadline: Option<Instant>) -> Result<Outcome, Error> {
        self.wait(deadline, Urgency::Soon, |end, state| end.outcome(&state.conn))
    }
}

impl Handle for Dialog {
    fn act<R>(&self, verb: impl FnOnce(End, &mut Connection) -> R) -> R {
        self.link.act(Urgency::Soon, |conn| verb(self.end, conn))
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        let mut state = self.link.lock();
        state.forget_seat(self.end.id);
        state.conn.release(now(), self.end.id);
        self.link.depart(state, Urgency::Soon);
        if self.end.is_own() {
            self.link.let_go();
        }
    }
}

impl fmt::Debug for Dialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialog").field("end", &self.end).finish_non_exhaustive()
    }
}
