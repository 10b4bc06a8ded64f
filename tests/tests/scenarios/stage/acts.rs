//! What actors do, and what happens to their connections.

use std::task::Poll;
use std::time::Duration;

use scipp_common::{Conclusion, Error, TaskError};
use scipp_conformance::pair::Side;
use scipp_conformance::script::{args, frame, inject, start};
use scipp_proto::OverrunPolicy;
use scipp_proto::phase::Role;
use scipp_proto::wire::Message;
use serde::Serialize;

use super::{Seat, Stage, payload};

/// What an actor does in a dialog.
impl Stage {
    pub(crate) fn starts(&mut self, child: Seat, first: impl Serialize) {
        self.with(child, |conn, end| end.started(conn, payload(&first))).expect("it may");
    }

    pub(crate) fn opens_stream(&mut self, seat: Seat) {
        self.with(seat, |conn, end| end.open_stream(conn)).expect("it may");
    }

    pub(crate) fn sends(&mut self, seat: Seat, item: impl Serialize) {
        let sent = self.with(seat, |conn, end| end.send(conn, &payload(&item)));
        assert_eq!(sent, Poll::Ready(Ok(())));
    }

    /// Sends the numbers up to this one, from 0.
    pub(crate) fn sends_many(&mut self, seat: Seat, count: u32) {
        (0..count).for_each(|item| self.sends(seat, item));
    }

    /// The window of an inbox, and what happens beyond it.
    pub(crate) fn has_window(&mut self, seat: Seat, items: usize, policy: OverrunPolicy) {
        self.with(seat, |conn, end| conn.set_inbox(end.id, items, policy)).expect("not released");
    }

    /// Ends the stream.
    pub(crate) fn stops(&mut self, seat: Seat) {
        self.with(seat, |conn, end| conn.stop(end.id)).expect("it may");
    }

    /// The parent asks for the end of the task, or the task for its own.
    pub(crate) fn cancels(&mut self, seat: Seat) {
        let now = self.links[seat.link].pair.now();
        self.with(seat, |conn, end| conn.cancel(now, end.id)).expect("not released");
    }

    /// The task ends like this.
    pub(crate) fn concludes(&mut self, child: Seat, conclusion: Conclusion) {
        self.with(child, |conn, end| end.conclude(conn, conclusion));
    }

    pub(crate) fn returns(&mut self, child: Seat, result: impl Serialize) {
        self.concludes(child, Ok(payload(&result)));
    }

    pub(crate) fn raises(&mut self, child: Seat, class: &str) {
        self.concludes(child, Err(TaskError::new(class, "as scripted")));
    }

    /// The task returns an error of one of its calls.
    pub(crate) fn fails(&mut self, child: Seat, error: Error) {
        self.concludes(child, Err(error.into()));
    }

    /// The task returns the error by which its calls tell it to end.
    pub(crate) fn unwinds(&mut self, child: Seat) {
        let conn = &self.links[child.link].pair.end(child.side).conn;
        let told = child.end.told_to_end(conn).expect("told to end");
        self.fails(child, told);
    }

    /// The task returns the error that another dialog, which it opened, has ended with.
    pub(crate) fn passes_on(&mut self, child: Seat, inner: Seat) {
        let Poll::Ready(Err(error)) = self.awaited(inner) else { panic!("it has failed") };
        self.fails(child, error);
    }

    /// The body of the parent fails: it asks for the end of the task, and waits for it.
    pub(crate) fn body_raises(&mut self, parent: Seat, class: &'static str) {
        self.raised.insert(parent, class);
        self.cancels(parent);
    }

    /// A frame that our core would not send, written by hand: marked by `!`.
    pub(crate) fn forges(&mut self, seat: Seat, message: impl FnOnce(&str) -> Message<'_>) {
        let cid = self.look(seat).cid().to_owned();
        self.writes(seat.link, seat.side, &message(&cid));
    }

    /// A request to end the task of this id, written by hand and sent over any link.
    pub(crate) fn requests_end(&mut self, link: usize, from: &str, target: &str) {
        let side = self.side(link, from);
        let uid = self.links[link].pair.uid(side).clone();
        let cid = format!("request {}", self.take.frames.len());
        self.writes(link, side, &start(&cid, ("self", "_cancel_task"), args("cid", target), &uid));
    }

    fn writes(&mut self, link: usize, side: Side, message: &Message<'_>) {
        let names = self.links[link].names;
        let hop @ [from, to] = [side, side.other()].map(|side| names[side as usize]);
        let word = self.ids.frame(link, message, hop);
        self.take.frames.push((format!("{from}>{to}"), word + "!"));
        inject(&mut self.links[link].pair, side.other(), message);
        self.settle();
    }

    /// A frame with this body, whatever it is.
    pub(crate) fn garbles(&mut self, seat: Seat, word: &str, body: &[u8]) {
        let [from, to] = [self.name(seat), self.peer(seat)];
        self.take.frames.push((format!("{from}>{to}"), format!("{word}!")));
        self.links[seat.link].pair.end_mut(seat.side.other()).incoming.extend(frame(body));
        self.settle();
    }
}

/// Time and links.
impl Stage {
    /// Everything in it happens before any of it arrives.
    pub(crate) fn crossing(&mut self, act: impl FnOnce(&mut Self)) {
        self.is_crossing = true;
        act(self);
        self.is_crossing = false;
        self.settle();
    }

    /// What this actor sends from now on stays on its way.
    pub(crate) fn holds(&mut self, actor: &str) {
        self.hold(|from, _| from == actor, true);
    }

    /// It arrives after all.
    pub(crate) fn lets_go(&mut self, actor: &str) {
        self.hold(|from, _| from == actor, false);
        self.settle();
    }

    /// What is sent to this actor from now on stays on its way.
    pub(crate) fn does_not_read(&mut self, actor: &str) {
        self.hold(|_, to| to == actor, true);
    }

    fn hold(&mut self, which: impl Fn(&str, &str) -> bool, held: bool) {
        for link in &mut self.links {
            for side in Side::BOTH {
                if which(link.names[side.other() as usize], link.names[side as usize]) {
                    link.held[side as usize] = held;
                }
            }
        }
    }

    pub(crate) fn passes(&mut self, time: Duration) {
        for link in 0..self.links.len() {
            let before = Side::BOTH.map(|side| self.links[link].pair.end(side.other()).incoming.len());
            self.links[link].pair.advance(time);
            for side in Side::BOTH {
                self.note(link, side, before[side as usize]);
            }
        }
        self.settle();
    }

    /// A connection is lost, with what is on its way.
    pub(crate) fn cuts(&mut self, link: usize) {
        self.links[link].pair.cut(true);
    }

    /// The process of an actor is killed; nobody asks any more how its dialogs ended there.
    pub(crate) fn kills(&mut self, actor: &str) {
        for link in 0..self.links.len() {
            if self.links[link].names.contains(&actor) {
                self.cuts(link);
            }
        }
        for seat in std::mem::take(&mut self.unasked) {
            if self.name(seat) == actor {
                self.take.outcomes[usize::from(seat.end.role == Role::Child)].push("killed".to_owned());
            } else {
                self.unasked.push(seat);
            }
        }
    }

    /// An actor drops a connection without another word.
    pub(crate) fn drops(&mut self, seat: Seat) {
        self.with(seat, |conn, _| conn.abort());
    }
}
