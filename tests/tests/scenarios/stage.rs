//! Where a scenario is played: real cores, joined by links without sockets, under a virtual clock.
//!
//! Every verb says what an actor does. What it sends arrives before the next one, unless it is `crossing` or the
//! sender's frames are held. Bodies and tasks do with the core what the drivers do (`scipp_common::End`).

use std::collections::HashMap;
use std::fmt::Debug;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use scipp_common::{Conclusion, End, Ending, Error, GRACE, TaskError, ended};
use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::script::call;
use scipp_proto::phase::Role;
use scipp_proto::wire::{self, ErrorMsg, Message, Start};
use scipp_proto::{
    Call, Canceller, Config, Connection, DialogRef, Event, Kind, Kwargs, OverrunPolicy, Payload, Report,
    RuntimeEndpoint, Target, Uid,
};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use crate::take::{self, Take};
use crate::words::{self, Ids};

/// The actors of most scenarios: the parent and the child.
pub(crate) const P: &str = "P";
pub(crate) const C: &str = "C";

/// One end of one dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    link: usize,
    side: Side,
    pub(crate) end: End,
}

/// A connection of two actors.
struct Link {
    names: [&'static str; 2],
    pair: Pair,
    /// Frames on their way to this end stay there.
    held: [bool; 2],
}

/// The actors and their connections, and the record of what they do.
pub(crate) struct Stage {
    config: Config,
    links: Vec<Link>,
    ids: Ids,
    take: Take,
    takes: Vec<Take>,
    /// Seats whose outcome has not been asserted.
    unasked: Vec<Seat>,
    /// Frames that have been asserted.
    asserted: Option<usize>,
    /// Bodies of parents that failed, and with what.
    raised: HashMap<Seat, &'static str>,
    is_crossing: bool,
}

/// Building and recording.
impl Stage {
    /// P and C, connected.
    pub(crate) fn new(config: Config) -> Self {
        let mut stage = Self {
            config,
            links: Vec::new(),
            ids: Ids::default(),
            take: Take::default(),
            takes: Vec::new(),
            unasked: Vec::new(),
            asserted: None,
            raised: HashMap::new(),
            is_crossing: false,
        };
        stage.connect(&[[P, C]]);
        stage
    }

    /// These connections in place of those that there are, each by its opener and its listener.
    pub(crate) fn connect(&mut self, links: &[[&'static str; 2]]) {
        self.connect_with(links, |config| config);
    }

    /// The same, under another configuration.
    pub(crate) fn connect_with(
        &mut self,
        links: &[[&'static str; 2]],
        change: impl FnOnce(Config) -> Config,
    ) {
        let config = change(self.config.clone());
        self.links = (1..).zip(links).map(|(seed, names)| Link::new(*names, &config, seed)).collect();
    }

    /// Plays once more, from the beginning, and tells how it differs.
    pub(crate) fn again(&mut self, variant: &'static str) {
        if !self.take.frames.is_empty() || !self.take.outcomes.iter().all(Vec::is_empty) {
            self.close_take();
        }
        self.take = Take::of(variant);
        self.connect(&[[P, C]]);
    }

    /// What happened.
    pub(crate) fn takes(mut self) -> Vec<Take> {
        self.close_take();
        self.takes
    }

    fn close_take(&mut self) {
        let sent = self.take.frames.len();
        assert_eq!(self.asserted, Some(sent), "frames were not asserted: {:?}", self.take.turns());
        assert_eq!(self.unasked, [], "outcomes were not asserted");
        self.takes.push(std::mem::take(&mut self.take));
        (self.ids, self.asserted) = (Ids::default(), None);
        self.raised.clear();
    }

    /// Does something to one end, and notes what it writes.
    fn act<T>(&mut self, link: usize, side: Side, act: impl FnOnce(&mut Pair) -> T) -> T {
        let Link { pair, .. } = &mut self.links[link];
        let before = pair.end(side.other()).incoming.len();
        let done = act(pair);
        pair.drain(side);
        self.note(link, side, before);
        done
    }

    /// Notes what `side` has written since `before` bytes were on their way.
    fn note(&mut self, link: usize, side: Side, before: usize) {
        let Link { pair, names, .. } = &self.links[link];
        let [from, to] = [names[side as usize], names[side.other() as usize]];
        let limits = pair.end(side).conn.config().limits();
        let written: Vec<u8> = pair.end(side.other()).incoming.iter().skip(before).copied().collect();
        let mut rest = &written[..];
        while let Some(len) = wire::frame::body_len(rest, usize::MAX).expect("no limit") {
            let (body, next) = rest[4..].split_at(len);
            let body = Bytes::copy_from_slice(body);
            let message = wire::decode(&body, &limits).expect("a core wrote it");
            let word = self.ids.frame(link, &message, from, to);
            self.take.frames.push((format!("{from}>{to}"), word));
            rest = next;
        }
        assert!(rest.is_empty(), "whole frames only");
    }

    /// What is on its way arrives, unless it is held; whoever sees the other end gone hangs up in turn.
    fn settle(&mut self) {
        if self.is_crossing {
            return;
        }
        let ends = || (0..self.links.len()).flat_map(|link| Side::BOTH.map(|side| (link, side)));
        let ends: Vec<_> = ends().collect();
        while ends.iter().any(|&(link, side)| self.arrive(link, side)) {}
    }

    fn arrive(&mut self, link: usize, side: Side) -> bool {
        if self.links[link].held[side as usize] {
            return false;
        }
        if self.act(link, side, |pair| pair.deliver(side, usize::MAX)) > 0 {
            return true;
        }
        let pair = &self.links[link].pair;
        let is_gone = pair.end(side.other()).conn.is_closed() && pair.end(side).incoming.is_empty();
        let hangs_up = is_gone && !pair.end(side).conn.is_closed();
        if hangs_up {
            let now = pair.now();
            self.act(link, side, |pair| pair.conn(side).handle_eof(now));
        }
        hangs_up
    }

    fn side(&self, link: usize, actor: &str) -> Side {
        let names = self.links[link].names;
        Side::BOTH.into_iter().find(|side| names[*side as usize] == actor).expect("an end of this link")
    }

    fn peer(&self, seat: Seat) -> &'static str {
        self.links[seat.link].names[seat.side.other() as usize]
    }

    fn name(&self, seat: Seat) -> &'static str {
        self.links[seat.link].names[seat.side as usize]
    }

    /// The dialog of a seat, to look at.
    pub(crate) fn look(&self, seat: Seat) -> DialogRef<'_> {
        let conn = &self.links[seat.link].pair.end(seat.side).conn;
        conn.dialog(seat.end.id).expect("not released")
    }

    /// A core that does something; what it sends arrives.
    pub(crate) fn with<T>(&mut self, seat: Seat, act: impl FnOnce(&mut Connection, End) -> T) -> T {
        let done = self.act(seat.link, seat.side, |pair| act(pair.conn(seat.side), seat.end));
        self.settle();
        done
    }
}

impl Link {
    fn new(names: [&'static str; 2], config: &Config, seed: u128) -> Self {
        let mut pair = Pair::between(names, [config.clone(), config.clone()], seed);
        pair.settle();
        for side in Side::BOTH {
            let event = pair.end_mut(side).events.pop_front();
            assert!(matches!(event, Some(Event::Established { .. })), "{event:?}");
        }
        Self { names, pair, held: [false; 2] }
    }
}

/// Opening.
impl Stage {
    /// P opens a dialog with C.
    pub(crate) fn asks(&mut self, kind: Kind) -> Seat {
        self.asks_over(0, P, call(kind))
    }

    /// The actor opens a dialog over this link.
    pub(crate) fn asks_over(&mut self, link: usize, from: &str, call: Call) -> Seat {
        let side = self.side(link, from);
        let now = self.links[link].pair.now();
        let id = self.act(link, side, |pair| pair.conn(side).open(now, &call)).expect("established");
        self.settle();
        self.seat(link, side, End { id, role: Role::Parent })
    }

    /// The actor may not open a dialog over this link.
    #[track_caller]
    pub(crate) fn may_not_ask(&mut self, link: usize, from: &str, expected: &str) {
        let (side, now) = (self.side(link, from), self.links[link].pair.now());
        let opened = self.act(link, side, |pair| pair.conn(side).open(now, &call(Kind::Context)));
        let error = opened.expect_err("refused").to_string();
        assert_eq!(error, expected);
        self.take.sights.push(format!("{from} is told: {error}"));
    }

    /// The other end of a dialog that was asked for.
    pub(crate) fn asked(&mut self, parent: Seat) -> Seat {
        let (link, side) = (parent.link, parent.side.other());
        let id = self.links[link].pair.next_opened(side).expect("the Start arrived");
        self.seat(link, side, End::opened(id))
    }

    fn seat(&mut self, link: usize, side: Side, end: End) -> Seat {
        let seat = Seat { link, side, end };
        self.unasked.push(seat);
        seat
    }

    /// C lets the task run.
    pub(crate) fn accepts(&mut self, child: Seat, kind: Kind) {
        assert!(self.with(child, |conn, end| end.accept(conn, kind)), "cancelled before");
    }

    /// C does not let it run.
    pub(crate) fn refuses(&mut self, child: Seat, class: &str) {
        self.with(child, |conn, end| end.refuse(conn, Report::new(class, "as scripted")));
    }

    /// P opens a dialog and C accepts it.
    pub(crate) fn opens(&mut self, kind: Kind) -> (Seat, Seat) {
        self.opens_over(0, P, kind)
    }

    /// The same over another link.
    pub(crate) fn opens_over(&mut self, link: usize, from: &str, kind: Kind) -> (Seat, Seat) {
        let parent = self.asks_over(link, from, call(kind));
        let child = self.asked(parent);
        self.accepts(child, kind);
        (parent, child)
    }

    /// A context of P with C after `Started(0)`.
    pub(crate) fn context(&mut self) -> (Seat, Seat) {
        let (parent, child) = self.opens(Kind::Context);
        self.starts(child, 0);
        (parent, child)
    }

    /// The same, with both ends of the stream open.
    pub(crate) fn streaming(&mut self) -> (Seat, Seat) {
        let (parent, child) = self.context();
        self.opens_stream(parent);
        self.opens_stream(child);
        (parent, child)
    }

    /// The actor asks for the end of the whole actor at the other end.
    pub(crate) fn cancels_actor(&mut self, link: usize, from: &str) -> Seat {
        let target = Target::Runtime(RuntimeEndpoint::Cancel);
        self.asks_over(link, from, Call { target, ..call(Kind::Function) })
    }

    /// The actor obeys such a request: all its tasks are told, in the requester's name. Gives its end of it.
    pub(crate) fn obeys(&mut self, request: Seat) -> Seat {
        let actor = self.peer(request);
        let side = request.side.other();
        let pair = &mut self.links[request.link].pair;
        let ids = pair.end(side).events.iter().filter_map(|event| match event {
            Event::ActorCancelRequested { id } => Some(*id),
            _ => None,
        });
        let id = ids.last().expect("the request arrived");
        let seat = self.seat(request.link, side, End::opened(id));
        let requester = self.links[request.link].pair.conn(side).peer().expect("established").uid.clone();
        for link in 0..self.links.len() {
            if self.links[link].names.contains(&actor) {
                let side = self.side(link, actor);
                self.act(link, side, |pair| {
                    pair.conn(side).cancel_children(&Canceller::Actor(requester.clone()));
                });
            }
        }
        self.with(seat, |conn, end| conn.acknowledge(end.id)).expect("asked for");
        seat
    }

    /// The actor closes all its connections, in order.
    pub(crate) fn closes(&mut self, actor: &str) {
        for link in 0..self.links.len() {
            if self.links[link].names.contains(&actor) {
                let (side, now) = (self.side(link, actor), self.links[link].pair.now());
                self.act(link, side, |pair| pair.conn(side).close(now, now.saturating_add(GRACE)));
            }
        }
        self.settle();
    }
}

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
        let outcome = self.look(inner).outcome().expect("it has ended").clone();
        self.fails(child, ended(outcome).expect_err("it has failed"));
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
        let uid = self.links[link].pair.end(side).conn.identity().uid.clone();
        let cid = format!("request {}", self.take.frames.len());
        let request = Start {
            cid: (&*cid).into(),
            ns: "self".into(),
            func: "_cancel_task".into(),
            kwargs: Kwargs::encode(&HashMap::from([("cid", target)])).expect("a map"),
            uid_name: uid.name().into(),
            uid_uuid: uid.uuid().into(),
            pld_spec: "Any".into(),
        };
        self.writes(link, side, &Message::Start(request));
    }

    fn writes(&mut self, link: usize, side: Side, message: &Message<'_>) {
        let names = self.links[link].names;
        let [from, to] = [side, side.other()].map(|side| names[side as usize]);
        let word = self.ids.frame(link, message, from, to);
        self.take.frames.push((format!("{from}>{to}"), word + "!"));
        let mut frame = BytesMut::new();
        wire::encode(message, &mut frame);
        self.links[link].pair.end_mut(side.other()).incoming.extend(frame);
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
}

/// What is asserted, and noted.
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
        assert_eq!(words::outcome(&dialog, self.peer(seat)), expected, "outcome");
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
            Poll::Ready(Err(error)) => words::failure(&error, self.peer(parent)),
        };
        self.sees(parent, "first value", seen, expected);
    }

    /// What a reader gets, one after the other.
    #[track_caller]
    pub(crate) fn takes_items(&mut self, seat: Seat, expected: &[&str]) {
        let peer = self.peer(seat);
        let seen = expected.iter().map(|_| match self.with(seat, |conn, end| end.take(conn)) {
            Poll::Pending => "nothing yet".to_owned(),
            Poll::Ready(Ok(Some(item))) => words::value(&item),
            Poll::Ready(Ok(None)) => "end".to_owned(),
            Poll::Ready(Err(error)) => words::failure(&error, peer),
        });
        let seen = seen.collect::<Vec<_>>().join(", ");
        self.sees(seat, "reads", seen, &expected.join(", "));
    }

    /// What comes of an item that cannot be sent.
    #[track_caller]
    pub(crate) fn cannot_send(&mut self, seat: Seat, expected: &str) {
        let seen = match self.with(seat, |conn, end| end.send(conn, &Payload::NIL)) {
            Poll::Pending => "no room".to_owned(),
            Poll::Ready(sent) => words::failure(&sent.expect_err("it cannot"), self.peer(seat)),
        };
        self.sees(seat, "sends in vain", seen, expected);
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
        let seen = match self.raised.get(&parent).filter(|_| self.look(parent).is_ended()) {
            Some(raised) => (*raised).to_owned(),
            None => self.awaited(parent),
        };
        self.sees(parent, "leaves the block", seen, expected);
    }

    /// What waiting for the end of the task gives, in the block or after it.
    #[track_caller]
    pub(crate) fn waits(&mut self, parent: Seat, expected: &str) {
        self.sees(parent, "waits", self.awaited(parent), expected);
    }

    fn awaited(&self, parent: Seat) -> String {
        match self.look(parent).outcome().cloned().map(ended) {
            None => "not yet".to_owned(),
            Some(Ok(Ending::Returned(result))) => format!("result {}", words::value(&result)),
            Some(Ok(Ending::Cancelled { .. })) => "no error".to_owned(),
            Some(Err(error)) => words::failure(&error, self.peer(parent)),
        }
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
        let seen = words::failure(&error, self.peer(seat));
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

/// A value to be sent.
pub(crate) fn payload(value: &impl Serialize) -> Payload {
    Payload::encode(value).expect("it can be sent")
}

/// A value that cannot be sent.
pub(crate) struct Unsendable;

impl Serialize for Unsendable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("it has no form"))
    }
}

/// The uid of an actor.
pub(crate) fn uid_of(actor: &str) -> Uid {
    Uid::new(actor, format!("{actor}-uuid"))
}

/// An error of an actor, to be spoiled and sent by hand.
pub(crate) fn error_of(actor: &str, class: &str) -> ErrorMsg {
    ErrorMsg {
        src_uid: uid_of(actor),
        src_type_str: class.to_owned(),
        boxed_type_str: class.to_owned(),
        relay_path: vec![uid_of(actor)],
        message: None,
        tb_str: String::new(),
        canceller: None,
        sender: None,
        cid: None,
        bad_msg: None,
        bad_msg_as_dict: None,
        repaired: false,
    }
}
