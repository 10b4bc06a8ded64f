//! What is asserted, and noted.

use std::fmt::Debug;
use std::task::Poll;

use scipp_common::{End, Ending, Error, TaskError, left};
use scipp_proto::phase::Role;
use scipp_proto::{Connection, Event, Outcome, Payload};

use super::{Seat, Stage, payload};
use crate::take;
use crate::words;

impl Stage {
    /// All frames of this run, those of one sender in a row together.
    #[track_caller]
    pub(crate) fn sent(&mut self, turns: &[&str]) {
        self.asserted = None;
        self.then_sent(turns);
    }

    /// The same, of those since they were last asserted.
    #[track_caller]
    pub(crate) fn then_sent(&mut self, turns: &[&str]) {
        assert_eq!(take::turns(&self.take.frames[self.asserted.unwrap_or(0)..]), turns, "frames");
        self.asserted = Some(self.take.frames.len());
    }

    /// How a dialog has ended at its parent and at its child.
    #[track_caller]
    pub(crate) fn outcomes(&mut self, ends: (Seat, Seat), parent: &str, child: &str) {
        self.outcome(ends.0, parent);
        self.outcome(ends.1, child);
    }

    /// How one end of a dialog has ended.
    #[track_caller]
    pub(crate) fn outcome(&mut self, seat: Seat, expected: &str) {
        let dialog = self.look(seat);
        assert_eq!(words::outcome(&dialog, self.inward(seat)), expected, "outcome");
        let mark = self.ids.mark(seat.link, dialog.cid());
        let noted = if mark.is_empty() { expected.to_owned() } else { format!("{mark} {expected}") };
        self.take.outcomes[usize::from(seat.end.role == Role::Child)].push(noted);
        self.unasked.retain(|unasked| *unasked != seat);
    }

    /// The first value of a context.
    #[track_caller]
    pub(crate) fn gets_first(&mut self, parent: Seat, expected: &str) {
        let seen = match self.with(parent, |conn, end| end.first(conn)) {
            Poll::Pending => "nothing yet".to_owned(),
            Poll::Ready(Ok(value)) => words::value(&value),
            Poll::Ready(Err(error)) => words::failure(&error, self.inward(parent)),
        };
        self.sees(parent, "first value", seen, expected);
    }

    /// What a reader gets, one after the other.
    #[track_caller]
    pub(crate) fn takes_items(&mut self, seat: Seat, expected: &[&str]) {
        let inward = self.inward(seat);
        let seen = expected.iter().map(|_| match self.with(seat, |conn, end| end.take(conn)) {
            Poll::Pending => "nothing yet".to_owned(),
            Poll::Ready(Ok(Some(item))) => words::value(&item),
            Poll::Ready(Ok(None)) => "end".to_owned(),
            Poll::Ready(Err(error)) => words::failure(&error, inward),
        });
        let seen = seen.collect::<Vec<_>>().join(", ");
        self.sees(seat, "reads", seen, &expected.join(", "));
    }

    /// What comes of an item that cannot be sent.
    #[track_caller]
    pub(crate) fn cannot_send(&mut self, seat: Seat, expected: &str) -> Error {
        let Poll::Ready(Err(error)) = self.with(seat, |conn, end| end.send(conn, &Payload::NIL)) else {
            panic!("it can");
        };
        let seen = words::failure(&error, self.inward(seat));
        self.sees(seat, "sends in vain", seen, expected);
        error
    }

    /// Reads so many items, the numbers from 0.
    #[track_caller]
    pub(crate) fn takes_many(&mut self, seat: Seat, count: u32) {
        for item in 0..count {
            let taken = self.with(seat, |conn, end| end.take(conn));
            assert_eq!(taken, Poll::Ready(Ok(Some(payload(&item)))));
        }
        self.take.sights.push(format!("{} reads: {count} items in order", self.name(seat)));
    }

    /// What leaves the block of the parent, once the task has ended: its own error, or what waiting gives.
    #[track_caller]
    pub(crate) fn leaves(&mut self, parent: Seat, expected: &str) {
        let body = self.raised.get(&parent).map_or(Ok(()), |class| Err(TaskError::new(class, "")));
        self.sees(parent, "leaves the block", self.left(parent, body), expected);
    }

    /// What waiting for the end of the task gives, in the block or after it.
    #[track_caller]
    pub(crate) fn waits(&mut self, parent: Seat, expected: &str) {
        self.sees(parent, "waits", self.left(parent, Ok(())), expected);
    }

    fn left(&self, parent: Seat, body: Result<(), TaskError>) -> String {
        let Poll::Ready(outcome) = self.awaited(parent) else { return "not yet".to_owned() };
        match left(body, outcome) {
            Ok(((), Ending::Returned(result))) => format!("result {}", words::value(&result)),
            Ok(((), Ending::Cancelled { .. })) => "no error".to_owned(),
            Err(TaskError::Call(error)) => words::failure(&error, self.inward(parent)),
            Err(TaskError::Report(raised)) => raised.type_name,
            Err(other) => format!("{other:?}"),
        }
    }

    /// What waiting for the end of a dialog gives at its parent.
    pub(super) fn awaited(&self, parent: Seat) -> Poll<Result<Outcome, Error>> {
        parent.end.outcome(&self.links[parent.link].pair.end(parent.side).conn)
    }

    /// The last that was reported of a dialog.
    #[track_caller]
    pub(crate) fn hears(&mut self, seat: Seat, expected: &str) {
        let events = &self.links[seat.link].pair.end(seat.side).events;
        let last = events.iter().rev().find_map(|event| match event {
            Event::Dialog { id, event } if *id == seat.end.id => Some(format!("{event:?}")),
            _ => None,
        });
        self.sees(seat, "hears", last.unwrap_or_default(), expected);
    }

    /// Why the connection of a seat is over.
    #[track_caller]
    pub(crate) fn is_cut_off(&mut self, seat: Seat, expected: &str) {
        let reason = self.links[seat.link].pair.end(seat.side).conn.close_reason();
        let seen = reason.map_or_else(|| "no".to_owned(), ToString::to_string);
        self.sees(seat, "is cut off", seen, expected);
    }

    /// The word for where a side is.
    #[track_caller]
    pub(crate) fn is_in(&mut self, seat: Seat, expected: &str) {
        let seen = self.look(seat).state().to_string();
        self.sees(seat, "is", seen, expected);
    }

    /// A verb that the core refuses to the caller.
    #[track_caller]
    pub(crate) fn is_refused<T: Debug, E: Into<Error>>(
        &mut self,
        seat: Seat,
        expected: &str,
        verb: impl FnOnce(&mut Connection, End) -> Result<T, E>,
    ) -> Error {
        let error = self.with(seat, verb).map_err(Into::into).expect_err("refused");
        let seen = words::failure(&error, self.inward(seat));
        self.sees(seat, "is told", seen, expected);
        error
    }

    /// An end whose actor is played by hand: its core was only lent for it.
    pub(crate) fn by_hand(&mut self, seat: Seat) {
        self.take.outcomes[usize::from(seat.end.role == Role::Child)].push("by hand".to_owned());
        self.unasked.retain(|unasked| *unasked != seat);
    }

    /// Anything else that an application sees.
    #[track_caller]
    pub(crate) fn sees(&mut self, seat: Seat, what: &str, seen: impl ToString, expected: &str) {
        let (seen, name) = (seen.to_string(), self.name(seat));
        assert_eq!(seen, expected, "{name} {what}");
        self.take.sights.push(format!("{name} {what}: {seen}"));
    }
}
