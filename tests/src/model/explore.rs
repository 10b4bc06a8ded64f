//! Breadth first through all states.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use super::{Case, Node, Reach};
use crate::world::{Action, Broken, draw};

/// What a search found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// What was reached.
    pub reach: Reach,
    /// The rule that was broken first, and the shortest way there.
    pub broken: Option<(Broken, Vec<Action>)>,
}

impl Case {
    /// Visits all states, or those up to the first that breaks a rule.
    pub fn explore(&self) -> Found {
        let hasher = FixedState::default();
        let mut found = Found::default();
        let start = Node::start(self.world());
        let mut from = HashMap::from([(hasher.hash_one(&start), None)]);
        let mut pending = VecDeque::from([start]);
        while let Some(node) = pending.pop_front() {
            found.reach.visit(&node.world);
            let here = hasher.hash_one(&node);
            if let Some(broken) = node.broken {
                found.broken = Some((broken, way(&from, here)));
                break;
            }
            for action in node.actions() {
                let (next, tally) = node.after(action);
                found.steps += 1;
                found.reach.tally.merge(&tally);
                if let std::collections::hash_map::Entry::Vacant(entry) = from.entry(hasher.hash_one(&next)) {
                    entry.insert(Some((here, action)));
                    pending.push_back(next);
                }
            }
        }
        found.states = from.len();
        found
    }

    /// The way to a broken rule as a sequence diagram.
    pub fn draw(&self, actions: &[Action]) -> String {
        let mut world = self.world();
        world.log = Some(Vec::new());
        for &action in actions {
            if world.act(action).is_err() {
                break;
            }
        }
        draw(&world)
    }
}

fn way(from: &HashMap<u64, Option<(u64, Action)>>, mut at: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    while let Some(&Some((before, action))) = from.get(&at) {
        actions.push(action);
        at = before;
    }
    actions.reverse();
    actions
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states, {} steps", self.states, self.steps)?;
        match &self.broken {
            Some((broken, actions)) => write!(f, "; after {} steps: {broken}", actions.len()),
            None => Ok(()),
        }
    }
}
