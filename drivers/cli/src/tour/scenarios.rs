//! What the tour holds, and how each dialog has to end.

use serde::Serialize;

use scipp_blocking::{Context, Ending, Error, NoArgs, Portal};

/// One dialog of the tour.
pub(crate) struct Scenario {
    pub(crate) title: &'static str,
    /// The outcome that the protocol specifies.
    pub(crate) expected: &'static str,
    pub(crate) hold: fn(&Portal) -> Result<String, Error>,
}

#[derive(Serialize)]
struct Pair {
    a: i64,
    b: i64,
}

#[derive(Serialize)]
struct Count {
    to: u32,
}

/// All that need nothing but a living peer.
pub(crate) const SCENARIOS: [Scenario; 10] = [
    Scenario {
        title: "a call",
        expected: "returned 5",
        hold: |portal| {
            Ok(format!("returned {}", portal.call::<_, i64>(("tour", "add"), &Pair { a: 2, b: 3 })?))
        },
    },
    Scenario {
        title: "a failing call",
        expected: "failed: ZeroDivisionError",
        hold: |portal| {
            Ok(format!("returned {}", portal.call::<_, i64>(("tour", "divide"), &Pair { a: 1, b: 0 })?))
        },
    },
    Scenario {
        title: "a generator",
        expected: "yielded [1, 2, 3]",
        hold: |portal| {
            let items = portal.iterate::<_, u32>(("tour", "count"), &Count { to: 3 })?;
            Ok(format!("yielded {:?}", items.collect::<Result<Vec<_>, _>>()?))
        },
    },
    Scenario {
        title: "a context: first value, stream both ways, result",
        expected: "received [1, 3, 6], returned 6",
        hold: context,
    },
    Scenario {
        title: "an error before Started",
        expected: "failed: ValueError",
        hold: |portal| ending(portal, "fail_early", |_| Ok(())),
    },
    Scenario {
        title: "an error after Started",
        expected: "failed: KeyError",
        hold: |portal| ending(portal, "fail_late", |_| Ok(())),
    },
    Scenario {
        title: "a cancel by the parent",
        expected: "cancelled, confirmed",
        hold: |portal| ending(portal, "wait", Context::cancel),
    },
    Scenario {
        title: "a cancel by the child",
        expected: "failed: ContextCancelled by peer",
        hold: |portal| {
            ending(portal, "give_up", |ctx| {
                let stream = ctx.open_stream()?;
                stream.send("now")?;
                stream.receive::<()>().map(drop)
            })
        },
    },
    Scenario {
        title: "both cancel at once",
        expected: "cancelled, confirmed",
        hold: |portal| {
            ending(portal, "give_up", |ctx| {
                let stream = ctx.open_stream()?;
                // One write: the child is told to cancel itself and cancelled.
                stream.feed("now")?;
                ctx.cancel()
            })
        },
    },
    Scenario {
        title: "an overrun: more items than the receiver's window",
        expected: "failed: StreamOverrun",
        hold: |portal| {
            ending(portal, "flood", |ctx| {
                let _not_received = ctx.open_stream()?;
                ctx.wait().map(drop)
            })
        },
    },
];

fn context(portal: &Portal) -> Result<String, Error> {
    let (sums, ending) = portal.open_context(("tour", "sum"), &NoArgs {}, |ctx, _: String| {
        let stream = ctx.open_stream()?;
        let mut sums = Vec::new();
        for item in 1..=3 {
            stream.send(&item)?;
            sums.extend(stream.receive::<i64>()?);
        }
        Ok::<_, Error>(sums)
    })?;
    Ok(format!("received {sums:?}, returned {}", ending.returned::<i64>()?))
}

/// Holds a context whose end is what counts.
fn ending(
    portal: &Portal,
    func: &str,
    body: impl FnOnce(&Context) -> Result<(), Error>,
) -> Result<String, Error> {
    let ((), ending) = portal.open_context(("tour", func), &NoArgs {}, |ctx, _: String| body(ctx))?;
    Ok(match ending {
        Ending::Returned(_) => "returned".to_owned(),
        Ending::Cancelled { confirmed: true } => "cancelled, confirmed".to_owned(),
        Ending::Cancelled { confirmed: false } => "cancelled, unconfirmed".to_owned(),
    })
}

/// A peer that dies in the middle of a dialog.
pub(crate) const KILLED: (&str, &str) = ("a killed peer", "disconnected");

/// Opens a context, has the peer killed by `kill`, and waits for what cannot come.
pub(crate) fn killed(portal: &Portal, kill: impl FnOnce()) -> Result<String, Error> {
    let (ctx, _) = portal.start_context::<_, String>(("tour", "wait"), &NoArgs {})?;
    let stream = ctx.open_stream()?;
    kill();
    Ok(format!("received {:?}", stream.receive::<()>()?))
}

/// How a dialog ended, in few words.
pub(crate) fn describe(result: Result<String, Error>) -> String {
    match result {
        Ok(text) => text,
        Err(Error::Remote(error)) => {
            let by = error.canceller().map(|uid| format!(" by {}", uid.name().escape_debug()));
            format!("failed: {}{}", error.msg.src_type_str.escape_debug(), by.unwrap_or_default())
        }
        Err(Error::Disconnected(_)) => "disconnected".to_owned(),
        Err(error) => error.to_string(),
    }
}
