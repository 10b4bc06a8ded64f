//! Where dialogs live: a slab for handles, a hash index for the ids on the wire, and a memory of ids
//! that are gone.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::dialog::Dialog;
use crate::event::DialogId;
use crate::wire::Text;

/// All dialogs of a connection, with those that ended and were not released.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: FixedState,
    late: Late,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    generation: u32,
    dialog: Option<Box<Dialog>>,
}

impl Table {
    pub(crate) fn new(seed: u64, late_cids: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            late: Late { cids: HashTable::new(), order: VecDeque::new(), limit: late_cids },
        }
    }

    /// Adds a dialog whose wire id is not in the table. `None` if there are no more handles to give.
    pub(crate) fn insert(&mut self, dialog: Box<Dialog>) -> Option<DialogId> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot::default());
                slot
            }
        };
        let hash = self.hasher.hash_one(dialog.cid.as_bytes());
        let place = self.slots.get_mut(slot as usize)?;
        let id = DialogId { slot, generation: place.generation };
        place.dialog = Some(dialog);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, slot, |&other| rehash(slots, hasher, other));
        Some(id)
    }

    /// The dialog with this wire id, whoever the peer says it is.
    pub(crate) fn find(&self, cid: Text<'_>) -> Option<DialogId> {
        let slot = *self.index.find(self.hasher.hash_one(cid.as_bytes()), |&slot| {
            self.slots
                .get(slot as usize)
                .and_then(|place| place.dialog.as_ref())
                .is_some_and(|d| cid == *d.cid)
        })?;
        Some(DialogId { slot, generation: self.slots.get(slot as usize)?.generation })
    }

    pub(crate) fn get(&self, id: DialogId) -> Option<&Dialog> {
        let place = self.slots.get(id.slot as usize)?;
        if place.generation == id.generation { place.dialog.as_deref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, id: DialogId) -> Option<&mut Dialog> {
        let place = self.slots.get_mut(id.slot as usize)?;
        if place.generation == id.generation { place.dialog.as_deref_mut() } else { None }
    }

    /// Takes a dialog out; its wire id is remembered as late, its handle is dead.
    pub(crate) fn remove(&mut self, id: DialogId) -> Option<Box<Dialog>> {
        let place = self.slots.get_mut(id.slot as usize).filter(|place| place.generation == id.generation)?;
        let dialog = place.dialog.take()?;
        // A slot whose generations are used up is not used again.
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push(id.slot);
        }
        let hash = self.hasher.hash_one(dialog.cid.as_bytes());
        if let Ok(entry) = self.index.find_entry(hash, |&slot| slot == id.slot) {
            entry.remove();
        }
        self.late.remember(hash);
        Some(dialog)
    }

    /// Whether `cid` belonged to one of the dialogs removed last.
    pub(crate) fn is_late(&self, cid: Text<'_>) -> bool {
        self.late.contains(self.hasher.hash_one(cid.as_bytes()))
    }

    /// Handles of all dialogs, in order of opening.
    pub(crate) fn ids(&self) -> Vec<DialogId> {
        let mut ids: Vec<(u64, DialogId)> = (0_u32..)
            .zip(&self.slots)
            .filter_map(|(slot, place)| {
                let dialog = place.dialog.as_ref()?;
                Some((dialog.opened, DialogId { slot, generation: place.generation }))
            })
            .collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// Bytes of the slab, the index and the memory of late ids; the dialogs themselves not counted.
    pub(crate) fn memory(&self) -> usize {
        let slots = self.slots.capacity().saturating_mul(size_of::<Slot>());
        let index =
            self.index.capacity().saturating_add(self.free.capacity()).saturating_mul(size_of::<u64>());
        slots.saturating_add(index).saturating_add(self.late.limit.saturating_mul(Late::ENTRY))
    }

    pub(crate) fn hash_late(&self, hasher: &mut impl core::hash::Hasher) {
        core::hash::Hash::hash(&self.late.order, hasher);
    }
}

fn rehash(slots: &[Slot], hasher: &FixedState, slot: u32) -> u64 {
    slots
        .get(slot as usize)
        .and_then(|place| place.dialog.as_ref())
        .map_or(0, |dialog| hasher.hash_one(dialog.cid.as_bytes()))
}

/// Ids of ended dialogs, by hash: a collision only makes a stray count as late.
#[derive(Debug, Clone)]
struct Late {
    cids: HashTable<u64>,
    order: VecDeque<u64>,
    limit: usize,
}

impl Late {
    const ENTRY: usize = 4 * size_of::<u64>();

    fn remember(&mut self, hash: u64) {
        if self.limit == 0 || self.contains(hash) {
            return;
        }
        if self.order.len() >= self.limit {
            if let Some(oldest) = self.order.pop_front() {
                if let Ok(entry) = self.cids.find_entry(oldest, |&known| known == oldest) {
                    entry.remove();
                }
            }
        }
        self.order.push_back(hash);
        self.cids.insert_unique(hash, hash, |&known| known);
    }

    fn contains(&self, hash: u64) -> bool {
        self.cids.find(hash, |&known| known == hash).is_some()
    }
}
