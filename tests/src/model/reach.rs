//! What a search has reached.

use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use scipp_proto::Kind;
use scipp_proto::phase::{Half, Phase, Role, Signal};
use scipp_proto::tables::Row;

use crate::precedence::{Ended, Happening};
use crate::tally::Tally;
use crate::world::World;

/// Counts of what was reached.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Different states of the cores and of what is between them, whatever their applications may still do.
    pub cores: HashSet<u64>,
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
        self.cores.insert(FixedState::default().hash_one(&world.links));
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

    /// Adds what another search has reached; states of different worlds are not the same.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        add(&mut self.phases, &other.phases);
        add(&mut self.pairs, &other.pairs);
        add(&mut self.ends, &other.ends);
    }
}

/// Why conforming cores never take a line of the phase table, if they do not.
pub fn never(row: &Row) -> Option<&'static str> {
    let is_started = matches!(row.phase, Phase::Started { .. });
    Some(match (row.kind, row.signal, row.from) {
        (_, Signal::Void, _) => "no core returns where it makes no sense",
        (_, Signal::Error, Role::Parent) => "a parent sends no error but a notice (D-5)",
        (_, Signal::Notice, _) if !is_started => "a notice answers an item, and none can have come",
        (_, Signal::Notice, from) if has_stopped(row.phase, from) => {
            "what comes after one's own Stop is crossed"
        }
        (_, Signal::Yield | Signal::Stop, from) if has_stopped(row.phase, from) => {
            "nothing follows a Stop (D-8)"
        }
        (Kind::Context, Signal::Return, _) if is_started && !row.phase.is_stopped() => {
            "Stop goes first (D-10)"
        }
        _ => return None,
    })
}

/// Why two events never happen to one dialog, if they do not.
pub fn never_together(pair: (Happening, Happening)) -> Option<&'static str> {
    (pair == (Happening::Result, Happening::RemoteError)).then_some("a task ends once")
}

fn has_stopped(phase: Phase, role: Role) -> bool {
    match (phase, role) {
        (Phase::Started { parent, .. }, Role::Parent) => parent == Half::Stopped,
        (Phase::Started { child, .. }, Role::Child) => child == Half::Stopped,
        _ => false,
    }
}

fn add<K: Ord + Copy>(all: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (&key, count) in more {
        *all.entry(key).or_default() += count;
    }
}
