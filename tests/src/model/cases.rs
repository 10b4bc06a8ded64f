//! The worlds that are searched.

use scipp_proto::Kind;

use super::parts::{
    MOODY, NOTHING, PARENT, TASK, actor_cancel, asked, config, impatient, plan, streaming, world,
};
use crate::world::{May, Plan, World};

/// One world to search.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// What goes on in it.
    pub about: &'static str,
    /// How much of it there is.
    pub size: Size,
    make: fn() -> World,
}

/// How long a search takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// Part of the ordinary tests.
    Small,
    /// Only with stateright.
    Large,
    /// One of the guarantees that an ending needs is missing: some dialog hangs.
    Stuck,
}

impl Case {
    /// The world at its beginning.
    pub fn world(&self) -> World {
        (self.make)()
    }
}

/// All of them.
pub const ALL: &[Case] = &[
    Case {
        name: "streams",
        about: "one context: streams both ways beyond a window of 2, stops, cancels from both sides",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            world.plan(plan(Kind::Context, streaming(PARENT, 3, 1), streaming(MOODY, 3, 1)));
            world
        },
    },
    Case {
        name: "cut",
        about: "one context with streams and cancels; the link is cut at any moment, deadlines run out",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1]], &impatient());
            world.has_deadlines = true;
            world.links[0].cuts = 1;
            let parent = May { fail_in_body: true, ..streaming(PARENT, 1, 1) };
            world.plan(plan(Kind::Context, parent, streaming(MOODY, 1, 1)));
            world
        },
    },
    Case {
        name: "two contexts",
        about: "two contexts of one parent at once, items up beyond the window, cancels from both sides",
        size: Size::Large,
        make: || {
            let mut config = config();
            config.inbox_items = 1;
            let mut world = world(&[[0, 1]], &config);
            world.plan(plan(Kind::Context, PARENT, May { send: 2, stream: true, fail: false, ..TASK }));
            world.plan(plan(Kind::Context, PARENT, May { fail: false, ..MOODY }));
            world
        },
    },
    Case {
        name: "two streams",
        about: "two contexts at once that stream both ways at a window of 2, one cancelled from both sides",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            let child = May { send: 1, stream: true, cancel: true, unwind: true, ..NOTHING };
            world.plan(plan(Kind::Context, May { send: 1, stream: true, ..PARENT }, child));
            let parent = May { send: 1, stream: true, ..NOTHING };
            world.plan(plan(Kind::Context, parent, May { send: 1, stream: true, finish: true, ..NOTHING }));
            world
        },
    },
    Case {
        name: "both ways",
        about: "each actor is parent of one context and child of another, cancels everywhere",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            world.plan(plan(Kind::Context, PARENT, MOODY));
            world.plan(Plan { opener: 1, ..plan(Kind::Context, PARENT, May { fail: false, ..TASK }) });
            world
        },
    },
    Case {
        name: "kinds",
        about: "a function and a generator at once, the generator left early",
        size: Size::Large,
        make: || {
            let mut config = config();
            config.inbox_items = 1;
            let mut world = world(&[[0, 1]], &config);
            world.plan(plan(Kind::Function, PARENT, TASK));
            let parent = May { take: 1, stop: true, ..PARENT };
            world.plan(plan(Kind::Generator, parent, May { send: 2, fail: false, ..MOODY }));
            world
        },
    },
    Case {
        name: "function",
        about: "one function, cancelled from both sides, cut and timed out",
        size: Size::Small,
        make: || {
            let mut world = world(&[[0, 1]], &impatient());
            world.has_deadlines = true;
            world.links[0].cuts = 1;
            world.plan(plan(Kind::Function, May { fail_in_body: true, release: true, ..PARENT }, MOODY));
            world
        },
    },
    Case {
        name: "generator",
        about: "one generator, left early, overrun, cancelled from both sides, cut and timed out",
        size: Size::Small,
        make: || {
            let mut config = impatient();
            config.inbox_items = 1;
            let mut world = world(&[[0, 1]], &config);
            world.has_deadlines = true;
            world.links[0].cuts = 1;
            let parent = May { take: 1, stop: true, ..PARENT };
            world.plan(plan(Kind::Generator, parent, May { send: 2, ..MOODY }));
            world
        },
    },
    Case {
        name: "context",
        about: "one context: overrun from both sides at a window of 1, stop, cancels from both sides",
        size: Size::Small,
        make: || {
            let mut config = config();
            config.inbox_items = 1;
            let mut world = world(&[[0, 1]], &config);
            world.plan(plan(Kind::Context, streaming(PARENT, 2, 0), streaming(MOODY, 2, 1)));
            world
        },
    },
    Case {
        name: "overrun",
        about: "one context that is overrun by its child at a window of 0, cancelled by its parent",
        size: Size::Small,
        make: || {
            let mut config = config();
            config.inbox_items = 0;
            let mut world = world(&[[0, 1]], &config);
            world.plan(plan(Kind::Context, PARENT, May { send: 2, stream: true, ..TASK }));
            world
        },
    },
    Case {
        name: "slow link",
        about: "one context whose child cannot write for a while, with items, a stop and a cancel by its parent",
        size: Size::Small,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            world.links[0].ends[1].stalls = 1;
            world.plan(plan(Kind::Context, PARENT, May { fail: false, ..streaming(TASK, 2, 0) }));
            world
        },
    },
    Case {
        name: "orderly close",
        about: "one function, its connection closed in order from both sides, deadlines",
        size: Size::Small,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            world.has_deadlines = true;
            (world.links[0].ends[0].closes, world.links[0].ends[1].closes) = (1, 1);
            world.plan(plan(Kind::Function, PARENT, MOODY));
            world
        },
    },
    Case {
        name: "third actor",
        about: "a function, and an actor cancel of its child by a third actor; cancels from both sides",
        size: Size::Small,
        make: || {
            let mut world = world(&[[0, 1], [2, 1]], &config());
            world.plan(plan(Kind::Function, PARENT, MOODY));
            world.plan(actor_cancel(1, 0));
            world
        },
    },
    Case {
        name: "third party",
        about: "a context, and an actor cancel of its child by a third actor; cancels from both sides, a cut",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1], [2, 1]], &impatient());
            world.has_deadlines = true;
            world.links[0].cuts = 1;
            world.plan(plan(Kind::Context, May { fail_in_body: true, ..PARENT }, MOODY));
            world.plan(actor_cancel(1, 0));
            world
        },
    },
    Case {
        name: "actor cancel",
        about: "two tasks and an actor cancel on the same connection, one cancelled by its parent too",
        size: Size::Small,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            world.plan(plan(Kind::Context, PARENT, May { fail: false, ..TASK }));
            world.plan(plan(Kind::Function, NOTHING, May { finish: true, unwind: true, ..NOTHING }));
            world.plan(actor_cancel(0, 0));
            world
        },
    },
    Case {
        name: "actor cancel and overruns",
        about: "a task that is overrun from both sides, and an actor cancel on the same connection",
        size: Size::Large,
        make: || {
            let mut config = config();
            config.inbox_items = 0;
            let mut world = world(&[[0, 1]], &config);
            let child = May { send: 1, stream: true, ..TASK };
            world.plan(plan(Kind::Context, May { send: 1, stream: true, ..PARENT }, child));
            world.plan(actor_cancel(0, 0));
            world
        },
    },
    Case {
        name: "relay",
        about: "a task that runs a context at a third actor and passes its failure on, cancels everywhere",
        size: Size::Small,
        make: || {
            let mut world = world(&[[0, 1], [1, 2]], &config());
            world.plan(Plan { inner: Some(1), ..plan(Kind::Function, PARENT, MOODY) });
            world.plan(Plan { link: 1, outer: Some(0), ..plan(Kind::Context, PARENT, MOODY) });
            world
        },
    },
    Case {
        name: "close",
        about: "orderly closes from both sides around two dialogs that run in opposite directions",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            world.has_deadlines = true;
            (world.links[0].ends[0].closes, world.links[0].ends[1].closes) = (1, 1);
            world.plan(plan(Kind::Context, PARENT, TASK));
            world.plan(Plan { opener: 1, ..plan(Kind::Function, NOTHING, May { fail: false, ..TASK }) });
            world
        },
    },
    Case {
        name: "released",
        about: "one context whose handles are dropped at any moment, with items and a cut",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            world.links[0].cuts = 1;
            let parent = May { release: true, ..streaming(PARENT, 1, 1) };
            let child = May { release: true, ..streaming(MOODY, 1, 1) };
            world.plan(plan(Kind::Context, parent, child));
            world
        },
    },
    Case {
        name: "forged",
        about: "one context with streams that gets a broken frame at either end, with overruns, a cut, deadlines",
        size: Size::Large,
        make: || {
            let mut config = impatient();
            config.inbox_items = 0;
            let mut world = world(&[[0, 1]], &config);
            world.has_deadlines = true;
            world.links[0].cuts = 1;
            let parent = May { forged: 1, send: 1, stream: true, fail_in_body: true, ..NOTHING };
            let child = May { forged: 1, send: 1, stream: true, ..TASK };
            world.plan(plan(Kind::Context, parent, child));
            world
        },
    },
    Case {
        name: "forged and cancelled",
        about: "one context that gets a broken frame at either end and is cancelled from both sides",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1]], &config());
            let parent = May { forged: 1, fail_in_body: true, ..PARENT };
            world.plan(plan(Kind::Context, parent, May { forged: 1, ..MOODY }));
            world
        },
    },
    Case {
        name: "third party and overruns",
        about: "a third actor cancels the child of a context that is overrun and gets broken frames",
        size: Size::Large,
        make: || {
            let mut config = config();
            config.inbox_items = 0;
            let mut world = world(&[[0, 1], [2, 1]], &config);
            let may = May { forged: 1, send: 1, stream: true, ..NOTHING };
            world.plan(plan(Kind::Context, may, May { unwind: true, ..may }));
            world.plan(actor_cancel(1, 0));
            world
        },
    },
    Case {
        name: "actor cancel and faults",
        about: "one function and an actor cancel on the same connection: broken frames, a cut, deadlines",
        size: Size::Large,
        make: || {
            let mut world = world(&[[0, 1]], &impatient());
            world.has_deadlines = true;
            world.links[0].cuts = 1;
            let parent = May { forged: 1, fail_in_body: true, ..NOTHING };
            world.plan(plan(
                Kind::Function,
                parent,
                May { forged: 1, finish: true, unwind: true, ..NOTHING },
            ));
            world.plan(actor_cancel(0, 0));
            world
        },
    },
    Case {
        name: "two actor cancels",
        about: "one function that cancels itself and whose actor is cancelled by its parent and by a third actor",
        size: Size::Small,
        make: || {
            let mut world = world(&[[0, 1], [2, 1]], &config());
            world.plan(plan(Kind::Function, NOTHING, MOODY));
            world.plan(actor_cancel(0, 0));
            world.plan(actor_cancel(1, 0));
            world
        },
    },
    Case {
        name: "the task ends",
        about: "of the three guarantees of an ending only this: a task ends when it is told to",
        size: Size::Small,
        make: || asked(&config(), May { unwind: true, ..NOTHING }),
    },
    Case {
        name: "the task does not end",
        about: "the same without it",
        size: Size::Stuck,
        make: || asked(&config(), NOTHING),
    },
    Case {
        name: "the link dies",
        about: "only this guarantee: the connection is lost in the end",
        size: Size::Small,
        make: || {
            let mut world = asked(&config(), May { cancel: true, ..NOTHING });
            world.links[0].cuts = 1;
            world
        },
    },
    Case {
        name: "the link lives",
        about: "the same without it",
        size: Size::Stuck,
        make: || asked(&config(), May { cancel: true, ..NOTHING }),
    },
    Case {
        name: "a deadline is set",
        about: "only this guarantee: the parent has a deadline for the final frame",
        size: Size::Small,
        make: || asked(&impatient(), May { cancel: true, stream: true, ..NOTHING }),
    },
    Case {
        name: "no deadline is set",
        about: "the same without it",
        size: Size::Stuck,
        make: || asked(&config(), May { cancel: true, stream: true, ..NOTHING }),
    },
];
