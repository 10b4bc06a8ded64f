//! Every public future, dropped at each of its polls: the connection stays sound, no frame is cut, no waiter
//! is forgotten, and nothing is lost but what is documented as lost.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use scipp_smol::proto::{CloseReason, RuntimeEndpoint};
use scipp_smol::{Actor, ConnectError, Ending, Error, Incoming, NoArgs, Portal};

use crate::pipe::pipe;
use crate::pool::Flag;
use crate::suite::wire::Dir;
use crate::world::{ADD, Add, COLLECT, COUNT, DropAt, ECHO, FEED, ITEMS, NAP, World};

/// Polls of a future that never ends by itself.
const LONG: usize = 40;

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// `future`, if it is ready at one of its first `polls` polls; else it is dropped.
pub(crate) async fn dropped_at<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs a future of `make` in a new world for each poll of its life, and drops it there; at last runs it to
/// its end. `check` looks at the world after it, with how many polls there were and the result.
fn drop_whole<T>(
    name: &str,
    make: impl Fn(&World) -> Boxed<T>,
    check: impl Fn(&mut World, usize, Option<T>),
) {
    let mut covered = 0;
    for polls in 0.. {
        let mut world = World::new();
        let (future, flag) = (make(&world), Flag::raised());
        let mut future = Box::pin(dropped_at(polls, future));
        let waker = Waker::from(Arc::clone(&flag));
        // It is polled in every round, woken or not, and so dropped between any two moves of the others.
        let result = loop {
            if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                break result;
            }
            world.pool.round();
        };
        drop(future);
        let is_done = result.is_some();
        check(&mut world, polls, result);
        covered += 1;
        if is_done {
            break;
        }
        assert!(polls < 10_000, "{name} never ends");
        if name.starts_with("endless") && polls == LONG {
            break;
        }
    }
    println!("{name}: dropped at {covered} polls");
}

/// As [`drop_whole`], for what leaves nothing behind.
fn drop_cleanly<T>(name: &str, make: impl Fn(&World) -> Boxed<T>) {
    drop_whole(name, make, |world, _, _| world.assert_sound());
}

/// Runs a future of `make` in a new world to its end, in which it drops other futures at the given poll.
fn drop_parts(name: &str, make: impl Fn(Portal, usize) -> Boxed<()>) {
    for polls in 0..LONG {
        let mut world = World::new();
        let future = make(world.portal.clone(), polls);
        world.pool.run_until(future);
        world.assert_sound();
    }
    println!("{name}: dropped at {LONG} polls");
}

#[test]
fn a_call_is_cancelled() {
    drop_cleanly("call", |world| {
        let portal = world.portal.clone();
        Box::pin(async move { portal.call::<_, u32>(ADD, &Add { a: 1, b: 2 }).await })
    });
    drop_cleanly("endless call", |world| {
        let portal = world.portal.clone();
        Box::pin(async move { portal.call::<_, ()>(NAP, &NoArgs {}).await })
    });
}

#[test]
fn a_request_is_cancelled() {
    drop_cleanly("request", |world| {
        let portal = world.portal.clone();
        let args = Add { a: 7, b: 0 };
        Box::pin(async move { portal.request::<_, u32>(RuntimeEndpoint::FindActor, &args).await })
    });
}

#[test]
fn a_context_is_cancelled() {
    drop_cleanly("start_context", |world| {
        let portal = world.portal.clone();
        Box::pin(async move { portal.start_context::<_, ()>(ECHO, &NoArgs {}).await.map(drop) })
    });
    drop_cleanly("open_context", |world| {
        let portal = world.portal.clone();
        Box::pin(async move {
            let body = async |ctx: &scipp_smol::Context, (): ()| {
                let stream = ctx.open_stream()?;
                for item in 0..3 {
                    stream.send(&item).await?;
                    assert_eq!(stream.receive::<u32>().await?, Some(item));
                }
                Ok::<_, Error>(())
            };
            portal.open_context(ECHO, &NoArgs {}, body).await.map(drop)
        })
    });
    drop_cleanly("supervise", |world| {
        let portal = world.portal.clone();
        Box::pin(async move {
            let (ctx, ()) = portal.start_context::<_, ()>(ECHO, &NoArgs {}).await?;
            let body = async {
                let subscriptions = ctx.open_stream()?;
                let [one, other] = [subscriptions.subscribe()?, subscriptions.subscribe()?];
                one.send(&1).await?;
                assert_eq!(other.receive::<u32>().await?, one.receive().await?);
                Err::<(), _>(Error::StreamEnded)
            };
            let left = ctx.supervise(body).await;
            assert_eq!(left, Err(Error::StreamEnded));
            assert!(ctx.outcome().is_some(), "the stream ended first, or the task was cancelled");
            left
        })
    });
    drop_cleanly("open_context of a body that fails", |world| {
        let portal = world.portal.clone();
        Box::pin(async move {
            let body = async |_: &scipp_smol::Context, (): ()| Err::<(), _>(Error::StreamEnded);
            portal.open_context(ECHO, &NoArgs {}, body).await.map(drop)
        })
    });
}

#[test]
fn a_generator_is_cancelled() {
    drop_cleanly("items", |world| {
        let portal = world.portal.clone();
        Box::pin(async move {
            let items = portal.iterate::<_, u32>(COUNT, &DropAt { poll: usize::MAX }).unwrap();
            items.collect::<Vec<_>>().await
        })
    });
}

#[test]
fn no_item_is_lost_by_receiving() {
    drop_parts("receive", |portal, polls| {
        Box::pin(async move {
            let body = async |ctx: &scipp_smol::Context, (): ()| {
                let (stream, mut received) = (ctx.open_stream()?, Vec::new());
                loop {
                    let item = match dropped_at(polls, stream.receive::<u32>()).await {
                        Some(item) => item?,
                        None => stream.receive().await?,
                    };
                    let Some(item) = item else { break };
                    received.push(item);
                }
                Ok::<_, Error>(received)
            };
            let (received, ending) = portal.open_context(FEED, &NoArgs {}, body).await.unwrap();
            assert!(received.into_iter().eq(0..ITEMS));
            assert!(matches!(ending, Ending::Returned(_)));
        })
    });
    drop_parts("items of a stream", |portal, polls| {
        Box::pin(async move {
            let body = async |ctx: &scipp_smol::Context, (): ()| {
                let stream = ctx.open_stream()?;
                let (mut items, mut received) = (stream.items::<u32>(), Vec::new());
                while received.len() < ITEMS as usize {
                    if let Some(item) = dropped_at(polls, items.next()).await {
                        received.push(item.unwrap()?);
                    } else {
                        received.push(items.next().await.unwrap()?);
                    }
                }
                Ok::<_, Error>(received)
            };
            let (received, _) = portal.open_context(FEED, &NoArgs {}, body).await.unwrap();
            assert!(received.into_iter().eq(0..ITEMS));
        })
    });
    drop_parts("items of a generator, and sends of its body", |portal, polls| {
        Box::pin(async move {
            let mut items = portal.iterate::<_, u32>(COUNT, &DropAt { poll: polls }).unwrap();
            let mut received = Vec::new();
            loop {
                let item = match dropped_at(polls, items.next()).await {
                    Some(item) => item,
                    None => items.next().await,
                };
                let Some(item) = item else { break };
                received.push(item.unwrap());
            }
            received.sort_unstable();
            assert!(received.into_iter().eq(0..ITEMS));
        })
    });
}

#[test]
fn whoever_else_reads_is_served_when_a_subscription_is_dropped() {
    drop_parts("receive of a subscription", |portal, polls| {
        Box::pin(async move {
            let body = async |ctx: &scipp_smol::Context, (): ()| {
                let stream = ctx.open_stream()?;
                let (hasty, patient) = (stream.subscribe()?, stream.subscribe()?);
                let hurry = async {
                    let mut received = Vec::new();
                    while received.len() < ITEMS as usize {
                        let item: Option<u32> = match dropped_at(polls, hasty.receive()).await {
                            Some(item) => item?,
                            None => hasty.receive().await?,
                        };
                        received.extend(item);
                    }
                    Ok(received)
                };
                together([Box::pin(hurry), collected(patient.items()), collected(stream.items())]).await
            };
            let (received, _) = portal.open_context(FEED, &NoArgs {}, body).await.unwrap();
            assert_eq!(received.len(), 3);
            received.into_iter().for_each(|items| assert!(items.into_iter().eq(0..ITEMS)));
        })
    });
    // Whoever waits first is gone after some polls, whatever it was waiting for.
    drop_parts("a subscription and its items", |portal, polls| {
        Box::pin(async move {
            let body = async |ctx: &scipp_smol::Context, (): ()| {
                let stream = ctx.open_stream()?;
                let (first, second) = (stream.subscribe()?, stream.subscribe()?);
                let fleeting = async move {
                    let gone = dropped_at(polls, collected(first.items())).await;
                    gone.unwrap_or_else(|| Ok((0..ITEMS).collect()))
                };
                let received = together([Box::pin(fleeting), collected(second.items())]).await?;
                assert_eq!(second.lost(), 0);
                Ok::<_, Error>(received)
            };
            let (received, _) = portal.open_context(FEED, &NoArgs {}, body).await.unwrap();
            assert_eq!(received.len(), 2);
            received.into_iter().for_each(|items| assert!(items.into_iter().eq(0..ITEMS)));
        })
    });
}

type Reading<'a> = Pin<Box<dyn Future<Output = Result<Vec<u32>, Error>> + 'a>>;

/// All items, until the stream ends.
fn collected(items: Incoming<'_, u32>) -> Reading<'_> {
    Box::pin(items.try_collect())
}

/// Runs all of them, each woken for itself.
async fn together<const N: usize>(readings: [Reading<'_>; N]) -> Result<Vec<Vec<u32>>, Error> {
    FuturesUnordered::from_iter(readings).try_collect().await
}

#[test]
fn what_was_not_sent_is_not_sent() {
    drop_parts("send", |portal, polls| {
        Box::pin(async move {
            let body = async |ctx: &scipp_smol::Context, (): ()| {
                let (stream, mut sent) = (ctx.open_stream()?, Vec::new());
                for item in 0..ITEMS {
                    if let Some(done) = dropped_at(polls, stream.send(&item)).await {
                        done?;
                        sent.push(item);
                    }
                }
                Ok::<_, Error>(sent)
            };
            let (sent, ending) = portal.open_context(COLLECT, &NoArgs {}, body).await.unwrap();
            assert_eq!(ending.returned::<Vec<u32>>(), Ok(sent));
        })
    });
    drop_parts("flush", |portal, polls| {
        Box::pin(async move {
            let body = async |ctx: &scipp_smol::Context, (): ()| {
                let stream = ctx.open_stream()?;
                for item in 0..ITEMS {
                    stream.send(&item).await?;
                    let _dropped = dropped_at(polls, stream.flush()).await;
                }
                stream.flush().await
            };
            let ((), ending) = portal.open_context(COLLECT, &NoArgs {}, body).await.unwrap();
            assert_eq!(ending.returned::<Vec<u32>>(), Ok((0..ITEMS).collect()));
        })
    });
    // A sink may hold an item when `send` is dropped; it goes with the next.
    drop_parts("send to a sink", |portal, polls| {
        Box::pin(async move {
            let body = async |ctx: &scipp_smol::Context, (): ()| {
                let stream = ctx.open_stream()?;
                let mut sink = stream.sink();
                for item in 0..ITEMS {
                    let _dropped = dropped_at(polls.max(1), sink.feed(item)).await;
                }
                sink.close().await
            };
            let ((), ending) = portal.open_context(COLLECT, &NoArgs {}, body).await.unwrap();
            let received = ending.returned::<Vec<u32>>().unwrap();
            assert!(received.is_sorted_by(|a, b| a < b), "{received:?}");
        })
    });
}

#[test]
fn waiting_can_be_done_again() {
    drop_parts("wait", |portal, polls| {
        Box::pin(async move {
            let (ctx, ()) = portal.start_context::<_, ()>(COLLECT, &NoArgs {}).await.unwrap();
            drop(ctx.open_stream().unwrap());
            let _dropped = dropped_at(polls, ctx.wait()).await;
            for _ in 0..2 {
                assert!(matches!(ctx.wait().await, Ok(Ending::Returned(_))));
            }
        })
    });
    drop_cleanly("endless wait for the end of the connection", |world| {
        let portal = world.portal.clone();
        Box::pin(async move { portal.closed().await })
    });
}

#[test]
fn cancelling_an_actor_and_closing_happen_all_the_same() {
    let cancel_actor = |world: &World| -> Boxed<_> {
        let portal = world.portal.clone();
        Box::pin(async move { portal.cancel_actor().await })
    };
    drop_whole("cancel_actor", cancel_actor, |world, polls, result| {
        if polls == 0 {
            return world.assert_sound();
        }
        assert!(result.is_none_or(|result| result.is_ok()));
        let ended = world.bystander();
        assert!(matches!(&ended, Err(Error::Remote(error)) if error.canceller().is_some()), "{ended:?}");
        let portal = world.portal.clone();
        assert_eq!(world.pool.run_until(portal.close()), CloseReason::Local);
        world.assert_over();
        world.assert_whole();
    });
    let close = |world: &World| -> Boxed<_> {
        let portal = world.portal.clone();
        Box::pin(async move { portal.close().await })
    };
    drop_whole("close", close, |world, polls, _| {
        if polls == 0 {
            return world.assert_sound();
        }
        assert!(matches!(world.bystander(), Err(Error::Cancelled { .. }) | Ok(Ending::Cancelled { .. })));
        world.assert_over();
        world.assert_whole();
    });
}

#[test]
fn a_connection_that_is_not_wanted_any_more_is_gone() {
    let connect = |world: &World| -> Boxed<_> {
        let (client, server) = (world.client.clone(), world.server.clone());
        Box::pin(async move {
            let ([near, far], _) = pipe();
            let (_, accepted) = server.accept_over(far).unwrap();
            let connecting = async move { client.connect_over(near).await.map(drop) };
            // Dropping the driver of a connection that is established cuts it.
            let (connected, reason) = futures_util::future::join(connecting, accepted).await;
            assert!(connected.is_ok());
            reason
        })
    };
    drop_whole("connect_over, accept_over", connect, |world, _, reason| {
        assert_eq!(world.client.portals().len(), 1);
        assert_eq!(world.server.portals().len(), 1);
        assert!(reason.is_none_or(|reason| reason == CloseReason::Eof), "a frame was cut");
        world.assert_sound();
    });
}

#[test]
fn running_can_be_gone_on_with() {
    for polls in 0..LONG {
        let (mut world, mut driver) = World::with_driver();
        let portal = world.portal.clone();
        let run = driver.run_until(async move { portal.call::<_, u32>(ADD, &Add { a: 1, b: 2 }).await });
        let result = world.pool.run_until(dropped_at(polls, run));
        assert!(result.is_none_or(|sum| sum == Ok(3)));
        world.drive(0, driver);
        world.watch();
        world.assert_sound();
    }
    println!("run_until: dropped at {LONG} polls");
}

#[test]
fn without_its_driver_a_connection_is_lost_and_everybody_knows() {
    for polls in 0..LONG {
        let (mut world, driver) = World::with_driver();
        let portal = world.portal.clone();
        let mut driver = Box::pin(dropped_at(polls, driver));
        world.pool.spawn(poll_fn(move |cx| {
            // Polled in every round, woken or not.
            cx.waker().wake_by_ref();
            driver.as_mut().poll(cx).map(drop)
        }));
        let nap = world.pool.run_until(portal.call::<_, ()>(NAP, &NoArgs {}));
        assert!(matches!(nap, Err(Error::Disconnected(_) | Error::Open(_))), "{nap:?}");
        assert!(world.portal.close_reason().is_some());
        assert!(world.client.portals().is_empty());
        *world.ends[0].borrow_mut() = Some(CloseReason::Local);
        world.assert_over();
    }
    println!("driver: dropped at {LONG} polls");
}

#[test]
fn a_listener_whose_futures_are_dropped_goes_on() {
    let dir = Dir::new();
    for polls in 1..=LONG {
        let server =
            Actor::builder("server").function(ADD, async |args: Add| Ok::<_, Error>(args.a + args.b));
        let listener = server.build().listen_unix(dir.join("socket")).unwrap();
        let call = |path| async move {
            let (portal, mut driver) = Actor::builder("client").build().connect_unix(path).await?;
            let call = async move { portal.call::<_, u32>(ADD, &Add { a: 1, b: 2 }).await };
            Ok::<_, ConnectError>(driver.run_until(call).await)
        };
        // The client is on another thread, and waits to be accepted whatever is dropped here.
        let calling = smol::spawn(call(dir.join("socket")));
        let reason = smol::block_on(async {
            let driver = loop {
                if let Some(accepted) = dropped_at(polls, listener.accept()).await {
                    break accepted.expect("it was not stopped").1;
                }
            };
            driver.await
        });
        assert_eq!(reason, CloseReason::Eof);
        assert_eq!(smol::block_on(calling).unwrap(), Ok(3));
        // What `serve` drives is dropped with it, and the next one serves on.
        let mut lost = smol::spawn(call(dir.join("socket")));
        let early = smol::block_on(async {
            match select(pin!(dropped_at(polls, listener.serve())), &mut lost).await {
                Either::Left(_dropped) => None,
                Either::Right((result, _)) => Some(result),
            }
        });
        let again = smol::spawn(call(dir.join("socket")));
        let serving = smol::spawn({
            let listener = listener.clone();
            async move { listener.serve().await }
        });
        assert_eq!(smol::block_on(again).unwrap(), Ok(3));
        match early.unwrap_or_else(|| smol::block_on(lost)) {
            Ok(result) => assert!(matches!(result, Ok(3) | Err(Error::Disconnected(_))), "{result:?}"),
            Err(error) => assert!(matches!(error, ConnectError::Handshake(_)), "{error}"),
        }
        listener.stop();
        smol::block_on(serving);
    }
    println!("accept, serve: dropped at {LONG} polls");
}
