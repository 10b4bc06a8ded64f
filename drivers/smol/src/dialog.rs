//! A handle's hold on one end of one dialog, and how a future waits on it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll};

use scipp_common::{End, Error, Handle, Inbox, Opening, StreamCounters, now};
use scipp_proto::wire::MsgKind;
use scipp_proto::{Connection, DialogRef, Outcome, OverrunPolicy, Payload};

use crate::link::{Link, State};
use crate::wait::{Place, Spot};

/// One end of one dialog. Its record in the core lives as long as this.
pub(crate) struct Dialog {
    pub(crate) link: Arc<Link>,
    end: End,
}

impl Dialog {
    /// Opens a dialog.
    pub(crate) fn open(link: &Arc<Link>, opening: &Opening, inbox: Option<Inbox>) -> Result<Self, Error> {
        Ok(Self::new(link, link.act(|conn| End::open(conn, opening, inbox))?))
    }

    /// Takes charge of a dialog.
    pub(crate) fn new(link: &Arc<Link>, end: End) -> Self {
        if end.is_own() {
            link.hold();
        }
        Self { link: Arc::clone(link), end }
    }

    /// Looks at the dialog.
    pub(crate) fn look<T>(&self, look: impl FnOnce(DialogRef<'_>) -> T) -> Option<T> {
        self.link.with(|state| state.conn.dialog(self.end.id).map(look))
    }

    /// Looks at the core.
    pub(crate) fn inspect<T>(&self, look: impl FnOnce(End, &Connection) -> T) -> T {
        self.link.with(|state| look(self.end, &state.conn))
    }

    /// A verb that others who wait on this dialog have to know of.
    pub(crate) fn disturb<T>(&self, verb: impl FnOnce(End, &mut Connection) -> T) -> T {
        self.link.disturb(self.spot(), |conn| verb(self.end, conn))
    }

    /// Asks the task to end.
    pub(crate) fn cancel(&self) -> Result<(), Error> {
        self.disturb(End::cancel)
    }

    /// Whether a value may be sent, as far as its type goes.
    pub(crate) fn validate(&self, kind: MsgKind, value: &Payload) -> Result<(), Error> {
        Ok(self.link.with(|state| state.conn.validate(self.end.id, kind, value))?)
    }

    /// Child: whether the task shall end.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.inspect(End::check)
    }

    /// Sends an item of the stream, as soon as there is room for it.
    pub(crate) async fn send(&self, item: &Payload) -> Result<(), Error> {
        self.link.wait(self.spot(), |state| state.send(self.end, item)).await
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
    pub(crate) async fn take<T>(&self, mut take: impl FnMut(End, &mut Connection) -> Poll<T>) -> T {
        self.link.wait(self.spot(), |state| state.take(self.end, &mut take)).await
    }

    /// The same, without waiting.
    pub(crate) fn take_now<T>(&self, take: impl FnOnce(End, &mut Connection) -> Poll<T>) -> Poll<T> {
        self.link.with(|state| state.take(self.end, take))
    }

    /// Waits until everything that is queued now is written.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        let mut mark = None;
        self.link.wait(self.spot(), |state| state.flush(self.end, &mut mark)).await
    }

    /// Parent: the first value of a context.
    pub(crate) async fn first(&self) -> Result<Payload, Error> {
        self.link.wait(self.spot(), |state| self.end.first(&mut state.conn)).await
    }

    /// Parent: how the dialog ended.
    pub(crate) async fn outcome(&self) -> Result<Outcome, Error> {
        self.link.wait(self.spot(), |state| self.end.outcome(&state.conn)).await
    }

    /// Something to wait with for what happens to this dialog, for hand-written futures.
    pub(crate) const fn seat<L: Deref<Target = Link>>(&self, link: L) -> Seat<L> {
        Seat { place: Place::new(link, self.spot()), end: self.end }
    }

    const fn spot(&self) -> Spot {
        Spot::Dialog(self.end.id)
    }
}

/// A place to wait at one dialog.
#[derive(Debug)]
pub(crate) struct Seat<L: Deref<Target = Link>> {
    place: Place<L>,
    end: End,
}

impl<L: Deref<Target = Link>> Seat<L> {
    pub(crate) fn poll_take<T>(
        &mut self,
        cx: &Context<'_>,
        take: impl FnOnce(End, &mut Connection) -> Poll<T>,
    ) -> Poll<T> {
        let end = self.end;
        self.place.poll(cx, |state| state.take(end, take))
    }

    pub(crate) fn poll_send(&mut self, cx: &Context<'_>, item: &Payload) -> Poll<Result<(), Error>> {
        let end = self.end;
        self.place.poll(cx, |state| state.send(end, item))
    }

    /// Whether what was queued at the time of `mark` is written.
    pub(crate) fn poll_flush(&mut self, cx: &Context<'_>, mark: &mut Option<u64>) -> Poll<Result<(), Error>> {
        let end = self.end;
        self.place.poll(cx, |state| state.flush(end, mark))
    }

    /// Child: waits for being told to end.
    pub(crate) fn poll_told(&mut self, cx: &Context<'_>) -> Poll<()> {
        let end = self.end;
        self.place.poll(cx, |state| end.told_to_end(&state.conn).map_or(Poll::Pending, |_| Poll::Ready(())))
    }
}

impl State {
    fn take<T>(&mut self, end: End, take: impl FnOnce(End, &mut Connection) -> T) -> T {
        let look = |conn: &Connection| (conn.wants_input(), conn.counters().mistyped);
        let before = look(&self.conn);
        let taken = take(end, &mut self.conn);
        // There may be room again for what the socket holds, or something to say of what was passed over.
        if look(&self.conn) != before {
            self.nudge();
        }
        taken
    }

    fn send(&mut self, end: End, item: &Payload) -> Poll<Result<(), Error>> {
        let sent = end.send(&mut self.conn, item);
        match sent {
            Poll::Ready(_) => self.nudge(),
            Poll::Pending => self.waiters.await_writing(Spot::Dialog(end.id)),
        }
        sent
    }

    fn flush(&mut self, end: End, mark: &mut Option<u64>) -> Poll<Result<(), Error>> {
        let written = self.conn.counters().bytes_out;
        let mark = *mark.get_or_insert_with(|| written.saturating_add(self.conn.unwritten() as u64));
        if written >= mark {
            return Poll::Ready(Ok(()));
        }
        if let Some(reason) = self.gone.clone() {
            return Poll::Ready(Err(Error::Disconnected(reason)));
        }
        self.waiters.await_writing(Spot::Dialog(end.id));
        Poll::Pending
    }
}

impl Handle for Dialog {
    fn act<R>(&self, verb: impl FnOnce(End, &mut Connection) -> R) -> R {
        self.link.act(|conn| verb(self.end, conn))
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        self.link.with(|state| {
            state.close_spot(self.spot());
            state.conn.release(now(), self.end.id);
            state.nudge();
        });
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
