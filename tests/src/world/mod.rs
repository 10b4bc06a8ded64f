//! A network of real cores under an observer that knows both ends of everything.
//!
//! Actors are connected by links; dialogs are planned in advance and made by what the applications do.
//! Every [`Action`] is one step of the whole: a verb, a frame that arrives, a deadline, a link that breaks.
//! After each step the [`Rule`]s are checked. The same world serves the exhaustive search (package
//! `scipp-model`) and the simulation (`simulate`).

mod app;
mod check;
mod contract;
mod dialog;
mod draw;
mod end;
mod hear;
mod link;
mod observe;
mod stage;
mod values;
mod write;

pub use app::Verb;
pub use check::{Broken, Rule};
pub use dialog::{Dialog, Frames, May, Once, Plan, Seat};
pub use draw::{Line, draw};
pub use end::{End, Frame, Hung, Sort};
pub use stage::{Remedy, Stage};
pub use values::Policy;

use std::hash::{Hash, Hasher};
use std::time::Duration;

use scipp_proto::Config;
use scipp_proto::phase::Role;

use crate::precedence::{Actor, Ended, Verdicts};
use crate::tally::Tally;
use link::drops;

/// Two ends.
#[derive(Debug, Clone, Hash)]
pub struct Link {
    /// The ends.
    pub ends: [End; 2],
    /// It may be cut so many times.
    pub cuts: u8,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct World {
    /// The connections.
    pub links: Vec<Link>,
    /// The dialogs, planned or under way.
    pub dialogs: Vec<Dialog>,
    /// The most dialogs that were ever planned at once.
    most_dialogs: usize,
    /// Whether deadlines run out.
    pub has_deadlines: bool,
    /// Whether states are compared with others.
    pub is_compared: bool,
    /// Frames that arrived, by line of the phase table; if anybody counts.
    pub tally: Option<Box<Tally>>,
    /// What happened, for people; if anybody reads.
    pub log: Option<Vec<Line>>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The application at one end of a dialog does something.
    Verb(usize, Role, Verb),
    /// The next frame arrives at this end of this link.
    Arrive(usize, usize),
    /// This end of this link learns that the other end is gone.
    Gone(usize, usize),
    /// The next deadline of this end runs out.
    Expire(usize, usize),
    /// The link is cut.
    Cut(usize),
    /// The application at this end closes the connection in order.
    Close(usize, usize),
    /// This end cannot write any more, or can again.
    Stall(usize, usize),
    /// A broken frame for this end of a dialog is put on its way.
    Forge(usize, Role),
}

impl World {
    /// Actors and links with complete handshakes, and nothing going on.
    ///
    /// # Panics
    ///
    /// If there is no handshake.
    pub fn new(links: &[[Actor; 2]], config: &Config, seed: u64) -> Self {
        let links = links
            .iter()
            .zip(0_u64..)
            .map(|(actors, at)| {
                let seed_of = |side: u64| {
                    let seed = seed.wrapping_add(2 * at + side).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    u128::from(seed) << 64 | u128::from(!seed)
                };
                let end = |side: u64| End::new(config.clone(), actors[side as usize], seed_of(side));
                Link { ends: [end(0), end(1)], cuts: 0 }
            })
            .collect();
        let mut world = Self {
            links,
            dialogs: Vec::new(),
            most_dialogs: 0,
            has_deadlines: false,
            is_compared: false,
            tally: None,
            log: None,
        };
        for link in 0..world.links.len() {
            for side in [0, 1] {
                world.settle(link, side).expect("an Aid");
            }
            for side in [0, 1] {
                world.arrive(link, side).expect("an Aid");
                assert!(world.end(link, side).conn.peer().is_some());
            }
        }
        world
    }

    /// Plans a dialog.
    pub fn plan(&mut self, plan: Plan) -> usize {
        let ends = &self.links[plan.link].ends;
        let verdicts = Verdicts::new(plan.kind, ends[plan.opener].actor, ends[1 - plan.opener].actor);
        let may_skip = drops(ends[plan.opener].conn.config().overrun);
        self.dialogs.push(Dialog::new(plan, verdicts, may_skip));
        self.most_dialogs = self.most_dialogs.max(self.dialogs.len());
        self.dialogs.len() - 1
    }

    /// One end of a link.
    pub fn end(&self, link: usize, side: usize) -> &End {
        &self.links[link].ends[side]
    }

    /// One end of a link, to change it.
    pub fn end_mut(&mut self, link: usize, side: usize) -> &mut End {
        &mut self.links[link].ends[side]
    }

    /// Remembers the state of one end for comparisons.
    pub fn seal(&mut self, link: usize, side: usize) {
        self.end_mut(link, side).seal();
    }

    /// All steps that are possible now.
    pub fn actions(&self, actions: &mut Vec<Action>) {
        for (at, dialog) in self.dialogs.iter().enumerate() {
            for role in [Role::Parent, Role::Child] {
                self.verbs(at, role, |verb| actions.push(Action::Verb(at, role, verb)));
                if dialog.seat(role).may.forged > 0 && dialog.is_live(role) {
                    actions.push(Action::Forge(at, role));
                }
            }
        }
        for (at, link) in self.links.iter().enumerate() {
            for (side, end) in link.ends.iter().enumerate() {
                if end.has_frame() {
                    actions.push(Action::Arrive(at, side));
                }
                let is_empty = end.incoming.is_empty();
                if !end.is_closed && (end.hung == Hung::Cut || end.hung == Hung::Orderly && is_empty) {
                    actions.push(Action::Gone(at, side));
                }
                if self.has_deadlines && end.conn.poll_timeout().is_some() {
                    actions.push(Action::Expire(at, side));
                }
                if end.closes > 0 && !end.is_closed {
                    actions.push(Action::Close(at, side));
                }
                if (end.stalls > 0 || end.is_stalled) && !end.is_closed {
                    actions.push(Action::Stall(at, side));
                }
            }
            if link.cuts > 0 && link.ends.iter().any(|end| !end.is_closed) {
                actions.push(Action::Cut(at));
            }
        }
    }

    /// Makes one step and checks everything that it touched.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn act(&mut self, action: Action) -> Result<(), Broken> {
        self.note(Line::Did(action));
        match action {
            Action::Verb(dialog, role, verb) => self.verb(dialog, role, verb),
            Action::Arrive(link, side) => self.arrive(link, side),
            Action::Gone(link, side) => self.gone(link, side, false),
            Action::Expire(link, side) => {
                let end = self.end(link, side);
                let Some((at, _)) = end.conn.poll_timeout() else { return Ok(()) };
                self.pass_time(link, side, at)
            }
            Action::Cut(link) => {
                self.links[link].cuts -= 1;
                self.cut(link);
                Ok(())
            }
            Action::Close(link, side) => {
                self.end_mut(link, side).closes -= 1;
                self.close(link, side, Duration::from_secs(5))
            }
            Action::Stall(link, side) => {
                let end = self.end_mut(link, side);
                end.stalls -= u8::from(!end.is_stalled);
                let is_stalled = !end.is_stalled;
                self.stall(link, side, is_stalled)
            }
            Action::Forge(dialog, role) => {
                self.dialogs[dialog].seat_mut(role).may.forged -= 1;
                self.forge(dialog, role);
                Ok(())
            }
        }
    }

    fn note(&mut self, line: Line) {
        if let Some(log) = &mut self.log {
            log.push(line);
        }
    }
}

impl World {
    /// How one end of a dialog has ended.
    pub fn ended(&self, at: usize, role: Role) -> Option<Ended> {
        self.dialogs[at].verdicts.ended(role)
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.links, &self.dialogs).hash(state);
    }
}
