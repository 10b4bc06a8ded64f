//! Random networks and what is to go on in them.

use std::time::Duration;

use scipp_proto::{Config, Kind};

use super::links::POLICIES;
use crate::bound;
use crate::chance::Chance;
use crate::precedence::Actor;
use crate::world::{May, Plan, Policy, World};

/// Two to five actors, connected, with some links more than that takes.
pub(super) fn network(chance: &mut Chance) -> World {
    let actors = 2 + chance.below(4);
    let mut links: Vec<[Actor; 2]> = Vec::new();
    let actor = |at: usize| Actor(u8::try_from(at).unwrap_or(0));
    for at in 1..actors {
        let other = chance.below(at);
        links.push(if chance.once_in(2) { [actor(at), actor(other)] } else { [actor(other), actor(at)] });
    }
    for _ in 0..chance.below(3) {
        let pair = [actor(chance.below(actors)), actor(chance.below(actors))];
        let is_new = |known: &[Actor; 2]| *known != pair && *known != [pair[1], pair[0]];
        if pair[0] != pair[1] && links.iter().all(is_new) {
            links.push(pair);
        }
    }
    World::new(&links, &config(chance), chance.number())
}

fn config(chance: &mut Chance) -> Config {
    let mut config = bound::tight();
    config.receive_buffer = chance.of(&[300, 1024, 8192]);
    config.inbox_items = chance.below(4);
    config.outbox_bytes = chance.of(&[400, 1 << 20, 1 << 20]);
    config.overrun = chance.of(&POLICIES);
    // So that ends that answer each other's answers get there.
    config.max_replies = 2;
    config.final_frame_timeout = chance.of(&[None, Some(Duration::from_secs(2))]);
    config
}

/// A few dialogs: alone, inside each other, or cancels of whole actors.
pub(super) fn plan_batch(world: &mut World, chance: &mut Chance) {
    world.dialogs.clear();
    let links: Vec<usize> = (0..world.links.len())
        .filter(|&link| world.links[link].ends.iter().all(|end| !end.is_closed && !end.is_closing))
        .collect();
    if links.is_empty() {
        return;
    }
    while world.dialogs.len() < 8 {
        let (link, opener) = (chance.of(&links), chance.below(2));
        if chance.once_in(12) {
            let child = May { unwind: true, release: true, ..May::NOTHING };
            let parent = May { release: true, ..May::NOTHING };
            world.plan(Plan {
                is_actor_cancel: true,
                kind: Kind::Function,
                parent,
                child,
                ..plan(link, opener, chance)
            });
            continue;
        }
        let mut outer = world.plan(plan(link, opener, chance));
        // The task of a dialog opens another one at another actor, and so on.
        while chance.once_in(2) {
            let last = world.dialogs[outer].plan;
            let at = world.end(last.link, 1 - last.opener).actor;
            let onward = links.iter().find_map(|&link| {
                let side = world.links[link].ends.iter().position(|end| end.actor == at)?;
                (link != last.link).then_some((link, side))
            });
            let Some((link, opener)) = onward else { break };
            let inner = world.plan(Plan { outer: Some(outer), ..plan(link, opener, chance) });
            world.dialogs[outer].plan.inner = Some(inner);
            outer = inner;
        }
    }
}

fn plan(link: usize, opener: usize, chance: &mut Chance) -> Plan {
    let kind = chance.of(&[Kind::Context, Kind::Context, Kind::Function, Kind::Generator]);
    let mut side = |is_parent: bool| {
        let send = u8::try_from(chance.below(6)).unwrap_or(0);
        May {
            send,
            take: u8::try_from(chance.below(8)).unwrap_or(0),
            stream: chance.below(4) > 0,
            stop: chance.once_in(3),
            cancel: chance.once_in(3),
            fail_in_body: is_parent && chance.once_in(6),
            finish: !is_parent,
            fail: !is_parent && chance.once_in(3),
            unwind: !is_parent,
            release: true,
            forged: 0,
            errs_first: !is_parent && chance.once_in(12),
            errs_items: chance.once_in(4),
            errs_result: !is_parent && chance.once_in(12),
            terms: chance.once_in(2).then(|| chance.of(&Policy::ALL)),
        }
    };
    let (parent, child) = (side(true), side(false));
    Plan { link, opener, kind, is_actor_cancel: false, inner: None, outer: None, parent, child }
}
