//! Own frames, turned back into the verbs that made them.

use std::fmt::Debug;
use std::sync::Arc;

use scipp_proto::phase::Role;
use scipp_proto::wire::{ErrorMsg, Kind};
use scipp_proto::{Call, Canceller, DialogId, Payload, RemoteError, Report, RuntimeEndpoint, Target, Uid};
use serde_json::Value;

use super::seat::{Own, fits};
use super::sent::{Body, Opening, RUNTIME};
use super::walk::{Difference, NOW, Walk};
use crate::transcript::Act;

impl Walk<'_> {
    /// Does what made this frame of ours.
    ///
    /// # Errors
    ///
    /// If that is not possible, or makes other frames.
    pub(super) fn write(&mut self, index: usize) -> Result<(), Difference> {
        if self.matched > index {
            return Ok(());
        }
        let seat = self.seat;
        let own = &seat.owns[index];
        if let (Some(act), Some(_)) =
            (own.act.as_ref().filter(|act| act.action != "call"), own.sent.payload())
        {
            if !fits(act, &own.sent) {
                return Err(self.differs(format!("the frame does not carry what {} says", act.action)));
            }
        }
        let verb = match self.perform(own) {
            Ok(verb) => verb,
            Err(refusal) => return self.skip(index, &refusal),
        };
        if verb == Verb::Called && own.act.is_none() && !seat.ran(&own.sent) {
            self.derived += 1;
        }
        let rules = self.used.len();
        self.settle()?;
        if self.matched > index {
            // Where a rule replaced the frame, the outcome is another one on purpose.
            let is_exact = self.used.len() == rules;
            return if is_exact {
                self.outcome_fits_own(&own.sent).map_err(|what| self.differs(what))
            } else {
                Ok(())
            };
        }
        self.skip(index, "the core does not send it")
    }

    fn perform(&mut self, own: &Own) -> Result<Verb, String> {
        let cid = own.sent.cid.as_ref();
        match &own.sent.body {
            Body::Aid(_) => Ok(Verb::Automatic),
            Body::SpawnSpec(spec) => self.core.spawn_spec(spec).map_err(refused).map(by_verb),
            Body::Start(opening) => self.open(cid, opening),
            _ => {
                let cid = cid.ok_or("a frame without a dialog")?;
                let plan = self.plan(cid).ok_or("a frame of a dialog that was never opened")?;
                if plan.opening.is_cancel_request() && plan.role == Role::Child {
                    return Ok(Verb::Automatic);
                }
                if plan.opening.is_actor_cancel() && plan.role == Role::Child {
                    return self.answer_actor_cancel(cid, own);
                }
                if self.seat.is_notice(&own.sent) {
                    return Ok(Verb::Automatic);
                }
                let id = self.dialogs.get(cid).and_then(|dialog| dialog.id).ok_or("no such dialog here")?;
                self.perform_in(cid, id, own)
            }
        }
    }

    fn perform_in(&mut self, cid: &Arc<str>, id: DialogId, own: &Own) -> Result<Verb, String> {
        match &own.sent.body {
            Body::StartAck(kind) => self.core.accept(id, *kind).map_err(refused).map(by_verb),
            Body::Started(value) => self.core.started(id, value.clone()).map_err(refused).map(by_verb),
            Body::Yield(item) => {
                self.ensure_stream(cid, id)?;
                self.core.send(id, item.clone()).map_err(refused).map(by_verb)
            }
            Body::Stop if self.is_generator_child(cid) => self.end_generator(id, own),
            Body::Stop => {
                self.ensure_stream(cid, id)?;
                self.core.stop(id).map_err(refused).map(by_verb)
            }
            Body::Return(value) => self.return_value(id, value),
            Body::Error(error) => self.fail(cid, id, own, error),
            Body::Aid(_) | Body::SpawnSpec(_) | Body::Start(_) | Body::CancelAck(_) => {
                Err("no verb of ours makes this frame".to_owned())
            }
        }
    }

    fn open(&mut self, cid: Option<&Arc<str>>, opening: &Opening) -> Result<Verb, String> {
        if let Some(target) = opening.cancelled() {
            // There is no verb for a request about a dialog that never was on this connection.
            let id = self.dialogs.get(&target).and_then(|dialog| dialog.id).ok_or("no such dialog here")?;
            return self.core.cancel(NOW, id).map_err(refused).map(by_verb);
        }
        let cid = cid.ok_or("a Start without a dialog")?;
        let kind = self.plan(cid).map_or(Kind::Function, |plan| plan.kind);
        let endpoint = RuntimeEndpoint::from_name(&opening.func).filter(|_| opening.ns == RUNTIME);
        let target = endpoint
            .map_or_else(|| Target::function(opening.ns.as_str(), opening.func.as_str()), Target::Runtime);
        let call = Call { target, kind, kwargs: opening.kwargs.clone() };
        let id = self.core.open(NOW, &call).map_err(refused)?;
        if let Some(dialog) = self.dialogs.get_mut(cid) {
            dialog.id = Some(id);
        }
        Ok(Verb::Called)
    }

    /// The runtime opens streams without a line.
    fn ensure_stream(&mut self, cid: &Arc<str>, id: DialogId) -> Result<(), String> {
        let is_context = self.plan(cid).is_some_and(|plan| plan.kind == Kind::Context);
        let Some(facts) = self.facts(cid) else { return Ok(()) };
        if is_context && !facts.opened_stream {
            facts.opened_stream = true;
            self.core.open_stream(id).map_err(refused)?;
            self.derived += 1;
        }
        Ok(())
    }

    fn is_generator_child(&self, cid: &Arc<str>) -> bool {
        self.plan(cid).is_some_and(|plan| plan.kind == Kind::Generator && plan.role == Role::Child)
    }

    fn end_generator(&mut self, id: DialogId, own: &Own) -> Result<Verb, String> {
        match own.act.as_ref().filter(|act| act.action == "raise") {
            Some(act) if is_cancellation(&act.value) => self.unwound(id, None, own.n),
            Some(act) => {
                self.core.fail(id, Report::new(type_name(&act.value), "")).map_err(refused).map(by_verb)
            }
            None => self.return_value(id, &Payload::NIL),
        }
    }

    /// As a driver does it: an endpoint that returns too early has failed.
    fn return_value(&mut self, id: DialogId, value: &Payload) -> Result<Verb, String> {
        match self.core.finish(id, value.clone()) {
            Ok(()) => Ok(Verb::Called),
            Err(misuse) => {
                let report = Report::new("RuntimeError", misuse.to_string());
                self.core.fail(id, report).map_err(refused).map(by_verb)
            }
        }
    }

    fn fail(&mut self, cid: &Arc<str>, id: DialogId, own: &Own, error: &ErrorMsg) -> Result<Verb, String> {
        let is_accepted = self.facts(cid).is_some_and(|facts| facts.accepted);
        let must_unwind = self.core.dialog(id).is_some_and(|dialog| dialog.must_unwind());
        if !is_accepted && !must_unwind {
            return self.core.refuse(id, report(error)).map_err(refused).map(by_verb);
        }
        let us = &self.seat.identity.uid;
        let is_cancelled = match &own.act {
            Some(act) if act.action == "return" => return self.return_value(id, &Payload::NIL),
            Some(act) => is_cancellation(&act.value),
            None => error.boxed_type_str == "ContextCancelled" && error.relay_path == [us.clone()],
        };
        if is_cancelled {
            return self.unwound(id, error.canceller.as_ref(), own.n);
        }
        if let Some(received) = self.received(own.act.as_deref(), error, own.n) {
            let received = RemoteError { msg: received, repaired: false };
            return self.core.relay(id, &received).map_err(refused).map(by_verb);
        }
        let mut report = report(error);
        if let Some(act) = &own.act {
            report.type_name = type_name(&act.value).to_owned();
        }
        self.core.fail(id, report).map_err(refused).map(by_verb)
    }

    /// The error that this task passes on, if it got it from somewhere.
    fn received(&self, act: Option<&Act>, error: &ErrorMsg, n: u32) -> Option<ErrorMsg> {
        if act.is_some_and(|act| act.value.get("boxed_type").is_none()) {
            return None;
        }
        let (_, path) = error.relay_path.split_last()?;
        let errors = &self.seat.memory.errors;
        let fitting = errors.iter().rev().find(|(when, known)| {
            *when < n && known.relay_path == path && act.is_none_or(|act| is_about(&act.value, known))
        });
        fitting.map(|(_, known)| (**known).clone())
    }

    fn unwound(&mut self, id: DialogId, canceller: Option<&Uid>, n: u32) -> Result<Verb, String> {
        if !self.core.dialog(id).is_some_and(|dialog| dialog.must_unwind()) {
            self.cancel_children(canceller, n)?;
        }
        self.core.unwound(id).map_err(refused).map(by_verb)
    }

    /// Our actor was cancelled as a whole: by a request on any of its connections, or by itself.
    pub(super) fn cancel_children(&mut self, canceller: Option<&Uid>, n: u32) -> Result<(), String> {
        let us = &self.seat.identity.uid;
        let asked = |uid: &Uid| self.seat.memory.cancels.iter().any(|(when, by)| *when < n && by == uid);
        let canceller = match canceller {
            Some(uid) if uid == us => Canceller::Us,
            Some(uid) if asked(uid) => Canceller::Actor(uid.clone()),
            Some(_) => return Err("nobody of this name asked for the cancellation".to_owned()),
            None => match self.seat.memory.cancels.iter().find(|(when, _)| *when < n) {
                Some((_, uid)) => Canceller::Actor(uid.clone()),
                None => Canceller::Us,
            },
        };
        self.core.cancel_children(&canceller);
        self.derived += 1;
        Ok(())
    }

    fn answer_actor_cancel(&mut self, cid: &Arc<str>, own: &Own) -> Result<Verb, String> {
        match &own.sent.body {
            Body::CancelAck(true) => {
                let id = self.dialogs.get(cid).and_then(|dialog| dialog.id).ok_or("no such request here")?;
                self.core.acknowledge(id).map_err(refused).map(by_verb)
            }
            _ => Ok(Verb::Automatic),
        }
    }
}

/// Where a frame of ours came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// The core made it by itself.
    Automatic,
    /// A verb made it; it is derived if no action line says so.
    Called,
}

const fn by_verb((): ()) -> Verb {
    Verb::Called
}

fn refused(misuse: impl Debug) -> String {
    format!("the core refuses: {misuse:?}")
}

fn report(error: &ErrorMsg) -> Report {
    Report {
        type_name: error.src_type_str.clone(),
        message: error.message.clone(),
        tb_str: error.tb_str.clone(),
        bad_msg: error.bad_msg.clone(),
        bad_msg_as_dict: error.bad_msg_as_dict.clone(),
    }
}

/// The class of this Python exception.
pub(super) fn type_name(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Whether this Python exception is a cancellation, or a group of nothing else.
pub(super) fn is_cancellation(value: &Value) -> bool {
    match value.get("exceptions").and_then(Value::as_array) {
        Some(members) => members.iter().all(is_cancellation),
        None => type_name(value) == "Cancelled",
    }
}

/// Whether the line describes this error from the wire.
pub(super) fn is_about(value: &Value, error: &ErrorMsg) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let uid = |value: &Value| -> Option<Uid> {
        let pair = value.as_array()?;
        Some(Uid::new(pair.first()?.as_str()?, pair.get(1)?.as_str()?))
    };
    let optional = |key: &str, known: &Option<Uid>| match value.get(key) {
        Some(value) => uid(value) == *known,
        None => true,
    };
    // The older reference leaves the names of types that it does not know empty.
    let same_type = |key: &str, known: &str| text(key).is_some_and(|text| text.is_empty() || text == known);
    let path: Option<Vec<_>> =
        value.get("relay_path").and_then(Value::as_array).and_then(|path| path.iter().map(uid).collect());
    same_type("boxed_type", &error.boxed_type_str)
        && same_type("src_type", &error.src_type_str)
        && value.get("src_uid").and_then(uid).as_ref() == Some(&error.src_uid)
        && path.as_ref() == Some(&error.relay_path)
        && optional("canceller", &error.canceller)
        && optional("sender", &error.sender)
}
