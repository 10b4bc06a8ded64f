//! What a simulation has met.

use std::collections::BTreeMap;
use std::fmt;

use scipp_proto::tables;

use super::Fault;
use crate::model::{never, never_together};
use crate::precedence::{Happening, pairs};
use crate::tally::Tally;
use crate::world::{Remedy, Stage};

/// Counts.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Runs.
    pub seeds: u64,
    /// Dialogs that were opened.
    pub dialogs: u64,
    /// Steps of all kinds.
    pub steps: u64,
    /// Frames, by line of the phase table, and values that were not simply taken.
    pub tally: Tally,
    /// Dialogs, by pairs of what happened to them.
    pub pairs: BTreeMap<(Happening, Happening), u64>,
    /// Ends of dialogs that were open when a fault came.
    pub faults: BTreeMap<(Fault, Stage), u64>,
}

impl Counts {
    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.dialogs += other.dialogs;
        self.steps += other.steps;
        self.tally.merge(&other.tally);
        for (&pair, count) in &other.pairs {
            *self.pairs.entry(pair).or_default() += count;
        }
        for (&fault, count) in &other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }

    /// What was never met and could have been.
    pub fn missing(&self) -> Vec<String> {
        let rows = tables::rows()
            .filter(|row| self.tally.of(row) == 0 && never(row).is_none())
            .map(|row| row.text());
        let pairs = pairs()
            .filter(|&pair| !self.pairs.contains_key(&pair) && never_together(pair).is_none())
            .map(|(one, other)| format!("{}, {}", one.text(), other.text()));
        let faults = Fault::ALL.iter().flat_map(|&fault| Stage::ALL.map(|stage| (fault, stage)));
        let faults = faults.filter(|hit| !self.faults.contains_key(hit));
        let faults = faults.map(|(fault, stage)| format!("{fault:?} at {stage:?}"));
        let remedies = Remedy::ALL.iter().flat_map(|&remedy| Stage::ALL.map(|stage| (remedy, stage)));
        let remedies = remedies
            .filter(|hit| hit.0.is_of(hit.1) && !self.tally.remedies.contains_key(hit))
            .map(|(remedy, stage)| format!("{remedy:?} at {stage:?}"));
        rows.chain(pairs).chain(faults).chain(remedies).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nframes by line of the phase table")?;
        for row in tables::rows() {
            writeln!(f, "{:>12}  {}", self.tally.of(&row), row.text())?;
        }
        writeln!(f, "\ndialogs by pairs of events")?;
        for (one, other) in pairs() {
            let count = self.pairs.get(&(one, other)).copied().unwrap_or(0);
            writeln!(f, "{count:>12}  {}, {}", one.text(), other.text())?;
        }
        writeln!(f, "\nends of open dialogs by fault and phase")?;
        for fault in Fault::ALL {
            for stage in Stage::ALL {
                let count = self.faults.get(&(fault, stage)).copied().unwrap_or(0);
                writeln!(f, "{count:>12}  {fault:?}, {stage:?}")?;
            }
        }
        writeln!(f, "\nvalues that found a full inbox or are of the wrong type, by what was done and phase")?;
        for remedy in Remedy::ALL {
            for stage in Stage::ALL.into_iter().filter(|&stage| remedy.is_of(stage)) {
                let count = self.tally.remedies.get(&(remedy, stage)).copied().unwrap_or(0);
                writeln!(f, "{count:>12}  {remedy:?}, {stage:?}")?;
            }
        }
        writeln!(f, "\n{} dialogs, {} seeds, {} steps", self.dialogs, self.seeds, self.steps)
    }
}
