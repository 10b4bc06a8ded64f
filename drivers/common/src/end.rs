//! One end of one dialog: verbs from calls, values and errors from what the core says.

use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;

use scipp_proto::phase::Role;
use scipp_proto::wire::MsgKind;
use scipp_proto::{
    Canceller, Connection, DialogId, DialogRef, Kind, Misuse, Outcome, OverrunPolicy, Payload, Received,
    Report, Request, SendError, Take, Terms,
};

use crate::clock::now;
use crate::endpoint::Opening;
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
        Poll::Ready(match (conn.take_checked(self.id), told) {
            // What came before the connection was lost is received before the news of it.
            (Ok((_, Some(error))), _) => Err(Error::Mistyped(error)),
            (Ok((Take::Item(item), None)), _) => Ok(Some(item)),
            (_, Some(error)) => Err(error),
            (Ok((Take::Pending, None)), None) => return Poll::Pending,
            (Ok((Take::End, None)), None) => Ok(None),
            (Ok((Take::Failed, None)), None) => Err(self.why(conn)),
            (Err(misuse), None) => Err(misuse.into()),
        })
    }

    /// Whatever comes next, with its kind. The end of the stream is given again and again, unless what comes
    /// after it is waited for.
    pub fn receive(self, conn: &mut Connection, is_past_stop: bool) -> Poll<Result<Received, Error>> {
        let told = self.told_to_end(conn);
        Poll::Ready(match (conn.receive(self.id), told) {
            (Ok(value @ (Received::Started(_) | Received::Item(_) | Received::Mistyped(_))), _) => Ok(value),
            (_, Some(error)) => Err(error),
            (Ok(Received::Pending), None) => return Poll::Pending,
            (Ok(Received::Stopped), None) if is_past_stop => return Poll::Pending,
            (Ok(Received::Failed), None) => Err(self.why(conn)),
            (Ok(received), None) => Ok(received),
            (Err(misuse), None) => Err(misuse.into()),
        })
    }

    /// A value that was taken, unless it was handed over.
    fn or_mistyped(self, conn: &Connection, kind: MsgKind, value: Payload) -> Result<Payload, Error> {
        conn.handed_over(self.id, kind, &value).map_or(Ok(value), |error| Err(Error::Mistyped(error)))
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
        match conn.open_stream(self.id) {
            // We cancelled it because it failed, which says more.
            Err(Misuse::Cancelled(_))
                if conn.dialog(self.id).is_some_and(|dialog| dialog.error().is_some()) =>
            {
                Err(self.why(conn))
            }
            opened => Ok(opened?),
        }
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
            return Error::failed(failure, dialog.caller());
        }
        match dialog.outcome() {
            Some(Outcome::Failed(failure)) => Error::failed(failure, dialog.caller()),
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
    pub fn open(conn: &mut Connection, opening: &Opening, inbox: Option<Inbox>) -> Result<Self, Error> {
        let id = match &opening.terms {
            Some(terms) => conn.open_limited(now(), &opening.call, terms)?,
            None => conn.open(now(), &opening.call)?,
        };
        conn.set_caller(id, opening.caller);
        if let Some((window, policy)) = inbox {
            conn.set_inbox(id, window, policy)?;
        }
        Ok(Self { id, role: Role::Parent })
    }

    /// The first value of a context.
    pub fn first(self, conn: &mut Connection) -> Poll<Result<Payload, Error>> {
        if let Some(first) = conn.take_first(self.id) {
            return Poll::Ready(self.or_mistyped(conn, MsgKind::Started, first));
        }
        let none_to_come = |dialog: DialogRef<'_>| dialog.error().is_some() || dialog.outcome().is_some();
        if conn.dialog(self.id).is_none_or(none_to_come) {
            return Poll::Ready(Err(self.why(conn)));
        }
        Poll::Pending
    }

    /// How the dialog ended; that it failed is an error.
    pub fn outcome(self, conn: &Connection) -> Poll<Result<Outcome, Error>> {
        let Some(dialog) = conn.dialog(self.id) else {
            return Poll::Ready(Err(Misuse::UnknownDialog.into()));
        };
        Poll::Ready(match dialog.outcome() {
            None => return Poll::Pending,
            Some(Outcome::Failed(failure)) => Err(Error::failed(failure, dialog.caller())),
            Some(Outcome::Returned(Some(value))) => self
                .or_mistyped(conn, MsgKind::Return, value.clone())
                .map(|value| Outcome::Returned(Some(value))),
            Some(outcome) => Ok(outcome.clone()),
        })
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

    /// Does not let it run: its arguments do not conform to these terms. (P-23)
    pub(crate) fn refuse_arguments(
        self,
        conn: &mut Connection,
        request: &Request,
        caller: &'static Location<'static>,
        terms: &Arc<Terms>,
    ) {
        conn.set_caller(self.id, caller);
        // Cancelled before it began: the peer has its answer.
        let _cancelled = conn.accept_limited(self.id, Kind::Function, request, terms);
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
            Ok(value) => match conn.finish(self.id, value) {
                Err(Misuse::Mistyped(value)) => conn.fail(self.id, Report::from(&*value)),
                finished => finished,
            },
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
            (Some(Error::Remote(ours)), Error::Remote(theirs)) => ours.is(theirs),
            // Whoever is named now: the task may have cancelled itself meanwhile. (D-42)
            (Some(Error::Cancelled { .. }), Error::Cancelled { .. }) => true,
            (Some(ours), theirs) => ours == *theirs,
            (None, _) => false,
        }
    }
}
