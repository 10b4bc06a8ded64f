//! Who waits for what on one connection.

use std::collections::HashMap;
use std::ops::Deref;
use std::task::{Context, Poll, Waker};

use scipp_proto::DialogId;

use crate::link::{Link, State};

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Spot {
    /// Something that concerns the connection as a whole.
    Lobby,
    /// Something that happens to a dialog.
    Dialog(DialogId),
}

/// The wakers of those who wait.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    at: HashMap<Spot, Vec<(u64, Waker)>>,
    /// Spots where somebody waits for output to be written, each once.
    crowded: Vec<Spot>,
    tokens: u64,
}

impl Waiters {
    /// Lets `waker` wait at `spot` in place of whatever `token` stood for. Gives back a waker that is of no
    /// more use: dropping it may run anything, so it must not happen under the connection's lock.
    fn enter(&mut self, spot: Spot, token: &mut Option<u64>, waker: &Waker) -> Option<Waker> {
        let token = *token.get_or_insert_with(|| {
            self.tokens += 1;
            self.tokens
        });
        let waiting = self.at.entry(spot).or_default();
        match waiting.iter_mut().find(|(other, _)| *other == token) {
            Some((_, known)) if known.will_wake(waker) => None,
            Some((_, known)) => Some(std::mem::replace(known, waker.clone())),
            None => {
                waiting.push((token, waker.clone()));
                None
            }
        }
    }

    /// Whoever came with `token` waits no more.
    fn leave(&mut self, spot: Spot, token: u64) -> Option<Waker> {
        let waiting = self.at.get_mut(&spot)?;
        let at = waiting.iter().position(|(other, _)| *other == token)?;
        Some(waiting.swap_remove(at).1)
    }

    /// Notes that somebody at `spot` waits for output to be written.
    pub(crate) fn await_writing(&mut self, spot: Spot) {
        if !self.crowded.contains(&spot) {
            self.crowded.push(spot);
        }
    }

    /// Moves the wakers at `spot` to `calls`.
    pub(crate) fn call(&mut self, spot: Spot, calls: &mut Vec<Waker>) {
        if let Some(waiting) = self.at.get_mut(&spot) {
            calls.extend(waiting.drain(..).map(|(_, waker)| waker));
        }
    }

    /// Output was written: moves the wakers of those who waited for that to `calls`.
    pub(crate) fn call_crowded(&mut self, calls: &mut Vec<Waker>) {
        while let Some(spot) = self.crowded.pop() {
            self.call(spot, calls);
        }
    }

    /// Moves all wakers to `calls`.
    pub(crate) fn call_all(&mut self, calls: &mut Vec<Waker>) {
        self.crowded.clear();
        calls.extend(self.at.values_mut().flat_map(|waiting| waiting.drain(..)).map(|(_, waker)| waker));
    }

    /// A dialog is gone: nobody waits there any more.
    pub(crate) fn close(&mut self, spot: Spot, calls: &mut Vec<Waker>) {
        self.call(spot, calls);
        self.at.remove(&spot);
        self.crowded.retain(|other| *other != spot);
    }
}

/// A place among those who wait at a spot. Dropping it gives it up: a waiter that is gone leaves nothing
/// behind.
#[derive(Debug)]
pub(crate) struct Place<L: Deref<Target = Link>> {
    pub(crate) link: L,
    spot: Spot,
    token: Option<u64>,
}

impl<L: Deref<Target = Link>> Place<L> {
    pub(crate) const fn new(link: L, spot: Spot) -> Self {
        Self { link, spot, token: None }
    }

    /// Asks `ready`, and waits here if it says `Pending`.
    pub(crate) fn poll<T>(&mut self, cx: &Context<'_>, ready: impl FnOnce(&mut State) -> Poll<T>) -> Poll<T> {
        let (result, _idle) = self.link.with(|state| {
            let result = ready(state);
            let idle = match self.token {
                _ if result.is_pending() => state.waiters.enter(self.spot, &mut self.token, cx.waker()),
                Some(token) => state.waiters.leave(self.spot, token),
                None => None,
            };
            (result, idle)
        });
        result
    }
}

impl<L: Deref<Target = Link>> Drop for Place<L> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            let _idle = self.link.with(|state| state.waiters.leave(self.spot, token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOT: Spot = Spot::Lobby;

    fn waiting(waiters: &Waiters) -> usize {
        waiters.at.values().map(Vec::len).sum()
    }

    #[test]
    fn a_waiter_waits_once_and_leaves_nothing() {
        let mut waiters = Waiters::default();
        let mut token = None;
        for _ in 0..3 {
            let _idle = waiters.enter(SPOT, &mut token, Waker::noop());
        }
        assert_eq!(waiting(&waiters), 1);
        assert!(waiters.leave(SPOT, token.unwrap()).is_some());
        assert!(waiters.leave(SPOT, token.unwrap()).is_none());
        assert_eq!(waiting(&waiters), 0);
    }

    #[test]
    fn whoever_waits_for_writing_is_called_once() {
        let (mut waiters, mut calls) = (Waiters::default(), Vec::new());
        let _none = waiters.enter(SPOT, &mut None, Waker::noop());
        (0..3).for_each(|_| waiters.await_writing(SPOT));
        waiters.call_crowded(&mut calls);
        waiters.call_crowded(&mut calls);
        assert_eq!(calls.len(), 1);
    }
}
