//! The blocking driver.

use std::thread;

use serde_json::json;

use scipp_blocking::{
    Actor, ChildContext, Context, Error, Listener, MsgStream, NoArgs, Portal, TaskError, Yielder,
};

use super::args::{Count, Name, Pair, Start, Text};
use super::inbox::Inbox;
use super::{ACK_EVERY, BURST, Part, Played, WINDOW, listening_at, profile, saw, saw_ending, up, why};
use crate::case::Role;
use crate::table::Scenario;

pub(super) fn run(part: &Part, inbox: &'static Inbox) -> Played {
    if part.role == Role::Child {
        return serve(&part.address, inbox);
    }
    let portal = connect(&Actor::builder(profile(part.role)).build(), &part.address)?;
    if part.role == Role::Third {
        portal.cancel_actor()?;
        saw("cancelled it");
    } else if let Err(error) = hold(part.scenario, &portal, inbox) {
        saw(why(&error));
    }
    inbox.end();
    portal.close();
    Ok(())
}

fn connect(actor: &Actor, address: &str) -> Result<Portal, scipp_blocking::ConnectError> {
    if address.starts_with('/') { actor.connect_unix(address) } else { actor.connect_tcp(address) }
}

// What a parent does.

fn hold(scenario: Scenario, portal: &Portal, inbox: &Inbox) -> Result<(), Error> {
    match scenario {
        Scenario::Call => {
            let sum: i64 = portal.call(("peer", "add"), &json!({ "a": 2, "b": 3 }))?;
            saw(format!("returned {sum}"));
        }
        Scenario::FailingCall => {
            let quotient: i64 = portal.call(("peer", "divide"), &json!({ "a": 1, "b": 0 }))?;
            saw(format!("returned {quotient}"));
        }
        Scenario::UnknownFunction => {
            portal.call::<_, ()>(("peer", "nowhere"), &NoArgs {})?;
            saw("returned");
        }
        Scenario::Generator => {
            let items = portal.iterate::<_, u32>(("peer", "count"), &json!({ "to": 3 }))?;
            saw(format!("yielded {:?}", items.collect::<Result<Vec<_>, _>>()?));
        }
        Scenario::GeneratorLeft => {
            let items = portal.iterate::<_, u32>(("peer", "count_and_wait"), &json!({ "to": 3 }))?;
            saw(format!("yielded {:?}", items.take(2).collect::<Result<Vec<_>, _>>()?));
        }
        Scenario::Context => open(portal, "greet", &json!({ "name": "you" }), first_value)?,
        Scenario::Stream => open(portal, "add_up", &json!({ "start": 10 }), |ctx, first: String| {
            first_value(ctx, first)?;
            let stream = ctx.open_stream()?;
            for item in 1..=3 {
                stream.send(&item)?;
                let sum: Option<i64> = stream.receive()?;
                saw(format!("received {}", sum.unwrap_or_default()));
            }
            Ok(())
        })?,
        Scenario::ErrorBeforeStarted => open(portal, "fail_early", &json!({}), first_value)?,
        Scenario::ErrorAfterStarted => open(portal, "fail_late", &json!({}), first_value)?,
        Scenario::CancelByParent => open(portal, "wait", &json!({}), |ctx, _: String| {
            up();
            ctx.cancel()
        })?,
        Scenario::CancelByChild => open(portal, "give_up", &json!({}), |_, _: String| {
            up();
            Ok(())
        })?,
        Scenario::CancelByBoth => open(portal, "give_up", &json!({}), |ctx, _: String| {
            up();
            inbox.go();
            ctx.cancel()
        })?,
        Scenario::ActorCancelByParent => open(portal, "wait", &json!({}), |_, _: String| {
            up();
            portal.cancel_actor()
        })?,
        Scenario::ActorCancelByThird | Scenario::OurProcessKilled | Scenario::TheirProcessKilled => {
            open(portal, "wait", &json!({}), |ctx, _: String| {
                let stream = ctx.open_stream()?;
                up();
                // A Python child stops its stream before it says why.
                stream.items::<String>().try_for_each(|item| item.map(saw))
            })?;
        }
        Scenario::BurstUp => {
            open(portal, "take_burst", &json!({}), |ctx, (): ()| pour(&ctx.open_stream()?).map(drop))?
        }
        Scenario::BurstDown => {
            open(portal, "give_burst", &json!({}), |ctx, (): ()| drain(&ctx.open_stream()?).map(drop))?
        }
    }
    Ok(())
}

fn open<F: serde::de::DeserializeOwned>(
    portal: &Portal,
    func: &str,
    args: &serde_json::Value,
    body: impl FnOnce(&Context, F) -> Result<(), Error>,
) -> Result<(), Error> {
    let ((), ending) = portal.open_context(("peer", func), args, body)?;
    saw_ending(&ending)
}

fn first_value(_: &Context, first: String) -> Result<(), Error> {
    saw(format!("first {first}"));
    Ok(())
}

// What a child does.

fn serve(address: &str, inbox: &'static Inbox) -> Played {
    let actor = actor(inbox);
    let listener = listen(&actor, address)?;
    listening_at(&listener.local_addr().to_string());
    let ending = thread::spawn(move || {
        inbox.end();
        actor.cancel();
    });
    listener.serve();
    // Nobody is to wait for an actor that was cancelled before the test ends.
    drop(listener);
    ending.join().map_err(|_| "panicked")?;
    Ok(())
}

fn listen(actor: &Actor, address: &str) -> std::io::Result<Listener> {
    if address.starts_with('/') { actor.listen_unix(address) } else { actor.listen_tcp(address) }
}

fn actor(inbox: &'static Inbox) -> Actor {
    Actor::builder(profile(Role::Child))
        .function(("peer", "echo"), |args: Text| Ok::<_, Error>(args.text))
        .function(("peer", "add"), |args: Pair| {
            saw("called");
            Ok::<_, Error>(args.a + args.b)
        })
        .function(("peer", "divide"), |args: Pair| {
            saw("called");
            args.a.checked_div(args.b).ok_or_else(|| TaskError::new("ZeroDivisionError", "division by zero"))
        })
        .generator(("peer", "count"), |args: Count, out: Yielder| {
            (1..=args.to).try_for_each(|n| out.send(&n))?;
            saw("yielded all");
            Ok::<_, Error>(())
        })
        .generator(("peer", "count_and_wait"), count_and_wait)
        .context(("peer", "greet"), |ctx: ChildContext, args: Name| {
            ctx.started(&format!("hello {}", args.name))?;
            saw("greeted");
            Ok::<_, Error>(args.name.len())
        })
        .context(("peer", "add_up"), add_up)
        .context(("peer", "fail_early"), |_: ChildContext, _: NoArgs| {
            saw("fails");
            Err::<(), _>(TaskError::new("ValueError", "no good start"))
        })
        .context(("peer", "fail_late"), |ctx: ChildContext, _: NoArgs| {
            ctx.started("so far so good")?;
            saw("fails");
            Err::<(), _>(TaskError::new("KeyError", "no such item"))
        })
        .context(("peer", "wait"), |ctx: ChildContext, _: NoArgs| {
            ctx.started("waiting")?;
            let stream = ctx.open_stream()?;
            up();
            let received = stream.receive::<String>().inspect_err(|error| saw(why(error)))?;
            saw(format!("received {received:?}"));
            Ok::<_, Error>(())
        })
        .context(("peer", "give_up"), move |ctx: ChildContext, _: NoArgs| {
            ctx.started("working")?;
            up();
            inbox.go();
            ctx.cancel()?;
            ctx.check().inspect_err(|error| saw(why(error)))
        })
        .context(("peer", "take_burst"), |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            drain(&ctx.open_stream()?)
        })
        .context(("peer", "give_burst"), |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            pour(&ctx.open_stream()?)
        })
        .build()
}

/// Goes on computing after its last item.
fn count_and_wait(args: Count, out: Yielder) -> Result<(), Error> {
    (1..=args.to).try_for_each(|n| out.send(&n))?;
    while out.check().is_ok() {
        thread::yield_now();
    }
    saw("cancelled");
    out.check()
}

fn add_up(ctx: ChildContext, args: Start) -> Result<i64, Error> {
    ctx.started("ready")?;
    let stream = ctx.open_stream()?;
    let mut sum = args.start;
    for item in stream.items::<i64>() {
        let item = item?;
        saw(format!("received {item}"));
        sum += item;
        stream.send(&sum)?;
    }
    saw("stream ended");
    Ok(sum)
}

// What both do.

/// Sends the burst, never more ahead of the reader than it has room for.
fn pour(stream: &MsgStream<'_>) -> Result<u64, Error> {
    let acknowledgement = || Ok::<u64, Error>(stream.receive()?.unwrap_or_default());
    let mut acked = 0;
    for item in 0..BURST {
        if item - acked == WINDOW {
            acked = acknowledgement()?;
        }
        stream.feed(&item)?;
    }
    while acked < BURST {
        acked = acknowledgement()?;
    }
    saw(format!("poured {acked}"));
    Ok(acked)
}

/// Receives the burst, in order and complete, and says every now and then how much it has.
fn drain(stream: &MsgStream<'_>) -> Result<u64, Error> {
    let mut total = 0;
    for expected in 0..BURST {
        let item: Option<u64> = stream.receive()?;
        if item != Some(expected) {
            saw(format!("item {expected} is {item:?}"));
            return Ok(total);
        }
        total += expected;
        if (expected + 1) % ACK_EVERY == 0 {
            stream.send(&(expected + 1))?;
        }
    }
    saw(format!("drained {BURST}"));
    Ok(total)
}
