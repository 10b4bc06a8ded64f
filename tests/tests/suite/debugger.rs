//! Actors that are debugged at the terminal of their root: scenarios by their numbers.

use std::sync::Arc;

use crate::driver::{ChildContext, Context, Ending, Error, NoArgs, Portal, TaskError};

use super::ends::assert_disconnected;
use super::rig::{Behind, Host, assert_cancelled, behind, remote, until_told};
use super::terminal::{LOCK, assert_released, pauses, root};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "task");

/// A root with a terminal, and who sits there.
struct Session {
    root: Host,
    has_it: Arc<Wire<char>>,
    go: Arc<Wire<()>>,
}

impl Session {
    fn new() -> Self {
        Self { root: root().0, has_it: Wire::new(), go: Wire::new() }
    }

    /// An actor with one task, which can pause at the terminal, and reach the actors behind its own from 1 on.
    fn debugged(
        &self,
        name: char,
        task: impl Fn(&ChildContext, &dyn Fn(), &Behind) -> Result<(), TaskError> + Send + Sync + 'static,
    ) -> Host {
        let (has_it, go) = (Arc::clone(&self.has_it), Arc::clone(&self.go));
        let host = Host::new(&name.to_string(), |host, portals| {
            let portals = Arc::clone(portals);
            host.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                let pause = || assert_released(pauses(&behind(&portals, 0), &has_it, name, &go));
                task(&ctx, &pause, &portals)
            })
        });
        host.reaches(&[&self.root])
    }

    fn reaches(&self, host: &Host) -> Portal {
        host.reached_by(&self.root.actor)
    }

    /// Somebody has paused, and goes on: until then the task has not ended for who waits for it.
    fn lets_go_on(&self, name: char, ctx: &Context) {
        assert_eq!(self.has_it.hear(), name);
        assert_eq!(ctx.outcome(), None);
        self.go.tell(());
    }
}

fn fails(class: &str) -> Result<(), TaskError> {
    Err(TaskError::new(class, "as scripted"))
}

#[test]
fn s163_a_task_pauses_again_and_again() {
    let session = Session::new();
    let host = session.debugged('a', |_, pause, _| {
        pause();
        pause();
        Ok(())
    });
    let (ctx, ()) = session.reaches(&host).start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    session.lets_go_on('a', &ctx);
    session.lets_go_on('a', &ctx);
    assert_eq!(ctx.wait().unwrap().returned(), Ok(()));
}

#[test]
fn s164_a_task_that_crashes_pauses_before_it_says_so() {
    let session = Session::new();
    let host = session.debugged('a', |_, pause, _| {
        pause();
        fails("NameError")
    });
    let (ctx, ()) = session.reaches(&host).start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    session.lets_go_on('a', &ctx);
    assert_eq!(remote(ctx.wait()).boxed_type(), "NameError");
}

#[test]
fn s166_the_root_fails_while_a_child_is_paused() {
    let session = Session::new();
    let host = session.debugged('a', |ctx, pause, _| {
        pause();
        let stream = ctx.open_stream()?;
        stream.send(&1)?;
        Err(stream.receive::<u32>().unwrap_err().into())
    });
    let left = session.reaches(&host).open_context(PATH, &NoArgs {}, |ctx, (): ()| {
        session.lets_go_on('a', ctx);
        // The terminal is free again before the root gives up.
        assert_eq!(ctx.open_stream()?.receive(), Ok(Some(1)));
        Err::<(), _>(Error::StreamEnded)
    });
    assert_eq!(left, Err(Error::StreamEnded));
}

/// The task of an actor between: it lasts as long as the one behind it, or until it is told to end.
fn between(ctx: &ChildContext, portals: &Behind) -> Result<(), Error> {
    let within = |_: &Context, (): ()| Err::<(), _>(until_told(ctx));
    behind(portals, 1).open_context(PATH, &NoArgs {}, within).map(drop)
}

#[test]
fn s167_the_root_cancels_while_a_grandchild_is_paused() {
    let session = Session::new();
    let inner = session.debugged('n', |ctx, pause, _| {
        pause();
        Err(until_told(ctx).into())
    });
    let outer = session.debugged('m', |ctx, _, portals| Ok(between(ctx, portals)?)).reaches(&[&inner]);
    let portal = session.reaches(&outer);
    let (ctx, ()) = portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    session.lets_go_on('n', &ctx);
    portal.cancel_actor().unwrap();
    assert_cancelled(ctx.wait(), session.root.uid(), &[outer.uid()]);
}

#[test]
fn s169_an_error_pauses_each_actor_that_it_passes_through() {
    let session = Session::new();
    let inner = session.debugged('l', |_, pause, _| {
        pause();
        fails("KeyError")
    });
    let outer = session.debugged('m', |_, pause, portals| {
        let result = behind(portals, 1).open_context(PATH, &NoArgs {}, |_, (): ()| Ok::<_, Error>(()));
        pause();
        Ok(result.map(drop)?)
    });
    let outer = outer.reaches(&[&inner]);
    let (ctx, ()) = session.reaches(&outer).start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    session.lets_go_on('l', &ctx);
    session.lets_go_on('m', &ctx);
    let error = remote(ctx.wait());
    assert_eq!((error.boxed_type(), &*error.msg.src_type_str), ("RemoteActorError", "KeyError"));
    assert!(error.relay_path().iter().eq([inner.uid(), outer.uid()]));
}

#[test]
fn s170_the_connection_of_a_paused_task_is_lost() {
    let session = Session::new();
    let told = Wire::new();
    let tell = Arc::clone(&told);
    let host = session.debugged('a', move |ctx, pause, _| {
        pause();
        tell.tell(until_told(ctx));
        Ok(())
    });
    let portal = session.reaches(&host);
    let (ctx, ()) = portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    assert_eq!(session.has_it.hear(), 'a');
    portal.abort();
    assert_disconnected(ctx.wait());
    // The terminal is held over another connection.
    session.go.tell(());
    assert_disconnected(Err::<(), _>(told.hear()));
}

#[test]
fn s171_a_cancelled_task_pauses() {
    let session = Session::new();
    let host = session.debugged('a', |ctx, pause, _| {
        let told = until_told(ctx);
        pause();
        Err(told.into())
    });
    let (ctx, ()) = session.reaches(&host).start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    ctx.cancel().unwrap();
    session.lets_go_on('a', &ctx);
    assert_eq!(ctx.wait(), Ok(Ending::Cancelled { confirmed: true }));
}

#[test]
fn s172_only_some_actors_can_be_debugged() {
    let session = Session::new();
    let plain = session.debugged('a', |_, _, _| fails("NameError"));
    let debugged = session.debugged('b', |_, pause, _| {
        pause();
        fails("NameError")
    });
    let [first, second] = [&plain, &debugged].map(|host| session.reaches(host));
    let [(first, ()), (second, ())] =
        [&first, &second].map(|portal| portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap());
    assert_eq!(remote(first.wait()).boxed_type(), "NameError");
    session.lets_go_on('b', &second);
    assert_eq!(remote(second.wait()).boxed_type(), "NameError");
    // Nobody but the root has a terminal.
    let asked = plain.reached_by(&debugged.actor).start_context::<_, ()>(LOCK, &NoArgs {});
    assert_eq!(remote(asked).boxed_type(), "ModuleNotExposed");
}
