//! The tour's second process.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use serde::Deserialize;

use scipp_blocking::{Actor, Address, ChildContext, Error, Listener, NoArgs, TaskError, Yielder};

use crate::output;

/// Serves the tour until standard input ends, which it does with the first process.
pub(crate) fn run(unix: Option<&Path>) -> ExitCode {
    match serve(unix) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(format_args!("scipp tour-peer: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(unix: Option<&Path>) -> io::Result<()> {
    let actor = actor();
    let listener = match unix {
        Some(path) => actor.listen_unix(path)?,
        None => actor.listen_tcp("127.0.0.1:0")?,
    };
    announce(&listener)?;
    let stop = listener.clone();
    thread::spawn(move || {
        let _ended_or_broken = io::stdin().read_to_end(&mut Vec::new());
        stop.stop();
    });
    listener.serve();
    Ok(())
}

/// The first process learns the address from the first line.
fn announce(listener: &Listener) -> io::Result<()> {
    let mut out = io::stdout();
    match listener.local_addr() {
        Address::Tcp(addr) => writeln!(out, "{addr}")?,
        Address::Unix(path) => writeln!(out, "{}", path.display())?,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    }
    out.flush()
}

#[derive(Deserialize)]
struct Pair {
    a: i64,
    b: i64,
}

#[derive(Deserialize)]
struct Count {
    to: u32,
}

fn actor() -> Actor {
    Actor::builder("peer")
        .function(("tour", "add"), |args: Pair| Ok::<_, Error>(args.a + args.b))
        .function(("tour", "divide"), |args: Pair| match args.a.checked_div(args.b) {
            Some(quotient) => Ok(quotient),
            None => Err(TaskError::new("ZeroDivisionError", "division by zero")),
        })
        .generator(("tour", "count"), |args: Count, out: Yielder| {
            (1..=args.to).try_for_each(|n| out.send(&n))
        })
        .context(("tour", "sum"), sum)
        .context(("tour", "fail_early"), |_: ChildContext, _: NoArgs| {
            Err::<(), _>(TaskError::new("ValueError", "no good start"))
        })
        .context(("tour", "fail_late"), |ctx: ChildContext, _: NoArgs| {
            ctx.started("so far so good")?;
            Err::<(), _>(TaskError::new("KeyError", "no such item"))
        })
        .context(("tour", "wait"), |ctx: ChildContext, _: NoArgs| {
            ctx.started("waiting")?;
            ctx.open_stream()?.receive::<()>()
        })
        .context(("tour", "give_up"), give_up)
        .context(("tour", "flood"), flood)
        .build()
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
    (0..65).try_for_each(|item| stream.feed(&item))?;
    stream.receive::<()>().map(drop)
}
