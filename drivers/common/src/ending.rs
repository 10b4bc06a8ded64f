//! What the application is told of the end of a dialog it opened.

use scipp_proto::{FromPayload, Outcome, Payload};

use crate::convert;
use crate::error::Error;

/// How a context ended without failing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The remote task returned this.
    Returned(Payload),
    /// It ended because we cancelled it.
    Cancelled {
        /// Whether the remote task said so itself.
        confirmed: bool,
    },
}

impl Ending {
    /// The result, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`], or [`Error::Conversion`] if it is not an `R`.
    pub fn returned<R: FromPayload>(&self) -> Result<R, Error> {
        match self {
            Self::Returned(value) => Ok(convert::value(value.clone())?),
            Self::Cancelled { .. } => Err(Error::Cancelled { by: None }),
        }
    }
}

/// The end of a context.
///
/// # Errors
///
/// How it failed.
pub fn ended(outcome: Outcome) -> Result<Ending, Error> {
    match outcome {
        Outcome::Returned(Some(value)) => Ok(Ending::Returned(value)),
        Outcome::Cancelled { confirmed, .. } => Ok(Ending::Cancelled { confirmed }),
        outcome => Err(into_error(outcome)),
    }
}

/// What a body beside a remote task comes to once the task has ended: its own error, if it failed, whatever
/// the outcome; else the outcome's. (D-47)
///
/// # Errors
///
/// See above.
pub fn left<T, E: From<Error>>(
    body: Result<T, E>,
    outcome: Result<Outcome, Error>,
) -> Result<(T, Ending), E> {
    let value = body?;
    Ok((value, outcome.and_then(ended)?))
}

/// The result of a call.
///
/// # Errors
///
/// Why there is none.
pub fn returned<R: FromPayload>(outcome: Outcome) -> Result<R, Error> {
    match outcome {
        Outcome::Returned(Some(value)) => Ok(convert::value(value)?),
        outcome => Err(into_error(outcome)),
    }
}

/// The error that an outcome without result stands for.
fn into_error(outcome: Outcome) -> Error {
    match outcome {
        Outcome::Failed(failure) => failure.into(),
        Outcome::Disconnected(reason) => Error::Disconnected(reason),
        Outcome::Cancelled { error, .. } => {
            Error::Cancelled { by: error.and_then(|error| error.canceller().cloned()) }
        }
        // The end of a generator, which has no result.
        _ => Error::StreamEnded,
    }
}
