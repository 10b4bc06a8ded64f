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

/// Judges one move of a dialog: `from` sends `signal` while the dialog is in `phase`.
///
/// The one place where a phase follows from another. Before the child accepted, `kind` is the kind the
/// parent expects.
#[allow(clippy::wildcard_enum_match_arm, reason = "what is not listed is illegal")]
pub const fn step(kind: Kind, phase: Phase, from: Role, signal: Signal) -> Verdict {
    use End::{Disconnected, Failed, Returned};
    use Half::{Open, Stopped};
    use Kind::{Context, Function, Generator};
    use Phase::{Accepted, Ended, Requested, Started};
    use Role::{Child, Parent};
    use Verdict::{Crossed, Illegal, To};

    match (kind, phase, from, signal) {
        // What comes after an ending passed it on the way. (D-1)
        (_, Ended(_), _, _) => Crossed,

        // What happens to the connection. (D-22)
        (_, _, _, Signal::Lost) => To(Ended(Disconnected)),
        // What happens instead of an ending. (D-20)
        (_, _, Child, Signal::Unconfirmed) => To(Ended(End::Unconfirmed)),
        (_, _, Child, Signal::Void) => To(Ended(Failed)),

        // An error of the child ends, one of the parent does not: the child still answers. (D-4, D-5)
        (_, _, Child, Signal::Error) => To(Ended(Failed)),
        (_, _, Parent, Signal::Error | Signal::Notice) => To(phase),

        // Accepting. (D-2)
        (Function, Requested, Child, Signal::StartAck(Function)) => To(Accepted),
        (Generator, Requested, Child, Signal::StartAck(Generator)) => {
            To(Started { parent: Open, child: Open })
        }
        (Context, Requested, Child, Signal::StartAck(Context)) => To(Accepted),

        // A function has a result.
        (Function, Accepted, Child, Signal::Return) => To(Ended(Returned)),

        // A generator yields until it stops; the parent may say that it has stopped listening. (D-9)
        (Generator, Started { parent: Open, .. }, Child, Signal::Yield) => To(phase),
        (Generator, Started { parent: Stopped, .. }, Child, Signal::Yield) => Crossed,
        (Generator, Started { .. }, Child, Signal::Stop) => To(Ended(Returned)),
        (Generator, Started { parent: Open, child }, Parent, Signal::Stop) => {
            To(Started { parent: Stopped, child })
        }
        (Generator, Started { parent: Stopped, .. }, Parent, Signal::Stop) => Crossed,

        // A context has a first value, a stream that its first `Stop` ends both ways, and a result. (D-3, D-7, D-8)
        (Context, Accepted, Child, Signal::Started) => To(Started { parent: Open, child: Open }),
        (Context, Started { parent: Open, child: Open }, _, Signal::Yield) => To(phase),
        (Context, Started { parent: Open, child: Open }, Parent, Signal::Stop) => {
            To(Started { parent: Stopped, child: Open })
        }
        (Context, Started { parent: Open, child: Open }, Child, Signal::Stop) => {
            To(Started { parent: Open, child: Stopped })
        }
        (Context, Started { .. }, _, Signal::Yield | Signal::Stop) => Crossed,
        (Context, Started { .. }, Child, Signal::Return) => To(Ended(Returned)),

        // A notice of the child does not end. (D-6)
        (Context, Started { .. }, Child, Signal::Notice) => To(phase),

        _ => Illegal(Violation { kind, phase, from, signal }),
    }
}

impl Phase {
    /// Whether the dialog is over.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// Whether a `Stop` went either way.
    pub const fn is_stopped(self) -> bool {
        matches!(
            self,
            Self::Started { parent: Half::Stopped, .. } | Self::Started { child: Half::Stopped, .. }
        )
    }
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

/// What moves a cancel request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CancelSignal {
    /// We ask.
    Request,
    /// The answer is taken.
    Ack,
}

/// Judges one move of a dialog's cancel request. `None`: nothing is sent, nothing changes.
///
/// At most one request a dialog, none once it has ended. (D-15)
pub const fn cancel(phase: Phase, cancel: CancelPhase, signal: CancelSignal) -> Option<CancelPhase> {
    match (cancel, signal) {
        (CancelPhase::Idle, CancelSignal::Request) if !phase.is_ended() => Some(CancelPhase::Requested),
        (CancelPhase::Requested, CancelSignal::Ack) => Some(CancelPhase::Acked),
        (CancelPhase::Idle | CancelPhase::Requested | CancelPhase::Acked, _) => None,
    }
}

/// The local end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// Not opened.
    None,
    /// Opened, and no `Stop` went either way.
    Open,
    /// Opened and over.
    Closed,
}

/// What went wrong with a dialog, as one side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trouble {
    /// Nothing.
    None,
    /// An error, of either end.
    Error,
    /// Cancelled by this side.
    BySelf,
    /// Cancelled by the other end, or through it.
    ByPeer,
    /// Cancelled with this whole actor.
    ByActor,
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

impl State {
    /// The word itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreStarted => "pre-started",
            Self::SyncingToChild => "syncing-to-child",
            Self::Started => "started",
            Self::Streaming => "streaming",
            Self::StreamingFinished => "streaming-finished",
            Self::ResultReturned => "result-returned",
            Self::Errored => "errored",
            Self::SelfCancelled => "self-cancelled",
            Self::PeerCancelled => "peer-cancelled",
            Self::ActorCancelled => "actor-cancelled",
        }
    }
}

impl core::fmt::Display for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word for where one side of a dialog is. Total: there is no unknown state.
pub const fn state(role: Role, phase: Phase, stream: Stream, trouble: Trouble) -> State {
    match (trouble, phase, stream, role) {
        (Trouble::BySelf, ..) => State::SelfCancelled,
        (Trouble::ByPeer, ..) => State::PeerCancelled,
        (Trouble::ByActor, ..) => State::ActorCancelled,
        (Trouble::Error, ..) => State::Errored,
        (Trouble::None, Phase::Ended(End::Returned), ..) => State::ResultReturned,
        (Trouble::None, Phase::Ended(End::Failed | End::Disconnected), ..) => State::Errored,
        (Trouble::None, Phase::Ended(End::Unconfirmed), ..) => State::SelfCancelled,
        (Trouble::None, _, Stream::Open, _) => State::Streaming,
        (Trouble::None, _, Stream::Closed, _) => State::StreamingFinished,
        (Trouble::None, Phase::Started { .. }, Stream::None, _) => State::Started,
        (Trouble::None, Phase::Requested | Phase::Accepted, Stream::None, Role::Child) => State::PreStarted,
        (Trouble::None, Phase::Requested | Phase::Accepted, Stream::None, Role::Parent) => {
            State::SyncingToChild
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables;
    use alloc::{format, string::String, vec::Vec};

    fn spec() -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/transitions.txt");
        std::fs::read_to_string(path).expect("spec/transitions.txt")
    }

    /// The printed tables are the committed ones. Counts stand after a bar and are checked elsewhere;
    /// `SCIPP_BLESS=1 cargo test -p scipp-conformance --test transitions` writes the file anew.
    /// (D-1 to D-9, D-15, D-20, D-22)
    #[test]
    fn the_tables_are_the_specified_ones() {
        let spec = spec();
        let lines: Vec<&str> =
            spec.lines().map(|line| line.split(" |").next().unwrap_or(line).trim_end()).collect();
        let mut printed = 0;
        for row in tables::rows() {
            let text = row.text();
            assert!(lines.contains(&&*text), "not in the specification: {text}");
            printed += 1;
        }
        let listed =
            lines.iter().filter(|line| Kind::ALL.iter().any(|kind| line.starts_with(&format!("{kind:?}  "))));
        assert_eq!(listed.count(), printed, "the specification lists moves that are not legal");
        assert!(spec.contains(&tables::cancel_text()), "cancel table");
        assert!(spec.contains(&tables::state_text()), "state table");
    }

    /// D-1.
    #[test]
    fn after_an_ending_everything_crosses() {
        for row in tables::moves().filter(|row| row.phase.is_ended()) {
            assert_eq!(row.verdict, Verdict::Crossed, "{row:?}");
        }
    }

    #[test]
    fn an_illegal_move_is_reported_as_it_was_made() {
        let mut count = 0;
        for row in tables::moves() {
            if let Verdict::Illegal(violation) = row.verdict {
                let tables::Row { kind, phase, from, signal, .. } = row;
                assert_eq!(violation, Violation { kind, phase, from, signal });
                count += 1;
            }
        }
        assert!(count > 100);
    }

    /// What one role may send in a state, the other end takes without blame in every state it can be in
    /// while the frame is on its way: after any moves of its own that the first one has not seen.
    #[test]
    fn what_may_be_sent_is_never_illegal_when_it_arrives() {
        for kind in Kind::ALL {
            for sent in
                tables::moves().filter(|row| row.kind == kind && matches!(row.verdict, Verdict::To(_)))
            {
                if !tables::is_reachable(kind, sent.phase) || is_no_frame(sent.signal) {
                    continue;
                }
                for phase in reachable_by(kind, sent.phase, sent.from.peer()) {
                    let verdict = step(kind, phase, sent.from, sent.signal);
                    assert!(!matches!(verdict, Verdict::Illegal(_)), "{sent:?} arriving in {phase:?}");
                }
            }
        }
    }

    fn is_no_frame(signal: Signal) -> bool {
        matches!(signal, Signal::Unconfirmed | Signal::Void | Signal::Lost)
    }

    fn reachable_by(kind: Kind, from: Phase, role: Role) -> Vec<Phase> {
        let mut reached = alloc::vec![from];
        let mut next = 0;
        while let Some(&phase) = reached.get(next) {
            next += 1;
            for signal in tables::signals() {
                if let (Verdict::To(to), false) = (step(kind, phase, role, signal), is_no_frame(signal)) {
                    if !reached.contains(&to) {
                        reached.push(to);
                    }
                }
            }
        }
        reached
    }

    #[test]
    fn roles_and_phases_know_themselves() {
        assert_eq!((Role::Parent.peer(), Role::Child.peer()), (Role::Child, Role::Parent));
        for phase in tables::phases() {
            let stopped = format!("{phase:?}").contains("Stopped");
            assert_eq!(phase.is_stopped(), stopped, "{phase:?}");
            assert_eq!(phase.is_ended(), format!("{phase:?}").starts_with("Ended"), "{phase:?}");
        }
        assert_eq!(format!("{}", State::PeerCancelled), "peer-cancelled");
    }
}
