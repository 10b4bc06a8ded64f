//! What an application is told of its dialogs: what is due, in this order, and nothing else.

use scipp_proto::phase::{Role, Verdict, step};
use scipp_proto::{Config, DialogEvent, DialogId, DialogRef, OverrunPolicy};

use super::check::window;
use super::{Broken, Dialog, Once, Rule, Sort, World};
use crate::precedence::{Happening, Why};

impl World {
    /// This end is told something of a dialog. A first value is taken at once.
    pub(super) fn hears(
        &mut self,
        link: usize,
        side: usize,
        id: DialogId,
        event: DialogEvent,
    ) -> Result<(), Broken> {
        let mut dialogs = self.dialogs.iter_mut().filter(|dialog| dialog.plan.link == link);
        let dialog = dialogs.find(|dialog| dialog.seat(dialog.role(side)).id == Some(id));
        let dialog = dialog.ok_or_else(|| Broken::new(Rule::OneEnd, format!("{event:?} of nobody")))?;
        let (role, sent) = (dialog.role(side), dialog.plan.child);
        let (seat, end) = (dialog.seat_mut(role), &mut self.links[link].ends[side]);
        if seat.endings > 0 && event != DialogEvent::CancelAcked {
            return Err(Broken::new(Rule::OneEnd, format!("{event:?} after Ended")));
        }
        match event {
            DialogEvent::Ended => seat.endings += 1,
            DialogEvent::Overdue(_) if seat.overdue_at.take().is_none_or(|at| at > end.now) => {
                return Err(Broken::new(Rule::Told, format!("{event:?} again, or early")));
            }
            DialogEvent::Overdue(_) => {}
            _ if seat.unheard.pop_front() != Some(event) => {
                return Err(Broken::new(Rule::Told, format!("{event:?} was not due")));
            }
            DialogEvent::Started => {
                let taken = [end.conn().take_first(id), end.conn().take_first(id)];
                if taken != [Some(sent.first()), None] {
                    return Err(Broken::new(Rule::Kept, format!("{taken:?} is not the first value, once")));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Dialog {
    /// The application at this end will be told, unless it has let go.
    pub(super) fn expects(&mut self, role: Role, event: DialogEvent) {
        let seat = self.seat_mut(role);
        if !seat.is_released {
            seat.unheard.push_back(event);
        }
    }

    /// What a frame that conforms is to the application at this end, failures and endings apart.
    pub(super) fn tells(
        &self,
        role: Role,
        view: &DialogRef<'_>,
        sort: Sort,
        config: &Config,
    ) -> Option<DialogEvent> {
        if sort == Sort::RequestAnswered {
            return Some(DialogEvent::CancelAcked);
        }
        let signal = sort.signal(self.plan.kind)?;
        let Verdict::To(next) = step(view.kind(), view.phase(), role.peer(), signal) else { return None };
        match sort {
            Sort::StartAck => Some(DialogEvent::Accepted(self.plan.kind)),
            Sort::Started => Some(DialogEvent::Started),
            Sort::Stop if !next.is_ended() => Some(DialogEvent::Stopped),
            Sort::Yield if self.verdicts.failure(role).is_none() => self.tells_of_item(role, view, config),
            _ => None,
        }
    }

    /// What one more item is: there to be read, too much, or dropped without a word. (D-11)
    fn tells_of_item(&self, role: Role, view: &DialogRef<'_>, config: &Config) -> Option<DialogEvent> {
        let (items, policy) = (view.window(), view.overrun_policy());
        let overran = self.seat(role).frames.has(Once::Notice);
        let fits = !overran && view.unread() < window(config, (items, policy));
        match policy {
            _ if fits => Some(DialogEvent::Readable),
            OverrunPolicy::DropNewest => None,
            OverrunPolicy::DropOldest => (items > 0).then_some(DialogEvent::Readable),
            OverrunPolicy::Reject | OverrunPolicy::Buffer(_) | OverrunPolicy::Pause => {
                (!overran).then_some(DialogEvent::Overrun)
            }
        }
    }

    /// The dialog fails at its parent, if that is news.
    pub(super) fn fails(&mut self, why: Why) {
        let had_failed = self.verdicts.failure(Role::Parent).is_some();
        self.verdicts.fails(why);
        if !had_failed && self.verdicts.failure(Role::Parent).is_some() {
            self.expects(Role::Parent, DialogEvent::Failed);
        }
    }

    /// The task is told to end, if that is news; if it does not run yet, its final frame is due.
    pub(super) fn tell(&mut self, why: Why, because: Happening) {
        let was_told = self.verdicts.is_told();
        let last = self.verdicts.tells(why, because);
        self.due = self.due.or(last);
        if !was_told && self.verdicts.is_told() {
            let is_cancelled = self.verdicts.failure(Role::Child).is_none();
            let event = if is_cancelled { DialogEvent::CancelRequested } else { DialogEvent::Failed };
            self.expects(Role::Child, event);
        }
    }
}
