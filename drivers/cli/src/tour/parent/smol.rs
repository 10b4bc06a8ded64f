//! With the async driver.

use std::net::SocketAddr;
use std::pin::pin;

use async_io::{Timer, block_on};
use futures_util::TryStreamExt;
use futures_util::future::{Either, select};
use scipp_smol::{Actor, Context, Driver, Error, NoArgs, Portal, Profile, Socket};

use super::{Connected, PATIENCE, Parent};
use crate::tour::process::Transport;
use crate::tour::scenario::{Act, Count, Pair, ended};

pub(crate) fn connect(profile: Profile, transport: Transport, address: &str) -> Connected {
    let actor = Actor::builder(profile).build();
    let connection = match transport {
        Transport::Tcp => block_on(actor.connect_tcp(address.parse::<SocketAddr>()?))?,
        Transport::Unix => block_on(actor.connect_unix(address))?,
    };
    Ok(Box::new(connection))
}

impl Parent for (Portal, Driver<Socket>) {
    fn hold(&mut self, act: Act, kill: &mut dyn FnMut()) -> Result<String, Error> {
        let (portal, driver) = self;
        let held = pin!(driver.run_until(hold(portal, act, kill)));
        match block_on(select(held, Timer::after(PATIENCE))) {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(Error::TimedOut),
        }
    }

    fn close(&mut self) {
        let (portal, driver) = self;
        block_on(driver.run_until(portal.close()));
    }
}

async fn hold(portal: &Portal, act: Act, kill: &mut dyn FnMut()) -> Result<String, Error> {
    match act {
        Act::Call => {
            let sum: i64 = portal.call(("tour", "add"), &Pair { a: 2, b: 3 }).await?;
            Ok(format!("returned {sum}"))
        }
        Act::FailingCall => {
            let quotient: i64 = portal.call(("tour", "divide"), &Pair { a: 1, b: 0 }).await?;
            Ok(format!("returned {quotient}"))
        }
        Act::Generator => {
            let items = portal.iterate::<_, u32>(("tour", "count"), &Count { to: 3 })?;
            Ok(format!("yielded {:?}", items.try_collect::<Vec<_>>().await?))
        }
        Act::Context => context(portal).await,
        Act::ErrorBeforeStarted => open(portal, "fail_early", async |_| Ok(())).await,
        Act::ErrorAfterStarted => open(portal, "fail_late", async |_| Ok(())).await,
        Act::CancelByParent => open(portal, "wait", async |ctx| ctx.cancel()).await,
        Act::CancelByChild => open(portal, "give_up", tell).await,
        Act::CancelByBoth => open(portal, "give_up", tell_and_cancel).await,
        Act::Overrun => open(portal, "flood", ignore).await,
        Act::KilledPeer => open(portal, "wait", async |ctx| lose(ctx, kill).await).await,
    }
}

async fn context(portal: &Portal) -> Result<String, Error> {
    let (sums, ending) = portal.open_context(("tour", "sum"), &NoArgs {}, sums).await?;
    Ok(format!("received {sums:?}, returned {}", ending.returned::<i64>()?))
}

async fn sums(ctx: &Context, _: String) -> Result<Vec<i64>, Error> {
    let stream = ctx.open_stream()?;
    let mut sums = Vec::new();
    for item in 1..=3 {
        stream.send(&item).await?;
        sums.extend(stream.receive::<i64>().await?);
    }
    Ok(sums)
}

/// Holds a context whose end is what counts.
async fn open(
    portal: &Portal,
    func: &str,
    body: impl AsyncFnOnce(&Context) -> Result<(), Error>,
) -> Result<String, Error> {
    let body = async |ctx: &Context, _: String| body(ctx).await;
    let ((), ending) = portal.open_context(("tour", func), &NoArgs {}, body).await?;
    Ok(ended(&ending))
}

/// Tells the child to cancel itself.
async fn tell(ctx: &Context) -> Result<(), Error> {
    let stream = ctx.open_stream()?;
    stream.send("now").await?;
    stream.receive::<()>().await.map(drop)
}

/// Tells the child to cancel itself and cancels it, in one write.
async fn tell_and_cancel(ctx: &Context) -> Result<(), Error> {
    let stream = ctx.open_stream()?;
    stream.send("now").await?;
    ctx.cancel()
}

/// Receives nothing of what the child sends.
async fn ignore(ctx: &Context) -> Result<(), Error> {
    let _stream = ctx.open_stream()?;
    ctx.wait().await.map(drop)
}

/// Waits for what cannot come.
async fn lose(ctx: &Context, kill: &mut dyn FnMut()) -> Result<(), Error> {
    let stream = ctx.open_stream()?;
    kill();
    stream.receive::<()>().await.map(drop)
}
