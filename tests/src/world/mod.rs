//! A network of real cores under an observer that knows both ends of everything.
//!
//! Actors are connected by links; dialogs are planned in advance and made by what the applications do.
//! Every [`Action`] is one step of the whole: a verb, a frame that arrives, a deadline, a link that breaks.
//! After each step the [`Rule`]s are checked. The same world serves the exhaustive search (package
//! `scipp-model`) and the simulation (`simulate`).

mod app;
mod check;
mod contract;
mod dialog;
mod draw;
mod end;

pub use app::Verb;
pub use check::{Broken, Rule};
pub use dialog::{Dialog, Frames, May, Once, Plan, Seat};
pub use draw::{Line, draw};
pub use end::{End, Frame, Hung, Sort};

use std::hash::{Hash, Hasher};
use std::time::Duration;

use scipp_proto::phase::{Role, Signal};
use scipp_proto::{Config, Deadline, DialogEvent, Event, Instant, RuntimeEndpoint, Target};

use crate::precedence::{Actor, Ended, Final, Happening, Verdicts, Why};
use crate::tally::Tally;

/// Two ends.
#[derive(Debug, Clone, Hash)]
pub struct Link {
    /// The ends.
    pub ends: [End; 2],
    /// It may be cut so many times.
    pub cuts: u8,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct World {
    /// The connections.
    pub links: Vec<Link>,
    /// The dialogs, planned or under way.
    pub dialogs: Vec<Dialog>,
    /// Whether deadlines run out.
    pub has_deadlines: bool,
    /// Whether states are compared with others.
    pub is_compared: bool,
    /// Frames that arrived, by line of the phase table; if anybody counts.
    pub tally: Option<Box<Tally>>,
    /// What happened, for people; if anybody reads.
    pub log: Option<Vec<Line>>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The application at one end of a dialog does something.
    Verb(usize, Role, Verb),
    /// The next frame arrives at this end of this link.
    Arrive(usize, usize),
    /// This end of this link learns that the other end is gone.
    Gone(usize, usize),
    /// The next deadline of this end runs out.
    Expire(usize, usize),
    /// The link is cut.
    Cut(usize),
    /// The application at this end closes the connection in order.
    Close(usize, usize),
    /// A broken frame for this end of a dialog is put on its way.
    Forge(usize, Role),
}

impl World {
    /// Actors and links with complete handshakes, and nothing going on.
    ///
    /// # Panics
    ///
    /// If there is no handshake.
    pub fn new(links: &[[Actor; 2]], config: &Config, seed: u64) -> Self {
        let links = links
            .iter()
            .zip(0_u64..)
            .map(|(actors, at)| {
                let seed_of = |side: u64| {
                    let seed = seed.wrapping_add(2 * at + side).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    u128::from(seed) << 64 | u128::from(!seed)
                };
                let end = |side: u64| End::new(config.clone(), actors[side as usize], seed_of(side));
                Link { ends: [end(0), end(1)], cuts: 0 }
            })
            .collect();
        let mut world = Self {
            links,
            dialogs: Vec::new(),
            has_deadlines: false,
            is_compared: false,
            tally: None,
            log: None,
        };
        for link in 0..world.links.len() {
            for side in [0, 1] {
                world.settle(link, side).expect("an Aid");
            }
            for side in [0, 1] {
                world.arrive(link, side).expect("an Aid");
                assert!(world.end(link, side).conn.peer().is_some());
            }
        }
        world
    }

    /// Plans a dialog.
    pub fn plan(&mut self, plan: Plan) -> usize {
        let ends = &self.links[plan.link].ends;
        let verdicts = Verdicts::new(plan.kind, ends[plan.opener].actor, ends[1 - plan.opener].actor);
        self.dialogs.push(Dialog::new(plan, verdicts));
        self.dialogs.len() - 1
    }

    /// One end of a link.
    pub fn end(&self, link: usize, side: usize) -> &End {
        &self.links[link].ends[side]
    }

    /// One end of a link, to change it.
    pub fn end_mut(&mut self, link: usize, side: usize) -> &mut End {
        &mut self.links[link].ends[side]
    }

    /// Remembers the state of one end for comparisons.
    pub fn seal(&mut self, link: usize, side: usize) {
        self.end_mut(link, side).seal();
    }

    /// All steps that are possible now.
    pub fn actions(&self, actions: &mut Vec<Action>) {
        for (at, dialog) in self.dialogs.iter().enumerate() {
            for role in [Role::Parent, Role::Child] {
                self.verbs(at, role, |verb| actions.push(Action::Verb(at, role, verb)));
                if dialog.seat(role).may.forged > 0 && dialog.is_live(role) {
                    actions.push(Action::Forge(at, role));
                }
            }
        }
        for (at, link) in self.links.iter().enumerate() {
            for (side, end) in link.ends.iter().enumerate() {
                if end.has_frame() {
                    actions.push(Action::Arrive(at, side));
                }
                let is_empty = end.incoming.is_empty();
                if !end.is_closed && (end.hung == Hung::Cut || end.hung == Hung::Orderly && is_empty) {
                    actions.push(Action::Gone(at, side));
                }
                if self.has_deadlines && end.conn.poll_timeout().is_some() {
                    actions.push(Action::Expire(at, side));
                }
                if end.closes > 0 && !end.is_closed {
                    actions.push(Action::Close(at, side));
                }
            }
            if link.cuts > 0 && link.ends.iter().any(|end| !end.is_closed) {
                actions.push(Action::Cut(at));
            }
        }
    }

    /// Makes one step and checks everything that it touched.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn act(&mut self, action: Action) -> Result<(), Broken> {
        self.note(Line::Did(action));
        match action {
            Action::Verb(dialog, role, verb) => self.verb(dialog, role, verb),
            Action::Arrive(link, side) => self.arrive(link, side),
            Action::Gone(link, side) => self.gone(link, side, false),
            Action::Expire(link, side) => {
                let end = self.end(link, side);
                let Some((at, _)) = end.conn.poll_timeout() else { return Ok(()) };
                self.pass_time(link, side, at)
            }
            Action::Cut(link) => {
                self.links[link].cuts -= 1;
                self.cut(link);
                Ok(())
            }
            Action::Close(link, side) => {
                self.end_mut(link, side).closes -= 1;
                self.close(link, side)
            }
            Action::Forge(dialog, role) => {
                self.dialogs[dialog].seat_mut(role).may.forged -= 1;
                self.forge(dialog, role);
                Ok(())
            }
        }
    }

    fn note(&mut self, line: Line) {
        if let Some(log) = &mut self.log {
            log.push(line);
        }
    }
}

/// What happens to a link.
impl World {
    /// The next frame arrives whole.
    fn arrive(&mut self, link: usize, side: usize) -> Result<(), Broken> {
        let len = self.end(link, side).incoming.front().map_or(0, |frame| frame.bytes.len());
        self.deliver(link, side, len)
    }

    /// Up to `len` bytes arrive, frame by frame.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn deliver(&mut self, link: usize, side: usize, len: usize) -> Result<(), Broken> {
        let mut left = len.min(self.end(link, side).deliverable());
        while left > 0 && !self.end(link, side).is_closed && self.end(link, side).conn.wants_input() {
            let end = self.end_mut(link, side);
            let Some(frame) = end.incoming.front().cloned() else { break };
            let (now, from) = (end.now, end.arrived);
            let to = frame.bytes.len().min(from + left);
            if to == frame.bytes.len() {
                self.taken(link, side, &frame)?;
            }
            let end = self.end_mut(link, side);
            let mut at = from;
            while at < to {
                let taken = end.conn().handle_input(now, &frame.bytes[at..to]);
                at += taken;
                if taken == 0 {
                    return Err(Broken::new(Rule::Legal, "input was wanted and not taken"));
                }
            }
            left -= to - from;
            end.arrived = to;
            if to == frame.bytes.len() {
                end.arrived = 0;
                end.incoming.pop_front();
                self.note(Line::Came(link, side, frame));
            }
            self.settle(link, side)?;
        }
        if self.end(link, side).is_closed {
            self.end_mut(link, side).lose_incoming();
        }
        Ok(())
    }

    /// This end sees the end of its input; what was on its way is lost.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn gone(&mut self, link: usize, side: usize, is_reset: bool) -> Result<(), Broken> {
        self.count_all(link, side, Signal::Lost, |_| true);
        let end = self.end_mut(link, side);
        end.lose_incoming();
        let now = end.now;
        if is_reset {
            end.conn().handle_reset(now);
        } else {
            end.conn().handle_eof(now);
        }
        self.settle(link, side)
    }

    /// Both ends will see the end of their input.
    pub fn cut(&mut self, link: usize) {
        for end in &mut self.links[link].ends {
            end.hung = Hung::Cut;
        }
    }

    /// This end learns how late it is.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn pass_time(&mut self, link: usize, side: usize, now: Instant) -> Result<(), Broken> {
        let end = self.end_mut(link, side);
        end.now = end.now.max(now);
        let now = end.now;
        let before = end.conn.poll_timeout();
        if before.is_none_or(|(at, deadline)| at > now && deadline != Deadline::Event) {
            return Ok(());
        }
        self.count_all(link, side, Signal::Unconfirmed, |seat| seat.gives_up_at.is_some_and(|at| at <= now));
        let end = self.end_mut(link, side);
        end.conn().handle_timeout(now);
        if end.conn.poll_timeout() == before {
            return Err(Broken::new(Rule::Finite, format!("{before:?} was handled and is due")));
        }
        if !end.conn.is_closed() {
            for dialog in self.dialogs.iter_mut().filter(|dialog| dialog.plan.link == link) {
                if dialog.side(Role::Parent) != side {
                    continue;
                }
                let seat = dialog.seat_mut(Role::Parent);
                if seat.overdue_at.is_some_and(|at| at <= now) {
                    seat.overdue_at = None;
                }
                if seat.gives_up_at.is_some_and(|at| at <= now) {
                    dialog.disarm();
                    dialog.verdicts.gives_up();
                }
            }
        }
        self.settle(link, side)
    }

    /// This end can write, or cannot.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn stall(&mut self, link: usize, side: usize, is_stalled: bool) -> Result<(), Broken> {
        self.end_mut(link, side).is_stalled = is_stalled;
        if is_stalled {
            return Ok(());
        }
        let written = std::mem::take(&mut self.end_mut(link, 1 - side).unwritten);
        let end = self.end_mut(link, side);
        let now = end.now;
        end.conn().handle_written(now, written);
        self.settle(link, side)
    }

    fn close(&mut self, link: usize, side: usize) -> Result<(), Broken> {
        let end = self.end_mut(link, side);
        let (now, us) = (end.now, end.actor);
        let was_open = !end.conn.is_closed() && !end.is_closing;
        end.is_closing = true;
        end.conn().close(now, now.saturating_add(Duration::from_secs(5)));
        for dialog in self.dialogs.iter_mut().filter(|dialog| was_open && dialog.plan.link == link) {
            if dialog.plan.is_actor_cancel {
                continue;
            }
            let role = dialog.role(side);
            if dialog.is_live(role) {
                match role {
                    Role::Parent => dialog.verdicts.asks(Happening::OwnCancel),
                    Role::Child => {
                        let last = dialog.verdicts.tells(Why::Cancelled(us), Happening::SelfCancel);
                        dialog.due = dialog.due.or(last);
                    }
                }
            }
        }
        self.settle(link, side)
    }

    /// Puts a broken frame on its way to this end of a dialog.
    pub fn forge(&mut self, at: usize, role: Role) {
        let dialog = &mut self.dialogs[at];
        let (link, side) = (dialog.plan.link, dialog.side(role));
        let Some(cid) = &dialog.cid else { return };
        let frame = Frame::new(end::forged(cid), Some(at), Sort::Forged);
        dialog.is_forged = true;
        // Behind what is written: nobody else's frame is torn apart.
        if self.end(link, side).unwritten == 0 {
            self.end_mut(link, side).incoming.push_back(frame);
        }
    }
}

/// What an end takes and reports.
impl World {
    /// Counts a move that no frame makes, for the live dialogs of one end that it concerns.
    fn count_all(&mut self, link: usize, side: usize, signal: Signal, concerns: impl Fn(&Seat) -> bool) {
        let Some(tally) = &mut self.tally else { return };
        let conn = &self.links[link].ends[side].conn;
        for dialog in self.dialogs.iter().filter(|dialog| dialog.plan.link == link) {
            let role = dialog.role(side);
            let seat = dialog.seat(role);
            if let (Some(id), true, true) = (seat.id, dialog.is_live(role), concerns(seat)) {
                if let Some(view) = conn.dialog(id) {
                    tally.count(&view, signal);
                }
            }
        }
    }

    /// A frame is about to be taken: what it means, by the rules of precedence.
    fn taken(&mut self, link: usize, side: usize, frame: &Frame) -> Result<(), Broken> {
        let Some(dialog) = frame.of.map(|at| &mut self.dialogs[at]) else { return Ok(()) };
        let role = dialog.role(side);
        let parent = self.links[link].ends[dialog.plan.opener].actor;
        let conn = &self.links[link].ends[side].conn;
        if let (Some(tally), Some(id)) = (&mut self.tally, dialog.seat(role).id) {
            if let (Some(view), Some(signal)) = (conn.dialog(id), frame.sort.signal(dialog.plan.kind)) {
                tally.count(&view, signal);
            }
        }
        let is_live = dialog.is_live(role);
        let verdicts = &mut dialog.verdicts;
        let told = match (frame.sort, role) {
            (Sort::Yield, _) => {
                dialog.seat_mut(role).arrived += 1;
                None
            }
            (Sort::Stop, Role::Parent) if dialog.plan.kind == scipp_proto::Kind::Generator => {
                verdicts.takes(Final::Result);
                None
            }
            (Sort::Stop, _) => {
                dialog.seat_mut(role).frames.add(Once::StopTaken);
                None
            }
            (Sort::Return | Sort::ActorCancelled, Role::Parent) => {
                verdicts.takes(Final::Result);
                None
            }
            (Sort::Error(why), Role::Parent) => {
                verdicts.takes(Final::Error(why));
                None
            }
            (Sort::RequestAnswered, Role::Parent) => {
                if is_live {
                    return Err(Broken::new(
                        Rule::Answers,
                        "a cancel request was answered before its dialog ended",
                    ));
                }
                None
            }
            (Sort::Notice, Role::Parent) => {
                verdicts.fails(Why::Overrun);
                None
            }
            (Sort::Forged, Role::Parent) => {
                verdicts.fails(Why::Broken);
                None
            }
            (Sort::Notice, Role::Child) if is_live => verdicts.tells(Why::Overrun, Happening::ChildOverran),
            (Sort::Forged, Role::Child) if is_live => verdicts.tells(Why::Broken, Happening::ParentBroke),
            (Sort::Request, Role::Child) if is_live => {
                verdicts.tells(Why::Cancelled(parent), Happening::OwnCancel)
            }
            _ => None,
        };
        dialog.due = dialog.due.or(told);
        if dialog.verdicts.ended(Role::Parent).is_some() {
            dialog.disarm();
        }
        Ok(())
    }

    /// Drains one end: its events, then what it wants to write; then checks it.
    fn settle(&mut self, link: usize, side: usize) -> Result<(), Broken> {
        // Once more, because a graceful close may have waited for what was just written.
        for _ in 0..2 {
            while let Some(event) = self.end_mut(link, side).conn().poll_event() {
                self.observe(link, side, &event)?;
            }
            self.transmit(link, side)?;
        }
        self.check(link, side)?;
        if self.is_compared {
            self.end_mut(link, side).seal();
        }
        Ok(())
    }

    fn transmit(&mut self, link: usize, side: usize) -> Result<(), Broken> {
        while let Some(bytes) = self.end_mut(link, side).conn().poll_transmit() {
            let frames = self.sent(link, side, &bytes)?;
            let end = self.end_mut(link, side);
            let (now, is_stalled, is_cut) = (end.now, end.is_stalled, end.hung == Hung::Cut);
            end.conn().handle_written(now, if is_stalled { 0 } else { bytes.len() });
            for frame in frames {
                self.note(Line::Sent(link, side, frame.clone()));
                let other = self.end_mut(link, 1 - side);
                if !other.is_closed && !is_cut {
                    other.unwritten += if is_stalled { frame.bytes.len() } else { 0 };
                    other.incoming.push_back(frame);
                }
            }
        }
        Ok(())
    }

    fn observe(&mut self, link: usize, side: usize, event: &Event) -> Result<(), Broken> {
        if self.end(link, side).is_closed {
            return Err(Broken::new(Rule::OneEnd, format!("{event:?} after Closed")));
        }
        match event {
            Event::Opened { id, request } => {
                let dialogs = self.dialogs.iter_mut().rev();
                let opened = dialogs.filter(|dialog| dialog.plan.link == link);
                let mut opened = opened.filter(|dialog| dialog.cid.as_deref() == Some(&request.cid));
                let dialog = opened.next().ok_or_else(|| Broken::new(Rule::Legal, "a dialog of nobody"))?;
                dialog.seat_mut(Role::Child).id = Some(*id);
            }
            Event::ActorCancelRequested { id } => {
                let cid = self.end(link, side).conn.dialog(*id).map(|view| view.cid().to_owned());
                let mut dialogs = self.dialogs.iter_mut().filter(|dialog| dialog.plan.link == link);
                let dialog = dialogs.find(|dialog| dialog.cid.as_deref() == cid.as_deref());
                let dialog = dialog.ok_or_else(|| Broken::new(Rule::Legal, "an actor cancel of nobody"))?;
                dialog.seat_mut(Role::Child).id = Some(*id);
                dialog.verdicts.accepts();
            }
            Event::Dialog { id, event } => {
                let mut dialogs = self.dialogs.iter_mut().filter(|dialog| dialog.plan.link == link);
                let dialog = dialogs.find(|dialog| dialog.seat(dialog.role(side)).id == Some(*id));
                let dialog =
                    dialog.ok_or_else(|| Broken::new(Rule::OneEnd, format!("{event:?} of nobody")))?;
                let role = dialog.role(side);
                let seat = dialog.seat_mut(role);
                if seat.endings > 0 && *event != DialogEvent::CancelAcked {
                    return Err(Broken::new(Rule::OneEnd, format!("{event:?} after Ended")));
                }
                seat.endings += u8::from(*event == DialogEvent::Ended);
            }
            Event::Closed { .. } => self.closed(link, side),
            _ => {}
        }
        Ok(())
    }

    /// The connection is over at this end: what has not ended ends with it.
    fn closed(&mut self, link: usize, side: usize) {
        for dialog in self.dialogs.iter_mut().filter(|dialog| dialog.plan.link == link) {
            let role = dialog.role(side);
            if dialog.is_live(role) {
                dialog.verdicts.loses(role);
                dialog.due = None;
            }
            if role == Role::Parent {
                dialog.disarm();
            }
        }
        let [this, other] = &mut self.links[link].ends;
        let (this, other) = if side == 0 { (this, other) } else { (other, this) };
        this.is_closed = true;
        this.lose_incoming();
        // What could not be written never will be.
        other.hung = other.hung.max(if other.unwritten == 0 { Hung::Orderly } else { Hung::Cut });
    }
}

impl World {
    /// The request that a dialog is opened with.
    fn target(plan: &Plan) -> Target {
        if plan.is_actor_cancel {
            Target::Runtime(RuntimeEndpoint::Cancel)
        } else {
            Target::function("demo", "f")
        }
    }

    /// Whether every dialog that was opened has ended at both ends, and every request was answered.
    pub fn is_over(&self) -> bool {
        self.dialogs.iter().all(|dialog| dialog.cid.is_none() || dialog.is_over())
    }

    /// How one end of a dialog has ended.
    pub fn ended(&self, at: usize, role: Role) -> Option<Ended> {
        self.dialogs[at].verdicts.ended(role)
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.links, &self.dialogs).hash(state);
    }
}
