//! What the application wants: verbs of the connection, of the parent, and of both roles.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::panic::Location;

use crate::config::OverrunPolicy;
use crate::connection::{Connection, Status};
use crate::dialog::{CancelledBy, Dialog, Purpose, Unwind};
use crate::enforce::Fate;
use crate::error::{CloseReason, Deadline, Misuse, OpenError, SendError, Verb};
use crate::event::{Call, Canceller, DialogId, Outcome, RuntimeEndpoint, Take, Target};
use crate::inbox::{Inbox, Item};
use crate::outbox::FrameTooLong;
use crate::payload::Payload;
use crate::phase::{Phase, Role, Signal, Verdict};
use crate::spec::PldSpec;
use crate::time::Instant;
use crate::wire::{ANY_PLD_SPEC, Kind, Message, SpawnSpec, Start};

/// Verbs of the connection.
impl Connection {
    /// Sends a `SpawnSpec` to a process we spawned: the second frame, before any dialog.
    ///
    /// # Errors
    ///
    /// [`Misuse::LateSpawnSpec`] after any other frame; [`Misuse::TooLong`].
    pub fn spawn_spec(&mut self, spec: &SpawnSpec) -> Result<(), Misuse> {
        if self.is_closed() {
            return Err(Misuse::Closed(Verb::SpawnSpec));
        }
        if self.counters.frames_out != 1 {
            return Err(Misuse::LateSpawnSpec);
        }
        self.emit_payload(Verb::SpawnSpec, &Message::SpawnSpec(Box::new(spec.clone())))
    }

    /// Opens a dialog; our role is parent. A call of `Runtime(Cancel)` cancels the whole peer.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; nothing was sent.
    #[track_caller]
    pub fn open(&mut self, now: Instant, call: &Call) -> Result<DialogId, OpenError> {
        match self.status {
            Status::Open => {}
            Status::Handshake => return Err(OpenError::NotEstablished),
            Status::Closing | Status::Closed(_) => return Err(OpenError::Closed),
        }
        // Who claims to be us is not asked.
        if self.peer.as_ref().is_some_and(|peer| peer.uid == self.ours.uid) {
            return Err(OpenError::OwnActor);
        }

        if self.live_own >= self.config.max_own_dialogs {
            return Err(OpenError::TooMany(self.live_own));
        }
        let unused = self.cids.clone();
        let cid = self.fresh_cid();
        if let Err(error) = self.send_start(&cid, call) {
            self.cids = unused;
            return Err(error);
        }
        self.advance_clock(now);
        let inbox = Inbox::new(self.config.inbox_items, self.config.overrun);
        let purpose = Purpose::from(&call.target);
        let mut dialog = Dialog::new(cid, purpose, Role::Parent, call.kind, self.opened, inbox);
        dialog.caller = Some(Location::caller());
        let id = self.table.insert(Box::new(dialog)).ok_or(OpenError::TooMany(self.live_own))?;
        self.opened = self.opened.saturating_add(1);
        self.live_own = self.live_own.saturating_add(1);
        self.running = self.running.saturating_add(1);
        if purpose == Purpose::Runtime(RuntimeEndpoint::Cancel) {
            self.arm_actor_cancel_ack(id);
        }
        Ok(id)
    }

    fn send_start(&mut self, cid: &str, call: &Call) -> Result<(), OpenError> {
        let (ns, func) = call.target.names();
        // The runtime is not for functions.
        if ns == "self" && matches!(call.target, Target::Function { .. }) {
            return Err(OpenError::RuntimeName);
        }
        let start = Start {
            cid: cid.into(),
            ns: ns.into(),
            func: func.into(),
            kwargs: call.kwargs.clone(),
            uid_name: self.ours.uid.name().into(),
            uid_uuid: self.ours.uid.uuid().into(),
            pld_spec: ANY_PLD_SPEC.into(),
        };
        // Longer names are refused by the peer. (W-42)
        let (len, limit) = (ns.len().max(func.len()), self.config.max_name);
        if len > limit {
            return Err(OpenError::TooLong { len, limit });
        }
        let limit = self.config.max_frame;
        match self.outbox.push(&Message::Start(start), limit) {
            Ok(_) => {
                self.counters.frames_out = self.counters.frames_out.saturating_add(1);
                Ok(())
            }
            Err(FrameTooLong(len)) => Err(OpenError::TooLong { len, limit }),
        }
    }

    fn arm_actor_cancel_ack(&mut self, id: DialogId) {
        let due = self.now.saturating_add(self.config.actor_cancel_ack_timeout);
        if let Some(dialog) = self.table.get_mut(id) {
            dialog.cancel_ack_due = Some(due);
            self.deadlines.arm(due, id, Deadline::ActorCancelAck);
        }
    }

    /// Asks all tasks that the peer started over this connection to end in the name of `canceller`.
    /// Each is told by `CancelRequested`. Actor cancels themselves go on.
    pub fn cancel_children(&mut self, canceller: &Canceller) {
        let canceller = match canceller {
            Canceller::Us => self.us(),
            Canceller::Actor(uid) => uid.clone(),
        };
        for id in self.table.ids() {
            if self.table.get(id).is_some_and(Dialog::is_running_task) {
                let canceller = canceller.clone();
                self.tell_to_unwind(
                    id,
                    Unwind::Cancelled { canceller, by: CancelledBy::Actor, path: Vec::new() },
                );
            }
        }
    }

    /// Ends the connection in order: no new dialogs either way; asks what we opened and what runs here to
    /// end, waits for the endings and for the outbox to be written, at most until `deadline`. (D-35)
    pub fn close(&mut self, now: Instant, deadline: Instant) {
        self.advance_clock(now);
        match self.status {
            Status::Handshake => return self.lose(CloseReason::Local),
            Status::Closing | Status::Closed(_) => return,
            Status::Open => self.status = Status::Closing,
        }
        self.timers.close = Some(deadline);
        self.cancel_children(&Canceller::Us);
        for id in self.table.ids() {
            self.request_cancel(id);
        }
        self.finish_closing();
    }

    /// Ends the connection now: all dialogs end `Disconnected`. What is queued may still be written.
    pub fn abort(&mut self) {
        self.lose(CloseReason::Local);
    }

    /// Lets go of a dialog. A live one is ended: a parent cancels it and forgets it when it has ended, a
    /// child fails it (`RuntimeError`), or unwinds it if it was told to end.
    pub fn release(&mut self, now: Instant, id: DialogId) {
        self.advance_clock(now);
        let Some(dialog) = self.table.get_mut(id).filter(|dialog| dialog.is_visible()) else { return };
        dialog.is_released = true;
        self.unseen = self.unseen.saturating_add(usize::from(!dialog.is_ended()));
        let (dropped, bytes) = dialog.inbox.clear();
        dialog.dropped = dialog.dropped.saturating_add(dropped as u64);
        dialog.first = None;
        self.inbox_bytes = self.inbox_bytes.saturating_sub(bytes);

        // (D-29)
        let (role, is_ended) = (dialog.role, dialog.is_ended());
        match role {
            _ if is_ended => self.forget(id),
            Role::Parent => self.request_cancel(id),
            // Acknowledged: its answer is on its way.
            Role::Child if self.acknowledged.contains(&id) => {}
            Role::Child => self.abandon(id),
        }
        self.resume_reading();
    }
}

/// Verbs of the parent, and of both roles.
impl Connection {
    /// Parent: asks the remote task to end, once; repeated calls do nothing. Child: our own task shall
    /// end, in our own name; call `unwound` when it has.
    ///
    /// # Errors
    ///
    /// [`Misuse::UnknownDialog`]. On an ended dialog it does nothing.
    pub fn cancel(&mut self, now: Instant, id: DialogId) -> Result<(), Misuse> {
        self.advance_clock(now);
        let dialog = self.visible(id)?;
        match dialog.role {
            _ if dialog.is_ended() => {}
            Role::Parent => self.request_cancel(id),
            Role::Child => self.cancel_own_task(id),
        }
        Ok(())
    }

    /// Opens the local end of the stream of a context; sends nothing. Once per dialog; also on one that has
    /// ended, whose unread items can be taken.
    ///
    /// # Errors
    ///
    /// [`Misuse`]; among others before `Started`.
    pub fn open_stream(&mut self, id: DialogId) -> Result<(), Misuse> {
        let dialog = self.visible_mut(id)?;
        if dialog.stream_opened {
            return Err(Misuse::SecondStream);
        }
        if !dialog.is_ended() && dialog.was_cancelled_here() {
            return Err(Misuse::Cancelled(Verb::OpenStream));
        }
        match (dialog.kind, dialog.judge(dialog.role, Signal::Yield)) {
            (Kind::Context, Verdict::To(_) | Verdict::Crossed) => {
                dialog.stream_opened = true;
                Ok(())
            }
            (Kind::Function | Kind::Generator, _) => Err(Misuse::WrongTarget(Verb::OpenStream)),
            (Kind::Context, Verdict::Illegal(violation)) => {
                Err(Misuse::OutOfPhase { verb: Verb::OpenStream, violation })
            }
        }
    }

    /// Sends one item: of a context's stream, or of a generator. The only verb that can find the outbox
    /// full.
    ///
    /// # Errors
    ///
    /// See [`SendError`]; the item was not taken.
    pub fn send(&mut self, id: DialogId, item: Payload) -> Result<(), SendError> {
        let dialog = self.table.get(id).filter(|dialog| dialog.is_visible()).ok_or(Misuse::UnknownDialog)?;
        if dialog.has_failed() {
            return Err(SendError::Failed);
        }
        if dialog.kind == Kind::Context && !dialog.stream_opened && !dialog.is_ended() {
            return Err(Misuse::StreamNotOpen.into());
        }
        match dialog.judge(dialog.role, Signal::Yield) {
            Verdict::To(_) => {}
            Verdict::Crossed => return Err(SendError::Ended),
            Verdict::Illegal(violation) => {
                return Err(Misuse::OutOfPhase { verb: Verb::Send, violation }.into());
            }
        }
        if self.outbox.unwritten() >= self.config.outbox_bytes {
            return Err(SendError::Full);
        }
        let limit = self.config.max_frame;
        match self.outbox.push(&Message::Yield { cid: (&dialog.cid).into(), pld: item }, limit) {
            Ok(_) => {
                self.counters.frames_out = self.counters.frames_out.saturating_add(1);
                Ok(())
            }
            Err(FrameTooLong(len)) => Err(Misuse::TooLong { verb: Verb::Send, len, limit }.into()),
        }
    }

    /// The next unread item. After `Stop` or the result the unread items come first, then [`Take::End`];
    /// after a lost connection the unread items, then [`Take::Failed`]; after an error or a cancellation
    /// [`Take::Failed`] comes first. Items that a narrowing forbids meet the dialog's policy here. (D-19)
    ///
    /// # Errors
    ///
    /// [`Misuse::UnknownDialog`].
    pub fn take(&mut self, id: DialogId) -> Result<Take, Misuse> {
        Ok(self.take_marked(id)?.0)
    }

    /// The same; with the spec that the item does not conform to, if it was handed over.
    pub(crate) fn take_marked(&mut self, id: DialogId) -> Result<(Take, Option<PldSpec>), Misuse> {
        let dialog = self.visible_mut(id)?;
        if dialog.fails_readers() {
            return Ok((Take::Failed, None));
        }
        while let Some(item) = self.pop_item(id) {
            match self.judge_taken(id, &item) {
                Fate::Delivered(breaks) => return Ok((Take::Item(item.value), breaks)),
                Fate::Dropped => {}
                Fate::Failed => return Ok((Take::Failed, None)),
            }
        }
        let dialog = self.visible(id)?;
        let end = match dialog.outcome.as_deref() {
            Some(Outcome::Disconnected(_)) if !dialog.was_stopped => Take::Failed,
            Some(_) => Take::End,
            None if dialog.is_stopped() => Take::End,
            None => Take::Pending,
        };
        Ok((end, None))
    }

    /// Unread items of a failed or ended dialog, oldest first, one at a time. Those that a narrowing forbids
    /// are passed over as by `take`.
    pub fn take_unread(&mut self, id: DialogId) -> Option<Payload> {
        let dialog = self.visible(id).ok()?;
        if !dialog.is_ended() && !dialog.fails_readers() {
            return None;
        }
        loop {
            let item = self.pop_item(id)?;
            if let Fate::Delivered(_) = self.judge_taken(id, &item) {
                return Some(item.value);
            }
        }
    }

    /// Parent: the first value, once.
    pub fn take_first(&mut self, id: DialogId) -> Option<Payload> {
        self.visible_mut(id).ok()?.first.take()
    }

    fn pop_item(&mut self, id: DialogId) -> Option<Item> {
        let inbox = &mut self.table.get_mut(id)?.inbox;
        let item = inbox.pop()?;
        let may_resume = !inbox.wants_pause(false);
        self.inbox_bytes = self.inbox_bytes.saturating_sub(item.value.as_bytes().len());
        if may_resume {
            self.resume_reading();
        }
        Some(item)
    }

    /// Ends the stream. Sends `Stop`, unless one went either way or the dialog failed, and drops unread
    /// items, counted. On a dialog that has ended it does nothing. (D-8)
    ///
    /// # Errors
    ///
    /// [`Misuse`] before the stream was opened.
    pub fn stop(&mut self, id: DialogId) -> Result<(), Misuse> {
        let dialog = self.visible_mut(id)?;
        if dialog.is_ended() {
            return Ok(());
        }
        if dialog.kind == Kind::Context && !dialog.stream_opened {
            return Err(Misuse::StreamNotOpen);
        }
        if dialog.kind == Kind::Generator && dialog.role == Role::Child {
            return Err(Misuse::WrongTarget(Verb::Stop));
        }
        let failed = dialog.received_failure().is_some();
        let next = match dialog.judge(dialog.role, Signal::Stop) {
            Verdict::To(next) if !failed => Some(next),
            Verdict::To(_) | Verdict::Crossed => None,
            Verdict::Illegal(violation) => return Err(Misuse::OutOfPhase { verb: Verb::Stop, violation }),
        };
        if !failed {
            let (dropped, bytes) = dialog.inbox.clear();
            dialog.dropped = dialog.dropped.saturating_add(dropped as u64);
            self.inbox_bytes = self.inbox_bytes.saturating_sub(bytes);
            self.resume_reading();
        }
        if let Some(next) = next {
            self.emit_stop(id, next);
        }
        Ok(())
    }

    /// Sets the window of one dialog's inbox, and what happens beyond it.
    ///
    /// # Errors
    ///
    /// [`Misuse::UnknownDialog`].
    pub fn set_inbox(&mut self, id: DialogId, items: usize, policy: OverrunPolicy) -> Result<(), Misuse> {
        self.visible_mut(id)?.inbox.configure(items, policy);
        self.pause_reading(id);
        self.resume_reading();
        Ok(())
    }
}

/// For drivers, which are called by others.
impl Connection {
    /// Says which line of the application a dialog is of, where that is not the line that opened or accepted it.
    pub fn set_caller(&mut self, id: DialogId, caller: &'static Location<'static>) {
        if let Some(dialog) = self.table.get_mut(id) {
            dialog.caller = Some(caller);
        }
    }
}

/// What verbs share.
impl Connection {
    pub(crate) fn visible(&self, id: DialogId) -> Result<&Dialog, Misuse> {
        self.table.get(id).filter(|dialog| dialog.is_visible()).ok_or(Misuse::UnknownDialog)
    }

    pub(crate) fn visible_mut(&mut self, id: DialogId) -> Result<&mut Dialog, Misuse> {
        self.table.get_mut(id).filter(|dialog| dialog.is_visible()).ok_or(Misuse::UnknownDialog)
    }

    /// Queues a frame with a payload, if it is short enough. (W-42)
    pub(crate) fn emit_payload(&mut self, verb: Verb, message: &Message<'_>) -> Result<(), Misuse> {
        let limit = self.config.max_frame;
        match self.outbox.push(message, limit) {
            Ok(_) => {
                self.counters.frames_out = self.counters.frames_out.saturating_add(1);
                Ok(())
            }
            Err(FrameTooLong(len)) => Err(Misuse::TooLong { verb, len, limit }),
        }
    }

    pub(crate) fn emit_stop(&mut self, id: DialogId, next: Phase) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        dialog.phase = next;
        let cid = Arc::clone(&dialog.cid);
        self.emit(&Message::Stop { cid: (&cid).into() });
    }
}
