//! Contexts: first values, results, and errors at each moment.

use std::thread;

use crate::driver::proto::Misuse;
use crate::driver::{Actor, ChildContext, Context, Ending, Error, NoArgs, TaskError};

use super::rig::{on_each_transport, remote, with_server};

const PATH: (&str, &str) = ("app", "context");

#[test]
fn a_context_has_a_first_value_a_stream_both_ways_and_a_result() {
    let echo = |ctx: ChildContext, _: NoArgs| {
        ctx.started("hello")?;
        let stream = ctx.open_stream()?;
        let mut count = 0_u32;
        while let Some(item) = stream.receive::<u32>()? {
            stream.send(&(item * 2))?;
            count += 1;
        }
        Ok::<u32, Error>(count)
    };
    with_server(
        |server| server.context(PATH, echo),
        |pair| {
            let (sum, ending) = pair
                .portal
                .open_context(PATH, &NoArgs {}, |ctx, first: String| {
                    assert_eq!(first, "hello");
                    let stream = ctx.open_stream()?;
                    let mut sum = 0;
                    for item in 0..100_u32 {
                        stream.send(&item)?;
                        sum += stream.receive::<u32>()?.unwrap();
                    }
                    Ok::<u32, Error>(sum)
                })
                .unwrap();
            assert_eq!((sum, ending.returned()), (9900, Ok(100_u32)));
        },
    );
}

#[test]
fn an_error_before_started_is_the_first_value() {
    let fails = |_: ChildContext, _: NoArgs| Err::<(), _>(TaskError::new("ValueError", "early"));
    with_server(
        |server| server.context(PATH, fails),
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |_, (): ()| -> Result<(), Error> {
                panic!("the body ran without a first value")
            });
            assert_eq!(remote(result).msg.tb_str, "early");
        },
    );
}

#[test]
fn an_error_after_started_reaches_the_waiting_parent() {
    // Without a stream of its own, whose end might be read before its error.
    let fails = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        Err::<(), TaskError>(TaskError::new("ValueError", "late"))
    };
    with_server(
        |server| server.context(PATH, fails),
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                let received = ctx.open_stream()?.receive::<u32>();
                assert_eq!(remote(received.clone()).msg.tb_str, "late");
                received
            });
            assert_eq!(remote(result).msg.tb_str, "late");
        },
    );
}

#[test]
fn a_body_that_returns_without_started_is_reported_as_failed() {
    with_server(
        |server| server.context(PATH, |_: ChildContext, _: NoArgs| Ok::<u32, Error>(1)),
        |pair| {
            let result = pair.portal.start_context::<_, u32>(PATH, &NoArgs {});
            assert_eq!(remote(result).msg.boxed_type_str, "RuntimeError");
        },
    );
}

#[test]
fn started_and_the_stream_are_once() {
    let twice = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&1)?;
        assert!(matches!(ctx.started(&2), Err(Error::Misuse(Misuse::OutOfPhase { .. }))));
        let stream = ctx.open_stream()?;
        assert!(matches!(ctx.open_stream(), Err(Error::Misuse(Misuse::SecondStream))));
        assert_eq!(stream.receive::<u32>()?, None);
        Ok::<(), Error>(())
    };
    with_server(
        |server| server.context(PATH, twice),
        |pair| {
            let (first, ending) = pair
                .portal
                .open_context(PATH, &NoArgs {}, |ctx, first: u32| {
                    let _stream = ctx.open_stream()?;
                    assert!(matches!(ctx.open_stream(), Err(Error::Misuse(Misuse::SecondStream))));
                    Ok::<u32, Error>(first)
                })
                .unwrap();
            assert_eq!((first, ending.returned()), (1, Ok(())));
        },
    );
}

#[test]
fn a_panic_in_a_body_at_either_end_is_contained() {
    let panics = |ctx: ChildContext, _: NoArgs| -> Result<(), Error> {
        ctx.started(&())?;
        panic!("child")
    };
    let waits = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        ctx.open_stream()?.receive::<u32>().map(drop)
    };
    with_server(
        |server| server.context(PATH, panics).context(("app", "waits"), waits),
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |_, (): ()| Ok::<(), Error>(()));
            assert!(remote(result).msg.tb_str.contains("child"));
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pair.portal.open_context(("app", "waits"), &NoArgs {}, |_, (): ()| -> Result<(), Error> {
                    panic!("parent")
                })
            }));
            assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"parent"));
            assert_eq!(pair.portal.close_reason(), None);
        },
    );
}

#[test]
fn an_error_of_another_actor_is_passed_on_as_such() {
    let build = || {
        let relays = |ctx: ChildContext, _: NoArgs| {
            ctx.portal().call::<_, ()>(("app", "fails"), &NoArgs {})?;
            Ok::<(), Error>(())
        };
        let fails = |_: NoArgs| Err::<(), _>(TaskError::new("ZeroDivisionError", "deep"));
        let server = Actor::builder("server").context(PATH, relays);
        (server, Actor::builder("client").function(("app", "fails"), fails))
    };
    on_each_transport(build, |pair| {
        let error = remote(pair.portal.start_context::<_, ()>(PATH, &NoArgs {}));
        assert_eq!(error.msg.src_type_str, "ZeroDivisionError");
        assert_eq!(error.msg.boxed_type_str, "RemoteActorError");
        assert_eq!(error.msg.src_uid, pair.client.identity().uid);
        assert_eq!(error.msg.relay_path.last(), Some(&pair.server.identity().uid));
    });
}

#[test]
fn several_contexts_run_at_once_on_one_connection() {
    let echo = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        let stream = ctx.open_stream()?;
        while let Some(item) = stream.receive::<u64>()? {
            stream.send(&item)?;
        }
        Ok::<(), Error>(())
    };
    let build =
        || (Actor::builder("server").context(PATH, echo), Actor::builder("client").context(PATH, echo));
    on_each_transport(build, |pair| {
        let back = pair.server.portals().pop().unwrap();
        thread::scope(|scope| {
            for (portal, thread) in [&pair.portal, &back].into_iter().cycle().zip(0..8_u64) {
                scope.spawn(move || {
                    let body = |ctx: &Context, (): ()| {
                        let stream = ctx.open_stream()?;
                        for item in (0..100).map(|item| item * 10 + thread) {
                            stream.send(&item)?;
                            assert_eq!(stream.receive()?, Some(item));
                        }
                        Ok::<(), Error>(())
                    };
                    let ((), ending) = portal.open_context(PATH, &NoArgs {}, body).unwrap();
                    assert!(matches!(ending, Ending::Returned(_)));
                });
            }
        });
    });
}
