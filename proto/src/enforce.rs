//! Payload types of dialogs: what is checked when, and what follows. (P-18 to P-24)

use alloc::sync::Arc;

use crate::connection::Connection;
use crate::dialog::Dialog;
use crate::error::{Failure, Misuse, OpenError, PeerViolation, SendError, Verb};
use crate::event::{Call, DialogId, Event, Outcome, Request};
use crate::inbox::Item;
use crate::mistyped::{Found, Mistyped, map_of};
use crate::payload::Payload;
use crate::phase::{Phase, Role, Signal, Verdict};
use crate::spec::{PldSpec, Slots};
use crate::terms::{Bound, Narrowing, Parity, Terms, TypePolicy};
use crate::time::Instant;
use crate::wire::{Kind, Message, MsgKind, Start};

/// Verbs about the types of payloads.
impl Connection {
    /// Opens a dialog with an endpoint whose terms are known. Its arguments are checked first. (P-23)
    ///
    /// # Errors
    ///
    /// [`OpenError::Mistyped`] if they do not conform, and as [`open`](Self::open); nothing was sent.
    #[track_caller]
    pub fn open_limited(
        &mut self,
        now: Instant,
        call: &Call,
        terms: &Arc<Terms>,
    ) -> Result<DialogId, OpenError> {
        terms.check_sent(&call.kwargs).map_err(OpenError::Mistyped)?;
        let id = self.open(now, call)?;
        if let Some(dialog) = self.table.get_mut(id) {
            dialog.bind(terms);
        }
        Ok(id)
    }

    /// Lets a requested task run on the terms of its endpoint, and tells whether it does: a request whose
    /// arguments do not conform is refused instead, by `Error(MsgTypeError)` in place of `StartAck`; or as
    /// [`unwound`](Self::unwound) does, if it was cancelled here before. (P-23)
    ///
    /// # Errors
    ///
    /// [`Misuse::WrongTarget`] if it is the request of another dialog, and as [`accept`](Self::accept).
    #[track_caller]
    pub fn accept_limited(
        &mut self,
        id: DialogId,
        kind: Kind,
        request: &Request,
        terms: &Arc<Terms>,
    ) -> Result<bool, Misuse> {
        let dialog = self.child(id, Verb::Accept)?;
        if dialog.phase != Phase::Requested {
            return self.accept(id, kind).map(|()| true);
        }
        if dialog.cid != request.cid {
            return Err(Misuse::WrongTarget(Verb::Accept));
        }
        let was_told = dialog.unwind.is_some();
        let Err(mismatch) = terms.slots.check_kwargs(&request.kwargs) else {
            dialog.bind(terms);
            return self.accept(id, kind).map(|()| true);
        };
        let spec = terms.slots.params.clone().unwrap_or_else(PldSpec::any);
        let found = Found::new(Role::Parent, MsgKind::Start, (&spec, mismatch));
        let Some(mut error) = self.mistyped(id, &found, &Payload::from(&request.kwargs)) else {
            return Ok(false);
        };
        error.start = error.value.as_ref().filter(|_| self.has_room()).and_then(|_| self.start_of(request));
        let error = Arc::new(error);
        self.tell_mistyped(id, &error);
        if was_told {
            return self.unwound(id).map(|()| false);
        }
        self.fail_mistyped(id, MsgKind::Start, error);
        Ok(false)
    }

    /// Puts a dialog on these terms, from here on; its narrowings stay. Frames are taken when they are polled,
    /// so what is set after `open` holds for all of them. (P-17)
    ///
    /// # Errors
    ///
    /// [`Misuse::UnknownDialog`].
    pub fn limit(&mut self, id: DialogId, terms: &Arc<Terms>) -> Result<(), Misuse> {
        self.visible_mut(id)?.bind(terms);
        Ok(())
    }

    /// Narrows the specs of a dialog until [`restore`](Self::restore): what we send and take has to conform to
    /// these as well. An item that arrived before is judged when it is taken; a first value or result
    /// when it arrives. See also [`narrowed`](Self::narrowed). (P-24)
    ///
    /// # Errors
    ///
    /// [`Misuse::UnknownDialog`].
    pub fn narrow(&mut self, id: DialogId, slots: Slots) -> Result<Narrowing, Misuse> {
        let serial = self.visible_mut(id)?.bound.get_or_insert_default().narrow(slots);
        Ok(Narrowing { dialog: id, serial })
    }

    /// Ends a narrowing, and those that were begun after it. One that has ended, or that is of another dialog,
    /// ends nothing. (P-24)
    pub fn restore(&mut self, id: DialogId, narrowing: Narrowing) {
        let Narrowing { dialog, serial } = narrowing;
        let dialog = self.table.get_mut(id).filter(|_| dialog == id);
        if let Some(bound) = dialog.and_then(|dialog| dialog.bound.as_deref_mut()) {
            bound.restore(serial);
        }
    }

    /// Narrows the specs of a dialog for as long as the guard lives; the connection is used through it.
    ///
    /// # Errors
    ///
    /// [`Misuse::UnknownDialog`].
    pub fn narrowed(&mut self, id: DialogId, slots: Slots) -> Result<Narrowed<'_>, Misuse> {
        let narrowing = self.narrow(id, slots)?;
        Ok(Narrowed { connection: self, narrowing: Some(narrowing) })
    }

    /// Checks a value against what is in force for messages of this kind, without sending it.
    ///
    /// # Errors
    ///
    /// [`Misuse::Mistyped`], or [`Misuse::UnknownDialog`].
    pub fn validate(&self, id: DialogId, kind: MsgKind, value: &Payload) -> Result<(), Misuse> {
        self.conforms(id, self.visible(id)?, kind, value)
    }

    /// Sends one item as [`send`](Self::send) does, after checking its type. Without this only the
    /// receiver checks. (P-23)
    ///
    /// # Errors
    ///
    /// [`Misuse::Mistyped`], and as `send`; the item was not taken.
    pub fn send_checked(&mut self, id: DialogId, item: Payload) -> Result<(), SendError> {
        self.validate(id, MsgKind::Yield, &item)?;
        self.send(id, item)
    }
}

/// Narrowed specs of a dialog, restored when this is dropped.
#[derive(Debug)]
pub struct Narrowed<'a> {
    connection: &'a mut Connection,
    narrowing: Option<Narrowing>,
}

impl core::ops::Deref for Narrowed<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl core::ops::DerefMut for Narrowed<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
    }
}

impl Drop for Narrowed<'_> {
    fn drop(&mut self) {
        if let Some(narrowing) = self.narrowing.take() {
            self.connection.restore(narrowing.dialog, narrowing);
        }
    }
}

/// What is to become of a received value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is delivered; marked if there is a spec that it does not conform to.
    Delivered(Option<PldSpec>),
    /// It is gone; everything else goes on.
    Dropped,
    /// It is gone, and the dialog has failed over it.
    Failed,
}

/// Values we send.
impl Connection {
    /// Whether `value` may be sent, as far as its type goes.
    pub(crate) fn conforms(
        &self,
        id: DialogId,
        dialog: &Dialog,
        kind: MsgKind,
        value: &Payload,
    ) -> Result<(), Misuse> {
        let Some(bound) = dialog.bound.as_deref() else { return Ok(()) };
        let Some(found) = bound.check(kind, value, bound.terms.parity) else { return Ok(()) };
        let found = Found::new(dialog.role, kind, found);
        let error = self.mistyped(id, &found, value).ok_or(Misuse::UnknownDialog)?;
        Err(Misuse::Mistyped(Arc::new(error)))
    }

    fn mistyped(&self, id: DialogId, found: &Found, value: &Payload) -> Option<Mistyped> {
        let value = self.affords(value.as_bytes().len()).then(|| value.compact());
        Some(found.of(self.table.get(id)?, value))
    }

    /// A request as the map that it came as.
    fn start_of(&self, request: &Request) -> Option<Payload> {
        let peer = self.peer_uid();
        let (ns, func) = request.target.names();
        map_of(&Message::Start(Start {
            cid: (&request.cid).into(),
            ns: ns.into(),
            func: func.into(),
            kwargs: request.kwargs.clone(),
            uid_name: peer.name().into(),
            uid_uuid: peer.uuid().into(),
            pld_spec: (&request.pld_spec).into(),
        }))
    }
}

/// Values we receive.
impl Connection {
    /// Judges a value that has just arrived. A narrowing holds for items only when they are taken.
    /// (P-19)
    pub(crate) fn judge_arrived(&mut self, id: DialogId, kind: MsgKind, value: &Payload) -> Fate {
        let Some(dialog) = self.table.get_mut(id) else { return Fate::Delivered(None) };
        let culprit = dialog.role.peer();
        let Some(bound) = dialog.terms_in_force() else { return Fate::Delivered(None) };
        let found = if kind == MsgKind::Yield {
            bound.check_terms(kind, value)
        } else {
            bound.check(kind, value, Parity::Allow)
        };
        if let Some(found) = found.map(|found| Found::new(culprit, kind, found)) {
            return self.judge(id, found, value);
        }
        // One that conforms earns the replies back. (P-20)
        if let Some(bound) = dialog.bound.as_deref_mut().filter(|_| kind == MsgKind::Yield) {
            bound.replies = 0;
        }
        Fate::Delivered(None)
    }

    /// Judges an item that is about to be taken: by the narrowings alone. What was found when it came stays
    /// found. (P-24)
    pub(crate) fn judge_taken(&mut self, id: DialogId, item: &Item) -> Fate {
        let breaks = item.breaks.clone();
        let Some(dialog) = self.table.get(id) else { return Fate::Delivered(breaks) };
        let found =
            dialog.bound.as_deref().and_then(|bound| bound.check_narrowed(MsgKind::Yield, &item.value));
        let Some(found) = found else { return Fate::Delivered(breaks) };
        let cancel = dialog.cancel;
        let fate = self.judge(id, Found::new(dialog.role.peer(), MsgKind::Yield, found), &item.value);
        if self.table.get(id).is_some_and(|dialog| dialog.cancel != cancel) {
            self.arm_later(id);
        }
        match fate {
            Fate::Delivered(narrowed) => Fate::Delivered(breaks.or(narrowed)),
            Fate::Dropped | Fate::Failed => fate,
        }
    }

    /// What does not conform is reported; the policy says what becomes of it. An item of a dialog that has
    /// failed or ended can break nothing any more, and is not answered: unless it is handed over, it is
    /// dropped. (P-20)
    fn judge(&mut self, id: DialogId, found: Found, value: &Payload) -> Fate {
        let kind = found.kind;
        let Some(error) = self.mistyped(id, &found, value).map(Arc::new) else { return Fate::Dropped };
        self.tell_mistyped(id, &error);
        let Some(dialog) = self.table.get_mut(id) else { return Fate::Dropped };
        // A bad result ends its dialog, and came just now. An item may be read long after.
        let is_over = kind == MsgKind::Yield && (dialog.is_ended() || dialog.fails_readers());
        let Some(bound) = dialog.bound.as_deref_mut() else { return Fate::Dropped };
        bound.mistyped = bound.mistyped.saturating_add(1);
        let terms = Arc::clone(&bound.terms);
        match (&terms.on_mistyped, kind) {
            (TypePolicy::HandOver, _) => {
                if kind != MsgKind::Yield {
                    bound.handed_over.push((kind, found.spec.clone()));
                }
                Fate::Delivered(Some(found.spec))
            }
            _ if is_over => self.drop_mistyped(id),
            (TypePolicy::Skip, MsgKind::Yield) => self.drop_mistyped(id),
            (TypePolicy::Reply(item), MsgKind::Yield) if bound.replies < self.config.max_replies => {
                self.reply(id, item);
                self.drop_mistyped(id)
            }
            (TypePolicy::Cancel | TypePolicy::Skip | TypePolicy::Reply(_), _) => {
                self.fail_mistyped(id, kind, error);
                Fate::Failed
            }
        }
    }

    /// Reports it, before anything that follows from it.
    fn tell_mistyped(&mut self, id: DialogId, error: &Arc<Mistyped>) {
        self.counters.mistyped = self.counters.mistyped.saturating_add(1);
        if self.table.get(id).is_some_and(Dialog::is_visible) {
            self.events.push_back(Event::Mistyped { id, error: Arc::clone(error) });
        }
    }

    fn drop_mistyped(&mut self, id: DialogId) -> Fate {
        if let Some(dialog) = self.table.get_mut(id) {
            dialog.dropped = dialog.dropped.saturating_add(1);
        }
        Fate::Dropped
    }

    /// Sends an item back, if our end of the stream is open, there is room, and it fits in a frame.
    fn reply(&mut self, id: DialogId, item: &Payload) {
        let has_room = self.has_room();
        let Some(dialog) = self.table.get_mut(id) else { return };
        let is_open = dialog.stream_opened && dialog.kind == Kind::Context;
        let may_send = is_open && matches!(dialog.judge(dialog.role, Signal::Yield), Verdict::To(_));
        if may_send && has_room {
            let cid = Arc::clone(&dialog.cid);
            if let Some(bound) = dialog.bound.as_deref_mut() {
                bound.replies = bound.replies.saturating_add(1);
            }
            let _ = self.emit_payload(Verb::Send, &Message::Yield { cid: (&cid).into(), pld: item.clone() });
            self.count_reply();
        }
    }

    /// Fails the dialog. A result is its end all the same; after anything else the two sides part as after
    /// any broken rule. (P-20, D-21)
    fn fail_mistyped(&mut self, id: DialogId, kind: MsgKind, error: Arc<Mistyped>) {
        let Some(dialog) = self.table.get(id) else { return };
        let is_kept = !dialog.fails_readers();
        if let Some(value) = error.value.as_ref().filter(|_| is_kept) {
            self.charge(id, value.as_bytes().len());
        }
        let violation = PeerViolation::Mistyped(error);
        if kind != MsgKind::Return {
            return self.break_dialog(id, violation);
        }
        let earlier = self.table.get_mut(id).and_then(|dialog| dialog.failure.take());
        let failure = earlier.map_or(Failure::Violation(violation), |failure| *failure);
        self.settle(id, Outcome::Failed(failure));
    }
}

impl Dialog {
    /// Puts it on these terms; its narrowings stay.
    fn bind(&mut self, terms: &Arc<Terms>) {
        self.bound.get_or_insert_default().terms = Arc::clone(terms);
    }

    /// What received values are held to. The answer to an actor cancel is the runtime's, whatever the terms
    /// are. (P-18)
    fn terms_in_force(&self) -> Option<&Bound> {
        self.bound.as_deref().filter(|_| !self.is_actor_cancel())
    }

    /// The spec that the first value or the result did not conform to when it came; it was handed over.
    /// (P-20, P-24)
    pub(crate) fn broken_by(&self, kind: MsgKind) -> Option<PldSpec> {
        let told = &self.bound.as_deref()?.handed_over;
        told.iter().find(|(of, _)| *of == kind).map(|(_, spec)| spec.clone())
    }
}
