//! What a search has reached.

use std::collections::BTreeMap;

use scipp_proto::Kind;
use scipp_proto::phase::{Phase, Role};

use crate::precedence::{Ended, Happening};
use crate::tally::Tally;
use crate::world::World;

/// Counts of what was reached.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Steps, by the line of the phase table that the arriving frame took.
    pub tally: Tally,
    /// States, by kind of a dialog in them and its phases at parent and child.
    pub phases: BTreeMap<(Kind, Phase, Option<Phase>), u64>,
    /// States, by pairs of what has happened to a dialog in them.
    pub pairs: BTreeMap<(Happening, Happening), u64>,
    /// States, by how a dialog in them ended at parent and child.
    pub ends: BTreeMap<(Ended, Ended), u64>,
}

impl Reach {
    /// Counts a state.
    pub fn visit(&mut self, world: &World) {
        for dialog in &world.dialogs {
            let phase = |role| {
                let conn = &world.end(dialog.plan.link, dialog.side(role)).conn;
                Some(conn.dialog(dialog.seat(role).id?)?.phase())
            };
            if let Some(parent) = phase(Role::Parent) {
                *self.phases.entry((dialog.plan.kind, parent, phase(Role::Child))).or_default() += 1;
            }
            for pair in dialog.verdicts.happened.pairs() {
                *self.pairs.entry(pair).or_default() += 1;
            }
            if let [Some(parent), Some(child)] =
                [Role::Parent, Role::Child].map(|role| dialog.verdicts.ended(role))
            {
                *self.ends.entry((parent, child)).or_default() += 1;
            }
        }
    }

    /// Adds what another search has reached.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        add(&mut self.phases, &other.phases);
        add(&mut self.pairs, &other.pairs);
        add(&mut self.ends, &other.ends);
    }
}

fn add<K: Ord + Copy>(all: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (&key, count) in more {
        *all.entry(key).or_default() += count;
    }
}
