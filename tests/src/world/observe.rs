//! What an end takes, reports and writes, and what that means by the rules of precedence.

use scipp_proto::phase::{Role, Signal};
use scipp_proto::{DialogEvent, Event, Kind};

use super::{Broken, Dialog, Frame, Hung, Line, Once, Rule, Seat, Sort, World};
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
        if let (Some(tally), Some(id)) = (&mut self.tally, dialog.seat(role).id) {
            if let (Some(view), Some(signal)) = (conn.dialog(id), frame.sort.signal(dialog.plan.kind)) {
                tally.count(&view, signal);
            }
        }
        if frame.sort == Sort::RequestAnswered && dialog.is_live(role) {
            return Err(Broken::new(Rule::Answers, "a cancel request was answered before its dialog ended"));
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

impl Dialog {
    fn parent_takes(&mut self, sort: Sort) {
        let verdicts = &mut self.verdicts;
        match sort {
            Sort::Yield => self.seat_mut(Role::Parent).arrived += 1,
            Sort::Stop if self.plan.kind == Kind::Generator => verdicts.takes(Final::Result),
            Sort::Stop => _ = self.seat_mut(Role::Parent).frames.add(Once::StopTaken),
            Sort::Return | Sort::ActorCancelled => verdicts.takes(Final::Result),
            Sort::Error(why) => verdicts.takes(Final::Error(why)),
            Sort::Notice => verdicts.fails(Why::Overrun),
            Sort::Forged => verdicts.fails(Why::Broken),
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

    /// The task is told to end; if it does not run yet, its final frame is due.
    pub(super) fn tell(&mut self, why: Why, because: Happening) {
        let last = self.verdicts.tells(why, because);
        self.due = self.due.or(last);
    }
}
