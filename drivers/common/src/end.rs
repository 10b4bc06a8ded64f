//! One end of one dialog: verbs from calls, values and errors from what the core says.

use std::sync::Arc;
use std::task::Poll;

use scipp_proto::phase::Role;
use scipp_proto::{
    Call, Canceller, Connection, DialogId, DialogRef, Kind, Misuse, Outcome, OverrunPolicy, Payload,
    RemoteError, Report, SendError, Take,
};

use crate::clock::now;
use crate::error::{Error, TaskError};
use crate::guard::Conclusion;

/// How many unread items a dialog may have, and what happens to one more.
pub type Inbox = (usize, OverrunPolicy);

/// One end of one dialog. All methods look at the core or give it a verb, and none of them waits:
/// `Pending` means "ask again when something happened to the dialog".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct End {
    /// The dialog.
    pub id: DialogId,
    /// Our role in it.
    pub role: Role,
}

/// Of both roles.
impl End {
    /// The next item of the stream; `None` when the stream has ended.
    pub fn take(self, conn: &mut Connection) -> Poll<Result<Option<Payload>, Error>> {
        let told = self.told_to_end(conn);
        Poll::Ready(match (conn.take(self.id), told) {
            // What came before the connection was lost is received before the news of it.
            (Ok(Take::Item(item)), _) => Ok(Some(item)),
            (_, Some(error)) => Err(error),
            (Ok(Take::Pending), None) => return Poll::Pending,
            (Ok(Take::End), None) => Ok(None),
            (Ok(Take::Failed), None) => Err(self.why(conn)),
            (Err(misuse), None) => Err(misuse.into()),
        })
    }

    /// Sends an item of the stream. Pending: there is no room for it, and it was not taken.
    pub fn send(self, conn: &mut Connection, item: &Payload) -> Poll<Result<(), Error>> {
        if let Some(error) = self.told_to_end(conn) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(match conn.send(self.id, item.clone()) {
            Ok(()) => Ok(()),
            Err(SendError::Full) => return Poll::Pending,
            Err(SendError::Failed) => Err(self.why(conn)),
            Err(SendError::Misuse(misuse)) => Err(misuse.into()),
            Err(_) => Err(self.why_no_stream(conn)),
        })
    }

    /// Whether there is something to receive, now or later.
    ///
    /// # Errors
    ///
    /// The stream has ended and all was received, or why the dialog is of no more use.
    pub fn check_receiving(self, conn: &Connection) -> Result<(), Error> {
        self.check(conn)?;
        let is_spent = conn.dialog(self.id).is_none_or(|dialog| dialog.is_spent());
        if is_spent { Err(self.why_no_stream(conn)) } else { Ok(()) }
    }

    /// Asks the task to end: the parent the other end's, the child its own.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn cancel(self, conn: &mut Connection) -> Result<(), Error> {
        Ok(conn.cancel(now(), self.id)?)
    }

    /// Opens the local end of the stream.
    ///
    /// # Errors
    ///
    /// The task shall end, or it is too early or the second time.
    pub fn open_stream(self, conn: &mut Connection) -> Result<(), Error> {
        self.check(conn)?;
        Ok(conn.open_stream(self.id)?)
    }

    /// Why there is no stream any more.
    fn why_no_stream(self, conn: &Connection) -> Error {
        match conn.dialog(self.id).map(|dialog| (dialog.error(), dialog.outcome())) {
            Some((None, None | Some(Outcome::Returned(_)))) => Error::StreamEnded,
            _ => self.why(conn),
        }
    }

    /// Why a dialog is of no more use.
    fn why(self, conn: &Connection) -> Error {
        let Some(dialog) = conn.dialog(self.id) else { return Misuse::UnknownDialog.into() };
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
}

/// Of the parent.
impl End {
    /// Whether the handle on it is one of those that keep a connection open: the application opened it.
    pub fn is_own(self) -> bool {
        self.role == Role::Parent
    }

    /// Opens a dialog, with an inbox that is not the configuration's if one is given.
    ///
    /// # Errors
    ///
    /// Nothing was sent.
    pub fn open(conn: &mut Connection, call: &Call, inbox: Option<Inbox>) -> Result<Self, Error> {
        let end = Self { id: conn.open(now(), call)?, role: Role::Parent };
        if let Some((window, policy)) = inbox {
            conn.set_inbox(end.id, window, policy)?;
        }
        Ok(end)
    }

    /// The first value of a context.
    pub fn first(self, conn: &mut Connection) -> Poll<Result<Payload, Error>> {
        if let Some(first) = conn.take_first(self.id) {
            return Poll::Ready(Ok(first));
        }
        let none_to_come = |dialog: DialogRef<'_>| dialog.error().is_some() || dialog.outcome().is_some();
        if conn.dialog(self.id).is_none_or(none_to_come) {
            return Poll::Ready(Err(self.why(conn)));
        }
        Poll::Pending
    }

    /// How the dialog ended.
    pub fn outcome(self, conn: &Connection) -> Poll<Result<Outcome, Error>> {
        match conn.dialog(self.id) {
            Some(dialog) => {
                dialog.outcome().cloned().map_or(Poll::Pending, |outcome| Poll::Ready(Ok(outcome)))
            }
            None => Poll::Ready(Err(Misuse::UnknownDialog.into())),
        }
    }
}

/// Of the child.
impl End {
    /// A dialog that the peer opened.
    pub const fn opened(id: DialogId) -> Self {
        Self { id, role: Role::Child }
    }

    /// Whether the task was told to end, as the error that its calls give from then on.
    pub fn told_to_end(self, conn: &Connection) -> Option<Error> {
        if self.role == Role::Parent {
            return None;
        }
        let dialog = conn.dialog(self.id)?;
        (dialog.must_unwind() || dialog.is_ended()).then(|| self.why(conn))
    }

    /// The same, to be returned.
    ///
    /// # Errors
    ///
    /// The task shall end.
    pub fn check(self, conn: &Connection) -> Result<(), Error> {
        self.told_to_end(conn).map_or(Ok(()), Err)
    }

    /// Lets the task run, unless it was cancelled already.
    pub fn accept(self, conn: &mut Connection, kind: Kind) -> bool {
        conn.accept(self.id, kind).is_ok()
    }

    /// Does not let it run.
    pub fn refuse(self, conn: &mut Connection, report: Report) {
        // Cancelled before it began: the peer has its answer.
        let _cancelled = conn.refuse(self.id, report);
    }

    /// Sends the first value of a context.
    ///
    /// # Errors
    ///
    /// The task shall end, or it is called twice.
    pub fn started(self, conn: &mut Connection, first: Payload) -> Result<(), Error> {
        self.check(conn)?;
        Ok(conn.started(self.id, first)?)
    }

    /// The task is over, and this is how.
    pub fn conclude(self, conn: &mut Connection, conclusion: Conclusion) {
        let concluded = match conclusion {
            Ok(value) => conn.finish(self.id, value),
            Err(TaskError::Call(error)) if self.is_its_end(conn, &error) => conn.unwound(self.id),
            // Nobody wants more of a generator: it ends in order. (D-9)
            Err(TaskError::Call(Error::StreamEnded)) if self.is_left(conn) => {
                conn.finish(self.id, Payload::NIL)
            }
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
    }

    /// The task was ended as it was told to be.
    pub fn unwound(self, conn: &mut Connection) {
        // Lost with its connection.
        let _lost = conn.unwound(self.id);
    }

    /// In whose name a request to cancel this actor is carried out.
    pub(crate) fn requester(conn: &Connection) -> Canceller {
        conn.peer().map_or(Canceller::Us, |peer| Canceller::Actor(peer.uid.clone()))
    }

    /// This actor was told to cancel, and everything in it knows.
    pub(crate) fn acknowledge(self, conn: &mut Connection) {
        // The connection may have gone meanwhile, and the request with it.
        let _gone = conn.acknowledge(self.id);
    }

    /// Whether this is a generator whose parent has stopped it.
    fn is_left(self, conn: &Connection) -> bool {
        let is_left = |dialog: DialogRef<'_>| dialog.kind() == Kind::Generator && dialog.is_stopped_by_peer();
        conn.dialog(self.id).is_some_and(is_left)
    }

    /// Whether `error` is how this very dialog's calls report that the task was told to end.
    fn is_its_end(self, conn: &Connection, error: &Error) -> bool {
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
