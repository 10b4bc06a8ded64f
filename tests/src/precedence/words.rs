//! What can happen to a dialog and how it can end, in the words of `spec/precedence.md`.

use scipp_proto::{Failure, Outcome, RemoteError, RemoteErrorKind, Uid};

/// An actor, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actor(pub u8);

impl Actor {
    /// The uid of this actor in all tests with numbered actors.
    pub fn uid(self) -> Uid {
        Uid::new(format!("actor-{}", self.0), self.0.to_string())
    }

    /// The actor with this uid.
    ///
    /// # Panics
    ///
    /// If it has none of these.
    pub fn of(uid: &Uid) -> Self {
        Self(uid.uuid().parse().expect("the uid of a numbered actor"))
    }
}

/// Why a dialog did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// An error of an application, possibly relayed.
    Error,
    /// Cancelled, in the name of this actor.
    Cancelled(Actor),
    /// One end sent faster than the other one read.
    Overrun,
    /// One end broke a rule of the dialog.
    Broken,
}

impl Why {
    /// What an error that arrived says.
    pub fn of(error: &RemoteError) -> Self {
        match (error.kind(), error.msg.src_type_str.as_str()) {
            (RemoteErrorKind::ContextCancelled, _) => {
                Self::Cancelled(Actor::of(error.canceller().expect("a cancellation names its canceller")))
            }
            (_, "StreamOverrun") => Self::Overrun,
            (_, "MsgTypeError" | "MessagingError") => Self::Broken,
            _ => Self::Error,
        }
    }
}

/// The final frame of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Final {
    /// `Return`, or the `Stop` of a generator.
    Result,
    /// `Error`.
    Error(Why),
}

/// How one end of a dialog has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ended {
    /// With a result.
    Returned,
    /// With a failure.
    Failed(Why),
    /// By cancellation.
    Cancelled {
        /// The other end's task said so.
        confirmed: bool,
    },
    /// With the connection.
    Disconnected,
}

impl Ended {
    /// What the core reports, in these words.
    ///
    /// # Panics
    ///
    /// If an error names none of the numbered actors.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Returned(_) => Self::Returned,
            Outcome::Failed(Failure::Remote(error)) => Self::Failed(Why::of(error)),
            Outcome::Failed(Failure::Violation(_)) => Self::Failed(Why::Broken),
            Outcome::Failed(_) => Self::Failed(Why::Error),
            Outcome::Cancelled { confirmed, .. } => Self::Cancelled { confirmed: *confirmed },
            Outcome::Disconnected(_) => Self::Disconnected,
            other => panic!("an outcome that no rule knows: {other:?}"),
        }
    }
}

/// What can happen to a dialog, seen from its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each has its sentence in `text`")]
pub enum Happening {
    Result,
    RemoteError,
    OwnCancel,
    SelfCancel,
    ThirdCancel,
    BodyError,
    ChildOverran,
    ParentOverran,
    ChildBroke,
    ParentBroke,
    Deadline,
    Loss,
    ActorCancel,
}

impl Happening {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Result,
        Self::RemoteError,
        Self::OwnCancel,
        Self::SelfCancel,
        Self::ThirdCancel,
        Self::BodyError,
        Self::ChildOverran,
        Self::ParentOverran,
        Self::ChildBroke,
        Self::ParentBroke,
        Self::Deadline,
        Self::Loss,
        Self::ActorCancel,
    ];

    /// What it is, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::RemoteError => "remote error",
            Self::OwnCancel => "own cancel",
            Self::SelfCancel => "peer's self-cancel",
            Self::ThirdCancel => "third-party cancel",
            Self::BodyError => "local body error",
            Self::ChildOverran => "overrun by the child",
            Self::ParentOverran => "overrun by the parent",
            Self::ChildBroke => "type error of the child",
            Self::ParentBroke => "type error of the parent",
            Self::Deadline => "final-frame deadline",
            Self::Loss => "connection loss",
            Self::ActorCancel => "actor cancel",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What happened to one dialog so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Happenings(u16);

impl Happenings {
    /// Adds one.
    pub const fn add(&mut self, happening: Happening) {
        self.0 |= happening.bit();
    }

    /// Whether it is among them.
    pub const fn has(self, happening: Happening) -> bool {
        self.0 & happening.bit() != 0
    }

    /// All pairs of them, in the order of [`Happening::ALL`].
    pub fn pairs(self) -> impl Iterator<Item = (Happening, Happening)> {
        pairs().filter(move |&(one, other)| self.has(one) && self.has(other))
    }
}

/// All pairs of different happenings.
pub fn pairs() -> impl Iterator<Item = (Happening, Happening)> {
    let all = Happening::ALL;
    (0..all.len()).flat_map(move |at| (at + 1..all.len()).map(move |other| (all[at], all[other])))
}
