//! One end of one dialog: what parents' and children's handles have in common.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scipp_proto::phase::Role;
use scipp_proto::{
    Call, CloseReason, Connection, DialogId, DialogRef, Instant, Misuse, Outcome, Payload, RemoteError,
    Report, SendError, Take,
};

use crate::clock::now;
use crate::error::{Error, TaskError};
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
    pub(crate) id: DialogId,
    pub(crate) patience: Patience,
    seat: Arc<Seat>,
    role: Role,
}

impl Dialog {
    /// Opens a dialog.
    pub(crate) fn open(link: &Arc<Link>, call: &Call, timeout: Option<Duration>) -> Result<Self, Error> {
        let seat = Arc::<Seat>::default();
        let mut state = link.lock();
        let opened = state.conn.open(now(), call);
        if let Ok(id) = opened {
            state.seats.insert(id, Arc::clone(&seat));
        }
        // It is written when the caller waits for the answer, which is now.
        link.depart(state, Urgency::Soon);
        let id = opened?;
        let patience = Patience::default();
        patience.set(timeout);
        link.hold();
        Ok(Self { link: Arc::clone(link), id, patience, seat, role: Role::Parent })
    }

    /// Takes charge of a dialog that the peer opened.
    pub(crate) fn opened(link: &Arc<Link>, id: DialogId) -> Self {
        let seat = Arc::<Seat>::default();
        link.lock().seats.insert(id, Arc::clone(&seat));
        link.hold();
        Self { link: Arc::clone(link), id, patience: Patience::default(), seat, role: Role::Child }
    }

    /// Looks at the dialog.
    pub(crate) fn look<T>(&self, look: impl FnOnce(DialogRef<'_>) -> T) -> Option<T> {
        self.link.lock().conn.dialog(self.id).map(look)
    }

    /// A verb that never blocks.
    pub(crate) fn act<T>(&self, verb: impl FnOnce(&mut Connection, DialogId) -> T) -> T {
        self.link.act(Urgency::Soon, |conn, _| verb(conn, self.id))
    }

    /// A verb that others who wait on this dialog have to know of.
    pub(crate) fn disturb<T>(&self, verb: impl FnOnce(&mut Connection, Instant, DialogId) -> T) -> T {
        self.link.disturb(&self.seat, |conn, now| verb(conn, now, self.id))
    }

    /// Blocks until `ready` says something, until `deadline` at most.
    fn wait<T>(
        &self,
        deadline: Option<Instant>,
        urgency: Urgency,
        ready: impl FnMut(&mut State) -> Option<Result<T, Error>>,
    ) -> Result<T, Error> {
        self.link.wait(&self.seat, deadline, urgency, ready).unwrap_or_else(|unmet| {
            Err(match unmet {
                Unmet::TimedOut => Error::TimedOut,
                Unmet::Over(reason) => Error::Disconnected(reason),
            })
        })
    }

    /// The next item of the stream.
    pub(crate) fn take(&self) -> Result<Option<Payload>, Error> {
        self.wait(self.patience.deadline(), Urgency::Soon, |state| {
            let told = self.told_to_end(&state.conn);
            match (state.conn.take(self.id), told) {
                // What came before the connection was lost is received before the news of it.
                (Ok(Take::Item(item)), _) => Some(Ok(Some(item))),
                (_, Some(error)) => Some(Err(error)),
                (Ok(Take::Pending), None) => None,
                (Ok(Take::End), None) => Some(Ok(None)),
                (Ok(Take::Failed), None) => Some(Err(why(&state.conn, self.id))),
                (Err(misuse), None) => Some(Err(misuse.into())),
            }
        })
    }

    /// Sends an item of the stream, as soon as there is room for it.
    pub(crate) fn send(&self, item: &Payload, urgency: Urgency) -> Result<(), Error> {
        self.wait(self.patience.deadline(), urgency, |state| {
            if let Some(error) = self.told_to_end(&state.conn) {
                return Some(Err(error));
            }
            match state.conn.send(self.id, item.clone()) {
                Ok(()) => Some(Ok(())),
                Err(SendError::Full) => {
                    state.await_room(&self.seat);
                    None
                }
                Err(SendError::Failed) => Some(Err(why(&state.conn, self.id))),
                Err(SendError::Misuse(misuse)) => Some(Err(misuse.into())),
                Err(_) => Some(Err(match state.conn.dialog(self.id).and_then(|dialog| dialog.outcome()) {
                    None | Some(Outcome::Returned(_)) => Error::StreamEnded,
                    Some(_) => why(&state.conn, self.id),
                })),
            }
        })
    }

    /// Parent: the first value of a context.
    pub(crate) fn first(&self) -> Result<Payload, Error> {
        self.wait(self.patience.deadline(), Urgency::Soon, |state| match state.conn.take_first(self.id) {
            Some(first) => Some(Ok(first)),
            None => has_failed(&state.conn, self.id).then(|| Err(why(&state.conn, self.id))),
        })
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
        self.wait(deadline, Urgency::Soon, |state| match state.conn.dialog(self.id) {
            Some(dialog) => dialog.outcome().cloned().map(Ok),
            None => Some(Err(Misuse::UnknownDialog.into())),
        })
    }

    /// Child: whether the task was told to end, as the error that its blocking calls give from then on.
    pub(crate) fn told_to_end(&self, conn: &Connection) -> Option<Error> {
        if self.role == Role::Parent {
            return None;
        }
        let dialog = conn.dialog(self.id)?;
        (dialog.must_unwind() || dialog.is_ended()).then(|| why(conn, self.id))
    }

    /// Child: the task is over.
    pub(crate) fn conclude(&self, result: Result<Payload, TaskError>) {
        self.link.act(Urgency::Soon, |conn, _| {
            let concluded = match result {
                Ok(value) => conn.finish(self.id, value),
                Err(TaskError::Call(error)) if self.is_end_of_this(conn, &error) => conn.unwound(self.id),
                Err(TaskError::Call(Error::Remote(error))) => conn.relay(self.id, &error),
                Err(error) => conn.fail(self.id, error.into_report()),
            };
            match concluded {
                // Lost with its connection, or refused because it was cancelled before it began.
                Ok(()) | Err(Misuse::Ended(_) | Misuse::UnknownDialog) => {}
                Err(misuse) => {
                    let report = Report::new("RuntimeError", format!("the task ended wrongly: {misuse}"));
                    // Nothing can be said that the rules forbid; letting go of the dialog ends it.
                    let _let_go = conn.fail(self.id, report);
                }
            }
        });
    }

    /// Whether `error` is how this very dialog's calls report that the task was told to end.
    fn is_end_of_this(&self, conn: &Connection, error: &Error) -> bool {
        match (self.told_to_end(conn), error) {
            (Some(Error::Remote(ours)), Error::Remote(theirs)) => same(&ours, theirs),
            (Some(ours), theirs) => ours == *theirs,
            (None, _) => false,
        }
    }
}

fn same(ours: &Arc<RemoteError>, theirs: &Arc<RemoteError>) -> bool {
    Arc::ptr_eq(ours, theirs)
}

/// Whether the dialog has no first value to come.
fn has_failed(conn: &Connection, id: DialogId) -> bool {
    conn.dialog(id).is_none_or(|dialog| dialog.error().is_some() || dialog.outcome().is_some())
}

/// Why a dialog is of no more use.
fn why(conn: &Connection, id: DialogId) -> Error {
    let Some(dialog) = conn.dialog(id) else { return Misuse::UnknownDialog.into() };
    if let Some(failure) = dialog.error() {
        return failure.clone().into();
    }
    match dialog.outcome() {
        Some(Outcome::Failed(failure)) => failure.clone().into(),
        Some(Outcome::Disconnected(reason)) => Error::Disconnected(reason.clone()),
        Some(Outcome::Returned(_)) => Error::StreamEnded,
        _ => Error::Cancelled { by: dialog.canceller().cloned() },
    }
}

/// The error that an outcome without result stands for.
pub(crate) fn into_error(outcome: Outcome) -> Error {
    match outcome {
        Outcome::Failed(failure) => failure.into(),
        Outcome::Disconnected(reason) => Error::Disconnected(reason),
        Outcome::Cancelled { error, .. } => {
            Error::Cancelled { by: error.and_then(|error| error.canceller().cloned()) }
        }
        _ => Error::Disconnected(CloseReason::Local),
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        let mut state = self.link.lock();
        state.forget_seat(self.id);
        state.conn.release(now(), self.id);
        self.link.depart(state, Urgency::Soon);
        self.link.let_go();
    }
}

impl fmt::Debug for Dialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialog").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}
