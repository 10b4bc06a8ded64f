//! Several readers of one stream. The numbers are those of the scenarios that the tests play.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crate::driver::proto::OverrunPolicy;
use crate::driver::{Actor, ActorBuilder, ChildContext, Context, Error, MsgStream, NoArgs, TaskError};

use super::rig::{Pair, on_each_transport, remote, with_server};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "count");

/// Sends as many items as it is told to, whenever it is; then returns.
fn count(ctx: &ChildContext) -> Result<(), Error> {
    ctx.started(&())?;
    let (stream, mut next) = (ctx.open_stream()?, 0);
    while let Some(items) = stream.receive::<u32>()? {
        (next..next + items).try_for_each(|item| stream.feed(&item))?;
        next += items;
    }
    Ok(())
}

fn counting(server: ActorBuilder) -> ActorBuilder {
    server.context(PATH, |ctx: ChildContext, _: NoArgs| count(&ctx))
}

/// Runs `body` beside a task that counts.
fn with_counting(body: impl Fn(&MsgStream<'_>)) {
    with_server(counting, |pair| beside(pair, &body));
}

fn beside(pair: &Pair, body: impl Fn(&MsgStream<'_>)) {
    let wide = pair.portal.with_inbox(1000, OverrunPolicy::Reject);
    let run = |ctx: &Context, (): ()| {
        body(&ctx.open_stream()?);
        Ok::<_, Error>(())
    };
    wide.open_context(PATH, &NoArgs {}, run).unwrap();
}

/// The next `items` items.
fn received(items: usize, receive: impl Fn() -> Result<Option<u32>, Error>) -> Vec<Result<u32, Error>> {
    (0..items).map(|_| receive().map(|item| item.expect("the stream goes on"))).collect()
}

fn counted(items: impl IntoIterator<Item = u32>) -> Vec<Result<u32, Error>> {
    items.into_iter().map(Ok).collect()
}

#[test]
fn s155_ten_subscribers_each_get_a_thousand_items() {
    with_counting(|stream| {
        let subscriptions: Vec<_> = (0..10).map(|_| stream.subscribe().unwrap()).collect();
        thread::scope(|scope| {
            let reading: Vec<_> = (subscriptions.iter())
                .map(|subscription| scope.spawn(|| received(1000, || subscription.receive())))
                .collect();
            // On any of the handles.
            subscriptions[3].send(&1000).unwrap();
            assert_eq!(received(1000, || stream.receive()), counted(0..1000));
            for reading in reading {
                assert_eq!(reading.join().unwrap(), counted(0..1000));
            }
        });
    });
}

#[test]
fn s156_the_slower_of_two_lags_and_the_faster_does_not() {
    with_counting(|stream| {
        let subscription = stream.subscribe_within(3).unwrap();
        stream.send(&20).unwrap();
        assert_eq!(received(10, || stream.receive()), counted(0..10));
        assert_eq!(subscription.receive::<u32>(), Err(Error::Lagged(7)));
        assert_eq!(received(13, || subscription.receive()), counted(7..20));
        assert_eq!(stream.receive::<u32>(), Err(Error::Lagged(7)), "items 10 to 16");
        assert_eq!(received(3, || stream.receive()), counted(17..20));
        assert_eq!(subscription.lost(), 7);
    });
}

#[test]
fn s157_who_gives_up_waiting_leaves_it_to_the_others() {
    with_counting(|stream| {
        let [hasty, patient] = [(); 2].map(|()| stream.subscribe().unwrap());
        for item in 0..20 {
            hasty.set_timeout(Some(Duration::from_millis(1)));
            thread::scope(|scope| {
                let giving_up = scope.spawn(|| hasty.receive::<u32>());
                let waiting = scope.spawn(|| patient.receive::<u32>());
                assert_eq!(giving_up.join().unwrap(), Err(Error::TimedOut));
                stream.send(&1).unwrap();
                assert_eq!(waiting.join().unwrap(), Ok(Some(item)));
            });
            hasty.set_timeout(None);
            assert_eq!(hasty.receive(), Ok(Some(item)), "it was received for it as well");
        }
    });
}

#[test]
fn s158_who_subscribes_after_the_end_is_told_and_leaves_nothing_behind() {
    with_counting(|stream| {
        let untouched = format!("{stream:?}");
        drop(stream.subscribe().unwrap());
        assert_eq!(format!("{stream:?}"), untouched);
        stream.stop().unwrap();
        assert_eq!(stream.subscribe().err(), Some(Error::StreamEnded));
        assert_eq!(format!("{stream:?}"), untouched);
        assert_eq!(stream.receive::<u32>(), Ok(None));
    });
}

#[test]
fn s159_each_laggard_is_told_its_own_loss_and_goes_on_at_the_oldest() {
    with_counting(|stream| {
        let [fast, slow, slower, slowest] = [(); 4].map(|()| stream.subscribe_within(4).unwrap());
        stream.send(&10).unwrap();
        assert_eq!(received(1, || slower.receive()), counted(0..1));
        assert_eq!(received(3, || slow.receive()), counted(0..3));
        assert_eq!(received(10, || fast.receive()), counted(0..10));
        for (laggard, lost) in [(slow, 3), (slower, 5), (slowest, 6)] {
            assert_eq!(laggard.receive::<u32>(), Err(Error::Lagged(lost)));
            assert_eq!(received(4, || laggard.receive()), counted(6..10));
            assert_eq!(laggard.lost(), lost);
        }
        assert_eq!(fast.lost(), 0);
    });
}

#[test]
fn s160_the_others_go_on_without_the_first_receiver() {
    with_counting(|stream| {
        let first = stream.subscribe().unwrap();
        first.set_timeout(Some(Duration::from_millis(1)));
        assert_eq!(first.receive::<u32>(), Err(Error::TimedOut));
        let others = [(); 3].map(|()| stream.subscribe().unwrap());
        stream.send(&10).unwrap();
        assert_eq!(received(2, || others[0].receive()), counted(0..2));
        drop(first);
        for (other, read) in others.iter().zip([2, 0, 0]) {
            assert_eq!(received(10 - read as usize, || other.receive()), counted(read..10));
        }
    });
}

#[test]
fn s161_who_does_not_mind_lagging_is_not_told() {
    with_counting(|stream| {
        let fast = stream.subscribe_within(4).unwrap();
        let slow = stream.subscribe().unwrap().quiet();
        // The largest window counts: that of the inbox.
        for items in [0..1000, 1000..1010] {
            stream.send(&(items.len() as u32)).unwrap();
            assert_eq!(received(items.len(), || fast.receive()), counted(items));
        }
        assert_eq!(received(1000, || slow.receive()), counted(10..1010));
        assert_eq!((fast.lost(), slow.lost()), (0, 10));
    });
}

#[test]
fn s162_one_stream_serves_all_threads_of_an_actor() {
    let build = || (counting(Actor::builder("server")), Actor::builder("client"));
    on_each_transport(build, |pair| {
        // Whoever comes first opens it for all; were it opened twice, that would be an error.
        let (context, stream) = (OnceLock::new(), OnceLock::new());
        let ready = std::sync::Barrier::new(4);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let open = || pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
                        let (ctx, ()) = context.get_or_init(open);
                        let stream = stream.get_or_init(|| ctx.open_stream().unwrap());
                        let subscription = stream.subscribe().unwrap();
                        if ready.wait().is_leader() {
                            subscription.send(&50).unwrap();
                        }
                        received(50, || subscription.receive())
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), counted(0..50)));
        });
    });
}

#[test]
fn the_end_and_errors_come_to_each_reader_after_what_was_received_for_it() {
    for is_lost in [false, true] {
        let go = Wire::new();
        let server = |server: ActorBuilder| {
            let go = Arc::clone(&go);
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                let stream = ctx.open_stream()?;
                (0..3_u32).try_for_each(|item| stream.send(&item))?;
                go.hear();
                if is_lost {
                    ctx.portal().abort();
                }
                Err::<(), _>(TaskError::new("ValueError", "no more"))
            })
        };
        with_server(server, |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let stream = ctx.open_stream().unwrap();
            let [early, late] = [(); 2].map(|()| stream.subscribe().unwrap());
            assert_eq!(received(3, || early.receive()), counted(0..3));
            go.tell(());
            let error = ctx.wait().unwrap_err();
            match is_lost {
                true => assert!(matches!(error, Error::Disconnected(_)), "{error}"),
                false => assert_eq!(remote::<()>(Err(error.clone())).msg.tb_str, "no more"),
            }
            assert_eq!(received(3, || late.receive()), counted(0..3));
            assert_eq!(received(3, || stream.receive()), counted(0..3));
            for _ in 0..2 {
                assert_eq!(early.receive::<u32>(), Err(error.clone()));
                assert_eq!(late.receive::<u32>(), Err(error.clone()));
                assert_eq!(stream.receive::<u32>(), Err(error.clone()));
            }
            assert_eq!(stream.subscribe().err(), Some(error));
        });
    }
}

#[test]
fn what_is_unread_at_the_end_can_still_be_subscribed_to() {
    let counts = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        let stream = ctx.open_stream()?;
        (0..3_u32).try_for_each(|item| stream.send(&item))
    };
    with_server(
        |server| server.context(PATH, counts),
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            ctx.wait().unwrap();
            let stream = ctx.open_stream().unwrap();
            let subscription = stream.subscribe().unwrap();
            let all: Vec<_> = subscription.items::<u32>().collect();
            assert_eq!(all, counted(0..3));
            assert_eq!(stream.subscribe().err(), Some(Error::StreamEnded));
            assert_eq!(stream.items::<u32>().collect::<Vec<_>>(), counted(0..3));
        },
    );
}

#[test]
fn after_the_last_subscription_the_stream_is_as_before() {
    with_counting(|stream| {
        let untouched = format!("{stream:?}");
        let subscription = stream.subscribe_within(2).unwrap();
        stream.send(&5).unwrap();
        assert_eq!(received(4, || subscription.receive()), counted(0..4));
        drop(subscription);
        assert_eq!(stream.receive::<u32>(), Err(Error::Lagged(2)), "it was the slower one");
        assert_eq!(received(3, || stream.receive()), counted(2..5));
        stream.send(&5).unwrap();
        assert_eq!(received(5, || stream.receive()), counted(5..10));
        assert_eq!(format!("{stream:?}"), untouched);
        let again = stream.subscribe().unwrap();
        stream.send(&1).unwrap();
        assert_eq!(again.receive(), Ok(Some(10)), "from now on");
    });
}

#[test]
fn stopping_wakes_every_reader() {
    with_counting(|stream| {
        let subscriptions = [(); 3].map(|()| stream.subscribe().unwrap());
        thread::scope(|scope| {
            let reading = subscriptions.each_ref().map(|one| scope.spawn(|| one.receive::<u32>()));
            stream.stop().unwrap();
            reading.into_iter().for_each(|reading| assert_eq!(reading.join().unwrap(), Ok(None)));
        });
    });
}

#[test]
fn the_peer_sees_nothing_of_it() {
    let frames = |subscribers: usize| {
        let seen = Wire::new();
        with_server(counting, |pair| {
            beside(pair, |stream| {
                let subscriptions: Vec<_> = (0..subscribers).map(|_| stream.subscribe().unwrap()).collect();
                stream.send(&30).unwrap();
                assert_eq!(received(30, || stream.receive()), counted(0..30));
                for subscription in subscriptions {
                    assert_eq!(received(30, || subscription.receive()), counted(0..30));
                }
            });
            let counters = pair.portal.counters();
            seen.tell((counters.frames_in, counters.frames_out));
        });
        [seen.hear(), seen.hear()]
    };
    assert_eq!(frames(0), frames(3));
}
