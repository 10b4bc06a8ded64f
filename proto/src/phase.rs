//! The dialog machine, whole: every legal move stands in this file and nowhere else.
//!
//! The table knows roles, not "us": the same line judges what we send and what we receive. Who is to
//! blame for an illegal move is decided by the caller.

use crate::wire::Kind;

/// Which end of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Opened it, by `Start`.
    Parent,
    /// Runs the task.
    Child,
}

impl Role {
    /// The other end.
    pub const fn peer(self) -> Self {
        match self {
            Self::Parent => Self::Child,
            Self::Child => Self::Parent,
        }
    }
}

/// One direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Half {
    /// No `Stop` yet.
    Open,
    /// `Stop` went this way.
    Stopped,
}

/// How the wire side of a dialog ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// `Return`, or a generator's `Stop`.
    Returned,
    /// `Error`, or a final frame that made no sense.
    Failed,
    /// The cancel request was answered without an ending: there is no such task.
    Unconfirmed,
    /// The connection was lost.
    Disconnected,
}

/// Where a dialog is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// `Start` went out.
    Requested,
    /// `StartAck` went out (functions stay here, contexts until `Started`).
    Accepted,
    /// The stream phase: a context after `Started`, a generator after `StartAck`.
    Started {
        /// Parent to child.
        parent: Half,
        /// Child to parent.
        child: Half,
    },
    /// Over.
    Ended(End),
}

/// What moves a dialog: a frame, or the loss of what carries frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// `StartAck` with this kind.
    StartAck(Kind),
    /// `Started`.
    Started,
    /// `Yield`.
    Yield,
    /// `Stop`.
    Stop,
    /// `Return`.
    Return,
    /// `CancelAck` on the dialog's own id.
    CancelAck,
    /// `Error`.
    Error,
    /// A `StreamOverrun` about the other end's sending: fails, does not end.
    Notice,
    /// The acknowledgement of a cancel request, with no ending before it.
    Unconfirmed,
    /// A final frame at a moment where it makes no sense: the sender's task is over all the same.
    Void,
    /// The connection is gone.
    Lost,
}

/// Why a move is not legal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[error("{from:?} may not send {signal:?} in phase {phase:?} of a {kind:?} dialog")]
pub struct Violation {
    /// Kind of the dialog.
    pub kind: Kind,
    /// The phase in which it was tried.
    pub phase: Phase,
    /// Who tried.
    pub from: Role,
    /// What.
    pub signal: Signal,
}

/// The judgement on one move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Legal; the phase after it.
    To(Phase),
    /// Harmless when received: it passed something of ours on the way. Refused when about to be sent.
    Crossed,
    /// Never legal here.
    Illegal(Violation),
}

/// A cancel request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum CancelPhase {
    /// None was sent.
    #[default]
    Idle,
    /// It went out.
    Requested,
    /// It was answered.
    Acked,
}

/// The reference's words for where one side of a dialog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Child, before `started`.
    PreStarted,
    /// Parent, before `Started`.
    SyncingToChild,
    /// After `Started`, no stream.
    Started,
    /// With an open stream.
    Streaming,
    /// With a closed stream.
    StreamingFinished,
    /// Result known.
    ResultReturned,
    /// Failed.
    Errored,
    /// Cancelled, and this side asked for it.
    SelfCancelled,
    /// Cancelled by the other end, or through it.
    PeerCancelled,
    /// Cancelled with this whole actor.
    ActorCancelled,
}
