//! One search: the model that stateright walks through.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use scipp_conformance::world::{Action, Broken, Rule, World, draw};
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::cases::Case;
use crate::reach::Reach;

/// The one property: no state breaks a rule.
const HOLDS: &str = "every rule holds";

/// A state of the search.
#[derive(Debug, Clone)]
pub struct Node {
    /// The cores, the frames between them, the applications.
    pub world: World,
    /// The rule that the last step broke.
    pub broken: Option<Broken>,
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.world, &self.broken).hash(state);
    }
}

/// States are the same if nothing tells them apart.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        let [one, other] = [self, other].map(|node| {
            let mut hasher = std::hash::DefaultHasher::new();
            node.hash(&mut hasher);
            hasher.finish()
        });
        one == other
    }
}

/// What stateright walks through.
struct Walk {
    start: World,
    reach: Arc<Mutex<Reach>>,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// Steps of the longest shortest way.
    pub depth: usize,
    /// What was reached.
    pub reach: Reach,
    /// The rule that was broken, and the way there.
    pub broken: Option<(Broken, Vec<Action>)>,
}

impl Node {
    fn start(mut world: World) -> Self {
        world.is_compared = true;
        for link in 0..world.links.len() {
            for side in [0, 1] {
                world.seal(link, side);
            }
        }
        Self { world, broken: None }
    }

    /// The state after a step, and what the step was.
    fn after(&self, action: Action, reach: &Mutex<Reach>) -> Self {
        let mut next = self.clone();
        let before = next.world.measure();
        next.world.tally = Some(Box::default());
        next.broken = next.world.act(action).err();
        let tally = next.world.tally.take().unwrap_or_default();
        reach.lock().unwrap_or_else(PoisonError::into_inner).tally.merge(&tally);
        let after = next.world.measure();
        if next.broken.is_none() && after >= before {
            let text = format!("{before:?}, then {after:?} after {action:?}");
            next.broken = Some(Broken { rule: Rule::Finite, text });
        }
        if next.broken.is_none() && next.actions().is_empty() {
            next.broken = next.world.check_rest().err();
        }
        next
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.broken.is_none() {
            self.world.actions(&mut actions);
        }
        actions
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
        Some(node.after(action, &self.reach))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // Asked once for every state.
        let holds = |walk: &Self, node: &Node| {
            walk.reach.lock().unwrap_or_else(PoisonError::into_inner).visit(&node.world);
            node.broken.is_none()
        };
        vec![Property::always(HOLDS, holds)]
    }
}

impl Case {
    /// Visits all states, or those up to the first that breaks a rule.
    pub fn search(&self, threads: usize) -> Found {
        let reach = Arc::default();
        let walk = Walk { start: self.world(), reach: Arc::clone(&reach) };
        let checker = walk.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let broken = checker.discovery(HOLDS).map(|path| {
            let last = path.last_state().broken.clone();
            let actions = path.into_actions();
            (last.expect("the last state is the broken one"), actions)
        });
        let reach = reach.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Found {
            states: checker.unique_state_count(),
            steps: checker.state_count(),
            depth: checker.max_depth(),
            reach,
            broken,
        }
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

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states, {} steps, depth {}", self.states, self.steps, self.depth)?;
        match &self.broken {
            Some((broken, _)) => write!(f, "; broken: {broken}"),
            None => Ok(()),
        }
    }
}
