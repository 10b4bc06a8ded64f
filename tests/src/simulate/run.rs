//! One run.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use scipp_proto::phase::Role;
use scipp_proto::{Deadline, Instant};

use super::counts::Counts;
use super::links::{Direction, strike};
use super::plans::{network, plan_batch};
use crate::chance::Chance;
use crate::world::{Action, Broken, Hung, Rule, Verb, World, draw};

/// Batches of dialogs in one run.
const BATCHES: usize = 14;

/// Steps that one batch may take; more would mean that it does not come to an end.
const MAX_STEPS: u64 = 100_000;

/// A run that broke no rule.
#[derive(Debug, Clone)]
pub struct Passed {
    /// What was met.
    pub counts: Counts,
    /// What happened in the last batch, if it was recorded.
    pub diagram: String,
}

/// A run that broke a rule, or panicked.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The rule and how it was broken, or what the panic said.
    pub broken: String,
    /// What happened in the last batch, if it was recorded.
    pub diagram: String,
}

/// Runs one seed; `is_drawn`: with a record of what happens.
///
/// # Errors
///
/// The rule that was broken, or the panic.
pub fn run(seed: u64, is_drawn: bool) -> Result<Passed, Box<Failure>> {
    let mut run = None;
    let played = catch_unwind(AssertUnwindSafe(|| run.insert(Run::new(seed)).play(is_drawn)));
    let diagram = run.as_ref().map_or_else(String::new, |run| draw(&run.world));
    let broken = match played {
        Ok(Ok(counts)) => return Ok(Passed { counts, diagram }),
        Ok(Err(broken)) => broken.to_string(),
        Err(panic) => format!("it panics: {}", message(&*panic)),
    };
    Err(Box::new(Failure { seed, broken, diagram }))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

struct Run {
    world: World,
    chance: Chance,
    now: Instant,
    directions: Vec<[Direction; 2]>,
    counts: Counts,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let world = network(&mut chance);
        let directions = vec![[Direction::CLEAR; 2]; world.links.len()];
        Self { world, chance, now: Instant::EPOCH, directions, counts: Counts::default() }
    }

    fn play(&mut self, is_drawn: bool) -> Result<Counts, Broken> {
        for _ in 0..BATCHES {
            if self.world.links.iter().any(|link| link.ends.iter().any(|end| end.is_closed)) {
                // Lost connections are made anew.
                self.world = network(&mut self.chance);
                self.directions = vec![[Direction::CLEAR; 2]; self.world.links.len()];
                self.now = Instant::EPOCH;
            }
            self.world.tally = Some(Box::default());
            self.world.log = is_drawn.then(Vec::new);
            plan_batch(&mut self.world, &mut self.chance);
            self.batch()?;
            self.world.check_rest()?;
            self.count();
        }
        self.counts.seeds = 1;
        Ok(std::mem::take(&mut self.counts))
    }

    fn count(&mut self) {
        for dialog in self.world.dialogs.iter().filter(|dialog| dialog.cid.is_some()) {
            self.counts.dialogs += 1;
            for pair in dialog.verdicts.happened.pairs() {
                *self.counts.pairs.entry(pair).or_default() += 1;
            }
        }
        if let Some(tally) = self.world.tally.take() {
            self.counts.tally.merge(&tally);
        }
    }

    /// Until nothing can happen any more.
    fn batch(&mut self) -> Result<(), Broken> {
        let faults = if self.chance.once_in(2) { 0 } else { 1 + self.chance.below(2) };
        let mut strikes: Vec<u64> = (0..faults).map(|_| self.chance.number() % 150).collect();
        strikes.sort_unstable();
        let mut idle = 0;
        for step in 0..MAX_STEPS {
            self.counts.steps += 1;
            if strikes.first() == Some(&step) {
                strikes.remove(0);
                let end = (self.chance.below(self.world.links.len()), self.chance.below(2));
                let (world, directions) = (&mut self.world, &mut self.directions[..]);
                strike(world, directions, end, self.now, &mut self.chance, &mut self.counts)?;
            }
            let has_moved = if self.chance.once_in(2) { self.some_verb()? } else { self.some_arrival()? };
            idle = if has_moved { 0 } else { idle + 1 };
            if has_moved && self.chance.once_in(4) {
                let passed = self.chance.number() % 5;
                self.now = self.now.saturating_add(Duration::from_millis(passed));
                self.tick()?;
            }
            // Only after looking everywhere.
            if idle > 20 {
                idle = 0;
                if !self.any_verb()? && !self.any_arrival()? && !self.wait()? {
                    return Ok(());
                }
            }
        }
        let text = format!("a batch of {} dialogs does not come to rest", self.world.dialogs.len());
        Err(Broken { rule: Rule::Finite, text })
    }
}

/// Verbs.
impl Run {
    /// Lets some application do something.
    fn some_verb(&mut self) -> Result<bool, Broken> {
        if self.world.dialogs.is_empty() {
            return Ok(false);
        }
        let at = self.chance.below(self.world.dialogs.len());
        let role = self.chance.of(&[Role::Parent, Role::Child]);
        self.verb_of(at, role, false)
    }

    fn any_verb(&mut self) -> Result<bool, Broken> {
        for at in 0..self.world.dialogs.len() {
            for role in [Role::Parent, Role::Child] {
                if self.verb_of(at, role, true)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Lets this end do one of the things that it may; `is_urgent`: whatever it wants.
    fn verb_of(&mut self, at: usize, role: Role, is_urgent: bool) -> Result<bool, Broken> {
        let is_live = self.world.dialogs[at].is_live(role);
        let mut verbs = [Verb::Open; 16];
        let mut count = 0;
        self.world.verbs(at, role, |verb| {
            if verb != Verb::Release || !is_live {
                verbs[count] = verb;
                count += 1;
            }
        });
        let is_call = !self.world.dialogs[at].plan.is_actor_cancel;
        if is_live && is_call && self.world.dialogs[at].seat(role).may.release && self.chance.once_in(300) {
            self.world.act(Action::Verb(at, role, Verb::Release))?;
            return Ok(true);
        }
        if count == 0 {
            return Ok(false);
        }
        let verb = self.chance.of(&verbs[..count]);
        if !is_urgent && !self.is_wanted(at, verb) {
            return Ok(false);
        }
        self.world.act(Action::Verb(at, role, verb))?;
        Ok(true)
    }

    /// Applications mostly do what they are for before they end, and let go at the end.
    fn is_wanted(&mut self, at: usize, verb: Verb) -> bool {
        let dialog = &self.world.dialogs[at];
        let inner = dialog.plan.inner.map(|inner| &self.world.dialogs[inner]);
        let is_waiting = inner.is_some_and(|inner| inner.cid.is_some() && inner.is_live(Role::Parent));
        match verb {
            Verb::Finish | Verb::Fail if is_waiting => self.chance.once_in(30),
            Verb::Finish | Verb::Fail => self.chance.once_in(4),
            Verb::Cancel | Verb::FailInBody | Verb::Stop => self.chance.once_in(6),
            _ => true,
        }
    }
}

/// Arrivals and time.
impl Run {
    fn some_arrival(&mut self) -> Result<bool, Broken> {
        let (link, side) = (self.chance.below(self.world.links.len()), self.chance.below(2));
        self.arrival(link, side)
    }

    fn any_arrival(&mut self) -> Result<bool, Broken> {
        for link in 0..self.world.links.len() {
            for side in [0, 1] {
                if self.arrival(link, side)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Something arrives at this end: bytes, or the end of them.
    fn arrival(&mut self, link: usize, side: usize) -> Result<bool, Broken> {
        let direction = self.directions[link][side];
        let end = self.world.end(link, side);
        if end.is_closed || direction.open_at > self.now {
            return Ok(false);
        }
        let deliverable = end.deliverable();
        if deliverable > 0 && end.conn.wants_input() {
            let whole = end.incoming.front().map_or(1, |frame| frame.bytes.len());
            let len =
                if direction.chunk == usize::MAX { whole } else { 1 + self.chance.below(direction.chunk) };
            self.world.deliver(link, side, len)?;
            return Ok(true);
        }
        let is_gone = match end.hung {
            Hung::No => false,
            Hung::Orderly => end.incoming.is_empty(),
            Hung::Cut => deliverable == 0 || self.chance.once_in(3),
        };
        if is_gone {
            self.world.gone(link, side, false)?;
        }
        Ok(is_gone)
    }

    /// Every end learns the time.
    fn tick(&mut self) -> Result<(), Broken> {
        for link in 0..self.world.links.len() {
            for side in [0, 1] {
                if self.directions[link][side].resumes_at.is_some_and(|at| at <= self.now) {
                    self.directions[link][side].resumes_at = None;
                    if !self.world.end(link, 1 - side).is_closed {
                        self.world.stall(link, 1 - side, false)?;
                    }
                }
                self.world.pass_time(link, side, self.now)?;
            }
        }
        Ok(())
    }

    /// Nothing moves: time passes to the next thing that will. False if there is none.
    fn wait(&mut self) -> Result<bool, Broken> {
        let mut next: Option<Instant> = None;
        for (link, directions) in self.world.links.iter().zip(&self.directions) {
            for (end, direction) in link.ends.iter().zip(directions) {
                let opens = (direction.open_at > self.now).then_some(direction.open_at);
                // The clock of an end may be ahead of the others.
                let ahead = end.now.duration_since(self.now);
                let due = end.conn.poll_timeout().filter(|(_, deadline)| *deadline != Deadline::Event);
                let due = due.map(|(at, _)| if ahead.is_zero() { at } else { at.max(end.now) });
                let times = [opens, direction.resumes_at, due];
                next = times.into_iter().flatten().chain(next).min();
            }
        }
        let Some(next) = next else { return Ok(false) };
        self.now = self.now.max(next);
        self.tick()?;
        Ok(true)
    }
}
