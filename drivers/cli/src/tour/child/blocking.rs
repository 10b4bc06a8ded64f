//! With the blocking driver.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use scipp_blocking::{Actor, ChildContext, Error, NoArgs, TaskError, Yielder};

use super::{announce, at_end};
use crate::tour::scenario::{Count, Pair};

pub(crate) fn serve(unix: Option<&Path>) -> io::Result<()> {
    let actor = actor();
    let listener = match unix {
        Some(path) => actor.listen_unix(path)?,
        None => actor.listen_tcp((Ipv4Addr::LOCALHOST, 0))?,
    };
    announce(listener.local_addr())?;
    let stop = listener.clone();
    at_end(move || stop.stop());
    listener.serve();
    Ok(())
}

fn actor() -> Actor {
    Actor::builder("peer")
        .function(("tour", "add"), add)
        .function(("tour", "divide"), divide)
        .generator(("tour", "count"), count)
        .context(("tour", "sum"), sum)
        .context(("tour", "fail_early"), fail_early)
        .context(("tour", "fail_late"), fail_late)
        .context(("tour", "wait"), wait)
        .context(("tour", "give_up"), give_up)
        .context(("tour", "flood"), flood)
        .build()
}

fn add(args: Pair) -> Result<i64, Error> {
    Ok(args.a + args.b)
}

fn divide(args: Pair) -> Result<i64, TaskError> {
    args.a.checked_div(args.b).ok_or_else(|| TaskError::new("ZeroDivisionError", "division by zero"))
}

fn count(args: Count, out: Yielder) -> Result<(), Error> {
    for n in 1..=args.to {
        out.send(&n)?;
    }
    Ok(())
}

/// Sends back the running sum of what it receives.
fn sum(ctx: ChildContext, _: NoArgs) -> Result<i64, Error> {
    ctx.started("ready")?;
    let stream = ctx.open_stream()?;
    let mut sum = 0;
    while let Some(item) = stream.receive::<i64>()? {
        sum += item;
        stream.send(&sum)?;
    }
    Ok(sum)
}

fn fail_early(_: ChildContext, _: NoArgs) -> Result<(), TaskError> {
    Err(TaskError::new("ValueError", "no good start"))
}

fn fail_late(ctx: ChildContext, _: NoArgs) -> Result<(), TaskError> {
    ctx.started("so far so good")?;
    Err(TaskError::new("KeyError", "no such item"))
}

fn wait(ctx: ChildContext, _: NoArgs) -> Result<(), Error> {
    ctx.started("waiting")?;
    ctx.open_stream()?.receive::<()>().map(drop)
}

/// Cancels itself when it is told to.
fn give_up(ctx: ChildContext, _: NoArgs) -> Result<(), Error> {
    ctx.started("working")?;
    let stream = ctx.open_stream()?;
    stream.receive::<String>()?;
    ctx.cancel()?;
    ctx.check()
}

/// Sends until it is told that it sent too much.
fn flood(ctx: ChildContext, _: NoArgs) -> Result<(), Error> {
    ctx.started("open the gates")?;
    let stream = ctx.open_stream()?;
    // One more than the window, so that the picture is the same each time; then it waits for the verdict.
    for item in 0..65 {
        stream.feed(&item)?;
    }
    stream.receive::<()>().map(drop)
}
