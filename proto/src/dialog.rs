//! The record of one dialog: what our side knows of it.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::panic::Location;

use bytes::BytesMut;

use crate::error::Failure;
use crate::event::{DialogId, Outcome, RuntimeEndpoint, Target};
use crate::identity::Uid;
use crate::inbox::Inbox;
use crate::payload::Payload;
use crate::phase::{self, CancelPhase, Half, Phase, Role, State, Stream, Trouble};
use crate::remote::RemoteErrorKind;
use crate::terms::Bound;
use crate::time::Instant;
use crate::wire::Kind;

/// What a dialog is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// An application function.
    Function,
    /// A method of the actor runtime.
    Runtime(RuntimeEndpoint),
    /// Our request to cancel another dialog; invisible to the application.
    CancelRequest { of: DialogId },
}

impl From<&Target> for Purpose {
    fn from(target: &Target) -> Self {
        match target {
            Target::Function { .. } => Self::Function,
            Target::Runtime(endpoint) => Self::Runtime(*endpoint),
        }
    }
}

/// Why a child's task has to end.
#[derive(Debug, Clone, PartialEq, Hash)]
pub(crate) enum Unwind {
    /// Somebody asked for it.
    Cancelled {
        /// Who, as the final frame will say.
        canceller: Uid,
        /// Whether it was this task itself, its parent, or the end of this whole actor.
        by: CancelledBy,
        /// The hops of a `ContextCancelled` that came as an error, to be continued by us.
        path: Vec<Uid>,
    },
    /// An error was received, or the parent broke a rule.
    Failed {
        /// Which.
        failure: Failure,
        /// The message that broke it, if its envelope did, and it is not too long to be kept.
        bad_msg: Option<Payload>,
    },
}

impl From<Failure> for Unwind {
    fn from(failure: Failure) -> Self {
        Self::Failed { failure, bad_msg: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CancelledBy {
    Itself,
    Parent,
    Actor,
}

#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    pub(crate) cid: Arc<str>,
    /// Running number, for the order of opening.
    pub(crate) opened: u64,
    pub(crate) inbox: Inbox,
    /// A context's first value, until it is taken.
    pub(crate) first: Option<Payload>,
    pub(crate) outcome: Option<Box<Outcome>>,
    /// Parent: why it failed before it ended.
    pub(crate) failure: Option<Box<Failure>>,
    /// Child: why its task has to end.
    pub(crate) unwind: Option<Box<Unwind>>,
    /// Child: ids of the cancel requests to be answered after the final frame.
    pub(crate) owed_acks: Vec<Arc<str>>,
    /// What its values are bound to.
    pub(crate) bound: Option<Box<Bound>>,
    /// Items dropped unread.
    pub(crate) dropped: u64,
    /// Of these, by a full inbox.
    pub(crate) overruns: u64,
    /// Bytes of the errors it keeps.
    pub(crate) error_bytes: usize,
    /// The line of the application that opened or accepted it.
    pub(crate) caller: Option<&'static Location<'static>>,
    pub(crate) cancel_ack_due: Option<Instant>,
    pub(crate) final_frame_due: Option<Instant>,
    pub(crate) purpose: Purpose,
    pub(crate) phase: Phase,
    pub(crate) role: Role,
    pub(crate) kind: Kind,
    pub(crate) cancel: CancelPhase,
    /// The local end of the stream was opened.
    pub(crate) stream_opened: bool,
    /// The stream had ended before the connection was lost.
    pub(crate) was_stopped: bool,
    /// The application let go of it; it is removed when it ends, and reports nothing.
    pub(crate) is_released: bool,
    /// Its payloads may be slices of a receive buffer.
    pub(crate) is_holding: bool,
}

impl Dialog {
    /// A new dialog, its `Start` just sent or taken.
    pub(crate) fn new(
        cid: Arc<str>,
        purpose: Purpose,
        role: Role,
        kind: Kind,
        opened: u64,
        inbox: Inbox,
    ) -> Self {
        Self {
            cid,
            opened,
            inbox,
            first: None,
            outcome: None,
            failure: None,
            unwind: None,
            owed_acks: Vec::new(),
            bound: None,
            dropped: 0,
            overruns: 0,
            error_bytes: 0,
            caller: None,
            cancel_ack_due: None,
            final_frame_due: None,
            purpose,
            phase: Phase::Requested,
            role,
            kind,
            cancel: CancelPhase::Idle,
            stream_opened: false,
            was_stopped: false,
            is_released: false,
            is_holding: false,
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.phase.is_ended()
    }

    /// Child-role task of the application that has not ended.
    pub(crate) fn is_running_task(&self) -> bool {
        self.role == Role::Child && !self.is_ended() && !self.is_actor_cancel()
    }

    pub(crate) fn is_actor_cancel(&self) -> bool {
        self.purpose == Purpose::Runtime(RuntimeEndpoint::Cancel)
    }

    /// Whether a `Stop` went our way or the peer's: no more items either way.
    pub(crate) fn is_stopped(&self) -> bool {
        self.phase.is_stopped()
    }

    pub(crate) fn is_stopped_by(&self, role: Role) -> bool {
        match (self.phase, role) {
            (Phase::Started { parent, .. }, Role::Parent) => parent == Half::Stopped,
            (Phase::Started { child, .. }, Role::Child) => child == Half::Stopped,
            (Phase::Requested | Phase::Accepted | Phase::Ended(_), _) => false,
        }
    }

    /// A received error, cancellation apart: the stream was torn down by it and gets no `Stop`.
    pub(crate) fn received_failure(&self) -> Option<&Failure> {
        match (self.failure.as_deref(), self.unwind.as_deref()) {
            (Some(failure), _) | (None, Some(Unwind::Failed { failure, .. })) => Some(failure),
            (None, Some(Unwind::Cancelled { .. }) | None) => None,
        }
    }

    /// Whether this side asked for its end.
    pub(crate) fn was_cancelled_here(&self) -> bool {
        let by_itself =
            matches!(self.unwind.as_deref(), Some(Unwind::Cancelled { by: CancelledBy::Itself, .. }));
        by_itself || self.cancel != CancelPhase::Idle
    }

    /// Whether it failed over there: by an error that came, or by a broken rule.
    pub(crate) fn has_failed(&self) -> bool {
        self.error().is_some_and(|failure| !matches!(failure, Failure::Reported(_)))
    }

    /// Why it failed, ended or not.
    pub(crate) fn error(&self) -> Option<&Failure> {
        match self.outcome.as_deref() {
            Some(Outcome::Failed(failure)) => Some(failure),
            Some(Outcome::Returned(_) | Outcome::Cancelled { .. } | Outcome::Disconnected(_)) | None => {
                self.received_failure()
            }
        }
    }

    /// Whether readers are told of a failure before what is unread: after an error, or a cancellation
    /// that is not the answer to our own.
    pub(crate) fn fails_readers(&self) -> bool {
        self.unwind.is_some()
            || self.failure.is_some()
            || matches!(self.outcome.as_deref(), Some(Outcome::Failed(_)))
    }

    fn stream(&self) -> Stream {
        match (self.stream_opened || self.kind == Kind::Generator, self.phase) {
            (true, Phase::Started { .. }) if self.is_stopped() => Stream::Closed,
            (true, Phase::Started { .. }) => Stream::Open,
            (true, Phase::Ended(_)) => Stream::Closed,
            (false, _) | (true, Phase::Requested | Phase::Accepted) => Stream::None,
        }
    }

    fn trouble(&self) -> Trouble {
        match (self.outcome.as_deref(), self.unwind.as_deref()) {
            (Some(Outcome::Cancelled { .. }), None) => Trouble::BySelf,
            (Some(Outcome::Failed(failure)), _) => trouble_of(failure, self.role),
            (Some(Outcome::Returned(_)), _) => Trouble::None,
            (Some(Outcome::Disconnected(_)), _) => Trouble::Error,
            (_, Some(Unwind::Cancelled { by, .. })) => match by {
                CancelledBy::Itself => Trouble::BySelf,
                CancelledBy::Parent => Trouble::ByPeer,
                CancelledBy::Actor => Trouble::ByActor,
            },
            (Some(Outcome::Cancelled { .. }) | None, Some(Unwind::Failed { .. })) => Trouble::Error,
            (None, None) => {
                if self.failure.is_some() {
                    Trouble::Error
                } else {
                    Trouble::None
                }
            }
        }
    }

    pub(crate) fn state(&self) -> State {
        phase::state(self.role, self.phase, self.stream(), self.trouble())
    }

    /// Whether the application knows of it.
    pub(crate) fn is_visible(&self) -> bool {
        !self.is_released && !matches!(self.purpose, Purpose::CancelRequest { .. })
    }

    pub(crate) fn holds_items(&self) -> bool {
        self.inbox.len() > 0
    }

    /// Judges a move of `from`.
    pub(crate) const fn judge(&self, from: Role, signal: phase::Signal) -> phase::Verdict {
        phase::step(self.kind, self.phase, from, signal)
    }

    /// Moves what it holds out of the receive buffers: items into `store`, single values into
    /// allocations of their own.
    pub(crate) fn move_payloads(&mut self, store: &mut BytesMut) {
        self.inbox.move_to(store);
        if let Some(first) = &mut self.first {
            *first = first.compact();
        }
        if let Some(Outcome::Returned(Some(value))) = self.outcome.as_deref_mut() {
            *value = value.compact();
        }
    }

    /// Bytes of the record and what hangs on it, the receive buffers not counted.
    pub(crate) fn memory(&self) -> usize {
        let values = [self.first.as_ref(), self.result()].into_iter().flatten();
        size_of::<Self>()
            .saturating_add(self.cid.len())
            .saturating_add(self.inbox.memory())
            .saturating_add(values.fold(0, |sum, value| sum.saturating_add(value.as_bytes().len())))
            .saturating_add(self.error_bytes)
            .saturating_add(self.bound.as_ref().map_or(0, |bound| bound.memory()))
    }

    fn result(&self) -> Option<&Payload> {
        match self.outcome.as_deref() {
            Some(Outcome::Returned(value)) => value.as_ref(),
            _ => None,
        }
    }

    /// Everything that can influence a later frame, event or verb; deadlines are left to the caller.
    pub(crate) fn hash(&self, hasher: &mut impl core::hash::Hasher) {
        use core::hash::Hash;
        (&self.cid, &self.first, &self.outcome, &self.failure, &self.unwind).hash(hasher);
        (&self.owed_acks, self.purpose, self.phase, self.role, self.kind, self.cancel).hash(hasher);
        (self.stream_opened, self.was_stopped, self.is_released).hash(hasher);
        self.inbox.hash(hasher);
        self.bound.is_some().hash(hasher);
        if let Some(bound) = &self.bound {
            bound.hash(hasher);
        }
    }
}

fn trouble_of(failure: &Failure, role: Role) -> Trouble {
    match failure {
        Failure::Remote(error)
            if error.kind() == RemoteErrorKind::ContextCancelled && role == Role::Parent =>
        {
            Trouble::ByPeer
        }
        Failure::Remote(_) | Failure::Violation(_) | Failure::Reported(_) => Trouble::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten thousand idle dialogs are ten thousand of these: what is rarely set is boxed.
    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Dialog>() <= 288, "{}", size_of::<Dialog>());
    }
}
