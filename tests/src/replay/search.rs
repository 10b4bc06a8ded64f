//! The search for a delivery schedule that explains what one end did.
//!
//! A recording says when a frame was written, not when it was taken. So any schedule will do that takes
//! arrivals in order, none before it was written, and each before the act that reports it. Tried are:
//! everything at once; then, best first, everything as late as possible with all choices in between.
//! Ways that lead to the same state of the core are walked once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use scipp_proto::Config;

use super::seat::{Seat, Step};
use super::walk::{Difference, Walk};
use crate::tally::Tally;

/// Steps tried in vain with one number of rules before another rule is allowed.
const PATIENCE: usize = 4_000;

/// Steps of a recording that is searched as a whole even in haste.
const SHORT: usize = 400;
/// Steps before a difference that are searched in haste.
const NEAR: usize = 64;

/// How hard to look for an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Schedules of the whole recording.
    Whole,
    /// Of a long recording only those that part from taking everything at once near the difference.
    Hasty,
}

/// Plays one end to the end of its recording.
///
/// # Errors
///
/// The difference that was met latest, if no schedule and no rules explain them all.
pub fn play<'a>(seat: &'a Seat, config: &Config, effort: Effort) -> Result<Walk<'a>, Difference> {
    let start = Walk::new(seat, config.clone());
    let mut recent = [start.clone(), start.clone()];
    at_once(start.clone(), &mut recent).or_else(|difference| {
        let [near, _] = recent;
        let from = if effort == Effort::Hasty && seat.steps.len() > SHORT { near } else { start };
        let patience = if effort == Effort::Hasty { PATIENCE / 40 } else { PATIENCE };
        Search::new(from, difference, patience).run()
    })
}

/// Goes the way of `found` once more and counts the moves that arrived on it.
///
/// # Errors
///
/// If that way does not lead to the end again: then something besides the schedule decided.
pub fn retrace(seat: &Seat, config: &Config, found: &Walk<'_>) -> Result<Tally, Difference> {
    let mut walk = Walk::new(seat, config.clone());
    walk.explaining = true;
    walk.tally = Some(Tally::default());
    walk.settle()?;
    loop {
        while found.schedule.get(walk.taken) == Some(&walk.at) {
            walk.take_arrival()?;
        }
        if walk.step().is_none() {
            return Ok(walk.tally.unwrap_or_default());
        }
        walk.run_step()?;
    }
}

/// Takes every arrival as soon as it was written. `recent` are two walks on that way, the first of them
/// [`NEAR`] to twice as many steps behind.
fn at_once<'a>(mut walk: Walk<'a>, recent: &mut [Walk<'a>; 2]) -> Result<Walk<'a>, Difference> {
    walk.settle()?;
    loop {
        if walk.at >= recent[1].at + NEAR {
            recent.swap(0, 1);
            recent[1] = walk.clone();
        }
        while walk.has_pending() && !(walk.step().is_none() && walk.left_the_loop()) {
            walk.take_arrival()?;
        }
        if walk.step().is_none() {
            return finished(walk);
        }
        walk.run_step()?;
    }
}

fn finished(walk: Walk<'_>) -> Result<Walk<'_>, Difference> {
    walk.check_endings()?;
    Ok(walk)
}

impl Walk<'_> {
    /// Does the next step of the recording.
    fn run_step(&mut self) -> Result<(), Difference> {
        match self.step() {
            Some(Step::Arrives(_)) => self.arrived += 1,
            Some(Step::Writes(index)) => self.write(index)?,
            Some(Step::Acts(index)) => self.act(index)?,
            None => {}
        }
        self.at += 1;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Move {
    Run,
    Take,
}

struct Search<'a> {
    open: BinaryHeap<Node<'a>>,
    seen: HashSet<u64>,
    latest: Difference,
    latest_at: usize,
    patience: usize,
    serial: usize,
}

struct Node<'a> {
    /// Fewest rules first, then furthest, then youngest.
    order: (Reverse<usize>, usize, usize),
    walk: Walk<'a>,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Node<'_> {}

impl PartialOrd for Node<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Node<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl<'a> Search<'a> {
    fn new(start: Walk<'a>, latest: Difference, patience: usize) -> Self {
        let mut search =
            Self { open: BinaryHeap::new(), seen: HashSet::new(), latest, latest_at: 0, patience, serial: 0 };
        search.attempt(&start, |walk| walk.settle());
        search
    }

    fn run(mut self) -> Result<Walk<'a>, Difference> {
        let (mut rules, mut furthest, mut tried) = (0, 0, 0);
        while let Some(node) = self.open.pop() {
            let used = node.walk.used.len();
            if used > rules || node.walk.at > furthest {
                (rules, furthest, tried) = (used, node.walk.at, 0);
            } else if tried > self.patience {
                continue;
            }
            tried += 1;
            if !self.seen.insert(node.walk.fingerprint()) {
                continue;
            }
            let mut walk = node.walk;
            while matches!(walk.step(), Some(Step::Arrives(_))) {
                walk.arrived += 1;
                walk.at += 1;
            }
            if walk.step().is_none() && (!walk.has_pending() || walk.left_the_loop()) {
                match finished(walk) {
                    Ok(walk) => return Ok(walk),
                    Err(difference) => self.note(usize::MAX, difference),
                }
                continue;
            }
            for step in [Move::Take, Move::Run] {
                match step {
                    Move::Take if walk.has_pending() => self.attempt(&walk, Walk::take_arrival),
                    Move::Run if walk.step().is_some() => self.attempt(&walk, Walk::run_step),
                    Move::Take | Move::Run => {}
                }
            }
        }
        Err(self.latest)
    }

    /// Goes on from `from`, without a rule if that is possible.
    fn attempt(&mut self, from: &Walk<'a>, go: impl Fn(&mut Walk<'a>) -> Result<(), Difference>) {
        let mut walk = from.clone();
        if let Err(difference) = go(&mut walk) {
            self.note(from.at, difference);
            walk = from.clone();
            walk.explaining = true;
            if go(&mut walk).is_err() {
                return;
            }
            walk.explaining = false;
        }
        self.serial += 1;
        let order = (Reverse(walk.used.len()), walk.at, self.serial);
        self.open.push(Node { order, walk });
    }

    fn note(&mut self, at: usize, difference: Difference) {
        if at >= self.latest_at {
            self.latest_at = at;
            self.latest = difference;
        }
    }
}
