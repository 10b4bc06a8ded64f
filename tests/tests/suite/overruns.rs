//! More items than an inbox holds: each policy, and what is counted. (D-12)

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::driver::proto::{Config, OverrunPolicy};
use crate::driver::{Actor, ActorBuilder, ChildContext, Context, Error, MsgStream, NoArgs, Portal, Profile};
use crate::driver::{StreamCounters, Yielder};

use super::rig::{Pair, on_each_transport, remote, with_server};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "flood");
const NOTHING: (&str, &str) = ("app", "nothing");

/// Sends ten items at once, then waits to be stopped.
fn flood(ctx: &ChildContext) -> Result<(), Error> {
    ctx.started(&())?;
    let stream = ctx.open_stream()?;
    (0..10_u32).try_for_each(|item| stream.feed(&item))?;
    stream.receive::<()>().map(drop)
}

fn flooding(server: ActorBuilder) -> ActorBuilder {
    server
        .context(PATH, |ctx: ChildContext, _: NoArgs| flood(&ctx))
        .function(NOTHING, |_: NoArgs| Ok::<(), Error>(()))
}

/// Waits until all ten items have come.
fn settle(portal: &Portal, stream: &MsgStream<'_>) {
    let come = |counters: StreamCounters| counters.unread as u64 + counters.dropped;
    while come(stream.counters()) < 10 {
        portal.call::<_, ()>(NOTHING, &NoArgs {}).unwrap();
    }
}

#[track_caller]
fn assert_counted(counters: StreamCounters, unread: usize, window: usize, overruns: u64) {
    assert_eq!((counters.unread, counters.window), (unread, window), "{counters:?}");
    assert_eq!((counters.overruns, counters.dropped), (overruns, overruns), "{counters:?}");
}

/// What is left of ten items when nobody receives until all have come.
fn left_of_ten(window: usize, policy: OverrunPolicy, left: &[u32], overruns: u64) {
    with_server(flooding, |pair| {
        let portal = pair.portal.with_inbox(window, policy);
        let body = |ctx: &Context, (): ()| {
            let stream = ctx.open_stream()?;
            settle(&pair.portal, &stream);
            assert_counted(stream.counters(), left.len(), window, overruns);
            for &item in left {
                assert_eq!(stream.receive(), Ok(Some(item)));
            }
            assert_counted(ctx.counters(), 0, window, overruns);
            Ok::<_, Error>(())
        };
        // The sender was told nothing, and ended well.
        assert_eq!(portal.open_context(PATH, &NoArgs {}, body).unwrap().1.returned(), Ok(()));
        assert_eq!(pair.portal.counters().overruns, overruns);
    });
}

#[test]
fn the_oldest_are_dropped() {
    left_of_ten(4, OverrunPolicy::DropOldest, &[6, 7, 8, 9], 6);
}

#[test]
fn the_newest_are_dropped() {
    left_of_ten(4, OverrunPolicy::DropNewest, &[0, 1, 2, 3], 6);
}

#[test]
fn a_buffer_takes_more_than_the_window() {
    left_of_ten(4, OverrunPolicy::Buffer(10), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0);
}

#[test]
fn beyond_the_window_or_the_buffer_the_sender_is_told() {
    for policy in [OverrunPolicy::Reject, OverrunPolicy::Buffer(4)] {
        with_server(flooding, |pair| {
            let portal = pair.portal.with_inbox(4, policy);
            let (ctx, ()) = portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            assert_eq!(remote(ctx.wait()).msg.src_type_str, "StreamOverrun");
            let counters = ctx.counters();
            assert!(counters.overruns > 0, "{counters:?}");
            assert_counted(counters, 4, 4, counters.overruns);
        });
    }
}

#[test]
fn while_reading_is_paused_nothing_is_lost() {
    const ITEMS: u32 = 20_000;
    let server = |server: ActorBuilder| {
        let stream = |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let stream = ctx.open_stream()?;
            (0..ITEMS).try_for_each(|item| stream.feed(&item))
        };
        let generate = |_: NoArgs, out: Yielder| (0..ITEMS).try_for_each(|item| out.feed(&item));
        server.context(PATH, stream).generator(("app", "generate"), generate)
    };
    with_server(server, |pair| {
        let portal = pair.portal.with_inbox(4, OverrunPolicy::Pause);
        let body = |ctx: &Context, (): ()| {
            let stream = ctx.open_stream()?;
            let items = stream.items::<u32>().collect::<Result<Vec<_>, _>>()?;
            assert_counted(stream.counters(), 0, 4, 0);
            Ok::<_, Error>(items)
        };
        let (items, _) = portal.open_context(PATH, &NoArgs {}, body).unwrap();
        assert!(items.into_iter().eq(0..ITEMS));
        // A generator has an inbox, too.
        let items = portal.iterate::<_, u32>(("app", "generate"), &NoArgs {}).unwrap();
        assert!(items.map(Result::unwrap).eq(0..ITEMS));
    });
}

#[test]
fn s059_the_window_can_be_resized_at_any_time() {
    let mut config = Config::default();
    // Whoever waits for the pause to end by itself waits for ever.
    config.max_pause = Duration::from_secs(1_000_000);
    let build = || {
        let client = Actor::builder(Profile::new("client").config(config.clone()));
        (flooding(Actor::builder("server")), client)
    };
    on_each_transport(build, |pair| {
        let portal = pair.portal.with_inbox(1, OverrunPolicy::Pause);
        let body = |ctx: &Context, (): ()| {
            let stream = ctx.open_stream()?;
            while stream.counters().unread == 0 {
                thread::yield_now();
            }
            // The answer is behind the items, and those are not read.
            thread::scope(|scope| {
                let asking = scope.spawn(|| pair.portal.call::<_, ()>(NOTHING, &NoArgs {}));
                stream.set_inbox(10, OverrunPolicy::Reject)?;
                asking.join().unwrap()
            })?;
            settle(&pair.portal, &stream);
            assert_counted(stream.counters(), 10, 10, 0);
            stream.set_inbox(2, OverrunPolicy::Reject)?;
            assert_counted(stream.counters(), 10, 2, 0);
            assert!((0..10).all(|item| stream.receive() == Ok(Some(item))), "nothing is dropped for that");
            Ok::<_, Error>(())
        };
        portal.open_context(PATH, &NoArgs {}, body).unwrap();
    });
}

#[test]
fn a_task_chooses_its_inbox_before_anything_can_come() {
    let sent = Wire::new();
    let server = |server: ActorBuilder| {
        let sent = Arc::clone(&sent);
        server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.set_inbox(2, OverrunPolicy::DropOldest)?;
            ctx.started(&())?;
            let stream = ctx.open_stream()?;
            sent.hear();
            // The answer comes after the items.
            ctx.portal().call::<_, ()>(NOTHING, &NoArgs {})?;
            assert_counted(ctx.counters(), 2, 2, 3);
            Ok::<_, Error>([stream.receive::<u32>()?, stream.receive()?])
        })
    };
    let build = || {
        let client = Actor::builder("client").function(NOTHING, |_: NoArgs| Ok::<(), Error>(()));
        (server(Actor::builder("server")), client)
    };
    on_each_transport(build, |pair: &Pair| {
        let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        let stream = ctx.open_stream().unwrap();
        (0..5_u32).for_each(|item| stream.feed(&item).unwrap());
        sent.tell(());
        assert_eq!(ctx.wait().unwrap().returned(), Ok([Some(3_u32), Some(4)]));
    });
}
