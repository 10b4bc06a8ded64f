//! One state of a search, and the steps from it.

use std::hash::{Hash, Hasher};

use crate::tally::Tally;
use crate::world::{Action, Broken, Rule, World};

/// A state.
#[derive(Debug, Clone)]
pub struct Node {
    /// The cores, the frames between them, the applications.
    pub world: World,
    /// The rule that the last step broke.
    pub broken: Option<Broken>,
}

impl Node {
    /// The beginning of `world`.
    pub fn start(mut world: World) -> Self {
        world.is_compared = true;
        for link in 0..world.links.len() {
            for side in [0, 1] {
                world.seal(link, side);
            }
        }
        Self { world, broken: None }
    }

    /// All steps from here.
    pub fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.broken.is_none() {
            self.world.actions(&mut actions);
        }
        actions
    }

    /// The state after a step, and the lines of the phase table that it took.
    pub fn after(&self, action: Action) -> (Self, Tally) {
        let mut next = self.clone();
        let before = next.world.measure();
        next.world.tally = Some(Box::default());
        next.broken = next.world.act(action).err();
        let tally = next.world.tally.take().unwrap_or_default();
        let after = next.world.measure();
        if next.broken.is_none() && after >= before {
            let text = format!("{before:?}, then {after:?} after {action:?}");
            next.broken = Some(Broken { rule: Rule::Finite, text });
        }
        if next.broken.is_none() && next.actions().is_empty() {
            next.broken = next.world.check_rest().err();
        }
        (next, *tally)
    }
}

/// Two states are the same if nothing that follows can tell them apart.
impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.world, &self.broken).hash(state);
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        let digest = |node: &Self| {
            let mut hasher = std::hash::DefaultHasher::new();
            node.hash(&mut hasher);
            hasher.finish()
        };
        digest(self) == digest(other)
    }
}
