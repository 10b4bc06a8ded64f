//! Where a dialog is when something unusual happens to it, and what becomes of values that are not simply taken.

use scipp_proto::phase::{Phase, Role};
use scipp_proto::{DialogRef, OverrunPolicy};

use super::{Dialog, Policy};

/// Where one end of a dialog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Its `Start` went out.
    Requested,
    /// It was accepted.
    Accepted,
    /// Its stream is open.
    Started,
    /// Its stream is over.
    Stopped,
    /// It was asked, or told, to end.
    Ending,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Requested, Self::Accepted, Self::Started, Self::Stopped, Self::Ending];

    /// Where this end is, unless it has ended.
    pub fn of(dialog: &Dialog, role: Role, view: &DialogRef<'_>) -> Option<Self> {
        let is_ending = match role {
            Role::Parent => dialog.verdicts.has_asked(),
            Role::Child => dialog.verdicts.is_told(),
        };
        match view.phase() {
            Phase::Ended(_) => None,
            _ if is_ending => Some(Self::Ending),
            Phase::Requested => Some(Self::Requested),
            Phase::Accepted => Some(Self::Accepted),
            phase if phase.is_stopped() => Some(Self::Stopped),
            Phase::Started { .. } => Some(Self::Started),
        }
    }
}

/// What an end does with a value that it cannot simply take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remedy {
    /// Its inbox is full: it tells the sender.
    Reject,
    /// It takes more than its window, then tells the sender.
    Buffer,
    /// It drops its oldest item.
    DropOldest,
    /// It drops the item.
    DropNewest,
    /// It stops reading.
    Pause,
    /// The value is of the wrong type: it breaks the dialog.
    Cancel,
    /// It leaves it out, if it is an item.
    Skip,
    /// It takes it all the same.
    HandOver,
    /// It leaves it out and sends an item back.
    Reply,
}

impl Remedy {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Reject,
        Self::Buffer,
        Self::DropOldest,
        Self::DropNewest,
        Self::Pause,
        Self::Cancel,
        Self::Skip,
        Self::HandOver,
        Self::Reply,
    ];

    /// Whether there are values at this stage that need it: items come while a stream is open, first values and
    /// results before and after.
    pub fn is_of(self, stage: Stage) -> bool {
        let is_about_type = self >= Self::Cancel;
        match stage {
            Stage::Requested => false,
            Stage::Accepted | Stage::Stopped => is_about_type,
            Stage::Started | Stage::Ending => true,
        }
    }
}

impl From<OverrunPolicy> for Remedy {
    fn from(policy: OverrunPolicy) -> Self {
        match policy {
            OverrunPolicy::Reject => Self::Reject,
            OverrunPolicy::Buffer(_) => Self::Buffer,
            OverrunPolicy::DropOldest => Self::DropOldest,
            OverrunPolicy::DropNewest => Self::DropNewest,
            OverrunPolicy::Pause => Self::Pause,
        }
    }
}

impl From<Policy> for Remedy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Cancel => Self::Cancel,
            Policy::Skip => Self::Skip,
            Policy::HandOver => Self::HandOver,
            Policy::Reply => Self::Reply,
        }
    }
}
