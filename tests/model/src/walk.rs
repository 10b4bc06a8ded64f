//! One case as a model of stateright.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scipp_conformance::model::{Case, Found, Node, Reach};
use scipp_conformance::world::{Action, World};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// The one property: no state breaks a rule.
const HOLDS: &str = "every rule holds";

struct Walk {
    start: World,
    reach: Arc<Mutex<Reach>>,
}

impl Walk {
    fn reach(&self) -> MutexGuard<'_, Reach> {
        self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model for Walk {
    type State = Node;
    type Action = Action;

    fn init_states(&self) -> Vec<Node> {
        vec![Node::start(self.start.clone())]
    }

    fn actions(&self, node: &Node, actions: &mut Vec<Action>) {
        actions.extend(node.actions());
    }

    fn next_state(&self, node: &Node, action: Action) -> Option<Node> {
        let (next, tally) = node.after(action);
        self.reach().tally.merge(&tally);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // Asked once for every state.
        vec![Property::always(HOLDS, |walk: &Self, node: &Node| {
            walk.reach().visit(&node.world);
            node.broken.is_none()
        })]
    }
}

/// Visits all states, or those up to the first that breaks a rule.
pub fn search(case: &Case, threads: usize) -> Found {
    let reach = Arc::default();
    let walk = Walk { start: case.world(), reach: Arc::clone(&reach) };
    let checker = walk.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let reached = checker.model().reach().clone();
    let broken = checker.discovery(HOLDS).map(|path| {
        let broken = path.last_state().broken.clone();
        (broken.expect("the last state is the broken one"), path.into_actions())
    });
    // The first state is counted as a step to it.
    let steps = checker.state_count().saturating_sub(1);
    Found { states: checker.unique_state_count(), steps, reach: reached, broken }
}
