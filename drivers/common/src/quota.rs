//! Counting what there may be only so many of.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of things that may exist at once.
#[derive(Debug)]
pub struct Quota {
    limit: usize,
    used: AtomicUsize,
}

/// The right to exist, of one of them. Dropping it gives the right back.
#[derive(Debug)]
pub struct Ticket(Arc<Quota>);

impl Quota {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// One more, if there may be one more.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Ticket> {
        let more = |used| (used < self.limit).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Ticket(Arc::clone(self)))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts the application's handles of a connection that closes with the last of them.
#[derive(Debug)]
pub struct Handles(AtomicUsize);

impl Handles {
    /// Whoever makes the connection has the first one, before anybody can find it and let go of it.
    pub const fn first() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// One more.
    pub fn hold(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less. Tells whether it was the last.
    #[must_use = "the last one closes the connection"]
    pub fn let_go(&self) -> bool {
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_tickets_as_may_be_and_each_comes_back() {
        let quota = Quota::new(2);
        let (first, second) = (quota.take(), quota.take());
        assert!(first.is_some() && second.is_some() && quota.take().is_none());
        drop(first);
        assert!(quota.take().is_some());
        assert!(Quota::new(0).take().is_none());
    }
}
