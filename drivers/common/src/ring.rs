//! The last items of something, for readers who each go at their own pace.

use std::collections::{BTreeMap, VecDeque};

/// A window of items with a cursor for each reader. An item is kept until all who are to have it have it,
/// or until the window is full of newer ones: then whoever did not come to it has lost it, and nobody else.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    /// Items kept at most.
    window: usize,
    /// The number of the oldest item that is kept; all items are numbered as they come.
    first: u64,
    /// The number of the item that each reader comes to next.
    cursors: BTreeMap<Reader, u64>,
    /// Readers so far.
    joined: u64,
}

#[derive(Debug)]
struct Slot<T> {
    item: T,
    /// Readers that have not come to it yet. Whoever has come to an item has come to all before it, so
    /// this never falls from one slot to the next.
    left: usize,
}

/// One reader of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reader(u64);

/// What a reader comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// An item.
    Item(T),
    /// So many items that it has lost. It goes on at the oldest that is kept.
    Lagged(u64),
    /// It has read everything there is.
    Nothing,
}

impl<T> Ring<T> {
    /// A ring that keeps `window` items, at least one.
    pub(crate) fn new(window: usize) -> Self {
        Self { slots: VecDeque::new(), window: window.max(1), first: 0, cursors: BTreeMap::new(), joined: 0 }
    }

    /// Keeps `window` items, if that is more than before.
    pub(crate) fn widen(&mut self, window: usize) {
        self.window = self.window.max(window);
    }

    /// One more reader, of the items to come.
    pub(crate) fn join(&mut self) -> Reader {
        let reader = Reader(self.joined);
        self.joined = self.joined.saturating_add(1);
        self.cursors.insert(reader, self.end());
        reader
    }

    /// One reader less. What only it was still to have is dropped.
    pub(crate) fn leave(&mut self, reader: Reader) {
        let Some(cursor) = self.cursors.remove(&reader) else { return };
        let read = self.position(cursor);
        self.slots.iter_mut().skip(read).for_each(|slot| slot.left = slot.left.saturating_sub(1));
        self.drop_read();
    }

    /// An item for all readers; without any it is dropped.
    pub(crate) fn push(&mut self, item: T) {
        self.slots.push_back(Slot { item, left: self.cursors.len() });
        if self.slots.len() > self.window {
            self.drop_oldest();
        }
        self.drop_read();
    }

    /// What `reader` comes to next.
    pub(crate) fn next(&mut self, reader: Reader) -> Next<T>
    where
        T: Clone,
    {
        let (first, end) = (self.first, self.end());
        let Some(cursor) = self.cursors.get_mut(&reader) else { return Next::Nothing };
        if *cursor < first {
            let lost = first.saturating_sub(*cursor);
            *cursor = first;
            return Next::Lagged(lost);
        }
        if *cursor == end {
            return Next::Nothing;
        }
        let number = *cursor;
        *cursor = number.saturating_add(1);
        self.read(self.position(number)).map_or(Next::Nothing, Next::Item)
    }

    /// Items that are kept.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no item is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The number of the item to come.
    fn end(&self) -> u64 {
        self.first.saturating_add(self.slots.len() as u64)
    }

    /// Where an item stands, or where its successors begin.
    fn position(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }

    /// Gives out the item at `position` once more; the last who is to have it takes it along.
    fn read(&mut self, position: usize) -> Option<T>
    where
        T: Clone,
    {
        let slot = self.slots.get_mut(position)?;
        slot.left = slot.left.saturating_sub(1);
        match slot.left {
            0 => self.drop_oldest(),
            _ => Some(slot.item.clone()),
        }
    }

    fn drop_oldest(&mut self) -> Option<T> {
        let slot = self.slots.pop_front()?;
        self.first = self.first.saturating_add(1);
        Some(slot.item)
    }

    fn drop_read(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.left == 0) {
            self.drop_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::{Arbitrary, Gen, quickcheck};

    /// Reads until there is nothing left.
    fn all(ring: &mut Ring<u32>, reader: Reader) -> Vec<Next<u32>> {
        std::iter::from_fn(|| Some(ring.next(reader)).filter(|next| *next != Next::Nothing)).collect()
    }

    #[test]
    fn each_reader_has_each_item_from_when_it_joined() {
        let mut ring = Ring::new(4);
        let early = ring.join();
        ring.push(1);
        let late = ring.join();
        ring.push(2);
        assert_eq!(all(&mut ring, early), [Next::Item(1), Next::Item(2)]);
        assert_eq!(all(&mut ring, late), [Next::Item(2)]);
        assert!(ring.is_empty(), "what everybody has is not kept");
    }

    #[test]
    fn who_is_as_far_behind_as_the_window_has_lost_nothing_and_one_item_further_it_has() {
        let mut ring = Ring::new(3);
        let (slow, fast) = (ring.join(), ring.join());
        (0..3).for_each(|item| ring.push(item));
        assert_eq!(all(&mut ring, fast), [0, 1, 2].map(Next::Item));
        ring.push(3);
        ring.push(4);
        assert_eq!(all(&mut ring, fast), [3, 4].map(Next::Item), "lag is the laggard's alone");
        assert_eq!(
            all(&mut ring, slow),
            [Next::Lagged(2), Next::Item(2), Next::Item(3), Next::Item(4)],
            "told once, and then at the oldest that is kept"
        );
    }

    #[test]
    fn who_leaves_holds_nothing_back() {
        let mut ring = Ring::new(3);
        let (idle, busy) = (ring.join(), ring.join());
        (0..2).for_each(|item| ring.push(item));
        assert_eq!(ring.next(busy), Next::Item(0));
        ring.leave(idle);
        assert_eq!(ring.len(), 1);
        assert_eq!(all(&mut ring, busy), [Next::Item(1)]);
        ring.leave(busy);
        ring.push(2);
        assert!(ring.is_empty() && ring.next(busy) == Next::Nothing);
    }

    #[test]
    fn a_window_of_none_is_one_of_one() {
        let mut ring = Ring::new(0);
        let reader = ring.join();
        ring.push(1);
        assert_eq!(ring.next(reader), Next::Item(1));
    }

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Push,
        Join,
        Leave(usize),
        Read(usize),
    }

    impl Arbitrary for Act {
        fn arbitrary(g: &mut Gen) -> Self {
            match u8::arbitrary(g) % 8 {
                0 => Self::Join,
                1 => Self::Leave(usize::arbitrary(g)),
                2..=4 => Self::Push,
                _ => Self::Read(usize::arbitrary(g)),
            }
        }
    }

    /// The same, naively: each reader has a queue of its own and loses its oldest.
    #[derive(Default)]
    struct Queue {
        items: VecDeque<u32>,
        lost: u64,
    }

    impl Queue {
        fn push(&mut self, item: u32, window: usize) {
            self.items.push_back(item);
            if self.items.len() > window {
                self.items.pop_front();
                self.lost += 1;
            }
        }

        fn next(&mut self) -> Next<u32> {
            match std::mem::take(&mut self.lost) {
                0 => self.items.pop_front().map_or(Next::Nothing, Next::Item),
                lost => Next::Lagged(lost),
            }
        }
    }

    quickcheck! {
        fn readers_see_what_queues_of_their_own_would_give_them(window: u8, acts: Vec<Act>) -> bool {
            let window = usize::from(window % 5) + 1;
            let (mut ring, mut readers) = (Ring::new(window), Vec::<(Reader, Queue)>::new());
            acts.into_iter().zip(0..).all(|(act, item)| {
                let of = |n: usize, readers: &[_]| n.checked_rem(readers.len());
                let agree = match act {
                    Act::Push => {
                        ring.push(item);
                        readers.iter_mut().for_each(|(_, queue)| queue.push(item, window));
                        true
                    }
                    Act::Join => {
                        readers.push((ring.join(), Queue::default()));
                        true
                    }
                    Act::Leave(n) => {
                        if let Some(n) = of(n, &readers) {
                            ring.leave(readers.swap_remove(n).0);
                        }
                        true
                    }
                    Act::Read(n) => of(n, &readers).is_none_or(|n| {
                        let (reader, queue) = &mut readers[n];
                        ring.next(*reader) == queue.next()
                    }),
                };
                // What nobody is to have is not kept, nor more than the window.
                let longest = readers.iter().map(|(_, queue)| queue.items.len()).max().unwrap_or(0);
                agree && ring.len() == longest && longest <= window
            })
        }
    }
}
