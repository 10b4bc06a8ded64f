//! Time limits of single calls, which only threads need: a future is raced with a timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::driver::{ActorBuilder, ChildContext, Context, Ending, Error, NoArgs};
use crate::suite::cancels::waits;
use crate::suite::rig::with_server;
use crate::suite::wire::Wire;

const PATH: (&str, &str) = ("app", "task");

#[test]
fn a_timeout_ends_the_wait_and_not_the_dialog() {
    let told = Wire::new();
    with_server(
        |server| server.context(PATH, waits(&told)),
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            ctx.set_timeout(Some(Duration::from_millis(5)));
            let stream = ctx.open_stream().unwrap();
            assert_eq!(stream.receive::<u32>(), Err(Error::TimedOut));
            assert_eq!(ctx.wait(), Err(Error::TimedOut));
            ctx.set_timeout(None);
            ctx.cancel().unwrap();
            assert_eq!(ctx.wait(), Ok(Ending::Cancelled { confirmed: true }));
            assert!(matches!(told.hear(), Error::Cancelled { .. }));
        },
    );
}

#[test]
fn a_call_that_times_out_is_cancelled_and_nothing_else() {
    let gate = Wire::new();
    with_server(
        |server| {
            let gate = Arc::clone(&gate);
            let blocked = move |_: NoArgs| Ok::<u32, Error>(gate.hear());
            server
                .function(("app", "blocked"), blocked)
                .function(("app", "free"), |_: NoArgs| Ok::<_, Error>(1))
        },
        |pair| {
            let hasty = pair.portal.with_timeout(Duration::from_millis(5));
            assert_eq!(hasty.call::<_, u32>(("app", "blocked"), &NoArgs {}), Err(Error::TimedOut));
            gate.tell(0);
            assert_eq!(pair.portal.call::<_, u32>(("app", "free"), &NoArgs {}), Ok(1));
        },
    );
}

#[test]
fn a_timeout_does_not_leave_the_remote_task_running() {
    let running = Arc::new(AtomicBool::new(false));
    let server = |server: ActorBuilder| {
        let running = Arc::clone(&running);
        server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            running.store(true, Ordering::SeqCst);
            ctx.started(&())?;
            let told = ctx.open_stream()?.receive::<()>().map(drop);
            // Cleaning up takes longer than the parent wants to wait.
            (0..10_000).for_each(|_| thread::yield_now());
            running.store(false, Ordering::SeqCst);
            told
        })
    };
    with_server(server, |pair| {
        // The first value has all the time it needs, the rest has not.
        let body = |ctx: &Context, (): ()| -> Result<(), Error> {
            ctx.set_timeout(Some(Duration::from_millis(1)));
            Ok(())
        };
        let failing = |ctx: &Context, (): ()| -> Result<(), Error> {
            ctx.set_timeout(Some(Duration::from_millis(1)));
            ctx.wait().map(drop)
        };
        assert_eq!(pair.portal.open_context(PATH, &NoArgs {}, body).map(drop), Err(Error::TimedOut));
        assert!(!running.load(Ordering::SeqCst));
        assert_eq!(pair.portal.open_context(PATH, &NoArgs {}, failing).map(drop), Err(Error::TimedOut));
        assert!(!running.load(Ordering::SeqCst));
    });
}
