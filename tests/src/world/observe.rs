//! What an end takes, reports and writes, and what that means by the rules of precedence.

use scipp_proto::phase::{Role, Signal, Verdict, step};
use scipp_proto::{Config, DialogId, DialogRef, Event, Kind, Request};

use super::{Broken, Dialog, Frame, Hung, Once, Policy, Remedy, Rule, Seat, Sort, Stage, World};
use crate::precedence::{Final, Happening, Why};

impl World {
    /// Counts a move that no frame makes, for the live dialogs of one end that it concerns.
    pub(super) fn count_all(
        &mut self,
        link: usize,
        side: usize,
        signal: Signal,
        concerns: impl Fn(&Seat) -> bool,
    ) {
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
    pub(super) fn taken(&mut self, link: usize, side: usize, frame: &Frame) -> Result<(), Broken> {
        let Some(dialog) = frame.of.map(|at| &mut self.dialogs[at]) else { return Ok(()) };
        let role = dialog.role(side);
        let parent = self.links[link].ends[dialog.plan.opener].actor;
        let conn = &self.links[link].ends[side].conn;
        let view = dialog.seat(role).id.and_then(|id| conn.dialog(id));
        if let (Some(tally), Some(view)) = (&mut self.tally, &view) {
            if let Some(signal) = frame.sort.signal(dialog.plan.kind) {
                tally.count(view, signal);
            }
        }
        let told = view.and_then(|view| dialog.tells(role, &view, frame.sort, conn.config()));
        if let Some(view) = view.filter(|view| dialog.heeds(role, view, frame.sort)) {
            let most = conn.config().max_replies;
            let policy = dialog.policy(role, frame.sort, most).filter(|_| frame.is_mistyped);
            let remedy = match policy {
                Some(policy) => Some(Remedy::from(policy)),
                None if frame.sort == Sort::Yield => dialog.full_inbox(role, &view, conn.config()),
                None => None,
            };
            let stage = Stage::of(dialog, role, &view);
            if let (Some(tally), Some(hit)) = (&mut self.tally, remedy.zip(stage)) {
                *tally.remedies.entry(hit).or_default() += 1;
            }
            if frame.sort == Sort::Yield && !frame.is_mistyped {
                dialog.seat_mut(role).replies = 0;
            }
            if let Some(policy) = policy {
                self.links[link].ends[side].mistyped += 1;
                if dialog.takes_mistyped(role, frame.sort, policy) {
                    return Ok(());
                }
            }
        }
        if frame.sort == Sort::RequestAnswered && dialog.is_live(role) {
            return Err(Broken::new(Rule::Answers, "a cancel request was answered before its dialog ended"));
        }
        if let Some(event) = told {
            dialog.expects(role, event);
        }
        match role {
            Role::Parent => dialog.parent_takes(frame.sort),
            Role::Child => dialog.child_takes(frame.sort, Why::Cancelled(parent)),
        }
        Ok(())
    }

    /// Drains one end: its events, then what it wants to write; then checks it.
    pub(super) fn settle(&mut self, link: usize, side: usize) -> Result<(), Broken> {
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

    fn observe(&mut self, link: usize, side: usize, event: &Event) -> Result<(), Broken> {
        if self.end(link, side).is_closed {
            return Err(Broken::new(Rule::OneEnd, format!("{event:?} after Closed")));
        }
        match event {
            Event::Opened { id, request } => return self.opened(link, side, *id, request),
            Event::ActorCancelRequested { id } => return self.actor_cancel_came(link, side, *id),
            Event::Dialog { id, event } => return self.hears(link, side, *id, *event),
            Event::Mistyped { error, .. } => {
                let left = self.end(link, side).mistyped.checked_sub(1);
                let left = left.ok_or_else(|| Broken::new(Rule::Told, error.to_string()))?;
                self.end_mut(link, side).mistyped = left;
            }
            Event::Closed { .. } => self.closed(link, side),
            _ => {}
        }
        Ok(())
    }

    fn opened(&mut self, link: usize, side: usize, id: DialogId, request: &Request) -> Result<(), Broken> {
        let dialogs = self.dialogs.iter_mut().rev().filter(|dialog| dialog.plan.link == link);
        let mut opened = dialogs.filter(|dialog| dialog.cid.as_deref() == Some(&request.cid));
        let dialog = opened.next().ok_or_else(|| Broken::new(Rule::Legal, "a dialog of nobody"))?;
        let seat = dialog.seat_mut(Role::Child);
        seat.id = Some(id);
        let Some(policy) = seat.may.terms else { return Ok(()) };
        let limited = self.links[link].ends[side].conn().limit(id, policy.terms());
        limited.map_err(|error| Broken::new(Rule::Legal, error.to_string()))
    }

    fn actor_cancel_came(&mut self, link: usize, side: usize, id: DialogId) -> Result<(), Broken> {
        let cid = self.end(link, side).conn.dialog(id).map(|view| view.cid().to_owned());
        let mut dialogs = self.dialogs.iter_mut().filter(|dialog| dialog.plan.link == link);
        let dialog = dialogs.find(|dialog| dialog.cid.as_deref() == cid.as_deref());
        let dialog = dialog.ok_or_else(|| Broken::new(Rule::Legal, "an actor cancel of nobody"))?;
        dialog.seat_mut(Role::Child).id = Some(id);
        dialog.verdicts.accepts();
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

impl Dialog {
    fn parent_takes(&mut self, sort: Sort) {
        let verdicts = &mut self.verdicts;
        match sort {
            Sort::Yield => self.seat_mut(Role::Parent).arrived += 1,
            Sort::Stop if self.plan.kind == Kind::Generator => verdicts.takes(Final::Result),
            Sort::Stop => _ = self.seat_mut(Role::Parent).frames.add(Once::StopTaken),
            Sort::Return | Sort::ActorCancelled => verdicts.takes(Final::Result),
            Sort::Error(why) => verdicts.takes(Final::Error(why)),
            Sort::RequestAnswered => _ = self.seat_mut(Role::Parent).frames.add(Once::AnswerTaken),
            Sort::Notice => self.fails(Why::Overrun),
            Sort::Forged => self.fails(Why::Broken),
            _ => {}
        }
        if self.verdicts.ended(Role::Parent).is_some() {
            self.disarm();
        }
    }

    fn child_takes(&mut self, sort: Sort, cancelled: Why) {
        let seat = self.seat_mut(Role::Child);
        let (why, because) = match sort {
            Sort::Yield => {
                seat.arrived += 1;
                return;
            }
            Sort::Stop => {
                seat.frames.add(Once::StopTaken);
                return;
            }
            Sort::Notice => (Why::Overrun, Happening::ChildOverran),
            Sort::Forged => (Why::Broken, Happening::ParentBroke),
            Sort::Request => (cancelled, Happening::OwnCancel),
            _ => return,
        };
        if self.is_live(Role::Child) {
            self.tell(why, because);
        }
    }

    /// Whether a value that arrives at this end will be looked at.
    fn heeds(&self, role: Role, view: &DialogRef<'_>, sort: Sort) -> bool {
        let has_failed = self.verdicts.failure(role).is_some();
        let is_value = match sort {
            Sort::Started | Sort::Return => true,
            Sort::Yield => !has_failed,
            _ => false,
        };
        let moves = |signal| step(view.kind(), view.phase(), role.peer(), signal);
        is_value && matches!(sort.signal(self.plan.kind).map(moves), Some(Verdict::To(_)))
    }

    /// What is done with one more item, if the inbox has no room for it.
    fn full_inbox(&self, role: Role, view: &DialogRef<'_>, config: &Config) -> Option<Remedy> {
        let (items, policy) = self.seat(role).inbox.unwrap_or((config.inbox_items, config.overrun));
        (view.unread() >= items).then(|| policy.into())
    }

    /// What is done with a value of the wrong type: what was chosen, but an end sends back no more than `most`
    /// items in a row. (P-20)
    fn policy(&self, role: Role, sort: Sort, most: u32) -> Option<Policy> {
        let seat = self.seat(role);
        let is_spent = sort == Sort::Yield && seat.replies >= most;
        seat.may.terms.map(|policy| if policy == Policy::Reply && is_spent { Policy::Cancel } else { policy })
    }

    /// A value of the wrong type; true if that is all that it means.
    fn takes_mistyped(&mut self, role: Role, sort: Sort, policy: Policy) -> bool {
        // What is told to end cannot be broken.
        let is_over = role == Role::Child && self.verdicts.is_told();
        match (policy, sort, role) {
            (Policy::HandOver, ..) => return false,
            (policy, Sort::Yield, _) if is_over || policy != Policy::Cancel => {
                let seat = self.seat_mut(role);
                (seat.arrived, seat.may_skip) = (seat.arrived + 1, true);
            }
            (_, Sort::Return, _) => {
                self.verdicts.takes_mistyped();
                self.disarm();
            }
            (_, _, Role::Parent) => self.fails(Why::Broken),
            (_, _, Role::Child) => {
                self.tell(Why::Broken, Happening::ParentBroke);
            }
        }
        true
    }
}
