//! Deadlines of dialogs, in order of time.

use alloc::collections::BTreeSet;

use crate::error::Deadline;
use crate::event::DialogId;
use crate::time::Instant;

/// Armed deadlines. A dialog has at most one of each kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deadlines(BTreeSet<(Instant, DialogId, Deadline)>);

impl Deadlines {
    pub(crate) fn arm(&mut self, at: Instant, id: DialogId, deadline: Deadline) {
        self.0.insert((at, id, deadline));
    }

    pub(crate) fn disarm(&mut self, at: Instant, id: DialogId, deadline: Deadline) {
        self.0.remove(&(at, id, deadline));
    }

    /// The earliest one.
    pub(crate) fn next(&self) -> Option<(Instant, Deadline)> {
        self.0.first().map(|&(at, _, deadline)| (at, deadline))
    }

    /// Takes the earliest one that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(DialogId, Deadline)> {
        let &(at, id, deadline) = self.0.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some((id, deadline))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
