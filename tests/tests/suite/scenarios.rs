//! Scenarios of `spec/scenarios.md` that are about sockets, processes or several actors, by their numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::driver::proto::{CloseReason, Config, OpenError, OverrunPolicy};
use crate::driver::{
    Actor, ActorBuilder, ChildContext, Context, Ending, Error, NoArgs, Portal, Profile, TaskError, Yielder,
};

use super::cancels::waits;
use super::rig::{
    Behind, Pair, assert_cancelled, behind, cancelled_by, connect, dial, on_each_transport, remote, uid,
    until_told, with_server,
};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "task");
const ITEMS: (&str, &str) = ("app", "items");

/// An actor that keeps what it has not read yet, however much that is.
fn patient(name: &str) -> ActorBuilder {
    let mut config = Config::default();
    (config.overrun, config.inbox_bytes) = (OverrunPolicy::Buffer(usize::MAX), usize::MAX);
    Actor::builder(Profile::new(name).config(config))
}

#[test]
fn s011_a_dialog_with_oneself() {
    with_server(
        |server| server,
        |pair| {
            let portal = dial(&pair.server, &pair.listener);
            let called = portal.call::<_, ()>(PATH, &NoArgs {});
            assert_eq!(called, Err(Error::Open(OpenError::OwnActor)));
            portal.close();
        },
    );
}

#[test]
fn s025_the_block_lasts_as_long_as_the_task() {
    let (left, go, over) = (Wire::new(), Wire::new(), Arc::new(AtomicBool::new(false)));
    let server = |server: ActorBuilder| {
        let (go, over) = (Arc::clone(&go), Arc::clone(&over));
        server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let stream = ctx.open_stream()?;
            // The parent may have left its stream before all is sent.
            let _all_sent = (0..5).try_for_each(|item: u32| stream.send(&item));
            go.hear();
            over.store(true, Ordering::Release);
            Ok::<(), Error>(())
        })
    };
    with_server(server, |pair| {
        over.store(false, Ordering::Release);
        thread::scope(|scope| {
            scope.spawn(|| {
                left.hear();
                go.tell(());
            });
            let body = |ctx: &Context, (): ()| {
                ctx.open_stream()?.stop()?;
                left.tell(());
                Ok::<(), Error>(())
            };
            let ((), ending) = pair.portal.open_context(PATH, &NoArgs {}, body).unwrap();
            assert!(over.load(Ordering::Acquire));
            assert_eq!(ending.returned(), Ok(()));
        });
    });
}

/// A generator without end, which tells how it ended.
fn endless(
    told: &Arc<Wire<Error>>,
) -> impl Fn(NoArgs, Yielder) -> Result<(), Error> + Clone + Send + Sync + use<> {
    let told = Arc::clone(told);
    move |_, out| {
        let error = (0..).find_map(|item: u32| out.send(&item).err()).unwrap();
        told.tell(error.clone());
        Err(error)
    }
}

#[test]
fn s029_a_failing_body_ends_a_context_and_a_generator() {
    let told = Wire::new();
    let build = || {
        let server = Actor::builder("server").context(PATH, waits(&told)).generator(ITEMS, endless(&told));
        (server, patient("client"))
    };
    on_each_transport(build, |pair| {
        let result = pair.portal.open_context(PATH, &NoArgs {}, |_, (): ()| {
            let mut items = pair.portal.iterate::<_, u32>(ITEMS, &NoArgs {})?;
            assert_eq!(items.next(), Some(Ok(0)));
            Err::<(), _>(TaskError::new("KeyboardInterrupt", ""))
        });
        assert_eq!(result, Err(TaskError::new("KeyboardInterrupt", "")));
        for _ in 0..2 {
            assert_eq!(told.hear(), cancelled_by(uid(&pair.client)));
        }
    });
}

/// The numbers up to 500, twice: by a generator in the middle that asks two actors behind it.
fn gathering(behind_it: &Behind) -> impl Fn(NoArgs, Yielder) -> Result<(), Error> + Send + Sync + use<> {
    let behind_it = Arc::clone(behind_it);
    move |_, out| {
        let portals = behind_it.lock().unwrap().clone();
        for portal in portals {
            for item in portal.iterate::<_, u32>(ITEMS, &NoArgs {})? {
                out.send(&item?)?;
            }
        }
        Ok(())
    }
}

/// An actor in the middle with connections to two others that run `leaf`.
fn gathered(
    leaf: impl Fn(NoArgs, Yielder) -> Result<(), Error> + Clone + Send + Sync + 'static,
    test: impl Fn(&Portal),
) {
    with_server(
        |server| server.generator(ITEMS, leaf.clone()),
        |leaf| {
            let behind_it = Behind::default();
            let build = || (patient("server").generator(PATH, gathering(&behind_it)), patient("client"));
            on_each_transport(build, |pair| {
                let portals = [(); 2].map(|()| connect(&pair.server, &leaf.listener));
                *behind_it.lock().unwrap() = portals.to_vec();
                test(&pair.portal);
                for portal in std::mem::take(&mut *behind_it.lock().unwrap()) {
                    portal.close();
                }
            });
        },
    );
}

#[test]
fn s047_generators_gather_generators() {
    let leaf = |_: NoArgs, out: Yielder| (0..500).try_for_each(|item: u32| out.feed(&item));
    gathered(leaf, |portal| {
        let items: Vec<u32> =
            portal.iterate(PATH, &NoArgs {}).unwrap().collect::<Result<_, Error>>().unwrap();
        assert!(items.iter().copied().eq((0..500).chain(0..500)), "{} items", items.len());
    });
}

#[test]
fn s048_gathered_generators_are_left_halfway() {
    let told = Wire::new();
    gathered(endless(&told), |portal| {
        for count in [1, 10, 300] {
            let items = portal.iterate::<_, u32>(PATH, &NoArgs {}).unwrap();
            assert_eq!(items.take(count).filter(Result::is_ok).count(), count);
            assert!(matches!(told.hear(), Error::Cancelled { .. }));
        }
    });
}

#[test]
fn s049_an_endless_generator_ends_with_its_actor() {
    let told = Wire::new();
    let build = || (Actor::builder("server").generator(ITEMS, endless(&told)), patient("client"));
    on_each_transport(build, |pair| {
        let mut items = pair.portal.iterate::<_, u32>(ITEMS, &NoArgs {}).unwrap();
        assert_eq!(items.by_ref().take(200).filter(Result::is_ok).count(), 200);
        pair.portal.cancel_actor().unwrap();
        assert_eq!(told.hear(), cancelled_by(uid(&pair.client)));
        assert!(items.all(|item| item.is_ok()), "its end is no error");
    });
}

#[test]
fn s067_waiting_in_the_block_for_a_cancelled_actor() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                pair.portal.cancel_actor()?;
                assert_cancelled(ctx.wait(), uid(&pair.client), &[uid(&pair.server)]);
                ctx.wait()
            });
            assert_cancelled(result, uid(&pair.client), &[uid(&pair.server)]);
        },
    );
}

#[test]
fn s068_waiting_after_the_block_for_a_cancelled_actor() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let body = |_: &Context, (): ()| pair.portal.cancel_actor();
            assert_cancelled(
                pair.portal.open_context(PATH, &NoArgs {}, body),
                uid(&pair.client),
                &[uid(&pair.server)],
            );
            assert_eq!(told.hear(), cancelled_by(uid(&pair.client)));
        },
    );
}

/// A child that returns 7 at once.
fn returns(server: ActorBuilder) -> ActorBuilder {
    server.context(PATH, |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        Ok::<u32, Error>(7)
    })
}

#[test]
fn s069_cancelling_a_task_that_has_returned() {
    with_server(returns, |pair| {
        let body = |ctx: &Context, (): ()| {
            let before = ctx.wait()?;
            ctx.cancel()?;
            Ok::<_, Error>(before.returned::<u32>())
        };
        let (before, ending) = pair.portal.open_context(PATH, &NoArgs {}, body).unwrap();
        assert_eq!((before, ending.returned()), (Ok(7), Ok(7)));
    });
}

#[test]
fn s070_cancelling_the_actor_of_a_task_that_has_returned() {
    with_server(returns, |pair| {
        let body = |ctx: &Context, (): ()| {
            ctx.wait()?;
            pair.portal.cancel_actor()
        };
        let ((), ending) = pair.portal.open_context(PATH, &NoArgs {}, body).unwrap();
        assert_eq!(ending.returned(), Ok(7));
    });
}

#[test]
fn s079_cancelling_a_body_in_the_background_and_then_its_actor() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            thread::scope(|scope| {
                let background = scope.spawn(|| ctx.open_stream()?.receive::<u32>());
                ctx.cancel().unwrap();
                pair.portal.cancel_actor().unwrap();
                // It is interrupted before or after it opens its stream.
                assert!(!matches!(background.join().unwrap(), Ok(Some(_)) | Err(Error::Remote(_))));
            });
            assert_eq!(ctx.wait(), Ok(Ending::Cancelled { confirmed: true }));
        },
    );
}

#[test]
fn s080_cancelling_the_actor_of_a_body_in_the_background() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let stream = ctx.open_stream().unwrap();
            thread::scope(|scope| {
                let background = scope.spawn(|| stream.receive::<u32>());
                pair.portal.cancel_actor().unwrap();
                // The end of the stream comes just before the error, and may be seen first.
                match background.join().unwrap() {
                    Ok(None) => {}
                    received => assert_cancelled(received, uid(&pair.client), &[uid(&pair.server)]),
                }
            });
            assert_cancelled(ctx.wait(), uid(&pair.client), &[uid(&pair.server)]);
        },
    );
}

#[test]
fn s090_a_task_that_takes_its_time_holds_nobody_up() {
    let (told, go) = (Wire::new(), Wire::new());
    let server = |server: ActorBuilder| {
        let (told, go) = (Arc::clone(&told), Arc::clone(&go));
        let slow = move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let error = until_told(&ctx);
            told.tell(error.clone());
            go.hear();
            Err::<(), Error>(error)
        };
        let echo = |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let stream = ctx.open_stream()?;
            while let Some(item) = stream.receive::<u32>()? {
                stream.send(&item)?;
            }
            Ok::<(), Error>(())
        };
        server.context(PATH, slow).context(ITEMS, echo)
    };
    with_server(server, |pair| {
        let (slow, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        slow.cancel().unwrap();
        told.hear();
        let echoed = pair.portal.open_context(ITEMS, &NoArgs {}, |ctx, (): ()| {
            let stream = ctx.open_stream()?;
            for item in 0..100 {
                stream.send(&item)?;
                assert_eq!(stream.receive::<u32>()?, Some(item));
            }
            Ok::<(), Error>(())
        });
        assert!(echoed.is_ok());
        go.tell(());
        assert_eq!(slow.wait(), Ok(Ending::Cancelled { confirmed: true }));
    });
}

#[test]
fn s094_a_third_actor_cancels_the_childs() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let contexts = [(); 2].map(|()| pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap().0);
            let third = Actor::builder("third").build();
            let portal = connect(&third, &pair.listener);
            portal.cancel_actor().unwrap();
            for ctx in contexts {
                assert_eq!(told.hear(), cancelled_by(uid(&third)));
                assert_cancelled(ctx.wait(), uid(&third), &[uid(&pair.server)]);
            }
            assert_eq!(portal.closed(), CloseReason::Eof);
            assert_eq!(pair.portal.closed(), CloseReason::Eof);
        },
    );
}

#[test]
fn s096_one_of_two_children_fails_and_the_other_is_cancelled() {
    let told = Wire::new();
    let fails = |_: NoArgs| Err::<(), _>(TaskError::new("AssertionError", ""));
    with_server(
        |server| server.function(PATH, fails),
        |failing| {
            with_server(
                |server| server.context(PATH, waits(&told)),
                |other| {
                    let result = other.portal.open_context(PATH, &NoArgs {}, |_, (): ()| {
                        failing.portal.call::<_, ()>(PATH, &NoArgs {})
                    });
                    assert_eq!(remote(result).boxed_type(), "AssertionError");
                    assert_eq!(told.hear(), cancelled_by(uid(&other.client)));
                    other.portal.cancel_actor().unwrap();
                },
            );
        },
    );
}

/// A root and an actor in the middle, whose task has a dialog with a third over `portal`, and tells how it ended.
fn tree(leaf: impl Fn(ActorBuilder) -> ActorBuilder, test: impl Fn(&Pair, &Portal, &Wire<Error>)) {
    with_server(leaf, |leaf| {
        let (behind_it, told) = (Behind::default(), Wire::new());
        let middle = |server: ActorBuilder| {
            let (behind_it, told) = (Arc::clone(&behind_it), Arc::clone(&told));
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                let portal = behind(&behind_it, 0);
                let result = portal.open_context(PATH, &NoArgs {}, |_, (): ()| {
                    ctx.started(&())?;
                    ctx.open_stream()?.receive::<u32>()
                });
                let error = result.unwrap_err();
                told.tell(error.clone());
                Err::<(), Error>(error)
            })
        };
        with_server(middle, |pair| {
            let portal = connect(&pair.server, &leaf.listener);
            behind_it.lock().unwrap().push(portal.clone());
            test(pair, &portal, &told);
            behind_it.lock().unwrap().clear();
        });
    });
}

/// The root's body fails when all tasks run, and its error leaves the block when all have ended.
fn interrupted(pair: &Pair) {
    let result = pair
        .portal
        .open_context(PATH, &NoArgs {}, |_, (): ()| Err::<(), _>(TaskError::new("KeyboardInterrupt", "")));
    assert_eq!(result, Err(TaskError::new("KeyboardInterrupt", "")));
}

#[test]
fn s097_the_root_of_a_tree_is_interrupted() {
    let leaf = Wire::new();
    tree(
        |server| server.context(PATH, waits(&leaf)),
        |pair, portal, middle| {
            interrupted(pair);
            assert_eq!(middle.hear(), cancelled_by(uid(&pair.client)));
            assert_eq!(leaf.hear(), cancelled_by(uid(&pair.server)));
            portal.close();
            pair.portal.cancel_actor().unwrap();
        },
    );
}

#[test]
fn s099_a_grandchild_that_does_not_answer() {
    let (told, go) = (Wire::new(), Wire::new());
    tree(
        |server| {
            let (told, go) = (Arc::clone(&told), Arc::clone(&go));
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                told.tell(until_told(&ctx));
                go.hear();
                Ok::<(), Error>(())
            })
        },
        |pair, portal, middle| {
            thread::scope(|scope| {
                scope.spawn(|| {
                    // It is told to end, and does not: its connection is cut off.
                    told.hear();
                    portal.abort();
                });
                interrupted(pair);
            });
            assert_eq!(middle.hear(), cancelled_by(uid(&pair.client)));
            go.tell(());
        },
    );
}
