//! What is held, and what both sides have to say of it: one table for both roles and all drivers.

use crate::case::Role;

/// One dialog, or the end of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Call,
    FailingCall,
    UnknownFunction,
    Generator,
    GeneratorLeft,
    Context,
    Stream,
    ErrorBeforeStarted,
    ErrorAfterStarted,
    CancelByParent,
    CancelByChild,
    CancelByBoth,
    ActorCancelByParent,
    ActorCancelByThird,
    BurstUp,
    BurstDown,
    OurProcessKilled,
    TheirProcessKilled,
}

/// What the test does once both sides say that their dialog is in its midst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Tells both to go on.
    Go,
    /// Has a third actor cancel the child's actor.
    Third,
    /// Kills our process, or theirs.
    Kill { ours: bool },
}

impl Scenario {
    pub(crate) const ALL: [Self; 18] = [
        Self::Call,
        Self::FailingCall,
        Self::UnknownFunction,
        Self::Generator,
        Self::GeneratorLeft,
        Self::Context,
        Self::Stream,
        Self::ErrorBeforeStarted,
        Self::ErrorAfterStarted,
        Self::CancelByParent,
        Self::CancelByChild,
        Self::CancelByBoth,
        Self::ActorCancelByParent,
        Self::ActorCancelByThird,
        Self::BurstUp,
        Self::BurstDown,
        Self::OurProcessKilled,
        Self::TheirProcessKilled,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::FailingCall => "failing-call",
            Self::UnknownFunction => "unknown-function",
            Self::Generator => "generator",
            Self::GeneratorLeft => "generator-left",
            Self::Context => "context",
            Self::Stream => "stream",
            Self::ErrorBeforeStarted => "error-before-started",
            Self::ErrorAfterStarted => "error-after-started",
            Self::CancelByParent => "cancel-by-parent",
            Self::CancelByChild => "cancel-by-child",
            Self::CancelByBoth => "cancel-by-both",
            Self::ActorCancelByParent => "actor-cancel-by-parent",
            Self::ActorCancelByThird => "actor-cancel-by-third",
            Self::BurstUp => "burst-up",
            Self::BurstDown => "burst-down",
            Self::OurProcessKilled => "our-process-killed",
            Self::TheirProcessKilled => "their-process-killed",
        }
    }

    /// Whether the child's actor is no more afterwards.
    pub(crate) const fn cancels_actor(self) -> bool {
        matches!(self, Self::ActorCancelByParent | Self::ActorCancelByThird)
    }

    pub(crate) const fn act(self) -> Option<Act> {
        match self {
            Self::CancelByChild | Self::CancelByBoth => Some(Act::Go),
            Self::ActorCancelByThird => Some(Act::Third),
            Self::OurProcessKilled => Some(Act::Kill { ours: true }),
            Self::TheirProcessKilled => Some(Act::Kill { ours: false }),
            _ => None,
        }
    }

    /// What user code sees in this role, in order. `a | b`: either will do. A killed process says nothing:
    /// what stands here for its role holds when it plays the other one.
    pub(crate) const fn expected(self, role: Role) -> &'static [&'static str] {
        let (parent, child): (&[_], &[_]) = match self {
            Self::Call => (&["returned 5"], &["called"]),
            Self::FailingCall => (&["failed: ZeroDivisionError"], &["called"]),
            Self::UnknownFunction => (&["failed: AttributeError"], &[]),
            Self::Generator => (&["yielded [1, 2, 3]"], &["yielded all"]),
            Self::GeneratorLeft => (&["yielded [1, 2]"], &["cancelled"]),
            Self::Context => (&["first hello you", "returned 3"], &["greeted"]),
            Self::Stream => (
                &["first ready", "received 11", "received 13", "received 16", "returned 16"],
                &["received 1", "received 2", "received 3", "stream ended"],
            ),
            Self::ErrorBeforeStarted => (&["failed: ValueError"], &["fails"]),
            Self::ErrorAfterStarted => (&["first so far so good", "failed: KeyError"], &["fails"]),
            Self::CancelByParent => (&["cancelled"], &["cancelled by parent"]),
            Self::CancelByChild => (&["cancelled by child"], &["cancelled by child"]),
            // A Python parent raises the child's word if that came first.
            Self::CancelByBoth => {
                (&["cancelled | cancelled by child"], &["cancelled by parent | cancelled by child"])
            }
            Self::ActorCancelByParent => (&["cancelled by parent"], &["cancelled by parent"]),
            Self::ActorCancelByThird => (&["cancelled by third"], &["cancelled by third"]),
            Self::BurstUp => (&["poured 1000", "returned 499500"], &["drained 1000"]),
            Self::BurstDown => (&["drained 1000", "returned 1000"], &["poured 1000"]),
            // A Python parent is not told that the connection is gone: it leaves when the test says so.
            Self::OurProcessKilled => (&["left"], &[]),
            Self::TheirProcessKilled => (&["disconnected"], &["disconnected"]),
        };
        match role {
            Role::Parent => parent,
            Role::Child => child,
            Role::Third => &["cancelled it"],
        }
    }

    /// What it sees beyond that when its process ends.
    pub(crate) const fn expected_at_end(self, role: Role) -> &'static [&'static str] {
        match (self, role) {
            // Nor is a Python child told: its task runs until its actor ends.
            (Self::OurProcessKilled, Role::Child) => &["cancelled by child"],
            _ => &[],
        }
    }
}

/// Whether something else was seen than what is expected.
pub(crate) fn differ(expected: &[&str], seen: &[String]) -> bool {
    let matches = |(want, got): (&&str, &String)| want.split(" | ").any(|want| want == got);
    expected.len() != seen.len() || !expected.iter().zip(seen).all(matches)
}
