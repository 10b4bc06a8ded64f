//! With the blocking driver.

use scipp_blocking::{Actor, Context, Error, NoArgs, Portal, Profile};

use super::{Connected, PATIENCE, Parent};
use crate::tour::process::Transport;
use crate::tour::scenario::{Act, Count, Pair, ended};

pub(crate) fn connect(profile: Profile, transport: Transport, address: &str) -> Connected {
    let actor = Actor::builder(profile).build();
    let portal = match transport {
        Transport::Tcp => actor.connect_tcp(address)?,
        Transport::Unix => actor.connect_unix(address)?,
    };
    Ok(Box::new(portal.with_timeout(PATIENCE)))
}

impl Parent for Portal {
    fn hold(&mut self, act: Act, kill: &mut dyn FnMut()) -> Result<String, Error> {
        hold(self, act, kill)
    }

    fn close(&mut self) {
        Self::close(self);
    }
}

fn hold(portal: &Portal, act: Act, kill: &mut dyn FnMut()) -> Result<String, Error> {
    match act {
        Act::Call => {
            let sum: i64 = portal.call(("tour", "add"), &Pair { a: 2, b: 3 })?;
            Ok(format!("returned {sum}"))
        }
        Act::FailingCall => {
            let quotient: i64 = portal.call(("tour", "divide"), &Pair { a: 1, b: 0 })?;
            Ok(format!("returned {quotient}"))
        }
        Act::Generator => {
            let items = portal.iterate::<_, u32>(("tour", "count"), &Count { to: 3 })?;
            Ok(format!("yielded {:?}", items.collect::<Result<Vec<_>, _>>()?))
        }
        Act::Context => context(portal),
        Act::ErrorBeforeStarted => open(portal, "fail_early", |_| Ok(())),
        Act::ErrorAfterStarted => open(portal, "fail_late", |_| Ok(())),
        Act::CancelByParent => open(portal, "wait", |ctx| ctx.cancel()),
        Act::CancelByChild => open(portal, "give_up", tell),
        Act::CancelByBoth => open(portal, "give_up", tell_and_cancel),
        Act::Overrun => open(portal, "flood", ignore),
        Act::KilledPeer => open(portal, "wait", |ctx| lose(ctx, kill)),
    }
}

fn context(portal: &Portal) -> Result<String, Error> {
    let (sums, ending) = portal.open_context(("tour", "sum"), &NoArgs {}, sums)?;
    Ok(format!("received {sums:?}, returned {}", ending.returned::<i64>()?))
}

fn sums(ctx: &Context, _: String) -> Result<Vec<i64>, Error> {
    let stream = ctx.open_stream()?;
    let mut sums = Vec::new();
    for item in 1..=3 {
        stream.send(&item)?;
        sums.extend(stream.receive::<i64>()?);
    }
    Ok(sums)
}

/// Holds a context whose end is what counts.
fn open(
    portal: &Portal,
    func: &str,
    body: impl FnOnce(&Context) -> Result<(), Error>,
) -> Result<String, Error> {
    let body = |ctx: &Context, _: String| body(ctx);
    let ((), ending) = portal.open_context(("tour", func), &NoArgs {}, body)?;
    Ok(ended(&ending))
}

/// Tells the child to cancel itself.
fn tell(ctx: &Context) -> Result<(), Error> {
    let stream = ctx.open_stream()?;
    stream.send("now")?;
    stream.receive::<()>().map(drop)
}

/// Tells the child to cancel itself and cancels it, in one write.
fn tell_and_cancel(ctx: &Context) -> Result<(), Error> {
    let stream = ctx.open_stream()?;
    stream.feed("now")?;
    ctx.cancel()
}

/// Receives nothing of what the child sends.
fn ignore(ctx: &Context) -> Result<(), Error> {
    let _stream = ctx.open_stream()?;
    ctx.wait().map(drop)
}

/// Waits for what cannot come.
fn lose(ctx: &Context, kill: &mut dyn FnMut()) -> Result<(), Error> {
    let stream = ctx.open_stream()?;
    kill();
    stream.receive::<()>().map(drop)
}
