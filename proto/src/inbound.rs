//! Frames in: what each one means to the connection or to its dialog.

use alloc::{boxed::Box, sync::Arc};
use core::mem;

use bytes::Bytes;

use crate::connection::{Connection, Status};
use crate::dialog::Purpose;
use crate::error::{CloseReason, LimitKind, PeerViolation};
use crate::event::{DialogId, Event};
use crate::identity::Identity;
use crate::phase::{Role, Signal};
use crate::wire::{self, Fault, Message, MsgKind, Rejected, Text};

impl Connection {
    pub(crate) fn take_frame(&mut self, frame: &Bytes) {
        self.counters.frames_in = self.counters.frames_in.saturating_add(1);
        let is_second = mem::take(&mut self.awaits_spawn_spec);
        let limits = self.config.limits();
        let message = match wire::decode(frame, &limits) {
            Ok(message) => message,
            Err(rejected) => return self.on_rejected(frame, rejected),
        };
        match (&self.status, message) {
            (Status::Handshake, Message::Aid(peer)) => self.on_aid(peer),
            //
            (Status::Handshake, other) => self.violated(PeerViolation::ExpectedAid(other.kind())),
            //
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
            Message::Error(msg) => self.on_error(*msg),
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

    /// A frame that is no message, or a message with a wrong envelope.
    fn on_rejected(&mut self, frame: &Bytes, rejected: Rejected) {
        // (W-30)
        if rejected.fault == Fault::Malformed
            && self.counters.malformed < u64::from(self.config.malformed_budget)
        {
            self.counters.malformed = self.counters.malformed.saturating_add(1);
            return;
        }

        // Who cannot say which dialog it is about ends the connection. (W-30, W-31)
        let (kind, cid, is_cancel_request) = match &rejected.fault {
            Fault::Envelope { kind, cid, is_cancel_request } if self.status != Status::Handshake => {
                (*kind, Arc::clone(cid), *is_cancel_request)
            }
            Fault::Malformed | Fault::NotAMessage | Fault::Envelope { .. } => {
                return self.violated(PeerViolation::Rejected(rejected));
            }
        };

        // Who can harms that dialog. (W-32)
        let cid = Text::from(&cid);
        match kind {
            MsgKind::Start if self.is_in_use(cid) => self.violated(PeerViolation::CidReuse),
            MsgKind::Start => {
                let type_name = if is_cancel_request { "TypeError" } else { "MsgTypeError" };
                self.refuse_envelope(cid, type_name, &rejected, frame);
            }
            // (W-33)
            MsgKind::Error => self.on_error(wire::salvage_error(frame, &self.config.limits())),
            // (W-32, D-17)
            MsgKind::CancelAck if self.is_cancel(cid) => self.on_cancel_ack(cid, false),
            MsgKind::Aid
            | MsgKind::SpawnSpec
            | MsgKind::StartAck
            | MsgKind::Started
            | MsgKind::Yield
            | MsgKind::Stop
            | MsgKind::Return
            | MsgKind::CancelAck => match self.lookup(cid) {
                Some(id) => self.break_by_envelope(id, rejected, frame),
                None => self.count_stray(cid),
            },
        }
    }

    /// The dialog with this wire id, ended or not; a frame for one is no stray.
    pub(crate) fn lookup(&mut self, cid: Text<'_>) -> Option<DialogId> {
        let id = self.table.find(cid)?;
        self.strays = self.strays.saturating_sub(1);
        Some(id)
    }

    /// A frame for no live dialog: nothing is answered. Late ones are normal, strays are limited. (D-23)
    pub(crate) fn count_stray(&mut self, cid: Text<'_>) {
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

    /// Whether this is a cancel request or an actor cancel of ours.
    fn is_cancel(&self, cid: Text<'_>) -> bool {
        let dialog = self.table.find(cid).and_then(|id| self.table.get(id));
        dialog.is_some_and(|dialog| {
            let is_request = matches!(dialog.purpose, Purpose::CancelRequest { .. });
            dialog.role == Role::Parent && (is_request || dialog.is_actor_cancel())
        })
    }
}
