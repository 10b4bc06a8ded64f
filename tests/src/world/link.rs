//! What happens to a link and to its two ends.

use std::time::Duration;

use scipp_proto::phase::{Role, Signal};
use scipp_proto::{Deadline, Instant, OverrunPolicy};

use super::check::window;
use super::end::forged;
use super::{Broken, Frame, Hung, Line, Rule, Sort, World};
use crate::precedence::{Happening, Why};

impl World {
    /// The next frame arrives whole.
    pub(super) fn arrive(&mut self, link: usize, side: usize) -> Result<(), Broken> {
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
                if seat.gives_up_at.is_some_and(|at| at <= now) {
                    seat.gives_up_at = None;
                    dialog.verdicts.gives_up();
                }
            }
        }
        self.settle(link, side)?;
        self.are_answers_missed(link, side)
    }

    /// A missing answer was reported, if there is somebody to hear it.
    fn are_answers_missed(&mut self, link: usize, side: usize) -> Result<(), Broken> {
        let end = &self.links[link].ends[side];
        for dialog in self.dialogs.iter_mut().filter(|dialog| dialog.plan.link == link) {
            let is_over = dialog.verdicts.ended(Role::Parent).is_some();
            let is_late = dialog.seat(Role::Parent).overdue_at.is_some_and(|at| at <= end.now);
            if dialog.side(Role::Parent) != side || !is_late {
                continue;
            }
            let is_heard = !end.is_closed && !dialog.seat(Role::Parent).is_released;
            if is_heard && !is_over {
                return Err(Broken::new(Rule::Told, "a missing answer was not reported"));
            }
            dialog.seat_mut(Role::Parent).overdue_at = None;
        }
        Ok(())
    }

    /// This end ends the connection in order, at most until a deadline.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn close(&mut self, link: usize, side: usize, within: Duration) -> Result<(), Broken> {
        let end = self.end_mut(link, side);
        let (now, us) = (end.now, end.actor);
        let was_open = !end.conn.is_closed() && !end.is_closing;
        end.is_closing = true;
        end.conn().close(now, now.saturating_add(within));
        for dialog in self.dialogs.iter_mut().filter(|dialog| was_open && dialog.plan.link == link) {
            if dialog.plan.is_actor_cancel {
                continue;
            }
            let role = dialog.role(side);
            if dialog.is_live(role) {
                match role {
                    Role::Parent => dialog.verdicts.asks(Happening::OwnCancel),
                    Role::Child => dialog.tell(Why::Cancelled(us), Happening::SelfCancel),
                }
            }
        }
        self.settle(link, side)
    }

    /// The application at this end of a dialog changes its window and what happens beyond it.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn set_inbox(&mut self, at: usize, role: Role, inbox: (usize, OverrunPolicy)) -> Result<(), Broken> {
        let dialog = &mut self.dialogs[at];
        let (link, side) = (dialog.plan.link, dialog.side(role));
        let end = &mut self.links[link].ends[side];
        let seat = dialog.seat_mut(role);
        let id = seat.id.ok_or_else(|| Broken::new(Rule::Legal, "no handle"))?;
        let done = end.conn().set_inbox(id, inbox.0, inbox.1);
        done.map_err(|error| Broken::new(Rule::Legal, error.to_string()))?;
        seat.inbox = Some(inbox);
        seat.window = seat.window.max(window(end.conn.config(), inbox));
        seat.may_skip |= drops(inbox.1);
        self.settle(link, side)
    }

    /// Puts a broken frame on its way to this end of a dialog; false if nothing can be sent to it.
    pub fn forge(&mut self, at: usize, role: Role) -> bool {
        let dialog = &self.dialogs[at];
        let Some(cid) = &dialog.cid else { return false };
        let frame = Frame::new(forged(cid), Some(at), Sort::Forged);
        let end = &mut self.links[dialog.plan.link].ends[dialog.side(role)];
        // Behind what is written: nobody else's frame is torn apart.
        let is_possible = end.unwritten == 0;
        if is_possible {
            end.incoming.push_back(frame);
        }
        is_possible
    }
}

/// Whether items may be left out under a policy, and others follow.
pub(super) const fn drops(policy: OverrunPolicy) -> bool {
    matches!(policy, OverrunPolicy::DropOldest | OverrunPolicy::DropNewest)
}
