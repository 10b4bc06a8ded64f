//! What leaves a parent's body, and what it leaves behind. (D-47)

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::driver::proto::Outcome;
use crate::driver::{ActorBuilder, ChildContext, Context, Ending, Error, NoArgs, TaskError};

use super::rig::{Pair, remote, with_server};

const PATH: (&str, &str) = ("app", "task");

/// How the remote task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Returned,
    Failed,
    Cancelled,
    CancelledByAnother,
    Disconnected,
}

const ENDS: [End; 5] =
    [End::Returned, End::Failed, End::Cancelled, End::CancelledByAnother, End::Disconnected];

/// How the body beside it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Well,
    WithItsOwnError,
    WithAPanic,
    /// It passes on what the dialog gives.
    WithTheDialogs,
    /// It cancels, whatever was before, and ends well.
    HavingCancelled,
}

const BODIES: [Body; 5] =
    [Body::Well, Body::WithItsOwnError, Body::WithAPanic, Body::WithTheDialogs, Body::HavingCancelled];

/// What can leave a body.
#[derive(Debug, Clone, PartialEq)]
enum Left {
    Own,
    Dialogs(Error),
}

impl From<Error> for Left {
    fn from(error: Error) -> Self {
        Self::Dialogs(error)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Args {
    end: End,
}

fn task(ctx: &ChildContext, end: End) -> Result<u32, TaskError> {
    ctx.started(&())?;
    match end {
        End::Returned => return Ok(7),
        End::Failed => return Err(TaskError::new("ValueError", "its own")),
        End::Cancelled | End::CancelledByAnother | End::Disconnected => {}
    }
    let stream = ctx.open_stream()?;
    while stream.receive::<()>()?.is_some() {
        ctx.portal().abort();
    }
    Ok(0)
}

fn server(server: ActorBuilder) -> ActorBuilder {
    server.context(PATH, |ctx: ChildContext, args: Args| task(&ctx, args.end))
}

/// Has the remote task end, and waits for it.
fn end(pair: &Pair, ctx: &Context, end: End) -> Result<Ending, Error> {
    match end {
        End::Returned | End::Failed => {}
        End::Disconnected => ctx.open_stream()?.send(&())?,
        End::Cancelled => ctx.cancel()?,
        End::CancelledByAnother => pair.server.cancel(),
    }
    ctx.wait()
}

/// The end of the body, once the dialog has `ended`.
fn body(ctx: &Context, body: Body, ended: Result<Ending, Error>) -> Result<(), Left> {
    match body {
        Body::Well => Ok(()),
        Body::WithItsOwnError => Err(Left::Own),
        Body::WithAPanic => panic!("the body"),
        Body::WithTheDialogs => Ok(ended.map(drop)?),
        Body::HavingCancelled => Ok(ctx.cancel()?),
    }
}

#[track_caller]
fn assert_outcome(pair: &Pair, outcome: Option<Outcome>, end: End) {
    let is_as_it_was = match (&outcome, end) {
        (Some(Outcome::Returned(Some(value))), End::Returned) => value.decode() == Ok(7),
        (Some(Outcome::Failed(failure)), End::Failed) => {
            remote::<()>(Err(failure.clone().into())).msg.tb_str == "its own"
        }
        (Some(Outcome::Cancelled { confirmed, .. }), End::Cancelled) => *confirmed,
        (Some(Outcome::Failed(failure)), End::CancelledByAnother) => {
            let error = remote::<()>(Err(failure.clone().into()));
            error.canceller() == Some(&pair.server.identity().uid)
        }
        (Some(Outcome::Disconnected(_)), End::Disconnected) => true,
        _ => false,
    };
    assert!(is_as_it_was, "{end:?}: {outcome:?}");
}

/// What leaves a body that did not fail by itself: the error of the outcome, if it has one.
fn of_outcome(ended: Result<Ending, Error>) -> Result<Ending, Left> {
    Ok(ended?)
}

/// D-47, for each end of the task with each end of the body, one after the other.
#[test]
fn d47_an_error_of_the_body_leaves_it_whatever_the_outcome_and_else_the_outcomes() {
    for how in ENDS {
        for body_ends in BODIES {
            with_server(server, |pair| {
                let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &Args { end: how }).unwrap();
                let mut ended = None;
                let left = catch_unwind(AssertUnwindSafe(|| {
                    ctx.supervise(|| {
                        ended = Some(end(pair, &ctx, how));
                        body(&ctx, body_ends, ended.clone().unwrap())
                    })
                }));
                assert_outcome(pair, ctx.outcome(), how);
                let has_error = matches!(how, End::Failed | End::CancelledByAnother | End::Disconnected);
                let ended = ended.unwrap();
                assert_eq!(ended.is_err(), has_error);
                match (body_ends, left) {
                    (Body::WithAPanic, Err(panic)) => assert_eq!(panic.downcast_ref(), Some(&"the body")),
                    (Body::WithItsOwnError, Ok(left)) => assert_eq!(left, Err(Left::Own)),
                    (_, Ok(left)) => assert_eq!(left.map(|((), ending)| ending), of_outcome(ended)),
                    (_, Err(_)) => panic!("{body_ends:?} panicked"),
                }
                // Once more, and nothing changes.
                assert_eq!(ctx.cancel(), Ok(()));
                assert_outcome(pair, ctx.outcome(), how);
            });
        }
    }
}

/// D-47, while the task still runs when the body ends: it is told to end, and how it does is its own affair.
#[test]
fn d47_the_remote_task_has_ended_whatever_ended_the_body() {
    let bodies = [Body::WithItsOwnError, Body::WithAPanic, Body::HavingCancelled];
    for (body_ends, fails) in bodies.into_iter().flat_map(|body| [(body, false), (body, true)]) {
        let server = |server: ActorBuilder| {
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                let told = task(&ctx, End::Cancelled);
                if fails { Err(TaskError::new("ValueError", "its own")) } else { told }
            })
        };
        with_server(server, |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let run = || ctx.supervise(|| body(&ctx, body_ends, Err(Error::StreamEnded)));
            let left = catch_unwind(AssertUnwindSafe(run));
            let outcome = ctx.outcome();
            assert_outcome(pair, outcome.clone(), if fails { End::Failed } else { End::Cancelled });
            match (left, outcome) {
                (Err(panic), _) => assert_eq!(panic.downcast_ref(), Some(&"the body")),
                (Ok(left), _) if body_ends == Body::WithItsOwnError => assert_eq!(left, Err(Left::Own)),
                (Ok(left), Some(Outcome::Failed(failure))) => {
                    assert_eq!(left, Err(Left::Dialogs(failure.into())));
                }
                (Ok(left), _) => assert_eq!(left, Ok(((), Ending::Cancelled { confirmed: true }))),
            }
        });
    }
}
