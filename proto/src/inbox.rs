//! Unread items of one dialog.

use alloc::collections::VecDeque;

use bytes::{BufMut, BytesMut};

use crate::config::OverrunPolicy;
use crate::payload::Payload;

/// Unread items, with the window and what happens beyond it.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    items: VecDeque<Payload>,
    window: usize,
    policy: OverrunPolicy,
    /// Under `Reject` and `Buffer`: the sender was told, everything more is dropped.
    overran: bool,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It is in the inbox.
    Stored,
    /// It, or an older one, was dropped by policy.
    Dropped,
    /// It was dropped, and the sender is to be told.
    Overran,
}

impl Inbox {
    pub(crate) const fn new(window: usize, policy: OverrunPolicy) -> Self {
        Self { items: VecDeque::new(), window, policy, overran: false }
    }

    pub(crate) const fn configure(&mut self, window: usize, policy: OverrunPolicy) {
        self.window = window;
        self.policy = policy;
    }

    /// Stores an item if the window and `room` (bytes left for all dialogs together) allow it; while
    /// reading is paused, up to `reserve` more. Returns also how many bytes were freed by dropping older
    /// ones.
    pub(crate) fn push(&mut self, item: Payload, room: usize, reserve: usize) -> (Pushed, usize) {
        let fits = self.items.len() < self.capacity(reserve) && item.as_bytes().len() <= room;
        if fits && !self.overran {
            self.items.push_back(item);
            return (Pushed::Stored, 0);
        }
        match self.policy {
            OverrunPolicy::DropNewest => (Pushed::Dropped, 0),
            OverrunPolicy::DropOldest => self.replace_oldest(item, room),
            OverrunPolicy::Reject | OverrunPolicy::Buffer(_) | OverrunPolicy::Pause => {
                let first = !self.overran;
                self.overran = true;
                (if first { Pushed::Overran } else { Pushed::Dropped }, 0)
            }
        }
    }

    fn replace_oldest(&mut self, item: Payload, room: usize) -> (Pushed, usize) {
        let len = item.as_bytes().len();
        let mut freed: usize = 0;
        while self.items.len() >= self.window || len > room.saturating_add(freed) {
            let Some(oldest) = self.items.pop_front() else { return (Pushed::Dropped, freed) };
            freed = freed.saturating_add(oldest.as_bytes().len());
        }
        self.items.push_back(item);
        (Pushed::Dropped, freed)
    }

    fn capacity(&self, reserve: usize) -> usize {
        match self.policy {
            OverrunPolicy::Buffer(items) => items.max(self.window),
            OverrunPolicy::Pause => self.window.saturating_add(reserve),
            OverrunPolicy::Reject | OverrunPolicy::DropOldest | OverrunPolicy::DropNewest => self.window,
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Payload> {
        self.items.pop_front()
    }

    /// Drops everything; returns how many items and bytes that were.
    pub(crate) fn clear(&mut self) -> (usize, usize) {
        let bytes = self.bytes();
        let count = self.items.len();
        self.items = VecDeque::new();
        (count, bytes)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.items.iter().fold(0, |sum, item| sum.saturating_add(item.as_bytes().len()))
    }

    /// Whether this inbox holds up the reading of its connection.
    pub(crate) fn wants_pause(&self) -> bool {
        self.policy == OverrunPolicy::Pause && self.items.len() >= self.window
    }

    /// The pause lasted too long: from now on as `Reject`.
    pub(crate) fn give_up_pausing(&mut self) {
        if self.policy == OverrunPolicy::Pause {
            self.policy = OverrunPolicy::Reject;
        }
    }

    /// Moves all items into `store`, which has room for them.
    pub(crate) fn move_to(&mut self, store: &mut BytesMut) {
        for item in &mut self.items {
            store.put_slice(item.as_bytes());
            *item = Payload::trusted(store.split().freeze());
        }
    }

    pub(crate) fn hash(&self, hasher: &mut impl core::hash::Hasher) {
        use core::hash::Hash;
        (&self.items, self.window, self.policy, self.overran).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn item(n: u8) -> Payload {
        Payload::trusted(Bytes::copy_from_slice(&[n]))
    }

    fn fill(policy: OverrunPolicy, count: u8) -> (Inbox, alloc::vec::Vec<Pushed>) {
        let mut inbox = Inbox::new(2, policy);
        let pushed = (0..count).map(|n| inbox.push(item(n), 100, 9).0).collect();
        (inbox, pushed)
    }

    #[test]
    fn reject_tells_once_and_stays_shut() {
        let (mut inbox, pushed) = fill(OverrunPolicy::Reject, 4);
        assert_eq!(pushed, [Pushed::Stored, Pushed::Stored, Pushed::Overran, Pushed::Dropped]);
        inbox.pop();
        assert_eq!(inbox.push(item(9), 100, 9).0, Pushed::Dropped, "a gap in the items would be silent loss");
    }

    #[test]
    fn oldest_and_newest_are_dropped_without_a_word() {
        let (mut inbox, pushed) = fill(OverrunPolicy::DropOldest, 3);
        assert_eq!(pushed.last(), Some(&Pushed::Dropped));
        assert_eq!(inbox.pop(), Some(item(1)));
        let (mut inbox, pushed) = fill(OverrunPolicy::DropNewest, 3);
        assert_eq!(pushed.last(), Some(&Pushed::Dropped));
        assert_eq!(inbox.pop(), Some(item(0)));
    }

    #[test]
    fn buffering_takes_more_and_then_rejects() {
        let (inbox, pushed) = fill(OverrunPolicy::Buffer(3), 4);
        assert_eq!((inbox.len(), pushed[3]), (3, Pushed::Overran));
    }

    #[test]
    fn bytes_bound_every_policy() {
        for policy in [OverrunPolicy::Reject, OverrunPolicy::DropOldest, OverrunPolicy::Pause] {
            let mut inbox = Inbox::new(9, policy);
            assert_ne!(inbox.push(item(1), 0, 9).0, Pushed::Stored);
            assert_eq!(inbox.len(), 0, "{policy:?}");
        }
    }

    #[test]
    fn a_pause_holds_from_the_mark_on() {
        let (mut inbox, pushed) = fill(OverrunPolicy::Pause, 3);
        assert!(pushed.iter().all(|&p| p == Pushed::Stored) && inbox.wants_pause());
        inbox.pop();
        inbox.pop();
        assert!(!inbox.wants_pause());
    }
}
