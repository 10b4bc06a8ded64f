//! Where a scenario is played: real cores, joined by links without sockets, under a virtual clock.
//!
//! Every verb says what an actor does. What it sends arrives before the next one, unless it is `crossing` or the
//! sender's frames are held. Bodies and tasks do with the core what the drivers do (`scipp_common::End`).

mod acts;
mod sights;

use std::collections::HashMap;
use std::fmt::Debug;

use scipp_common::{End, GRACE};
use scipp_conformance::pair::{Pair, Side, uid_of};
use scipp_conformance::script::{actor_cancel, call, error_by, messages};
use scipp_proto::phase::Role;
use scipp_proto::wire::ErrorMsg;
use scipp_proto::{Call, Canceller, Config, Connection, DialogRef, Event, Kind, Payload, Report};
use serde::Serialize;

use crate::take::Take;
use crate::words::Ids;

/// The actors of most scenarios: the parent and the child.
pub(crate) const P: &str = "P";
pub(crate) const C: &str = "C";

/// What they send each other until a context has started with 0.
pub(crate) const OPEN: [&str; 2] = ["P>C Start", "C>P StartAck(context), Started(0)"];

/// One end of one dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    link: usize,
    side: Side,
    pub(crate) end: End,
}

/// Both ends of one dialog, the parent's first.
pub(crate) type Ends = (Seat, Seat);

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

    /// Whether everything of this run was asserted.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.asserted != Some(self.take.frames.len()) {
            return Err(format!("frames were not asserted: {:?}", self.take.turns()));
        }
        if !self.unasked.is_empty() {
            return Err(format!("outcomes were not asserted: {:?}", self.unasked));
        }
        Ok(())
    }

    fn close_take(&mut self) {
        self.check().unwrap_or_else(|missing| panic!("{missing}"));
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
        let hop @ [from, to] = [names[side as usize], names[side.other() as usize]];
        let limits = pair.end(side).conn.config().limits();
        let written = pair.end(side.other()).incoming.iter().skip(before).copied().collect();
        let words = messages(written, &limits, |message| self.ids.frame(link, message, hop));
        self.take.frames.extend(words.into_iter().map(|word| (format!("{from}>{to}"), word)));
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

    /// From whom to whom what a seat receives goes.
    fn inward(&self, seat: Seat) -> [&'static str; 2] {
        [self.peer(seat), self.name(seat)]
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
    pub(crate) fn opens(&mut self, kind: Kind) -> Ends {
        self.opens_over(0, P, kind)
    }

    /// The same over another link.
    pub(crate) fn opens_over(&mut self, link: usize, from: &str, kind: Kind) -> Ends {
        let parent = self.asks_over(link, from, call(kind));
        let child = self.asked(parent);
        self.accepts(child, kind);
        (parent, child)
    }

    /// A context of P with C after `Started(0)`.
    pub(crate) fn context(&mut self) -> Ends {
        self.context_over(0, P)
    }

    /// The same over another link.
    pub(crate) fn context_over(&mut self, link: usize, from: &str) -> Ends {
        let ends = self.opens_over(link, from, Kind::Context);
        self.starts(ends.1, 0);
        ends
    }

    /// The same, with both ends of the stream open.
    pub(crate) fn streaming(&mut self) -> Ends {
        let (parent, child) = self.context();
        self.opens_stream(parent);
        self.opens_stream(child);
        (parent, child)
    }

    /// The actor asks for the end of the whole actor at the other end.
    pub(crate) fn cancels_actor(&mut self, link: usize, from: &str) -> Seat {
        self.asks_over(link, from, actor_cancel())
    }

    /// The actor obeys such a request: all its tasks are told, in the requester's name. Gives its end of it.
    pub(crate) fn obeys(&mut self, request: Seat) -> Seat {
        let actor = self.peer(request);
        let side = request.side.other();
        let pair = &self.links[request.link].pair;
        let (id, requester) = (pair.asked_to_cancel(side), pair.uid(request.side).clone());
        let seat = self.seat(request.link, side, End::opened(id.expect("the request arrived")));
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

/// A value to be sent.
pub(crate) fn payload(value: &impl Serialize) -> Payload {
    Payload::encode(value).expect("it can be sent")
}

/// An error of an actor, to be spoiled and sent by hand.
pub(crate) fn error_of(actor: &str, class: &str) -> ErrorMsg {
    error_by(uid_of(actor), class)
}
