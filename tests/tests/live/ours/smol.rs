//! The async driver, on smol.

use std::future::pending;
use std::io;

use futures_util::future::join;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;

use scipp_smol::{
    Actor, ChildContext, ConnectError, Context, Driver, Error, Listener, MsgStream, NoArgs, Portal, Socket,
    TaskError, Yielder,
};

use super::args::{Count, Name, Pair, Start, Text};
use super::inbox::Inbox;
use super::{ACK_EVERY, BURST, Part, Played, WINDOW, listening_at, profile, saw, saw_ending, up, why};
use crate::case::Role;
use crate::table::Scenario;

pub(super) fn run(part: &Part, inbox: &'static Inbox) -> Played {
    smol::block_on(async {
        if part.role == Role::Child {
            return serve(&part.address, inbox).await;
        }
        let (portal, mut driver) =
            connect(&Actor::builder(profile(part.role)).build(), &part.address).await?;
        let played = async {
            if part.role == Role::Third {
                portal.cancel_actor().await?;
                saw("cancelled it");
            } else if let Err(error) = hold(part.scenario, &portal, inbox).await {
                saw(why(&error));
            }
            smol::unblock(|| inbox.end()).await;
            portal.close().await;
            Ok(())
        };
        driver.run_until(played).await
    })
}

async fn connect(actor: &Actor, address: &str) -> Result<(Portal, Driver<Socket>), ConnectError> {
    match address.parse::<std::net::SocketAddr>() {
        Ok(address) => actor.connect_tcp(address).await,
        Err(_) => actor.connect_unix(address).await,
    }
}

// What a parent does.

async fn hold(scenario: Scenario, portal: &Portal, inbox: &'static Inbox) -> Result<(), Error> {
    match scenario {
        Scenario::Call => {
            let sum: i64 = portal.call(("peer", "add"), &json!({ "a": 2, "b": 3 })).await?;
            saw(format!("returned {sum}"));
        }
        Scenario::FailingCall => {
            let quotient: i64 = portal.call(("peer", "divide"), &json!({ "a": 1, "b": 0 })).await?;
            saw(format!("returned {quotient}"));
        }
        Scenario::UnknownFunction => {
            portal.call::<_, ()>(("peer", "nowhere"), &NoArgs {}).await?;
            saw("returned");
        }
        Scenario::Generator => {
            let items = portal.iterate::<_, u32>(("peer", "count"), &json!({ "to": 3 }))?;
            saw(format!("yielded {:?}", items.try_collect::<Vec<_>>().await?));
        }
        Scenario::GeneratorLeft => {
            let items = portal.iterate::<_, u32>(("peer", "count_and_wait"), &json!({ "to": 3 }))?;
            saw(format!("yielded {:?}", items.take(2).try_collect::<Vec<_>>().await?));
        }
        Scenario::Context => open(portal, "greet", &json!({ "name": "you" }), first_value).await?,
        Scenario::Stream => {
            open(portal, "add_up", &json!({ "start": 10 }), async |ctx, first: String| {
                first_value(ctx, first).await?;
                let stream = ctx.open_stream()?;
                for item in 1..=3 {
                    stream.send(&item).await?;
                    let sum: Option<i64> = stream.receive().await?;
                    saw(format!("received {}", sum.unwrap_or_default()));
                }
                Ok(())
            })
            .await?;
        }
        Scenario::ErrorBeforeStarted => open(portal, "fail_early", &json!({}), first_value).await?,
        Scenario::ErrorAfterStarted => open(portal, "fail_late", &json!({}), first_value).await?,
        Scenario::CancelByParent => {
            let body = async |ctx: &Context, _: String| {
                up();
                ctx.cancel()
            };
            open(portal, "wait", &json!({}), body).await?;
        }
        Scenario::CancelByChild => {
            let body = async |_: &Context, _: String| {
                up();
                Ok(())
            };
            open(portal, "give_up", &json!({}), body).await?;
        }
        Scenario::CancelByBoth => {
            let body = async |ctx: &Context, _: String| {
                up();
                smol::unblock(|| inbox.go()).await;
                ctx.cancel()
            };
            open(portal, "give_up", &json!({}), body).await?;
        }
        Scenario::ActorCancelByParent => {
            let body = async |_: &Context, _: String| {
                up();
                portal.cancel_actor().await
            };
            open(portal, "wait", &json!({}), body).await?;
        }
        Scenario::ActorCancelByThird | Scenario::OurProcessKilled | Scenario::TheirProcessKilled => {
            let body = async |ctx: &Context, _: String| {
                let stream = ctx.open_stream()?;
                up();
                // A Python child stops its stream before it says why.
                while let Some(item) = stream.receive::<String>().await? {
                    saw(item);
                }
                Ok(())
            };
            open(portal, "wait", &json!({}), body).await?;
        }
        Scenario::BurstUp => {
            let body = async |ctx: &Context, (): ()| pour(&ctx.open_stream()?).await.map(drop);
            open(portal, "take_burst", &json!({}), body).await?;
        }
        Scenario::BurstDown => {
            let body = async |ctx: &Context, (): ()| drain(&ctx.open_stream()?).await.map(drop);
            open(portal, "give_burst", &json!({}), body).await?;
        }
    }
    Ok(())
}

async fn open<F: serde::de::DeserializeOwned>(
    portal: &Portal,
    func: &str,
    args: &serde_json::Value,
    body: impl AsyncFnOnce(&Context, F) -> Result<(), Error>,
) -> Result<(), Error> {
    let ((), ending) = portal.open_context(("peer", func), args, body).await?;
    saw_ending(&ending)
}

async fn first_value(_: &Context, first: String) -> Result<(), Error> {
    saw(format!("first {first}"));
    Ok(())
}

// What a child does.

async fn serve(address: &str, inbox: &'static Inbox) -> Played {
    let actor = actor(inbox);
    let listener = listen(&actor, address)?;
    listening_at(&listener.local_addr().to_string());
    let serving = async move {
        listener.serve().await;
        // Nobody is to wait for an actor that was cancelled before the test ends.
        drop(listener);
    };
    let ending = async {
        smol::unblock(|| inbox.end()).await;
        actor.cancel();
    };
    join(serving, ending).await;
    Ok(())
}

fn listen(actor: &Actor, address: &str) -> io::Result<Listener> {
    match address.parse::<std::net::SocketAddr>() {
        Ok(address) => actor.listen_tcp(address),
        Err(_) => actor.listen_unix(address),
    }
}

fn actor(inbox: &'static Inbox) -> Actor {
    Actor::builder(profile(Role::Child))
        .function(("peer", "echo"), async |args: Text| Ok::<_, Error>(args.text))
        .function(("peer", "add"), async |args: Pair| {
            saw("called");
            Ok::<_, Error>(args.a + args.b)
        })
        .function(("peer", "divide"), async |args: Pair| {
            saw("called");
            args.a.checked_div(args.b).ok_or_else(|| TaskError::new("ZeroDivisionError", "division by zero"))
        })
        .generator(("peer", "count"), count)
        .generator(("peer", "count_and_wait"), count_and_wait)
        .context(("peer", "greet"), async |ctx: ChildContext, args: Name| {
            ctx.started(&format!("hello {}", args.name))?;
            saw("greeted");
            Ok::<_, Error>(args.name.len())
        })
        .context(("peer", "add_up"), add_up)
        .context(("peer", "fail_early"), async |_: ChildContext, _: NoArgs| {
            saw("fails");
            Err::<(), _>(TaskError::new("ValueError", "no good start"))
        })
        .context(("peer", "fail_late"), async |ctx: ChildContext, _: NoArgs| {
            ctx.started("so far so good")?;
            saw("fails");
            Err::<(), _>(TaskError::new("KeyError", "no such item"))
        })
        .context(("peer", "wait"), wait)
        .context(("peer", "give_up"), move |ctx, _: NoArgs| give_up(ctx, inbox))
        .context(("peer", "take_burst"), async |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            drain(&ctx.open_stream()?).await
        })
        .context(("peer", "give_burst"), async |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            pour(&ctx.open_stream()?).await
        })
        .build()
}

/// A task that is told to end is dropped: this is what it can still say.
struct LastWords<F: Fn()>(F);

impl<F: Fn()> Drop for LastWords<F> {
    fn drop(&mut self) {
        self.0();
    }
}

async fn count(args: Count, out: Yielder) -> Result<(), Error> {
    for n in 1..=args.to {
        out.send(&n).await?;
    }
    saw("yielded all");
    Ok(())
}

async fn count_and_wait(args: Count, out: Yielder) -> Result<(), Error> {
    let _last = LastWords(|| {
        if let Err(Error::Cancelled { .. }) = out.check() {
            saw("cancelled");
        }
    });
    for n in 1..=args.to {
        out.send(&n).await?;
    }
    pending().await
}

async fn add_up(ctx: ChildContext, args: Start) -> Result<i64, Error> {
    ctx.started("ready")?;
    let stream = ctx.open_stream()?;
    let mut sum = args.start;
    while let Some(item) = stream.receive::<i64>().await? {
        saw(format!("received {item}"));
        sum += item;
        stream.send(&sum).await?;
    }
    saw("stream ended");
    Ok(sum)
}

async fn wait(ctx: ChildContext, _: NoArgs) -> Result<(), Error> {
    let _last = LastWords(|| saw_end(&ctx));
    ctx.started("waiting")?;
    let stream = ctx.open_stream()?;
    up();
    let received = stream.receive::<String>().await?;
    saw(format!("received {received:?}"));
    Ok(())
}

async fn give_up(ctx: ChildContext, inbox: &'static Inbox) -> Result<(), Error> {
    let _last = LastWords(|| saw_end(&ctx));
    ctx.started("working")?;
    up();
    smol::unblock(|| inbox.go()).await;
    ctx.cancel()?;
    pending().await
}

/// Why the task has to end, if it has to.
fn saw_end(ctx: &ChildContext) {
    if let Err(error) = ctx.check() {
        saw(why(&error));
    }
}

// What both do.

/// Sends the burst, never more ahead of the reader than it has room for.
async fn pour(stream: &MsgStream<'_>) -> Result<u64, Error> {
    let acknowledgement = async || Ok::<u64, Error>(stream.receive().await?.unwrap_or_default());
    let mut acked = 0;
    for item in 0..BURST {
        if item - acked == WINDOW {
            acked = acknowledgement().await?;
        }
        stream.send(&item).await?;
    }
    while acked < BURST {
        acked = acknowledgement().await?;
    }
    saw(format!("poured {acked}"));
    Ok(acked)
}

/// Receives the burst, in order and complete, and says every now and then how much it has.
async fn drain(stream: &MsgStream<'_>) -> Result<u64, Error> {
    let mut total = 0;
    for expected in 0..BURST {
        let item: Option<u64> = stream.receive().await?;
        if item != Some(expected) {
            saw(format!("item {expected} is {item:?}"));
            return Ok(total);
        }
        total += expected;
        if (expected + 1) % ACK_EVERY == 0 {
            stream.send(&(expected + 1)).await?;
        }
    }
    saw(format!("drained {BURST}"));
    Ok(total)
}
