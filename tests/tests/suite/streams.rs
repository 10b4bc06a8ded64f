//! Streams: pace, back pressure, and ends.

use std::sync::Arc;
use std::thread;

use crate::driver::proto::{Config, config::OverrunPolicy};
use crate::driver::{Actor, ChildContext, Error, MsgStream, NoArgs, Profile};

use super::rig::{on_each_transport, remote, with_server};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "stream");

#[test]
fn sending_faster_than_the_window_is_an_overrun() {
    let told = Wire::new();
    with_server(
        |server| {
            let told = Arc::clone(&told);
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                let stream = ctx.open_stream()?;
                let error = (0..).find_map(|item: u32| stream.send(&item).err());
                told.tell(error.clone());
                Err::<(), Error>(error.unwrap())
            })
        },
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let _stream = ctx.open_stream().unwrap();
            // Nothing is received until the sender was told.
            assert_eq!(remote::<()>(Err(told.hear().unwrap())).msg.src_type_str, "StreamOverrun");
            assert_eq!(remote(ctx.wait()).msg.src_type_str, "StreamOverrun");
            assert!(ctx.counters().overruns > 0);
        },
    );
}

/// Sends `items` large ones while receiving as many.
fn flood(stream: &MsgStream<'_>, items: usize) -> Result<usize, Error> {
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let item = "x".repeat(100_000);
            (0..items).try_for_each(|_| stream.feed(&item))
        });
        let mut received = 0;
        while received < items && stream.receive::<String>()?.is_some() {
            received += 1;
        }
        sending.join().unwrap()?;
        Ok(received)
    })
}

#[test]
fn reading_goes_on_while_writing_stalls() {
    let mut config = Config::default();
    config.overrun = OverrunPolicy::Buffer(usize::MAX);
    config.inbox_bytes = usize::MAX;
    let flooded = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        flood(&ctx.open_stream()?, 100)
    };
    let build = || {
        let server = Actor::builder(Profile::new("server").config(config.clone())).context(PATH, flooded);
        (server, Actor::builder(Profile::new("client").config(config.clone())))
    };
    on_each_transport(build, |pair| {
        let (received, ending) = pair
            .portal
            .open_context(PATH, &NoArgs {}, |ctx, (): ()| flood(&ctx.open_stream()?, 100))
            .unwrap();
        assert_eq!((received, ending.returned()), (100, Ok(100_usize)));
    });
}

#[test]
fn a_full_outbox_is_waited_for() {
    let mut config = Config::default();
    config.overrun = OverrunPolicy::Buffer(usize::MAX);
    let counts = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        Ok::<_, Error>(ctx.open_stream()?.items::<String>().filter_map(Result::ok).count())
    };
    let build = || {
        let mut narrow = Config::default();
        narrow.outbox_bytes = 1000;
        let server = Actor::builder(Profile::new("server").config(config.clone())).context(PATH, counts);
        (server, Actor::builder(Profile::new("client").config(narrow)))
    };
    on_each_transport(build, |pair| {
        let ((), ending) = pair
            .portal
            .open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                let (stream, item) = (ctx.open_stream()?, "x".repeat(700));
                (0..1000).try_for_each(|_| stream.feed(&item))
            })
            .unwrap();
        assert_eq!(ending.returned(), Ok(1000_usize));
    });
}

#[test]
fn paused_reading_goes_on_when_items_are_received() {
    let mut config = Config::default();
    config.overrun = OverrunPolicy::Pause;
    let count = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        let stream = ctx.open_stream()?;
        (0..20_000).try_for_each(|item: u32| stream.feed(&item))
    };
    let build = || {
        let client = Actor::builder(Profile::new("client").config(config.clone()));
        (Actor::builder("server").context(PATH, count), client)
    };
    on_each_transport(build, |pair| {
        let (received, _) = pair
            .portal
            .open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                ctx.open_stream()?.items::<u32>().collect::<Result<Vec<_>, _>>()
            })
            .unwrap();
        assert!(received.iter().copied().eq(0..20_000), "{} items", received.len());
    });
}

#[test]
fn the_first_stop_ends_the_stream_for_both() {
    let told = Wire::new();
    with_server(
        |server| {
            let told = Arc::clone(&told);
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                let stream = ctx.open_stream()?;
                assert_eq!(stream.receive::<u32>()?, None);
                told.tell(stream.send(&1));
                Ok::<(), Error>(())
            })
        },
        |pair| {
            pair.portal
                .open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                    let stream = ctx.open_stream()?;
                    stream.stop()?;
                    assert_eq!(stream.send(&1), Err(Error::StreamEnded));
                    Ok::<(), Error>(())
                })
                .unwrap();
            assert_eq!(told.hear(), Err(Error::StreamEnded));
        },
    );
}

#[test]
fn stopping_wakes_a_receiver_in_another_thread() {
    let waits = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        ctx.open_stream()?.receive::<u32>()
    };
    with_server(
        |server| server.context(PATH, waits),
        |pair| {
            pair.portal
                .open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                    let stream = ctx.open_stream()?;
                    thread::scope(|scope| {
                        let receiving = scope.spawn(|| stream.receive::<u32>());
                        stream.stop()?;
                        assert_eq!(receiving.join().unwrap(), Ok(None));
                        Ok::<(), Error>(())
                    })
                })
                .unwrap();
        },
    );
}
