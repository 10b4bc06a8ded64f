//! Unread items of one dialog.

use alloc::collections::VecDeque;

use bytes::{BufMut, BytesMut};

use crate::config::OverrunPolicy;
use crate::payload::Payload;
use crate::spec::PldSpec;

/// An unread item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Item {
    pub(crate) value: Payload,
    /// The spec that it did not conform to when it came; it was handed over.
    pub(crate) breaks: Option<PldSpec>,
}

impl Item {
    fn len(&self) -> usize {
        self.value.as_bytes().len()
    }
}

/// Unread items, with the window and what happens beyond it.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    items: VecDeque<Item>,
    window: usize,
    policy: OverrunPolicy,
    /// Under `Reject` and `Buffer`: the sender was told, everything more is dropped.
    overran: bool,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pushed {
    /// It is in the inbox.
    pub(crate) stored: bool,
    /// The sender is to be told that items are being dropped.
    pub(crate) overran: bool,
    /// Items dropped: it, or older ones.
    pub(crate) dropped: u64,
    /// Bytes of the older ones.
    pub(crate) freed: usize,
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
    /// reading is paused, up to `reserve` more items.
    pub(crate) fn push(&mut self, item: Item, room: usize, reserve: usize) -> Pushed {
        let fits = self.items.len() < self.capacity(reserve) && item.len() <= room;
        if fits && !self.overran {
            self.items.push_back(item);
            return Pushed { stored: true, ..Pushed::default() };
        }
        match self.policy {
            OverrunPolicy::DropNewest => Pushed { dropped: 1, ..Pushed::default() },
            OverrunPolicy::DropOldest => self.replace_oldest(item, room),
            OverrunPolicy::Reject | OverrunPolicy::Buffer(_) | OverrunPolicy::Pause => {
                let overran = !core::mem::replace(&mut self.overran, true);
                Pushed { overran, dropped: 1, ..Pushed::default() }
            }
        }
    }

    fn replace_oldest(&mut self, item: Item, room: usize) -> Pushed {
        let len = item.len();
        let mut pushed = Pushed::default();
        while self.items.len() >= self.window || len > room.saturating_add(pushed.freed) {
            pushed.dropped = pushed.dropped.saturating_add(1);
            let Some(oldest) = self.items.pop_front() else { return pushed };
            pushed.freed = pushed.freed.saturating_add(oldest.len());
        }
        self.items.push_back(item);
        Pushed { stored: true, ..pushed }
    }

    fn capacity(&self, reserve: usize) -> usize {
        match self.policy {
            OverrunPolicy::Buffer(items) => items.max(self.window),
            OverrunPolicy::Pause => self.window.saturating_add(reserve),
            OverrunPolicy::Reject | OverrunPolicy::DropOldest | OverrunPolicy::DropNewest => self.window,
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    /// Drops everything; returns how many items and bytes that were.
    pub(crate) fn clear(&mut self) -> (usize, usize) {
        let bytes = self.bytes();
        let count = self.items.len();
        self.items = VecDeque::new();
        (count, bytes)
    }

    pub(crate) const fn window(&self) -> usize {
        self.window
    }

    pub(crate) const fn policy(&self) -> OverrunPolicy {
        self.policy
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.items.iter().fold(0, |sum, item| sum.saturating_add(item.len()))
    }

    /// Bytes of the items and of the queue they stand in.
    pub(crate) fn memory(&self) -> usize {
        self.bytes().saturating_add(self.items.capacity().saturating_mul(size_of::<Item>()))
    }

    /// Whether this inbox holds up the reading of its connection: it is at its mark, or all inboxes
    /// together are.
    pub(crate) fn wants_pause(&self, all_full: bool) -> bool {
        let is_full = self.items.len() >= self.window || (all_full && !self.items.is_empty());
        self.policy == OverrunPolicy::Pause && is_full
    }

    pub(crate) fn may_pause(&self) -> bool {
        self.policy == OverrunPolicy::Pause
    }

    /// The pause lasted too long: from now on as `Reject`.
    pub(crate) const fn give_up_pausing(&mut self) {
        self.policy = OverrunPolicy::Reject;
    }

    /// Moves all items into `store`, which has room for them.
    pub(crate) fn move_to(&mut self, store: &mut BytesMut) {
        for item in &mut self.items {
            store.put_slice(item.value.as_bytes());
            item.value = Payload::trusted(store.split().freeze());
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

    fn item(n: u8) -> Item {
        Item { value: Payload::trusted(Bytes::copy_from_slice(&[n])), breaks: None }
    }

    const STORED: Pushed = Pushed { stored: true, overran: false, dropped: 0, freed: 0 };
    const DROPPED: Pushed = Pushed { stored: false, overran: false, dropped: 1, freed: 0 };

    fn fill(policy: OverrunPolicy, count: u8) -> (Inbox, alloc::vec::Vec<Pushed>) {
        let mut inbox = Inbox::new(2, policy);
        let pushed = (0..count).map(|n| inbox.push(item(n), 100, 9)).collect();
        (inbox, pushed)
    }

    #[test]
    fn reject_tells_once_and_stays_shut() {
        let (mut inbox, pushed) = fill(OverrunPolicy::Reject, 4);
        assert_eq!(pushed, [STORED, STORED, Pushed { overran: true, ..DROPPED }, DROPPED]);
        inbox.pop();
        assert_eq!(inbox.push(item(9), 100, 9), DROPPED, "a gap in the items would be silent loss");
    }

    #[test]
    fn the_oldest_makes_room_for_the_newest() {
        let (mut inbox, pushed) = fill(OverrunPolicy::DropOldest, 3);
        assert_eq!(pushed[2], Pushed { stored: true, overran: false, dropped: 1, freed: 1 });
        assert_eq!((inbox.len(), inbox.pop()), (2, Some(item(1))));
        let pushed = inbox.push(item(7), 0, 9);
        assert_eq!(pushed, Pushed { stored: true, overran: false, dropped: 1, freed: 1 }, "bytes count too");
        let mut empty = Inbox::new(2, OverrunPolicy::DropOldest);
        assert_eq!(empty.push(item(1), 0, 9), DROPPED);
    }

    #[test]
    fn the_newest_is_dropped_without_a_word() {
        let (mut inbox, pushed) = fill(OverrunPolicy::DropNewest, 3);
        assert_eq!((pushed[2], inbox.pop()), (DROPPED, Some(item(0))));
    }

    #[test]
    fn buffering_takes_more_and_then_rejects() {
        let (inbox, pushed) = fill(OverrunPolicy::Buffer(3), 4);
        assert_eq!((inbox.len(), pushed[3].overran), (3, true));
    }

    #[test]
    fn a_pause_holds_from_the_mark_on() {
        let (mut inbox, pushed) = fill(OverrunPolicy::Pause, 3);
        assert!(pushed.iter().all(|&p| p == STORED) && inbox.wants_pause(false));
        inbox.pop();
        inbox.pop();
        assert!(!inbox.wants_pause(false) && inbox.wants_pause(true));
        inbox.pop();
        assert!(!inbox.wants_pause(true), "an empty inbox holds up nobody");
    }
}
