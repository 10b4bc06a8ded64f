//! Errors by blame.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;

use scipp_proto::{
    CloseReason, EncodeError, Failure, Mistyped, Misuse, OpenError, PeerViolation, RemoteError, Report,
    TypeError, Uid,
};

/// Why a call of this driver failed: whose doing it was is in the variant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller: a rule of the dialog forbids this. Nothing was sent.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The caller, or the state of the connection: the dialog was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A value does not convert to or from a payload.
    #[error(transparent)]
    Conversion(#[from] ConversionError),
    /// The peer sent a value that does not conform to the terms of the dialog, and they say to
    /// [hand it over](scipp_proto::TypePolicy::HandOver): here it is. The dialog is as it was; only a
    /// context whose first value it is was not opened, and its task is cancelled.
    #[error("{0}")]
    Mistyped(Box<Mistyped>),
    /// The application over there failed.
    #[error("remote error: {0}")]
    Remote(RemoteFailure),
    /// The peer broke a rule of this dialog.
    #[error("the peer broke the protocol: {0}")]
    Violation(PeerViolation),
    /// This dialog was cancelled. In an endpoint: return it, cleaned up, as soon as possible.
    #[error("cancelled{}", by.as_ref().map(|uid| format!(" by {uid}")).unwrap_or_default())]
    Cancelled {
        /// Who asked for it, as far as known.
        by: Option<Uid>,
    },
    /// The connection is over, and this dialog with it.
    #[error("disconnected: {0}")]
    Disconnected(CloseReason),
    /// Sending on a stream that has ended, by either side.
    #[error("the stream has ended")]
    StreamEnded,
    /// Nothing has arrived yet. Only of calls that do not wait.
    #[error("nothing has arrived yet")]
    Empty,
    /// This subscriber was slower than the others by more than the window, and so many items are lost to it.
    /// It goes on at the oldest item that is kept.
    #[error("{0} items were lost to a slow subscriber")]
    Lagged(u64),
    /// The time that this handle was given for one call ran out. The dialog goes on.
    #[error("timed out")]
    TimedOut,
}

impl Error {
    /// Why a dialog failed that this line of ours began.
    pub(crate) fn failed(failure: &Failure, caller: Option<&'static Location<'static>>) -> Self {
        match failure {
            Failure::Remote(error) => Self::Remote(RemoteFailure { error: Arc::clone(error), caller }),
            Failure::Violation(violation) => Self::Violation(violation.clone()),
            // A failure this driver has no word for: what is sure is that the dialog is of no more use.
            _ => Self::StreamEnded,
        }
    }
}

/// As an error of no known line.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::failed(&failure, None)
    }
}

/// What would be waited for, if it is there.
///
/// # Errors
///
/// [`Error::Empty`] if it is not, and its own.
pub fn at_once<T>(ready: Poll<Result<T, Error>>) -> Result<T, Error> {
    match ready {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::Empty),
    }
}

/// Whether nothing comes after this of a reader's: the end, or an error that is not one item's.
pub const fn is_last<T>(next: Option<&Result<T, Error>>) -> bool {
    !matches!(next, Some(Ok(_) | Err(Error::Lagged(_) | Error::Mistyped(_))))
}

/// A failure of the application over there: what arrived, and the line of ours that it concerns.
///
/// In the alternate form (`{:#}`) it is printed as a report of several lines. Two are equal if the same
/// arrived, whatever line it concerns.
#[derive(Debug, Clone)]
pub struct RemoteFailure {
    error: Arc<RemoteError>,
    caller: Option<&'static Location<'static>>,
}

impl RemoteFailure {
    /// The line of our application that called it; on the child's side, the one that registered the endpoint.
    pub const fn caller(&self) -> Option<&'static Location<'static>> {
        self.caller
    }

    /// Whether it is the very same, not only an equal one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.error, &other.error)
    }
}

impl PartialEq for RemoteFailure {
    fn eq(&self, other: &Self) -> bool {
        self.error == other.error
    }
}

impl Eq for RemoteFailure {}

impl Deref for RemoteFailure {
    type Target = RemoteError;

    fn deref(&self) -> &RemoteError {
        &self.error
    }
}

impl fmt::Display for RemoteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.alternate() {
            true => self.error.report().called_at(self.caller).fmt(f),
            false => self.error.fmt(f),
        }
    }
}

/// A value that is no payload, or a payload that is not a value of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConversionError {
    /// It cannot be sent.
    #[error("cannot be sent: {0}")]
    Encode(#[from] EncodeError),
    /// What was received is of another type.
    #[error("received a value of another type: {0}")]
    Decode(#[from] TypeError),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The operating system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The connection was made, and ended before the peer had introduced itself.
    #[error("no handshake: {0}")]
    Handshake(CloseReason),
}

/// How the body of an endpoint fails.
///
/// Every error type that converts into this can be the error of an endpoint: this one (an error of ours,
/// by class name and text), [`Error`] (of a call made in the body), boxed errors.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TaskError {
    /// The task failed, and this is what its parent is told.
    Report(Box<Report>),
    /// Another call made in the body failed. An error of another actor is passed on as such; the end of
    /// the task's own dialog needs no words.
    Call(Error),
}

impl TaskError {
    /// An error of this class with this text. Python peers raise the class if it is one of their
    /// builtins.
    pub fn new(type_name: &str, text: impl Into<String>) -> Self {
        Self::Report(Box::new(Report::new(type_name, text)))
    }

    /// What there is to report, if it is not an error to be passed on.
    pub(crate) fn into_report(self) -> Report {
        let error = match self {
            Self::Report(report) => return *report,
            Self::Call(error) => error,
        };
        let class = match &error {
            Error::Misuse(Misuse::Mistyped(value)) | Error::Violation(PeerViolation::Mistyped(value)) => {
                return Report::from(&**value);
            }
            Error::Mistyped(value) => return Report::from(&**value),
            Error::Open(OpenError::Mistyped(_)) => "MsgTypeError",
            Error::Conversion(_) => "TypeError",
            Error::Disconnected(_) => "TransportClosed",
            Error::TimedOut => "TimeoutError",
            _ => "RuntimeError",
        };
        Report::new(class, error.to_string())
    }
}

impl From<Report> for TaskError {
    fn from(report: Report) -> Self {
        Self::Report(Box::new(report))
    }
}

impl From<Error> for TaskError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for TaskError {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match error.downcast::<Error>() {
            Ok(error) => Self::Call(*error),
            Err(error) => Self::new("RuntimeError", error.to_string()),
        }
    }
}

impl From<std::convert::Infallible> for TaskError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boxed_error_is_what_it_was() {
        let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(Error::StreamEnded);
        assert_eq!(TaskError::from(boxed), TaskError::Call(Error::StreamEnded));
        let other = TaskError::from(Box::<dyn std::error::Error + Send + Sync>::from("odd"));
        assert_eq!(other, TaskError::new("RuntimeError", "odd"));
    }

    #[test]
    fn each_kind_of_failed_call_is_reported_by_its_class() {
        let class = |error| TaskError::Call(error).into_report().type_name;
        assert_eq!(class(Error::TimedOut), "TimeoutError");
        assert_eq!(class(Error::Disconnected(CloseReason::Eof)), "TransportClosed");
        assert_eq!(class(Error::Cancelled { by: None }), "RuntimeError");
    }
}
