//! Errors by blame: the local caller, the peer, or the application over there.

use alloc::{string::String, sync::Arc};

use crate::mistyped::Mistyped;
use crate::phase::{Role, Violation};
use crate::remote::RemoteError;
use crate::spec::Mismatch;
use crate::wire::{MsgKind, Rejected};

/// A verb of the application, for error texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named like its method")]
pub enum Verb {
    Accept,
    Refuse,
    Started,
    OpenStream,
    Send,
    Stop,
    Finish,
    Fail,
    Relay,
    Unwound,
    Acknowledge,
    SpawnSpec,
}

/// The local caller broke a rule. Nothing changed and nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// No such dialog: never opened, or released.
    #[error("no such dialog")]
    UnknownDialog,
    /// A verb of the other role.
    #[error("{verb:?} is not for the {role:?} of a dialog")]
    WrongRole {
        /// The verb.
        verb: Verb,
        /// Our role in that dialog.
        role: Role,
    },
    /// Not legal in the present phase.
    #[error("{verb:?}: {violation}")]
    OutOfPhase {
        /// The verb.
        verb: Verb,
        /// What the table says.
        violation: Violation,
    },
    /// The dialog has ended; nothing is sent any more.
    #[error("{0:?}: the dialog has ended")]
    Ended(Verb),
    /// An item before `open_stream`.
    #[error("the stream is not open")]
    StreamNotOpen,
    /// The dialog is being cancelled.
    #[error("{0:?}: the dialog is being cancelled")]
    Cancelled(Verb),
    /// A second stream on one dialog.
    #[error("a dialog has one stream; this one was opened before")]
    SecondStream,
    /// A verb that makes no sense for this dialog's target.
    #[error("{0:?} does not apply to this request")]
    WrongTarget(Verb),
    /// The payload does not fit in a frame.
    #[error("{verb:?}: a frame of {len} bytes is over the limit of {limit}")]
    TooLong {
        /// The verb.
        verb: Verb,
        /// Length of the frame body.
        len: usize,
        /// The limit in force.
        limit: usize,
    },
    /// The connection is closing or closed.
    #[error("{0:?}: the connection is closed")]
    Closed(Verb),
    /// `SpawnSpec` is the second frame or none.
    #[error("SpawnSpec can only be the second frame")]
    LateSpawnSpec,
    /// The value does not conform to the spec of its dialog. Send another one, or `fail` with it.
    #[error("{0}")]
    Mistyped(Arc<Mistyped>),
}

/// Why `open` did not open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The handshake is not complete: the peer's uid is not known yet.
    #[error("the handshake is not complete")]
    NotEstablished,
    /// The connection is closing or closed.
    #[error("the connection is closed")]
    Closed,
    /// Too many dialogs are live.
    #[error("{0} dialogs are live, the limit")]
    TooMany(usize),
    /// The peer says it is ourselves; a dialog with oneself is refused.
    #[error("a dialog with one's own actor")]
    OwnActor,
    /// `self` addresses the runtime, whose methods are [`Target::Runtime`](crate::Target). A method that it
    /// does not have ends a Python process.
    #[error("the namespace self is the runtime's")]
    RuntimeName,
    /// The arguments do not conform to the endpoint's spec.
    #[error("{0}")]
    Mistyped(Mismatch),
    /// Names or arguments do not fit in a frame.
    #[error("{len} bytes are over the limit of {limit}")]
    TooLong {
        /// Length of the name or of the frame body.
        len: usize,
        /// The limit in force.
        limit: usize,
    },
}

/// Why `send` did not send. The item was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Too much waits to be written; try again after `poll_transmit` and `handle_written`.
    #[error("the outbox is full")]
    Full,
    /// The stream has ended, by either side, or the dialog has.
    #[error("the stream has ended")]
    Ended,
    /// The dialog failed; see its error.
    #[error("the dialog has failed")]
    Failed,
    /// The caller broke a rule.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

/// The peer broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PeerViolation {
    /// A frame that is no message, or a message with a wrong envelope.
    #[error("{0}")]
    Rejected(#[from] Rejected),
    /// Something other than an `Aid` came first.
    #[error("expected Aid as the first frame, got {0}")]
    ExpectedAid(MsgKind),
    /// A second `Aid`, or a `SpawnSpec` that was not due.
    #[error("{0} is not legal after the handshake")]
    Late(MsgKind),
    /// A `Start` with the id of a live dialog.
    #[error("the id of a live dialog was used again")]
    CidReuse,
    /// A message that its dialog's phase does not allow.
    #[error("{0}")]
    OutOfPhase(#[from] Violation),
    /// A value that does not conform to the spec of its dialog.
    #[error("{0}")]
    Mistyped(Arc<Mistyped>),
}

impl Failure {
    /// The error of the other end, if it is one.
    pub fn remote(&self) -> Option<&RemoteError> {
        match self {
            Self::Remote(error) => Some(error),
            Self::Violation(_) | Self::Reported(_) => None,
        }
    }
}

/// Why a dialog failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The other end said so.
    #[error("{0}")]
    Remote(Arc<RemoteError>),
    /// The other end broke a rule of this dialog.
    #[error("{0}")]
    Violation(PeerViolation),
    /// Our own task failed, and reported an error of this class.
    #[error("failed with {0}")]
    Reported(String),
}

/// A configured limit that was gone over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LimitKind {
    /// A frame longer than `max_frame`.
    #[error("a frame of {len} bytes is announced, the limit is {limit}")]
    Frame {
        /// The declared length.
        len: usize,
        /// The limit in force.
        limit: usize,
    },
    /// More than `max_strays` frames for unknown dialogs.
    #[error("too many frames for unknown dialogs")]
    Strays,
    /// More than `max_owed` replies wait for a peer that does not read.
    #[error("too many replies wait for a peer that does not read")]
    Owed,
}

/// A deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deadline {
    /// None: something is due now. Poll.
    Event,
    /// The peer's `Aid`.
    Handshake,
    /// The rest of a frame.
    PartialFrame,
    /// Progress in writing.
    WriteStall,
    /// Room in a paused inbox.
    Pause,
    /// The answer to a cancel request. Only reports.
    CancelAck,
    /// The answer to an actor cancel. Only reports.
    ActorCancelAck,
    /// The final frame after a cancel request.
    FinalFrame,
    /// The end of a graceful close.
    Close,
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// We closed it.
    #[error("closed by us")]
    Local,
    /// The peer closed it between frames.
    #[error("closed by the peer")]
    Eof,
    /// The peer closed it inside a frame.
    #[error("closed by the peer inside a frame")]
    Truncated,
    /// The connection broke.
    #[error("connection reset")]
    Reset,
    /// A limit was gone over.
    #[error("{0}")]
    Limit(LimitKind),
    /// The peer broke a rule of the connection.
    #[error("{0}")]
    Violation(PeerViolation),
    /// The peer reported that it failed as a whole.
    #[error("the peer failed: {0}")]
    PeerFailed(Arc<RemoteError>),
    /// A deadline ran out.
    #[error("{0:?} deadline ran out")]
    TimedOut(Deadline),
    /// The peer only asked who is there, and was told.
    #[error("answered a probe")]
    Probe,
}
