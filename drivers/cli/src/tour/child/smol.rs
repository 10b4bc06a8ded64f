//! With the async driver.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use async_io::block_on;
use scipp_smol::{Actor, ChildContext, Error, NoArgs, TaskError, Yielder};

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
    block_on(listener.serve());
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

async fn add(args: Pair) -> Result<i64, Error> {
    Ok(args.a + args.b)
}

async fn divide(args: Pair) -> Result<i64, TaskError> {
    args.a.checked_div(args.b).ok_or_else(|| TaskError::new("ZeroDivisionError", "division by zero"))
}

async fn count(args: Count, out: Yielder) -> Result<(), Error> {
    for n in 1..=args.to {
        out.send(&n).await?;
    }
    Ok(())
}

/// Sends back the running sum of what it receives.
async fn sum(ctx: ChildContext, _: NoArgs) -> Result<i64, Error> {
    ctx.started("ready")?;
    let stream = ctx.open_stream()?;
    let mut sum = 0;
    while let Some(item) = stream.receive::<i64>().await? {
        sum += item;
        stream.send(&sum).await?;
    }
    Ok(sum)
}

async fn fail_early(_: ChildContext, _: NoArgs) -> Result<(), TaskError> {
    Err(TaskError::new("ValueError", "no good start"))
}

async fn fail_late(ctx: ChildContext, _: NoArgs) -> Result<(), TaskError> {
    ctx.started("so far so good")?;
    Err(TaskError::new("KeyError", "no such item"))
}

async fn wait(ctx: ChildContext, _: NoArgs) -> Result<(), Error> {
    ctx.started("waiting")?;
    ctx.open_stream()?.receive::<()>().await.map(drop)
}

/// Cancels itself when it is told to.
async fn give_up(ctx: ChildContext, _: NoArgs) -> Result<(), Error> {
    ctx.started("working")?;
    let stream = ctx.open_stream()?;
    stream.receive::<String>().await?;
    ctx.cancel()?;
    ctx.check()
}

/// Sends until it is told that it sent too much.
async fn flood(ctx: ChildContext, _: NoArgs) -> Result<(), Error> {
    ctx.started("open the gates")?;
    let stream = ctx.open_stream()?;
    // One more than the window, so that the picture is the same each time; then it waits for the verdict.
    for item in 0..65 {
        stream.send(&item).await?;
    }
    stream.receive::<()>().await.map(drop)
}
