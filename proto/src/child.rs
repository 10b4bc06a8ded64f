//! Verbs of the child: accepting a request, its first value, and its one final frame.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::panic::Location;

use crate::config::StopRule;
use crate::connection::Connection;
use crate::dialog::{CancelledBy, Dialog, Unwind};
use crate::error::{Failure, Misuse, Verb};
use crate::event::{DialogId, Outcome, Report};
use crate::payload::Payload;
use crate::phase::{Phase, Role, Signal, Verdict};
use crate::remote::RemoteError;
use crate::report;
use crate::wire::{ErrorMsg, Kind, Message, MsgKind};

impl Connection {
    /// Lets the requested task run: sends `StartAck(kind)`.
    ///
    /// # Errors
    ///
    /// [`Misuse::Ended`] if the parent cancelled meanwhile: do not run it.
    #[track_caller]
    pub fn accept(&mut self, id: DialogId, kind: Kind) -> Result<(), Misuse> {
        let dialog = self.child(id, Verb::Accept)?;
        if dialog.phase == Phase::Requested {
            dialog.kind = kind;
        }
        dialog.phase = permit(dialog, Verb::Accept, Signal::StartAck(kind))?;
        dialog.caller = Some(Location::caller());
        let cid = Arc::clone(&dialog.cid);
        self.emit_reply(&Message::StartAck { cid: (&cid).into(), functype: kind });
        Ok(())
    }

    /// Does not run it: sends `Error` in place of `StartAck` (of an actor cancel: after it).
    ///
    /// # Errors
    ///
    /// [`Misuse`] once it was accepted.
    pub fn refuse(&mut self, id: DialogId, report: Report) -> Result<(), Misuse> {
        let dialog = self.child(id, Verb::Refuse)?;
        if dialog.is_ended() {
            return Err(Misuse::Ended(Verb::Refuse));
        }
        //
        if dialog.phase != Phase::Requested && !dialog.is_actor_cancel() {
            return Err(Misuse::WrongTarget(Verb::Refuse));
        }
        self.fail(id, report)
    }

    /// Sends the first value of a context.
    ///
    /// # Errors
    ///
    /// [`Misuse`] in any phase but the one between `accept` and this; [`Misuse::Mistyped`] if the endpoint's
    /// spec forbids the value: another one may be sent.
    pub fn started(&mut self, id: DialogId, value: Payload) -> Result<(), Misuse> {
        let dialog = self.child(id, Verb::Started)?;
        let next = permit(dialog, Verb::Started, Signal::Started)?;
        let cid = Arc::clone(&dialog.cid);
        if dialog.bound.as_ref().is_some_and(|bound| bound.terms.check_started) {
            self.validate(id, MsgKind::Started, &value)?;
        }
        self.emit_payload(Verb::Started, &Message::Started { cid: (&cid).into(), pld: value })?;
        self.count_reply();
        self.set_phase(id, next);
        Ok(())
    }

    /// The task returned. Sends `Return`, before it `Stop` as [`Config::stop_rule`](crate::Config) says;
    /// of a generator `Stop` alone, and `value` is not looked at. If the task was told to end, this is
    /// [`unwound`](Self::unwound).
    ///
    /// # Errors
    ///
    /// [`Misuse`], among others before `started`; [`Misuse::TooLong`] and [`Misuse::Mistyped`] leave the
    /// dialog as it was: `fail` it.
    pub fn finish(&mut self, id: DialogId, value: Payload) -> Result<(), Misuse> {
        let stop_rule = self.config.stop_rule;
        let dialog = self.child(id, Verb::Finish)?;
        if dialog.is_actor_cancel() {
            return Err(Misuse::WrongTarget(Verb::Finish));
        }
        // (D-16)
        if dialog.unwind.is_some() && !dialog.is_ended() {
            return self.unwound(id);
        }

        let is_generator = dialog.kind == Kind::Generator;
        let signal = if is_generator { Signal::Stop } else { Signal::Return };
        let next = permit(dialog, Verb::Finish, signal)?;
        let cid = Arc::clone(&dialog.cid);
        let is_checked = !is_generator && dialog.bound.as_ref().is_some_and(|bound| bound.terms.check_return);
        // (D-10)
        let stop_first = match (dialog.judge(Role::Child, Signal::Stop), stop_rule) {
            (Verdict::To(stopped), StopRule::Always) => Some(stopped),
            (Verdict::To(stopped), StopRule::OpenedOnly) if dialog.stream_opened => Some(stopped),
            (Verdict::To(_) | Verdict::Crossed | Verdict::Illegal(_), _) => None,
        };

        if is_checked {
            self.validate(id, MsgKind::Return, &value)?;
        }
        if is_generator {
            self.emit_reply(&Message::Stop { cid: (&cid).into() });
        } else {
            let before = stop_first.map(|_| Message::Stop { cid: (&cid).into() });
            self.emit_final(before.as_ref(), &Message::Return { cid: (&cid).into(), pld: value })?;
        }
        self.count_reply();
        self.set_phase(id, next);
        self.settle(id, Outcome::Returned(None));
        Ok(())
    }

    /// The task failed. Sends `Error`, before it `Stop` if its stream is still open.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if it has ended.
    pub fn fail(&mut self, id: DialogId, mut report: Report) -> Result<(), Misuse> {
        let max_text = self.config.max_text;
        report::cut(&mut report.tb_str, max_text);
        report.message.iter_mut().for_each(|text| report::cut(text, max_text));
        report::cut(&mut report.type_name, self.config.max_name);
        let (us, limits) = (self.us(), self.config.limits());
        let dialog = self.child(id, Verb::Fail)?;
        let outcome = Outcome::Failed(Failure::Reported(report.type_name.clone()));
        let msg = report::failed(&us, report, &limits, &dialog.cid);
        self.end_by_error(id, Verb::Fail, msg, outcome)
    }

    /// The task failed with an error received on another dialog, of any connection. Its source is kept,
    /// we become its last hop.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if it has ended.
    pub fn relay(&mut self, id: DialogId, error: &RemoteError) -> Result<(), Misuse> {
        let (us, peer, limits) = (self.us(), self.peer_uid(), self.config.limits());
        let dialog = self.child(id, Verb::Relay)?;
        let msg = report::relayed(&us, Some(&peer), error, &limits, &dialog.cid);
        let outcome = Outcome::Failed(Failure::Remote(Arc::new(error.clone())));
        self.end_by_error(id, Verb::Relay, msg, outcome)
    }

    /// The task is over because it was told to end. What told it decides the final frame: a cancellation
    /// gives `Error(ContextCancelled)` with whoever asked as canceller (of a generator: `Stop`), a received
    /// error is relayed, a broken rule is reported. A task that nobody told was ended by this actor. (D-16, D-41)
    ///
    /// # Errors
    ///
    /// [`Misuse`] if it has ended.
    pub fn unwound(&mut self, id: DialogId) -> Result<(), Misuse> {
        let (us, peer, limits) = (self.us(), self.peer_uid(), self.config.limits());
        let dialog = self.child(id, Verb::Unwound)?;
        if dialog.is_ended() {
            return Err(Misuse::Ended(Verb::Unwound));
        }
        let untold = || Unwind::Cancelled { canceller: us.clone(), by: CancelledBy::Actor, path: Vec::new() };
        let unwind = dialog.unwind.get_or_insert_with(|| Box::new(untold())).clone();
        let (msg, outcome) = match *unwind {
            Unwind::Cancelled { canceller, path, .. } => {
                let cancelled = Outcome::Cancelled { confirmed: true, error: None };
                if let Some(next) = dialog.judge_stop_of_generator() {
                    self.emit_stop(id, next);
                    self.settle(id, cancelled);
                    return Ok(());
                }
                (report::cancelled(&us, &canceller, &path, &dialog.cid), cancelled)
            }
            Unwind::Failed { failure, bad_msg } => {
                let msg = match &failure {
                    Failure::Remote(error) => report::relayed(&us, Some(&peer), error, &limits, &dialog.cid),
                    Failure::Violation(violation) => {
                        report::violated(&us, &peer, violation, bad_msg, &limits, &dialog.cid)
                    }
                    Failure::Reported(type_name) => report::refused(&us, type_name, "", &dialog.cid),
                };
                (msg, Outcome::Failed(failure))
            }
        };
        self.end_by_error(id, Verb::Unwound, msg, outcome)
    }

    /// The answer to an actor cancel: everything was told to end. Sends `CancelAck(true)` after the final
    /// frames of all tasks of this connection. (D-18, R-16)
    ///
    /// # Errors
    ///
    /// [`Misuse`] for other requests, or if it has ended.
    pub fn acknowledge(&mut self, id: DialogId) -> Result<(), Misuse> {
        let dialog = self.child(id, Verb::Acknowledge)?;
        if !dialog.is_actor_cancel() {
            return Err(Misuse::WrongTarget(Verb::Acknowledge));
        }
        permit(dialog, Verb::Acknowledge, Signal::Return)?;
        if !self.acknowledged.contains(&id) {
            self.acknowledged.push(id);
        }
        self.answer_actor_cancels();
        Ok(())
    }
}

/// What the verbs above share.
impl Connection {
    pub(crate) fn child(&mut self, id: DialogId, verb: Verb) -> Result<&mut Dialog, Misuse> {
        // A released task is ended through the same verbs.
        let dialog =
            self.table.get_mut(id).filter(|dialog| dialog.role == Role::Child || dialog.is_visible());
        match dialog {
            Some(dialog) if dialog.role == Role::Child => Ok(dialog),
            Some(dialog) => Err(Misuse::WrongRole { verb, role: dialog.role }),
            None => Err(Misuse::UnknownDialog),
        }
    }

    /// The handle of a running task was dropped.
    pub(crate) fn abandon(&mut self, id: DialogId) {
        let was_told = self.table.get(id).is_some_and(|dialog| dialog.unwind.is_some());
        // Neither can fail: the dialog has not ended and is the child's.
        let _ = if was_told {
            self.unwound(id)
        } else {
            self.fail(id, Report::new("RuntimeError", "the task was dropped without a result"))
        };
    }

    /// The one way to an `Error` as final frame. `Stop` goes before it if the stream is still open, unless
    /// it was torn down by a received error. (D-10)
    fn end_by_error(
        &mut self,
        id: DialogId,
        verb: Verb,
        msg: ErrorMsg,
        outcome: Outcome,
    ) -> Result<(), Misuse> {
        let dialog = self.child(id, verb)?;
        let next = permit(dialog, verb, Signal::Error)?;
        let has_open_stream = dialog.stream_opened && dialog.received_failure().is_none();
        if let (Kind::Context, true, Verdict::To(stopped)) =
            (dialog.kind, has_open_stream, dialog.judge(Role::Child, Signal::Stop))
        {
            self.emit_stop(id, stopped);
        }
        self.emit_reply(&Message::Error(Box::new(msg)));
        self.set_phase(id, next);
        self.settle(id, outcome);
        Ok(())
    }

    fn set_phase(&mut self, id: DialogId, next: Phase) {
        if let Some(dialog) = self.table.get_mut(id) {
            dialog.phase = next;
        }
    }

    /// Queues the final frame and what goes before it, both or none.
    fn emit_final(&mut self, before: Option<&Message<'_>>, last: &Message<'_>) -> Result<(), Misuse> {
        let mark = self.outbox.mark();
        if let Some(before) = before {
            self.emit(before);
        }
        self.emit_payload(Verb::Finish, last).inspect_err(|_| {
            self.outbox.rewind(mark);
            if before.is_some() {
                self.counters.frames_out = self.counters.frames_out.saturating_sub(1);
            }
        })
    }
}

impl Dialog {
    fn judge_stop_of_generator(&self) -> Option<Phase> {
        match self.judge(Role::Child, Signal::Stop) {
            Verdict::To(next) if self.kind == Kind::Generator => Some(next),
            Verdict::To(_) | Verdict::Crossed | Verdict::Illegal(_) => None,
        }
    }
}

/// What the table says of a move of our own.
fn permit(dialog: &Dialog, verb: Verb, signal: Signal) -> Result<Phase, Misuse> {
    match dialog.judge(dialog.role, signal) {
        Verdict::To(next) => Ok(next),
        Verdict::Crossed => Err(Misuse::Ended(verb)),
        Verdict::Illegal(violation) => Err(Misuse::OutOfPhase { verb, violation }),
    }
}
