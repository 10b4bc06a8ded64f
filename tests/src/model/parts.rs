//! What the worlds that are searched are made of.

use std::time::Duration;

use scipp_proto::{Config, Kind};

use crate::bound;
use crate::precedence::Actor;
use crate::world::{May, Plan, World};

pub(super) const NOTHING: May = May::NOTHING;

/// A task that ends by itself, or when it is told to.
pub(super) const TASK: May = May { finish: true, fail: true, unwind: true, ..NOTHING };

/// A task that may also cancel itself.
pub(super) const MOODY: May = May { cancel: true, ..TASK };

/// A parent that may ask for the end.
pub(super) const PARENT: May = May { cancel: true, ..NOTHING };

/// With a stream, so many items to send and to take.
pub(super) const fn streaming(may: May, send: u8, take: u8) -> May {
    May { send, take, stream: true, stop: true, ..may }
}

/// A window of two, and buffers that are cheap to copy.
pub(super) fn config() -> Config {
    let mut config = bound::tight();
    config.inbox_items = 2;
    config
}

pub(super) fn impatient() -> Config {
    let mut config = config();
    config.final_frame_timeout = Some(Duration::from_secs(2));
    config
}

pub(super) fn world(links: &[[u8; 2]], config: &Config) -> World {
    let links: Vec<[Actor; 2]> = links.iter().map(|&link| link.map(Actor)).collect();
    World::new(&links, config, 1)
}

pub(super) const fn plan(kind: Kind, parent: May, child: May) -> Plan {
    Plan { link: 0, opener: 0, kind, is_actor_cancel: false, inner: None, outer: None, parent, child }
}

pub(super) const fn actor_cancel(link: usize, opener: usize) -> Plan {
    let child = May { unwind: true, ..NOTHING };
    Plan { link, opener, is_actor_cancel: true, ..plan(Kind::Function, NOTHING, child) }
}

/// A context whose parent asks for the end, and whose child does only what `child` says.
pub(super) fn asked(config: &Config, child: May) -> World {
    let mut world = world(&[[0, 1]], config);
    world.has_deadlines = true;
    world.plan(plan(Kind::Context, PARENT, child));
    world
}
