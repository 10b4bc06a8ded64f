//! Frames of a dialog: what each one brings, errors and broken rules included.

use alloc::{boxed::Box, sync::Arc};

use bytes::Bytes;

use crate::connection::{Connection, Status};
use crate::dialog::{CancelledBy, Dialog, Purpose, Unwind};
use crate::enforce::Fate;
use crate::error::{CloseReason, Failure, PeerViolation};
use crate::event::{DialogEvent, DialogId};
use crate::inbox::Item;
use crate::payload::Payload;
use crate::phase::{CancelPhase, Phase, Role, Signal, Verdict};
use crate::remote::{RemoteError, RemoteErrorKind};
use crate::report;
use crate::wire::{ErrorMsg, Message, MsgKind, Rejected, Text};

impl Connection {
    /// A frame of a dialog, errors and acknowledgements apart: the table judges it.
    pub(crate) fn route(&mut self, cid: Text<'_>, signal: Signal, payload: Option<Payload>) {
        let Some(id) = self.lookup(cid) else { return self.count_stray(cid) };
        let Some(dialog) = self.table.get_mut(id) else { return };
        if let Purpose::CancelRequest { .. } = dialog.purpose {
            return self.on_reply_to_cancel(id, signal);
        }
        match dialog.judge(dialog.role.peer(), signal) {
            Verdict::To(next) => {
                let is_end = next.is_ended();
                dialog.phase = next;
                self.deliver(id, signal, payload, is_end);
            }
            Verdict::Crossed => {
                let lost = u64::from(signal == Signal::Yield);
                dialog.dropped = dialog.dropped.saturating_add(lost);
                self.count_crossed(id);
            }
            Verdict::Illegal(violation) if signal == Signal::Return => {
                self.end_void(id, PeerViolation::OutOfPhase(violation));
            }
            Verdict::Illegal(violation) => self.break_dialog(id, PeerViolation::OutOfPhase(violation)),
        }
    }

    /// What a legal frame brings.
    fn deliver(&mut self, id: DialogId, signal: Signal, payload: Option<Payload>, is_end: bool) {
        match (signal, payload) {
            (Signal::StartAck(kind), _) => self.notify(id, DialogEvent::Accepted(kind)),
            (Signal::Started, Some(value)) => {
                if let Fate::Delivered(_) = self.judge_arrived(id, MsgKind::Started, &value) {
                    self.hold(id, |dialog| dialog.first = Some(value));
                    self.notify(id, DialogEvent::Started);
                }
            }
            (Signal::Yield, Some(item)) => self.on_item(id, item),
            (Signal::Return, Some(value)) => {
                if let Fate::Delivered(_) = self.judge_arrived(id, MsgKind::Return, &value) {
                    self.end_returned(id, Some(value));
                }
            }
            (Signal::Stop, _) if is_end => self.end_returned(id, None),
            (Signal::Stop, _) => self.notify(id, DialogEvent::Stopped),
            _ => {}
        }
    }

    /// Changes a dialog that now holds a payload, and remembers that it does.
    pub(crate) fn hold(&mut self, id: DialogId, change: impl FnOnce(&mut Dialog)) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        change(dialog);
        if !dialog.is_holding {
            dialog.is_holding = true;
            self.holding.push(id);
        }
    }

    /// An item for the inbox. One that does not fit is dropped as the policy says; the sender hears of
    /// it once a dialog.
    fn on_item(&mut self, id: DialogId, item: Payload) {
        let len = item.as_bytes().len();
        let Some(dialog) = self.table.get_mut(id) else { return };
        if dialog.is_released || dialog.received_failure().is_some() {
            dialog.dropped = dialog.dropped.saturating_add(1);
            return;
        }
        let fate = match dialog.bound {
            Some(_) => self.judge_arrived(id, MsgKind::Yield, &item),
            None => Fate::Delivered(None),
        };
        let Fate::Delivered(breaks) = fate else { return };

        // (D-11, D-12)
        let (room, reserve) = (self.inbox_room(id), self.config.pause_reserve);
        let Some(dialog) = self.table.get_mut(id) else { return };
        let pushed = dialog.inbox.push(Item { value: item, breaks }, room, reserve);
        dialog.dropped = dialog.dropped.saturating_add(pushed.dropped);
        dialog.overruns = dialog.overruns.saturating_add(pushed.dropped);
        self.counters.overruns = self.counters.overruns.saturating_add(pushed.dropped);
        self.inbox_bytes = self.inbox_bytes.saturating_sub(pushed.freed);
        if pushed.stored {
            self.inbox_bytes = self.inbox_bytes.saturating_add(len);
            self.hold(id, |_| {});
            self.pause_reading(id);
            self.notify(id, DialogEvent::Readable);
        }
        if pushed.overran {
            self.notify(id, DialogEvent::Overrun);
            self.send_notice(id);
        }
    }

    /// Bytes that an item of this dialog may have. One longer than all room there is is taken when nothing
    /// else is unread: a frame's length has a limit of its own. What was received before a pause is taken.
    fn inbox_room(&self, id: DialogId) -> usize {
        if self.inbox_bytes == 0 {
            return usize::MAX;
        }
        let may_pause = self.table.get(id).is_some_and(|dialog| dialog.inbox.may_pause());
        let reserve = if may_pause { self.receive.memory() } else { 0 };
        self.config.inbox_bytes.saturating_add(reserve).saturating_sub(self.inbox_bytes)
    }

    fn send_notice(&mut self, id: DialogId) {
        let Some(dialog) = self.table.get(id) else { return };
        let msg = report::overrun(&self.ours.uid, &self.peer_uid(), &dialog.cid);
        self.emit_reply(&Message::Error(Box::new(msg)));
    }

    /// `CancelAck`: the answer to a cancel request of ours, or to an actor cancel. (D-17, D-18, R-17)
    pub(crate) fn on_cancel_ack(&mut self, cid: Text<'_>, pld: bool) {
        let dialog = self.table.find(cid).and_then(|id| self.table.get(id));
        if dialog.is_some_and(Dialog::is_actor_cancel) {
            self.route(cid, Signal::Return, Some(Payload::bool(pld)));
        } else {
            self.route(cid, Signal::CancelAck, None);
        }
    }

    /// Anything final on the id of a cancel request of ours is its answer.
    fn on_reply_to_cancel(&mut self, id: DialogId, signal: Signal) {
        match signal {
            Signal::CancelAck | Signal::Return => self.cancel_answered(id, true),
            Signal::Error => self.cancel_answered(id, false),
            Signal::StartAck(_)
            | Signal::Started
            | Signal::Yield
            | Signal::Stop
            | Signal::Notice
            | Signal::Unconfirmed
            | Signal::Void
            | Signal::Lost => {}
        }
    }

    /// `Error`. Without an id the peer as a whole has failed.
    pub(crate) fn on_error(&mut self, msg: ErrorMsg) {
        if self.status == Status::Handshake {
            return self.violated(PeerViolation::ExpectedAid(MsgKind::Error));
        }

        // (D-22)
        let cid = msg.cid.clone();
        let error = report::repaired(msg, &self.peer_uid(), self.config.max_text);
        let Some(cid) = cid else { return self.lose(CloseReason::PeerFailed(Arc::new(error))) };

        let Some(id) = self.lookup(Text::from(&cid)) else { return self.count_stray(Text::from(&cid)) };
        let Some(dialog) = self.table.get(id) else { return };
        if let Purpose::CancelRequest { .. } = dialog.purpose {
            return self.on_reply_to_cancel(id, Signal::Error);
        }
        let (role, is_notice) = (dialog.role, self.is_notice(dialog, &error));

        // After our own cancel a notice is no news; nor is any error to a task that was told to end. (D-6)
        let changes_nothing = match role {
            Role::Child => dialog.unwind.is_some(),
            Role::Parent => is_notice && dialog.cancel != CancelPhase::Idle,
        };
        if dialog.is_ended() || changes_nothing {
            return self.count_crossed(id);
        }

        let error = Arc::new(self.afford(id, error));
        match role {
            // (D-5)
            Role::Child => self.on_error_from_parent(id, error),
            // (D-6)
            Role::Parent if is_notice => self.on_notice(id, error),
            // (D-4)
            Role::Parent => self.on_error_from_child(id, error),
        }
    }

    /// A frame that lost its meaning on the way.
    fn count_crossed(&mut self, id: DialogId) {
        let is_late = self.table.get(id).is_some_and(Dialog::is_ended);
        let count = if is_late { &mut self.counters.late } else { &mut self.counters.crossed };
        *count = count.saturating_add(1);
    }

    /// Accounts for an error that a dialog will keep. Beyond the limit of all dialogs together only what it
    /// means is kept, not what it says.
    fn afford(&mut self, id: DialogId, mut error: RemoteError) -> RemoteError {
        if self.error_bytes.saturating_add(error.memory()) > self.config.error_bytes {
            report::strip(&mut error);
        }
        self.charge(id, error.memory());
        error
    }

    /// Whether a dialog may keep so many bytes of a bad message with an error.
    pub(crate) fn affords(&self, len: usize) -> bool {
        len <= self.config.max_text && self.error_bytes.saturating_add(len) <= self.config.error_bytes
    }

    /// Accounts for bytes that a dialog keeps with an error.
    pub(crate) fn charge(&mut self, id: DialogId, bytes: usize) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        dialog.error_bytes = dialog.error_bytes.saturating_add(bytes);
        self.error_bytes = self.error_bytes.saturating_add(bytes);
    }

    /// A `StreamOverrun` about our own sending fails the dialog but does not end it.
    fn is_notice(&self, dialog: &Dialog, error: &RemoteError) -> bool {
        error.kind() == RemoteErrorKind::StreamOverrun
            && error.msg.src_type_str == error.msg.boxed_type_str
            && error.msg.sender.as_ref() == Some(&self.ours.uid)
            && matches!(dialog.judge(Role::Child, Signal::Notice), Verdict::To(_))
    }

    /// Fails the dialog and asks the child to end. (D-6)
    fn on_notice(&mut self, id: DialogId, error: Arc<RemoteError>) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        dialog.failure = Some(Box::new(Failure::Remote(error)));
        self.notify(id, DialogEvent::Failed);
        self.request_cancel(id);
    }

    /// The child's final error.
    fn on_error_from_child(&mut self, id: DialogId, error: Arc<RemoteError>) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if let Verdict::To(next) = dialog.judge(Role::Child, Signal::Error) {
            dialog.phase = next;
        }
        self.end_failed(id, error);
    }

    /// A parent's error does not end: the task unwinds, then answers. (D-5)
    fn on_error_from_parent(&mut self, id: DialogId, error: Arc<RemoteError>) {
        let unwind = match error.canceller() {
            Some(canceller) if error.kind() == RemoteErrorKind::ContextCancelled => Unwind::Cancelled {
                canceller: canceller.clone(),
                by: CancelledBy::Parent,
                path: error.msg.relay_path.clone(),
            },
            _ => Unwind::from(Failure::Remote(error)),
        };
        self.tell_to_unwind(id, unwind);
    }

    /// The peer broke a rule of this dialog. A child fails and answers by `Error`; a parent fails locally
    /// and asks the child to end, but never sends an `Error`. (D-21)
    pub(crate) fn break_dialog(&mut self, id: DialogId, violation: PeerViolation) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if dialog.is_ended() {
            return self.count_crossed(id);
        }
        if dialog.role == Role::Child {
            return self.tell_to_unwind(id, Unwind::from(Failure::Violation(violation)));
        }
        if dialog.failure.is_none() {
            dialog.failure = Some(Box::new(Failure::Violation(violation)));
            self.notify(id, DialogEvent::Failed);
        }
        self.request_cancel(id);
    }

    /// The same over a wrong envelope, which a child sends back when its task is over. (D36)
    pub(crate) fn break_by_envelope(&mut self, id: DialogId, rejected: Rejected, frame: &Bytes) {
        let violation = PeerViolation::Rejected(rejected);
        let runs_on = |dialog: &Dialog| dialog.is_running_task() && dialog.unwind.is_none();
        if !self.table.get(id).is_some_and(runs_on) {
            return self.break_dialog(id, violation);
        }
        let bad_msg = self.keep(id, frame);
        self.tell_to_unwind(id, Unwind::Failed { failure: Failure::Violation(violation), bad_msg });
    }

    /// A frame as something that a dialog keeps of an error, if that is not too much.
    fn keep(&mut self, id: DialogId, frame: &Bytes) -> Option<Payload> {
        if !self.affords(frame.len()) {
            return None;
        }
        let kept = Payload::new(Bytes::copy_from_slice(frame)).ok()?;
        self.charge(id, frame.len());
        Some(kept)
    }

    /// A child's task has to end. Only the first reason counts. One that was not accepted yet is refused
    /// on the spot. (D-16, D-42)
    pub(crate) fn tell_to_unwind(&mut self, id: DialogId, unwind: Unwind) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if dialog.unwind.is_some() || dialog.is_ended() {
            return;
        }
        let event = match &unwind {
            Unwind::Cancelled { .. } => DialogEvent::CancelRequested,
            Unwind::Failed { .. } => DialogEvent::Failed,
        };
        dialog.unwind = Some(Box::new(unwind));
        let is_unaccepted = dialog.phase == Phase::Requested;
        self.notify(id, event);
        if is_unaccepted {
            let _ = self.unwound(id);
        }
    }
}
