//! The worlds that are searched.

use std::time::Duration;

use scipp_conformance::precedence::Actor;
use scipp_conformance::world::{May, Plan, World};
use scipp_proto::{Config, Kind};

/// One world to search.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// What goes on in it.
    pub about: &'static str,
    /// Small enough for the ordinary tests.
    pub is_small: bool,
    make: fn() -> World,
}

impl Case {
    /// The world at its beginning.
    pub fn world(&self) -> World {
        (self.make)()
    }
}

const NOTHING: May = May {
    send: 0,
    take: 0,
    stream: false,
    stop: false,
    cancel: false,
    fail_in_body: false,
    finish: false,
    fail: false,
    unwind: false,
    release: false,
    forged: 0,
};

/// A task that ends by itself, or when it is told to.
const TASK: May = May { finish: true, fail: true, unwind: true, ..NOTHING };

/// A parent that may ask for the end.
const PARENT: May = May { cancel: true, ..NOTHING };

fn config() -> Config {
    let mut config = Config::default();
    config.receive_buffer = 512;
    config.inbox_items = 2;
    config
}

fn world(links: &[[u8; 2]], config: &Config) -> World {
    let links: Vec<[Actor; 2]> = links.iter().map(|&link| link.map(Actor)).collect();
    World::new(&links, config, 1)
}

fn plan(kind: Kind, parent: May, child: May) -> Plan {
    Plan { link: 0, opener: 0, kind, is_actor_cancel: false, inner: None, outer: None, parent, child }
}

fn actor_cancel(link: usize, opener: usize) -> Plan {
    let child = May { unwind: true, ..NOTHING };
    Plan { link, opener, is_actor_cancel: true, ..plan(Kind::Function, NOTHING, child) }
}

/// Adds so many items either way, streams, and reading.
const fn streaming(may: May, send: u8, take: u8) -> May {
    May { send, take, stream: true, stop: true, ..may }
}

/// All of them.
pub const ALL: &[Case] = &[
    Case {
        name: "everything",
        about: "one context: streams both ways beyond a window of 2, stops, cancels from both sides",
        is_small: false,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            let child = May { cancel: true, ..streaming(TASK, 3, 1) };
            world.plan(plan(Kind::Context, streaming(PARENT, 3, 1), child));
            world
        },
    },
    Case {
        name: "cut",
        about: "one context with streams and cancels; the link is cut at any moment, deadlines run out",
        is_small: false,
        make: || {
            let mut config = config();
            config.final_frame_timeout = Some(Duration::from_secs(2));
            let mut world = world(&[[0, 1]], &config);
            world.has_deadlines = true;
            world.links[0].cuts = 1;
            let child = May { cancel: true, ..streaming(TASK, 1, 1) };
            world.plan(plan(Kind::Context, May { fail_in_body: true, ..streaming(PARENT, 1, 1) }, child));
            world
        },
    },
    Case {
        name: "kinds",
        about: "a function and a generator at once, the generator left early",
        is_small: true,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            world.plan(plan(Kind::Function, PARENT, May { cancel: true, ..TASK }));
            let parent = May { take: 3, stop: true, ..PARENT };
            world.plan(plan(Kind::Generator, parent, May { send: 3, cancel: true, ..TASK }));
            world
        },
    },
];
