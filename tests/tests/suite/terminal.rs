//! The terminal of a tree of actors, one debugger at a time: scenarios by their numbers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::driver::{Actor, ChildContext, Ending, Error, NoArgs, Portal, TaskError};

use super::ends::assert_disconnected;
use super::rig::{Host, remote};
use super::wire::Wire;

pub(super) const LOCK: (&str, &str) = ("tractor.devx.debug._tty_lock", "lock_stdio_for_peer");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "msg_type")]
pub(super) enum Said {
    LockStatus { locked: bool },
    LockRelease {},
}

/// Who wants the terminal, by number; the first one has it.
#[derive(Default)]
struct Terminal(Mutex<(u32, VecDeque<u32>)>);

/// A place in the queue, given up when it is dropped: however the task that has it ends.
struct Place<'a> {
    terminal: &'a Terminal,
    number: u32,
}

impl Terminal {
    fn asked(&self) -> Place<'_> {
        let (last, queue) = &mut *self.0.lock().unwrap();
        *last += 1;
        queue.push_back(*last);
        Place { terminal: self, number: *last }
    }
}

impl Place<'_> {
    fn is_first(&self) -> bool {
        self.terminal.0.lock().unwrap().1.front() == Some(&self.number)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.terminal.0.lock().unwrap().1.retain(|number| *number != self.number);
    }
}

/// What the root does for who wants the terminal.
fn lock(terminal: &Terminal, ctx: &ChildContext, asked: &Wire<()>) -> Result<Said, TaskError> {
    let place = terminal.asked();
    asked.tell(());
    while !place.is_first() {
        ctx.check()?;
        thread::yield_now();
    }
    ctx.started(&Said::LockStatus { locked: true })?;
    match ctx.open_stream()?.receive::<Said>() {
        Ok(Some(Said::LockRelease {}) | None) => Ok(Said::LockStatus { locked: false }),
        Ok(Some(Said::LockStatus { .. })) => Err(TaskError::new("AssertionError", "no release")),
        Err(Error::Conversion(error)) => Err(TaskError::new("MsgTypeError", error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// The root, and what it tells of each that has asked.
pub(super) fn root() -> (Host, Arc<Wire<()>>) {
    let asked = Wire::new();
    let root = Host::new("root", |host, _| {
        let (terminal, asked) = (Terminal::default(), Arc::clone(&asked));
        host.context(LOCK, move |ctx: ChildContext, _: NoArgs| lock(&terminal, &ctx, &asked))
    });
    (root, asked)
}

fn portals(root: &Host) -> [Portal; 3] {
    ["a", "b", "c"].map(|name| root.reached_by(&Actor::builder(name).build()))
}

/// Has the terminal, and gives it back when it is told to.
pub(super) fn pauses(
    portal: &Portal,
    has_it: &Wire<char>,
    name: char,
    go: &Wire<()>,
) -> Result<Ending, Error> {
    let paused = portal.open_context(LOCK, &NoArgs {}, |ctx, status: Said| {
        assert_eq!(status, Said::LockStatus { locked: true });
        has_it.tell(name);
        go.hear();
        ctx.open_stream()?.send(&Said::LockRelease {})
    });
    paused.map(|((), ending)| ending)
}

#[track_caller]
pub(super) fn assert_released(result: Result<Ending, Error>) {
    assert_eq!(result.unwrap().returned(), Ok(Said::LockStatus { locked: false }));
}

#[test]
fn s165_several_pause_in_the_order_of_asking() {
    let (root, asked) = root();
    let (has_it, go) = (Wire::new(), Wire::new());
    thread::scope(|scope| {
        let portals = portals(&root);
        for (portal, name) in portals.into_iter().zip(['a', 'b', 'c']) {
            let (has_it, go) = (&has_it, &go);
            scope.spawn(move || assert_released(pauses(&portal, has_it, name, go)));
            asked.hear();
        }
        for name in ['a', 'b', 'c'] {
            assert_eq!(has_it.hear(), name);
            go.tell(());
        }
    });
}

#[test]
fn s173_all_ways_to_give_the_terminal_back() {
    let (root, _asked) = root();
    let [portal, ..] = portals(&root);
    let locked = || portal.start_context::<_, Said>(LOCK, &NoArgs {}).unwrap().0;
    // Each finds it free again.
    let ctx = locked();
    ctx.open_stream().unwrap().send(&Said::LockRelease {}).unwrap();
    assert_released(ctx.wait());
    let ctx = locked();
    ctx.open_stream().unwrap().stop().unwrap();
    assert_released(ctx.wait());
    let ctx = locked();
    ctx.cancel().unwrap();
    assert_eq!(ctx.wait(), Ok(Ending::Cancelled { confirmed: true }));
    let ctx = locked();
    ctx.open_stream().unwrap().send(&Said::LockStatus { locked: true }).unwrap();
    assert_eq!(remote(ctx.wait()).boxed_type(), "AssertionError");
    let ctx = locked();
    ctx.open_stream().unwrap().send(&10).unwrap();
    assert_eq!(remote(ctx.wait()).boxed_type(), "MsgTypeError");
    drop(locked());
    let ctx = locked();
    ctx.cancel().unwrap();
    ctx.wait().unwrap();
}

#[test]
fn s174_who_holds_the_terminal_or_waits_for_it_is_gone() {
    let (root, asked) = root();
    let [a, b, c] = portals(&root);
    let (has_it, go) = (Wire::new(), Wire::new());
    thread::scope(|scope| {
        let (held, _) = a.start_context::<_, Said>(LOCK, &NoArgs {}).unwrap();
        asked.hear();
        let waiting = scope.spawn(|| b.start_context::<_, Said>(LOCK, &NoArgs {}).map(drop));
        asked.hear();
        let next = scope.spawn(|| pauses(&c, &has_it, 'c', &go));
        asked.hear();
        b.abort();
        assert_disconnected(waiting.join().unwrap());
        a.abort();
        assert_disconnected(held.wait());
        assert_eq!(has_it.hear(), 'c');
        go.tell(());
        assert_released(next.join().unwrap());
    });
}
