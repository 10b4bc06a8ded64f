//! How dialogs end, once each, and what follows from it.

use alloc::{boxed::Box, sync::Arc};

use crate::config::AbsorbRule;
use crate::connection::{Connection, Status};
use crate::dialog::{CancelledBy, Dialog, Purpose, Unwind};
use crate::error::{CloseReason, Deadline, Failure, PeerViolation};
use crate::event::{DialogEvent, DialogId, Outcome, RuntimeEndpoint};
use crate::inbox::Inbox;
use crate::payload::Payload;
use crate::phase::{self, CancelPhase, CancelSignal, Role, Signal, Verdict};
use crate::remote::{RemoteError, RemoteErrorKind};
use crate::wire::{ANY_PLD_SPEC, Kind, Message, Start};

/// Endings as the parent sees them.
impl Connection {
    /// `Return`, or a generator's `Stop`. An earlier failure stays the outcome. (D-40, D-43, D-14)
    pub(crate) fn end_returned(&mut self, id: DialogId, value: Option<Payload>) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        match dialog.failure.take() {
            Some(failure) => self.settle(id, Outcome::Failed(*failure)),
            None => {
                self.hold(id, |_| {});
                self.settle(id, Outcome::Returned(value));
            }
        }
    }

    /// The child's `Error`: our own cancellation comes back, or it failed. (D-13, D-40, D-43, D-14)
    pub(crate) fn end_failed(&mut self, id: DialogId, error: Arc<RemoteError>) {
        let Some(dialog) = self.table.get(id) else { return };
        let outcome = match &dialog.failure {
            Some(failure) => Outcome::Failed(Failure::clone(failure)),
            None if self.absorbs(dialog, &error) => {
                Outcome::Cancelled { confirmed: true, error: Some(error) }
            }
            None => Outcome::Failed(Failure::Remote(error)),
        };
        self.settle(id, outcome);
    }

    /// Whether `error` is the answer to our own cancel: a cancellation, from the direct peer, that names
    /// us (or, when both sides cancelled, the peer) as canceller.
    fn absorbs(&self, dialog: &Dialog, error: &RemoteError) -> bool {
        let Some(peer) = &self.peer else { return false };
        let canceller = error.canceller();
        let names_us = canceller == Some(&self.ours.uid);
        let names_peer = canceller == Some(&peer.uid) && self.config.absorb == AbsorbRule::UsOrPeer;
        dialog.cancel != CancelPhase::Idle
            && error.kind() == RemoteErrorKind::ContextCancelled
            && error.msg.src_uid == peer.uid
            && (names_us || names_peer)
    }

    /// A final frame that makes no sense where it came: the task over there is gone all the same. (D-21)
    pub(crate) fn end_void(&mut self, id: DialogId, violation: PeerViolation) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if dialog.role == Role::Child {
            return self.tell_to_unwind(id, Unwind::from(Failure::Violation(violation)));
        }
        let Verdict::To(next) = dialog.judge(Role::Child, Signal::Void) else { return };
        dialog.phase = next;
        let failure = dialog.failure.take().map_or(Failure::Violation(violation), |failure| *failure);
        self.settle(id, Outcome::Failed(failure));
    }

    /// The cancel request was answered, or its time is up, without a final frame. (D-17, D-44)
    pub(crate) fn end_unconfirmed(&mut self, id: DialogId) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        let Verdict::To(next) = dialog.judge(Role::Child, Signal::Unconfirmed) else { return };
        dialog.phase = next;
        let outcome = match dialog.failure.take() {
            Some(failure) => Outcome::Failed(*failure),
            None => Outcome::Cancelled { confirmed: false, error: None },
        };
        self.settle(id, outcome);
    }

    /// The connection is gone; nothing is sent. An earlier failure does not stay the outcome. (D-22, D-45)
    pub(crate) fn end_lost(&mut self, id: DialogId, reason: &CloseReason) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        let Verdict::To(next) = dialog.judge(dialog.role.peer(), Signal::Lost) else { return };
        dialog.was_stopped = dialog.is_stopped();
        dialog.phase = next;
        dialog.owed_acks.clear();
        self.settle(id, Outcome::Disconnected(reason.clone()));
    }
}

/// What every ending has in common.
impl Connection {
    /// The one place where a dialog gets its outcome; its phase has ended just before.
    pub(crate) fn settle(&mut self, id: DialogId, outcome: Outcome) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        dialog.outcome = Some(Box::new(outcome));
        self.running = self.running.saturating_sub(1);
        if let Some(at) = dialog.cancel_ack_due.take() {
            self.deadlines.disarm(at, id, Deadline::CancelAck);
            self.deadlines.disarm(at, id, Deadline::ActorCancelAck);
        }
        if let Some(at) = dialog.final_frame_due.take() {
            self.deadlines.disarm(at, id, Deadline::FinalFrame);
        }
        let (role, is_released, is_actor_cancel) =
            (dialog.role, dialog.is_released, dialog.is_actor_cancel());
        let is_hidden = matches!(dialog.purpose, Purpose::CancelRequest { .. });
        self.notify(id, DialogEvent::Ended);
        if role == Role::Child {
            self.running_tasks = self.running_tasks.saturating_sub(usize::from(!is_actor_cancel));
            self.pay_owed_acks(id);
            self.answer_actor_cancels();
        }
        // (D-29)
        if is_released || is_hidden {
            self.unseen = self.unseen.saturating_sub(1);
            self.forget(id);
        }
        self.finish_closing();
    }

    /// The final frame is out: now the requests to cancel the task are answered. (D-17)
    fn pay_owed_acks(&mut self, id: DialogId) {
        let owed =
            self.table.get_mut(id).map(|dialog| core::mem::take(&mut dialog.owed_acks)).unwrap_or_default();
        self.owed_acks = self.owed_acks.saturating_sub(owed.len().saturating_sub(1));
        for cid in owed {
            self.owed_cids.remove(&cid);
            self.emit_reply(&Message::CancelAck { cid: (&cid).into(), pld: true });
        }
    }

    /// Answers acknowledged actor cancels once no other task of this connection runs. (D-18)
    pub(crate) fn answer_actor_cancels(&mut self) {
        if self.is_closed() || self.running_tasks > 0 {
            return;
        }
        for id in core::mem::take(&mut self.acknowledged) {
            let Some(dialog) = self.table.get_mut(id) else { continue };
            let Verdict::To(next) = dialog.judge(Role::Child, Signal::Return) else { continue };
            dialog.phase = next;
            let cid = Arc::clone(&dialog.cid);
            self.emit(&Message::CancelAck { cid: (&cid).into(), pld: true });
            self.settle(id, Outcome::Returned(None));
        }
    }

    /// Removes a record; its wire id is late from now on.
    pub(crate) fn forget(&mut self, id: DialogId) {
        let Some(dialog) = self.table.remove(id) else { return };
        self.inbox_bytes = self.inbox_bytes.saturating_sub(dialog.inbox.bytes());
        self.error_bytes = self.error_bytes.saturating_sub(dialog.error_bytes);
        self.resume_reading();
        match dialog.role {
            Role::Parent => self.live_own = self.live_own.saturating_sub(1),
            Role::Child => self.live_peer = self.live_peer.saturating_sub(1),
        }
        if dialog.role == Role::Child && dialog.is_actor_cancel() {
            self.actor_cancels = self.actor_cancels.saturating_sub(1);
        }
    }

    /// A graceful close is complete when nothing runs and everything is written.
    pub(crate) fn finish_closing(&mut self) {
        if self.status == Status::Closing && self.running == 0 && self.outbox.unwritten() == 0 {
            self.lose(CloseReason::Local);
        }
    }
}

/// Our cancel requests.
impl Connection {
    /// Asks the child to end its task: at most once a dialog, never after its ending, never for a request
    /// that is a cancel itself. (D-15, R-17)
    pub(crate) fn request_cancel(&mut self, id: DialogId) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        let is_cancel = matches!(
            dialog.purpose,
            Purpose::CancelRequest { .. } | Purpose::Runtime(RuntimeEndpoint::Cancel)
        );
        if dialog.role == Role::Child || is_cancel {
            return;
        }
        let Some(next) = phase::cancel(dialog.phase, dialog.cancel, CancelSignal::Request) else { return };
        dialog.cancel = next;
        let target = Arc::clone(&dialog.cid);
        self.arm_cancel(id);
        self.send_cancel_request(id, &target);
    }

    /// Gives the child its time, from now on.
    fn arm_cancel(&mut self, id: DialogId) {
        let Some(dialog) = self.table.get_mut(id).filter(|dialog| !dialog.is_ended()) else { return };
        let ack_due = self.now.saturating_add(self.config.cancel_ack_timeout);
        dialog.cancel_ack_due = Some(ack_due);
        self.deadlines.arm(ack_due, id, Deadline::CancelAck);
        if let Some(timeout) = self.config.final_frame_timeout {
            let final_due = self.now.saturating_add(timeout);
            dialog.final_frame_due = Some(final_due);
            self.deadlines.arm(final_due, id, Deadline::FinalFrame);
        }
    }

    /// Takes back what was armed for a request made by a verb that was not told the time.
    pub(crate) fn arm_later(&mut self, id: DialogId) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if let Some(at) = dialog.cancel_ack_due.take() {
            self.deadlines.disarm(at, id, Deadline::CancelAck);
        }
        if let Some(at) = dialog.final_frame_due.take() {
            self.deadlines.disarm(at, id, Deadline::FinalFrame);
        }
        self.unarmed.push(id);
    }

    pub(crate) fn arm_unarmed(&mut self) {
        for id in core::mem::take(&mut self.unarmed) {
            self.arm_cancel(id);
        }
    }

    fn send_cancel_request(&mut self, of: DialogId, target: &str) {
        let cid = self.fresh_cid();
        let kwargs = crate::payload::Kwargs::text("cid", target);
        let us = self.us();
        self.emit(&Message::Start(Start {
            cid: (&cid).into(),
            ns: "self".into(),
            func: "_cancel_task".into(),
            kwargs,
            uid_name: us.name().into(),
            uid_uuid: us.uuid().into(),
            pld_spec: ANY_PLD_SPEC.into(),
        }));
        let inbox = Inbox::new(0, crate::config::OverrunPolicy::DropNewest);
        let request =
            Dialog::new(cid, Purpose::CancelRequest { of }, Role::Parent, Kind::Function, self.opened, inbox);
        self.opened = self.opened.saturating_add(1);
        if self.table.insert(Box::new(request)).is_some() {
            self.live_own = self.live_own.saturating_add(1);
            self.running = self.running.saturating_add(1);
            self.unseen = self.unseen.saturating_add(1);
        }
    }

    /// Our request was answered. Frames are in order: without a final frame before an acknowledgement, the
    /// child has no such task; an error proves nothing. (D-17)
    pub(crate) fn cancel_answered(&mut self, request: DialogId, is_ack: bool) {
        let Some(record) = self.table.get_mut(request) else { return };
        let Purpose::CancelRequest { of } = record.purpose else { return };
        let Verdict::To(next) = record.judge(Role::Child, Signal::Unconfirmed) else { return };
        record.phase = next;
        if is_ack {
            self.acked(of);
        }
        // Last, because it may complete a graceful close.
        self.settle(request, Outcome::Returned(None));
    }

    fn acked(&mut self, id: DialogId) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if let Some(next) = phase::cancel(dialog.phase, dialog.cancel, CancelSignal::Ack) {
            dialog.cancel = next;
        }
        if let Some(at) = dialog.cancel_ack_due.take() {
            self.deadlines.disarm(at, id, Deadline::CancelAck);
        }
        let is_ended = dialog.is_ended();
        self.notify(id, DialogEvent::CancelAcked);
        if !is_ended {
            self.end_unconfirmed(id);
        }
    }

    /// Our own task shall end: in our name, whatever was asked before.
    pub(crate) fn cancel_own_task(&mut self, id: DialogId) {
        let canceller = self.us();
        let Some(dialog) = self.table.get_mut(id) else { return };
        let by = CancelledBy::Itself;
        match dialog.unwind.as_deref_mut() {
            Some(Unwind::Cancelled { canceller: named, by: cause, .. }) => (*named, *cause) = (canceller, by),
            Some(Unwind::Failed { .. }) => {}
            None => {
                let path = alloc::vec::Vec::new();
                dialog.unwind = Some(Box::new(Unwind::Cancelled { canceller, by, path }));
            }
        }
    }
}
