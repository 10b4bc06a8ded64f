//! Frames in: what each one means to the connection or to its dialog.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::mem;

use bytes::Bytes;

use crate::connection::{Connection, Status};
use crate::dialog::{CancelledBy, Dialog, Purpose, Unwind};
use crate::error::{CloseReason, Failure, LimitKind, PeerViolation, RemoteError, RemoteErrorKind};
use crate::event::{DialogEvent, DialogId, Event, Request, RuntimeEndpoint, Target};
use crate::identity::Identity;
use crate::inbox::Inbox;
use crate::payload::Payload;
use crate::phase::{CancelPhase, Phase, Role, Signal, Verdict};
use crate::report;
use crate::wire::{self, ErrorMsg, Fault, Kind, Message, MsgKind, Rejected, Start};

/// The connection.
impl Connection {
    pub(crate) fn take_frame(&mut self, frame: &Bytes) {
        self.counters.frames_in = self.counters.frames_in.saturating_add(1);
        let limits = self.config.limits();
        let message = match wire::decode(frame, &limits) {
            Ok(message) => message,
            Err(rejected) => return self.on_rejected(frame, rejected),
        };
        let is_second = mem::take(&mut self.awaits_spawn_spec);
        match (&self.status, message) {
            (Status::Handshake, Message::Aid(peer)) => self.on_aid(peer),
            (Status::Handshake, other) => self.violated(PeerViolation::ExpectedAid(other.kind())),
            (_, Message::SpawnSpec(spec)) if is_second => self.events.push_back(Event::SpawnSpec(spec)),
            (_, Message::Aid(_)) => self.violated(PeerViolation::Late(MsgKind::Aid)),
            (_, Message::SpawnSpec(_)) => self.violated(PeerViolation::Late(MsgKind::SpawnSpec)),
            (_, message) => self.dispatch(message),
        }
    }

    fn dispatch(&mut self, message: Message<'_>) {
        match message {
            Message::Start(start) => self.on_start(start),
            Message::StartAck { cid, functype } => self.route(cid, Signal::StartAck(functype), None),
            Message::Started { cid, pld } => self.route(cid, Signal::Started, Some(pld)),
            Message::Yield { cid, pld } => self.route(cid, Signal::Yield, Some(pld)),
            Message::Stop { cid } => self.route(cid, Signal::Stop, None),
            Message::Return { cid, pld } => self.route(cid, Signal::Return, Some(pld)),
            Message::CancelAck { cid, pld } => self.on_cancel_ack(cid, pld),
            Message::Error(msg) => self.on_error(*msg, false),
            Message::Aid(_) | Message::SpawnSpec(_) => {}
        }
    }

    /// Ends the connection over a broken rule. (D-30)
    pub(crate) fn violated(&mut self, violation: PeerViolation) {
        self.lose(CloseReason::Violation(violation));
    }

    /// The peer's `Aid`; a probe has got its answer with ours.
    fn on_aid(&mut self, peer: Box<Identity>) {
        self.timers.handshake = None;
        let is_probe = peer.is_probe;
        self.peer = Some(peer.clone());
        if is_probe {
            return self.lose(CloseReason::Probe);
        }
        self.status = Status::Open;
        self.awaits_spawn_spec = self.config.spawned;
        self.events.push_back(Event::Established { peer });
    }

    /// A frame that is no message, or a message with a wrong envelope. (W-30 to W-33)
    fn on_rejected(&mut self, frame: &Bytes, rejected: Rejected) {
        if rejected.fault == Fault::Malformed
            && self.counters.malformed < u64::from(self.config.malformed_budget)
        {
            self.counters.malformed = self.counters.malformed.saturating_add(1);
            return;
        }
        let (kind, cid, is_cancel_request) = match &rejected.fault {
            Fault::Envelope { kind, cid, is_cancel_request } if self.status != Status::Handshake => {
                (*kind, Arc::clone(cid), *is_cancel_request)
            }
            Fault::Malformed | Fault::NotAMessage | Fault::Envelope { .. } => {
                return self.violated(PeerViolation::Rejected(rejected));
            }
        };
        match kind {
            MsgKind::Start if self.table.find(&cid).is_some() => self.violated(PeerViolation::CidReuse),
            MsgKind::Start => {
                let type_name = if is_cancel_request { "TypeError" } else { "MsgTypeError" };
                self.refuse_start(&cid, type_name, &alloc::format!("{rejected}"));
            }
            MsgKind::Error => self.on_error(wire::salvage_error(frame, &self.config.limits()), true),
            MsgKind::CancelAck if self.is_cancel_request(&cid) => self.on_cancel_ack(&cid, false),
            MsgKind::Aid
            | MsgKind::SpawnSpec
            | MsgKind::StartAck
            | MsgKind::Started
            | MsgKind::Yield
            | MsgKind::Stop
            | MsgKind::Return
            | MsgKind::CancelAck => match self.lookup(&cid) {
                Some(id) => self.break_dialog(id, PeerViolation::Rejected(rejected)),
                None => self.count_stray(&cid),
            },
        }
    }

    /// The dialog with this wire id, if it has not ended.
    fn lookup(&mut self, cid: &str) -> Option<DialogId> {
        let id = self.table.find(cid)?;
        self.strays = self.strays.saturating_sub(1);
        Some(id)
    }

    /// A frame for no live dialog: nothing is answered. Late ones are normal, strays are limited. (D-23)
    fn count_stray(&mut self, cid: &str) {
        if self.table.is_late(cid) {
            self.counters.late = self.counters.late.saturating_add(1);
            return;
        }
        self.counters.strays = self.counters.strays.saturating_add(1);
        self.strays = self.strays.saturating_add(1);
        if self.strays > self.config.max_strays {
            self.lose(CloseReason::Limit(LimitKind::Strays));
        }
    }

    fn is_cancel_request(&self, cid: &str) -> bool {
        let dialog = self.table.find(cid).and_then(|id| self.table.get(id));
        dialog.is_some_and(|dialog| matches!(dialog.purpose, Purpose::CancelRequest { .. }))
    }
}

/// Requests.
impl Connection {
    fn on_start(&mut self, start: Start<'_>) {
        let is_runtime = start.ns == "self";
        if self.table.find(start.cid).is_some() {
            return self.violated(PeerViolation::CidReuse);
        }
        if is_runtime && start.func == "_cancel_task" {
            return self.on_cancel_request(&start);
        }
        let endpoint = is_runtime.then(|| RuntimeEndpoint::from_name(start.func));
        let is_actor_cancel = endpoint == Some(Some(RuntimeEndpoint::Cancel));
        let target = match endpoint {
            None => Target::function(start.ns, start.func),
            Some(Some(endpoint)) => Target::Runtime(endpoint),
            Some(None) => {
                return self.refuse_start(start.cid, "AttributeError", "the runtime has no such method");
            }
        };
        if !is_actor_cancel && !self.names_peer(&start) {
            return self.refuse_start(
                start.cid,
                "RuntimeError",
                "Start.uid is not the uid of this connection",
            );
        }
        if self.status == Status::Closing {
            return self.refuse_start(start.cid, "RuntimeError", "the connection is closing");
        }
        if self.live_peer >= self.config.max_peer_dialogs {
            return self.refuse_start(start.cid, "RuntimeError", "too many dialogs are open");
        }
        self.open_for_peer(start, target);
    }

    fn names_peer(&self, start: &Start<'_>) -> bool {
        self.peer
            .as_ref()
            .is_some_and(|peer| peer.uid.name() == start.uid_name && peer.uid.uuid() == start.uid_uuid)
    }

    fn open_for_peer(&mut self, start: Start<'_>, target: Target) {
        let cid: Arc<str> = start.cid.into();
        let inbox = Inbox::new(self.config.inbox_items, self.config.overrun);
        let dialog = Dialog::new(
            Arc::clone(&cid),
            Purpose::from(&target),
            Role::Child,
            Kind::Context,
            self.opened,
            inbox,
        );
        let Some(id) = self.table.insert(Box::new(dialog)) else {
            return self.refuse_start(&cid, "RuntimeError", "too many dialogs are open");
        };
        self.opened = self.opened.saturating_add(1);
        self.live_peer = self.live_peer.saturating_add(1);
        self.running = self.running.saturating_add(1);
        if target == Target::Runtime(RuntimeEndpoint::Cancel) {
            // Acknowledged as taken at once; the answer waits for the tasks. (D-18)
            let _ = self.accept(id, Kind::Function);
            return self.events.push_back(Event::ActorCancelRequested { id });
        }
        let pld_spec = String::from(start.pld_spec);
        let request = Box::new(Request { cid, target, kwargs: start.kwargs, pld_spec });
        self.events.push_back(Event::Opened { id, request });
    }

    /// Answers a `Start` by `Error` in place of `StartAck`; nothing is run, nothing is kept. (D-2)
    fn refuse_start(&mut self, cid: &str, type_name: &str, text: &str) {
        self.counters.refused = self.counters.refused.saturating_add(1);
        let msg = report::refused(&self.ours.uid, type_name, text, &cid.into());
        self.emit_reply(&Message::Error(Box::new(msg)));
    }

    /// `self:_cancel_task`: answered at once that it arrived, and finally after the task's final frame;
    /// at once where there is no such task of this connection. (D-16, D-17)
    fn on_cancel_request(&mut self, start: &Start<'_>) {
        let Some(target) = cancel_target(start) else {
            return self.refuse_start(
                start.cid,
                "TypeError",
                "_cancel_task takes one argument, the text cid",
            );
        };
        self.emit_reply(&Message::StartAck { cid: start.cid, functype: Kind::Function });
        let found =
            self.table.find(&target).filter(|&id| self.table.get(id).is_some_and(Dialog::is_running_task));
        let Some(id) = found else {
            return self.emit_reply(&Message::CancelAck { cid: start.cid, pld: true });
        };
        let Some(dialog) = self.table.get_mut(id) else { return };
        // One a dialog is paid for by the limit of dialogs; repeated ones have a limit of their own.
        self.owed_acks = self.owed_acks.saturating_add(usize::from(!dialog.owed_acks.is_empty()));
        dialog.owed_acks.push(start.cid.into());
        let canceller = self.peer_uid();
        self.tell_to_unwind(id, Unwind::Cancelled { canceller, by: CancelledBy::Parent, path: Vec::new() });
    }
}

fn cancel_target(start: &Start<'_>) -> Option<String> {
    let mut args = start.kwargs.iter();
    let (name, value) = args.next()?;
    (name == "cid" && args.next().is_none()).then(|| value.as_text().map(String::from)).flatten()
}

/// Frames of a dialog.
impl Connection {
    /// A frame of a dialog, errors and acknowledgements apart: the table judges it.
    fn route(&mut self, cid: &str, signal: Signal, payload: Option<Payload>) {
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
                let count =
                    if dialog.is_ended() { &mut self.counters.late } else { &mut self.counters.crossed };
                *count = count.saturating_add(1);
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
                self.hold(id, |dialog| dialog.first = Some(value));
                self.notify(id, DialogEvent::Started);
            }
            (Signal::Yield, Some(item)) => self.on_item(id, item),
            (Signal::Return, Some(value)) => self.end_returned(id, Some(value)),
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
    /// it once a dialog. (D-11, D-12)
    fn on_item(&mut self, id: DialogId, item: Payload) {
        let len = item.as_bytes().len();
        let (room, reserve) = (self.inbox_room(id), self.config.pause_reserve);
        let Some(dialog) = self.table.get_mut(id) else { return };
        if dialog.is_released || dialog.received_failure().is_some() {
            dialog.dropped = dialog.dropped.saturating_add(1);
            return;
        }
        let pushed = dialog.inbox.push(item, room, reserve);
        dialog.dropped = dialog.dropped.saturating_add(pushed.dropped);
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

    /// `CancelAck`: the answer to a cancel request of ours, or to an actor cancel. (D-17, D-18)
    fn on_cancel_ack(&mut self, cid: &str, pld: bool) {
        let Some(id) = self.lookup(cid) else { return self.count_stray(cid) };
        let Some(dialog) = self.table.get_mut(id) else { return };
        match dialog.purpose {
            Purpose::CancelRequest { .. } => self.on_reply_to_cancel(id, Signal::CancelAck),
            Purpose::Runtime(RuntimeEndpoint::Cancel) if dialog.role == Role::Parent => {
                self.route(cid, Signal::Return, Some(Payload::bool(pld)));
            }
            Purpose::Function | Purpose::Runtime(_) if dialog.is_ended() => {
                self.counters.late = self.counters.late.saturating_add(1);
            }
            Purpose::Function | Purpose::Runtime(_) => self.break_dialog(id, PeerViolation::StrayCancelAck),
        }
    }

    /// Anything but `StartAck` on the id of a cancel request of ours is its answer.
    fn on_reply_to_cancel(&mut self, id: DialogId, signal: Signal) {
        let is_answer =
            !matches!(signal, Signal::StartAck(_) | Signal::Yield | Signal::Started | Signal::Stop);
        if is_answer {
            self.cancel_answered(id);
        }
    }

    /// `Error`. Without an id the peer as a whole has failed. (D-4, D-5, D-6, D-22)
    fn on_error(&mut self, msg: ErrorMsg, salvaged: bool) {
        if self.status == Status::Handshake {
            return self.violated(PeerViolation::ExpectedAid(MsgKind::Error));
        }
        let cid = msg.cid.clone();
        let error = Arc::new(report::repaired(msg, salvaged, &self.peer_uid(), self.config.max_text));
        let Some(cid) = cid else { return self.lose(CloseReason::PeerFailed(error)) };
        let Some(id) = self.lookup(&cid) else { return self.count_stray(&cid) };
        let Some(dialog) = self.table.get(id) else { return };
        match (dialog.purpose, dialog.role) {
            (Purpose::CancelRequest { .. }, _) => self.on_reply_to_cancel(id, Signal::Error),
            _ if dialog.is_ended() => self.counters.late = self.counters.late.saturating_add(1),
            (_, Role::Child) => self.on_error_from_parent(id, error),
            (_, Role::Parent) if self.is_notice(dialog, &error) => self.on_notice(id, error),
            (_, Role::Parent) => self.on_error_from_child(id, error),
        }
    }

    /// A `StreamOverrun` about our own sending fails the dialog but does not end it.
    fn is_notice(&self, dialog: &Dialog, error: &RemoteError) -> bool {
        error.kind() == RemoteErrorKind::StreamOverrun
            && error.msg.src_type_str == error.msg.boxed_type_str
            && error.msg.sender.as_ref() == Some(&self.ours.uid)
            && matches!(dialog.judge(Role::Child, Signal::Notice), Verdict::To(_))
    }

    /// Fails the dialog and asks the child to end; swallowed once we asked for that ourselves. (D-6)
    fn on_notice(&mut self, id: DialogId, error: Arc<RemoteError>) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if dialog.cancel != CancelPhase::Idle {
            self.counters.crossed = self.counters.crossed.saturating_add(1);
            return;
        }
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
            _ => Unwind::Failed(Failure::Remote(error)),
        };
        self.tell_to_unwind(id, unwind);
    }

    /// The peer broke a rule of this dialog. A child fails and answers by `Error`; a parent fails locally
    /// and asks the child to end, but never sends an `Error`. (D-21)
    fn break_dialog(&mut self, id: DialogId, violation: PeerViolation) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if dialog.is_ended() {
            self.counters.late = self.counters.late.saturating_add(1);
            return;
        }
        if dialog.role == Role::Child {
            return self.tell_to_unwind(id, Unwind::Failed(Failure::Violation(violation)));
        }
        if dialog.failure.is_none() {
            dialog.failure = Some(Box::new(Failure::Violation(violation)));
            self.notify(id, DialogEvent::Failed);
        }
        self.request_cancel(id);
    }

    /// A child's task has to end. Only the first reason counts. One that was not accepted yet is refused
    /// on the spot. (D-16)
    pub(crate) fn tell_to_unwind(&mut self, id: DialogId, unwind: Unwind) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if dialog.unwind.is_some() || dialog.is_ended() {
            return;
        }
        let event = match &unwind {
            Unwind::Cancelled { .. } => DialogEvent::CancelRequested,
            Unwind::Failed(_) => DialogEvent::Failed,
        };
        dialog.unwind = Some(Box::new(unwind));
        let is_unaccepted = dialog.phase == Phase::Requested;
        self.notify(id, event);
        if is_unaccepted {
            let _ = self.unwound(id);
        }
    }
}
