//! Cancellation by each side, both, and of whole actors.

use std::sync::Arc;
use std::thread;

use crate::driver::proto::RemoteErrorKind;
use crate::driver::{ChildContext, Ending, Error, NoArgs};

use super::rig::{assert_cancelled, cancelled_by, remote, uid, until_told, with_server};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "task");

/// A child that waits for an item that never comes, and tells how that ended.
pub(crate) fn waits(
    told: &Arc<Wire<Error>>,
) -> impl Fn(ChildContext, NoArgs) -> Result<(), Error> + Send + Sync + use<> {
    let told = Arc::clone(told);
    move |ctx, _| {
        ctx.started(&())?;
        let error = until_told(&ctx);
        told.tell(error.clone());
        Err(error)
    }
}

#[test]
fn the_parent_cancels() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let ((), ending) =
                pair.portal.open_context(PATH, &NoArgs {}, |ctx, (): ()| ctx.cancel()).unwrap();
            assert_eq!(ending, Ending::Cancelled { confirmed: true });
            assert_eq!(told.hear(), cancelled_by(uid(&pair.client)));
        },
    );
}

/// D-47.
#[test]
fn a_failing_parent_cancels_and_keeps_its_error() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let result =
                pair.portal.open_context(PATH, &NoArgs {}, |_, (): ()| Err::<(), _>(Error::StreamEnded));
            assert_eq!(result, Err(Error::StreamEnded));
            assert!(matches!(told.hear(), Error::Cancelled { .. }));
        },
    );
}

#[test]
fn dropping_the_handle_cancels() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            drop(ctx);
            assert!(matches!(told.hear(), Error::Cancelled { .. }));
        },
    );
}

#[test]
fn the_child_cancels_itself() {
    let cancels = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        ctx.cancel()?;
        ctx.check()
    };
    with_server(
        |server| server.context(PATH, cancels),
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |_, (): ()| Ok::<(), Error>(()));
            assert_cancelled(result, uid(&pair.server), &[uid(&pair.server)]);
        },
    );
}

#[test]
fn cancelling_wakes_a_body_that_waits_in_another_thread() {
    let woken = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        let stream = ctx.open_stream()?;
        thread::scope(|scope| {
            let waiting = scope.spawn(|| stream.receive::<u32>());
            ctx.cancel()?;
            waiting.join().unwrap().map(drop)
        })
    };
    with_server(
        |server| server.context(PATH, woken),
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |_, (): ()| Ok::<(), Error>(()));
            assert_cancelled(result, uid(&pair.server), &[uid(&pair.server)]);
        },
    );
}

#[test]
fn both_cancel_at_once() {
    let (ready, go) = (Wire::new(), Wire::new());
    with_server(
        |server| {
            let (ready, go) = (Arc::clone(&ready), Arc::clone(&go));
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                ready.tell(());
                go.hear();
                // Which of the two requests counts first is open; that the task ends is not.
                ctx.cancel()?;
                ctx.check()
            })
        },
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                ready.hear();
                ctx.cancel()?;
                go.tell(());
                Ok::<(), Error>(())
            });
            assert_eq!(result, Ok(((), Ending::Cancelled { confirmed: true })));
        },
    );
}

/// What told it to end is its end, though it names itself by then.
#[test]
fn a_cancelled_body_that_cancels_itself_is_still_cancelled() {
    with_server(
        |server| {
            server.context(PATH, |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                let told = ctx.open_stream()?.receive::<u32>();
                ctx.cancel()?;
                told.map(drop)
            })
        },
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |ctx, (): ()| ctx.cancel());
            assert_eq!(result, Ok(((), Ending::Cancelled { confirmed: true })));
        },
    );
}

/// An error of its own, though it looks like what a generator ends with that nobody wants more of. (D-9, D-42)
#[test]
fn a_body_that_fails_by_itself_says_so_cancelled_or_not() {
    for is_cancelled in [false, true] {
        with_server(
            |server| {
                server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                    ctx.started(&())?;
                    if is_cancelled {
                        until_told(&ctx);
                    }
                    Err::<(), _>(Error::StreamEnded)
                })
            },
            |pair| {
                let result = pair.portal.open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                    if is_cancelled { ctx.cancel() } else { Ok(()) }
                });
                assert_eq!(remote(result).kind(), RemoteErrorKind::Other);
            },
        );
    }
}

#[test]
fn a_cancelled_body_that_returns_is_still_cancelled() {
    let told = Wire::new();
    with_server(
        |server| {
            let told = Arc::clone(&told);
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                told.tell(until_told(&ctx));
                Ok::<u32, Error>(7)
            })
        },
        |pair| {
            let ((), ending) =
                pair.portal.open_context(PATH, &NoArgs {}, |ctx, (): ()| ctx.cancel()).unwrap();
            assert_eq!(ending, Ending::Cancelled { confirmed: true });
            assert!(matches!(told.hear(), Error::Cancelled { .. }));
        },
    );
}

/// D-18.
#[test]
fn cancelling_an_actor_ends_its_tasks_on_all_connections_and_its_listener() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let other = pair.another();
            let (bystander, ()) = other.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let (own, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            pair.portal.cancel_actor().unwrap();
            for ctx in [own, bystander] {
                assert_eq!(told.hear(), cancelled_by(uid(&pair.client)));
                assert_cancelled(ctx.wait(), uid(&pair.client), &[uid(&pair.server)]);
            }
            other.closed();
        },
    );
}

#[test]
fn an_actor_that_cancels_itself_says_so() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            pair.server.cancel();
            assert_eq!(told.hear(), cancelled_by(uid(&pair.server)));
            assert_cancelled(ctx.wait(), uid(&pair.server), &[uid(&pair.server)]);
        },
    );
}
