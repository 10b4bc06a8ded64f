//! Links that delay, chop, stall and break.

use std::time::Duration;

use scipp_proto::phase::Role;
use scipp_proto::{Instant, OverrunPolicy};

use super::counts::Counts;
use crate::chance::Chance;
use crate::world::{Broken, Hung, Line, Stage, World};

/// What goes wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing arrives at one end for a while.
    Delay,
    /// Everything arrives in small pieces, frames torn apart.
    Chunks,
    /// One end reads nothing for so long that the other cannot write.
    SlowReader,
    /// Both ends see the end of their input; what is on its way is lost.
    Cut,
    /// One end sees the end of its input.
    HalfClose,
    /// One end sees an error.
    Reset,
    /// The clock of one end is ahead all at once.
    ClockStep,
    /// A frame arrives that nobody sent.
    Forgery,
    /// One end, or each, ends the connection in order.
    Close,
    /// An application changes the window of a dialog, and what happens beyond it.
    Window,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Delay,
        Self::Chunks,
        Self::SlowReader,
        Self::Cut,
        Self::HalfClose,
        Self::Reset,
        Self::ClockStep,
        Self::Forgery,
        Self::Close,
        Self::Window,
    ];
}

/// What happens to an item beyond the window. The usual one more often.
pub(super) const POLICIES: [OverrunPolicy; 6] = [
    OverrunPolicy::Reject,
    OverrunPolicy::Reject,
    OverrunPolicy::Buffer(5),
    OverrunPolicy::DropOldest,
    OverrunPolicy::DropNewest,
    OverrunPolicy::Pause,
];

/// One direction: towards one end of a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direction {
    /// Nothing arrives before.
    pub(super) open_at: Instant,
    /// At most so many bytes arrive at once.
    pub(super) chunk: usize,
    /// When the other end can write again.
    pub(super) resumes_at: Option<Instant>,
}

impl Direction {
    pub(super) const CLEAR: Self = Self { open_at: Instant::EPOCH, chunk: usize::MAX, resumes_at: None };
}

/// From a moment to a minute: deadlines of all lengths run out.
fn while_(chance: &mut Chance) -> Duration {
    Duration::from_millis(chance.of(&[1, 10, 100, 700, 3_000, 12_000, 40_000]))
}

/// Something goes wrong at one end of a link. Counts the open dialogs that it happens to.
pub(super) fn strike(
    world: &mut World,
    directions: &mut [[Direction; 2]],
    (link, side): (usize, usize),
    now: Instant,
    chance: &mut Chance,
    counts: &mut Counts,
) -> Result<(), Broken> {
    let fault = chance.of(&Fault::ALL);
    if world.end(link, side).is_closed {
        return Ok(());
    }
    if let Some(log) = &mut world.log {
        log.push(Line::Struck(link, side, format!("{fault:?}")));
    }
    let mut hit = open_dialogs(world, link);
    match fault {
        Fault::Forgery => {
            hit = one_call(&hit, world, chance);
            hit.retain(|&(at, role, _)| world.forge(at, role));
        }
        Fault::Window => {
            hit = one_call(&hit, world, chance);
            for &(at, role, _) in &hit {
                world.set_inbox(at, role, (chance.below(4), chance.of(&POLICIES)))?;
            }
        }
        _ => harm(fault, world, &mut directions[link][side], (link, side), now, chance)?,
    }
    for (.., stage) in hit {
        *counts.faults.entry((fault, stage)).or_default() += 1;
    }
    Ok(())
}

/// What goes wrong with a link as a whole.
fn harm(
    fault: Fault,
    world: &mut World,
    direction: &mut Direction,
    (link, side): (usize, usize),
    now: Instant,
    chance: &mut Chance,
) -> Result<(), Broken> {
    match fault {
        Fault::Delay => direction.open_at = now.saturating_add(while_(chance)),
        Fault::Chunks => direction.chunk = 1 + chance.below(60),
        Fault::SlowReader => {
            direction.resumes_at = Some(now.saturating_add(while_(chance)));
            return world.stall(link, 1 - side, true);
        }
        Fault::Cut => world.cut(link),
        Fault::HalfClose | Fault::Reset => {
            world.end_mut(link, side).hung = Hung::Cut;
            return world.gone(link, side, fault == Fault::Reset);
        }
        Fault::ClockStep => {
            let later = world.end(link, side).now.saturating_add(while_(chance));
            return world.pass_time(link, side, later);
        }
        Fault::Close => {
            let within = while_(chance);
            world.close(link, side, within)?;
            if chance.once_in(2) && !world.end(link, 1 - side).is_closed {
                return world.close(link, 1 - side, while_(chance));
            }
        }
        // These are of one dialog.
        Fault::Forgery | Fault::Window => {}
    }
    Ok(())
}

/// An end of a dialog, and where it is.
type Open = (usize, Role, Stage);

/// One of these; what an actor cancel is told makes no difference.
fn one_call(open: &[Open], world: &World, chance: &mut Chance) -> Vec<Open> {
    let is_call = |&(at, ..): &Open| !world.dialogs[at].plan.is_actor_cancel;
    let calls: Vec<Open> = open.iter().copied().filter(is_call).collect();
    calls.get(chance.below(calls.len().max(1))).copied().into_iter().collect()
}

/// The ends of dialogs on a link that have not ended.
fn open_dialogs(world: &World, link: usize) -> Vec<Open> {
    let mut open = Vec::new();
    for (at, dialog) in world.dialogs.iter().enumerate().filter(|(_, one)| one.plan.link == link) {
        for role in [Role::Parent, Role::Child] {
            let conn = &world.end(link, dialog.side(role)).conn;
            let Some(view) = dialog.seat(role).id.and_then(|id| conn.dialog(id)) else { continue };
            open.extend(Stage::of(dialog, role, &view).map(|stage| (at, role, stage)));
        }
    }
    open
}
