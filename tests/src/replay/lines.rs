//! Action lines without a frame: local acts, and observations to compare.

use std::sync::Arc;

use scipp_proto::config::OverrunPolicy;
use scipp_proto::phase::Role;
use scipp_proto::wire::{ErrorMsg, Kind};
use scipp_proto::{DialogId, Failure, Misuse, Outcome, Payload, Report, Take};
use serde_json::Value;

use super::acts::{is_about, is_cancellation, type_name};
use super::rules::{self, Situation};
use super::walk::{Difference, NOW, Walk};
use crate::transcript::Act;
use crate::value;

/// Unread items that we keep where overruns are allowed: more than any recording has.
const OVERFLOW: usize = 1 << 20;

impl Walk<'_> {
    /// Does or checks what this line says.
    ///
    /// # Errors
    ///
    /// If the core does not do or see the same.
    pub(super) fn act(&mut self, index: usize) -> Result<(), Difference> {
        let seat = self.seat;
        let act = &seat.acts[index];
        let Some(cid) = &act.dialog else { return Ok(()) };
        if let Err(what) = self.act_in(cid, act) {
            self.explain_line(cid, act, what)?;
        }
        self.settle()?;
        if act.action == "result" && !is_unresolved(act) {
            self.release(cid)?;
        }
        Ok(())
    }

    fn explain_line(&mut self, cid: &Arc<str>, act: &Act, what: String) -> Result<(), Difference> {
        let difference =
            Difference { n: act.n, what: format!("{}: {what}", act.action), recorded: None, ours: None };
        if !self.explaining {
            return Err(difference);
        }
        let situation = Situation::of(self, Some(cid), None, None).at_line(act);
        let Some(rule) = rules::for_line(&situation) else { return Err(difference) };
        self.note_use(rule, Some(cid.clone()));
        Ok(())
    }

    fn act_in(&mut self, cid: &Arc<str>, act: &Act) -> Result<(), String> {
        let Some(id) = self.dialogs.get(cid).and_then(|dialog| dialog.id) else {
            // Nothing of it ever reached this connection's core.
            let is_silent = matches!(act.action.as_str(), "result" | "raise" | "open_context" | "call");
            return if is_silent || self.closed.is_some() {
                Ok(())
            } else {
                Err("no such dialog here".to_owned())
            };
        };
        match act.action.as_str() {
            "opened" => {
                let first = self.core.take_first(id).ok_or("no first value")?;
                same(&act.value, &first)
            }
            "open_stream" => self.open_stream(cid, id, act),
            "receive" => self.receive(cid, id, act),
            "eoc" => match self.core.take(id) {
                Ok(Take::End) => Ok(()),
                other => Err(format!("{other:?}")),
            },
            "stop" => tolerate_ended(self.core.stop(id)),
            "cancel" => self.core.cancel(NOW, id).map_err(|misuse| misuse.to_string()),
            "wait_for_result" | "result" => self.result(cid, act),
            "return" | "raise" => self.silent_end(cid, act),
            "error" => self.error(cid, act),
            "task" if !self.facts(cid).is_some_and(|facts| facts.accepted) => {
                Err("the task runs without having been accepted".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Takes the next item. Where overruns are allowed the reference drops items beyond its own bounds; the
    /// core has kept them.
    fn receive(&mut self, cid: &Arc<str>, id: DialogId, act: &Act) -> Result<(), String> {
        let may_skip = self.explaining && self.allows_overruns(cid, act);
        let mut skipped = false;
        loop {
            match self.core.take(id) {
                Ok(Take::Item(item)) => match same(&act.value, &item) {
                    Err(_) if may_skip => skipped = true,
                    result => {
                        if skipped {
                            self.note_use("D18", Some(cid.clone()));
                        }
                        return result;
                    }
                },
                other => return Err(format!("{other:?}")),
            }
        }
    }

    /// Whether user code allowed overruns of this dialog before.
    fn allows_overruns(&self, cid: &Arc<str>, act: &Act) -> bool {
        let lines = self.seat.acts.iter().chain(self.seat.owns.iter().filter_map(|own| own.act.as_ref()));
        lines.filter(|line| line.dialog.as_ref() == Some(cid) && line.n <= act.n).any(|line| {
            let options = line.value.get("options").unwrap_or(&line.value);
            options.get("allow_overruns") == Some(&Value::Bool(true))
        })
    }

    fn open_stream(&mut self, cid: &Arc<str>, id: DialogId, act: &Act) -> Result<(), String> {
        if let Some(facts) = self.facts(cid) {
            if facts.opened_stream {
                return match self.core.open_stream(id) {
                    Err(Misuse::SecondStream | Misuse::Ended(_)) => Ok(()),
                    other => Err(format!("a second stream: {other:?}")),
                };
            }
            facts.opened_stream = true;
        }
        match self.core.open_stream(id) {
            Err(_) if self.failed_next(cid, act) => return Ok(()),
            result => tolerate_ended(result)?,
        }
        if self.allows_overruns(cid, act) {
            let window = self.core.config().inbox_items;
            tolerate_ended(self.core.set_inbox(id, window, OverrunPolicy::Buffer(OVERFLOW)))?;
        }
        Ok(())
    }

    /// Whether user code saw this very act fail.
    fn failed_next(&self, cid: &Arc<str>, act: &Act) -> bool {
        let next = self.seat.acts.iter().find(|other| other.n > act.n && other.dialog.as_ref() == Some(cid));
        next.is_some_and(|next| {
            next.action == "error"
                && next.detail.get("op").and_then(Value::as_str) == Some(&act.action)
                && next.value.get("type").and_then(Value::as_str) == Some("RuntimeError")
        })
    }

    fn error(&mut self, cid: &Arc<str>, act: &Act) -> Result<(), String> {
        let op = act.detail.get("op").and_then(Value::as_str).unwrap_or_default();
        let Some(id) = self.dialogs.get(cid).and_then(|dialog| dialog.id) else { return Ok(()) };
        let type_name = type_name(&act.value);
        if self.is_own_check(&act.value) {
            // The application took an item and found it to be of the wrong type.
            return match (op, self.core.take(id)) {
                ("receive", Ok(Take::Item(_))) => Ok(()),
                ("receive", other) => Err(format!("{other:?}")),
                _ => Ok(()),
            };
        }
        if act.value.get("relay_path").is_some() && type_name != "MsgTypeError" && op != "send" {
            let known = self.known_error(cid).ok_or("the core knows of no error")?;
            return if is_about(&act.value, &known) { Ok(()) } else { self.foreign(act) };
        }
        match (op, type_name) {
            ("started", "RuntimeError") => match self.core.started(id, Payload::NIL) {
                Err(_) => Ok(()),
                Ok(()) => Err("the core takes a second first value".to_owned()),
            },
            ("send", "EndOfChannel" | "TransportClosed") => match self.core.send(id, Payload::NIL) {
                Err(_) => Ok(()),
                Ok(()) => Err("the core sends an item".to_owned()),
            },
            _ => Ok(()),
        }
    }

    /// Whether a typed application made this error itself, from a value of the other side.
    fn is_own_check(&self, value: &Value) -> bool {
        let us = &self.seat.identity.uid;
        let own_path = serde_json::json!([[us.name(), us.uuid()]]);
        value.get("type").and_then(Value::as_str) == Some("MsgTypeError")
            && value.get("relay_path") == Some(&own_path)
    }

    /// The error of this dialog as the core knows it.
    fn known_error(&self, cid: &Arc<str>) -> Option<ErrorMsg> {
        let view = self.view(cid)?;
        match (view.outcome(), view.error()) {
            (Some(Outcome::Failed(Failure::Remote(error))), _)
            | (Some(Outcome::Cancelled { error: Some(error), .. }), _)
            | (_, Some(Failure::Remote(error))) => Some(error.msg.clone()),
            _ => None,
        }
    }

    /// An error that passes through this dialog's block and came from another dialog.
    fn foreign(&self, act: &Act) -> Result<(), String> {
        let known = &self.seat.memory.errors;
        if known.iter().any(|(when, error)| *when < act.n && is_about(&act.value, error)) {
            Ok(())
        } else {
            Err("nobody sent this error".to_owned())
        }
    }

    /// The outcome of our request, as its caller saw it.
    fn result(&mut self, cid: &Arc<str>, act: &Act) -> Result<(), String> {
        let view = self.view(cid).ok_or("no such dialog here")?;
        let kind = view.kind();
        let Some(outcome) = view.outcome() else {
            return match act.value.get("error") {
                Some(error) => self.local_error(cid, act, error),
                None => Err("the dialog has not ended".to_owned()),
            };
        };
        let Some(error) = act.value.get("error") else {
            return returned(kind, act.value.get("value").unwrap_or(&Value::Null), outcome);
        };
        let raised = act.value.get("raised") != Some(&Value::Bool(false));
        if let Some(known) = self.known_error(cid) {
            if error.get("relay_path").is_some() && is_about(error, &known) {
                return match (outcome, raised) {
                    (Outcome::Failed(_), true) | (Outcome::Cancelled { .. }, false) => Ok(()),
                    _ => Err(format!("{outcome:?}, but raised is {raised}")),
                };
            }
        }
        self.local_error(cid, act, error)
    }

    /// The caller's block ended by an error of its own, or one that came from elsewhere.
    fn local_error(&self, cid: &Arc<str>, act: &Act, error: &Value) -> Result<(), String> {
        let was_cancelled = self.plan(cid).is_some_and(|plan| plan.was_cancelled);
        if error.get("relay_path").is_some() && !self.is_own_check(error) {
            self.foreign(act)?;
        }
        if type_name(error) != "Cancelled" && self.left_in_order(cid, act) {
            return Err("ended by an error of the caller, whose block was left without one".to_owned());
        }
        if was_cancelled {
            Ok(())
        } else {
            Err("ended by an error of the caller, without a cancel request".to_owned())
        }
    }

    /// Whether the caller's block was left without an error.
    fn left_in_order(&self, cid: &Arc<str>, act: &Act) -> bool {
        let lines = self.seat.acts.iter().chain(self.seat.owns.iter().filter_map(|own| own.act.as_ref()));
        lines.filter(|line| line.n < act.n && line.dialog.as_ref() == Some(cid)).any(|line| {
            line.action == "leave"
                || line.action == "stop" && line.value.get("by").and_then(Value::as_str) == Some("exit")
        })
    }

    /// A task that ended without a frame.
    fn silent_end(&mut self, cid: &Arc<str>, act: &Act) -> Result<(), String> {
        let view = self.view(cid).ok_or("no such dialog here")?;
        let id = view.id();
        if view.role() == Role::Parent {
            return Ok(());
        }
        if view.is_ended() {
            return Err(format!("it had ended before: {:?}", view.outcome()));
        }
        if act.action == "raise" && is_cancellation(&act.value) {
            if !view.must_unwind() {
                self.cancel_children(None, act.n)?;
            }
            return self.core.unwound(id).map_err(|misuse| misuse.to_string());
        }
        let is_unknown = act.value.get("boxed_type").and_then(Value::as_str) == Some("<unknown>");
        if is_unknown || act.action == "return" && act.value.get("$py").is_some() {
            // What the reference could not encode; a driver reports that as a type error.
            let report = Report::new("MsgTypeError", "");
            return self.core.fail(id, report).map_err(|misuse| misuse.to_string());
        }
        Err("the task is over, but nothing was sent".to_owned())
    }

    /// The caller lets go.
    fn release(&mut self, cid: &Arc<str>) -> Result<(), Difference> {
        let Some(id) = self.dialogs.get(cid).and_then(|dialog| dialog.id) else { return Ok(()) };
        if let Some(facts) = self.facts(cid) {
            facts.released = true;
        }
        self.core.release(NOW, id);
        self.settle()
    }
}

/// Whether the reference's caller left without an outcome while the dialog went on.
pub(super) fn is_unresolved(act: &Act) -> bool {
    act.action == "result" && act.value.get("value").is_some_and(|value| value.get("$py").is_some())
}

fn same(recorded: &Value, payload: &Payload) -> Result<(), String> {
    if value::matches(recorded, payload.as_bytes()) {
        Ok(())
    } else {
        Err(format!("another value: {:02x?}", payload.as_bytes()))
    }
}

fn returned(kind: Kind, recorded: &Value, outcome: &Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Returned(Some(value)) => same(recorded, value),
        // A generator has no result; leaving it early is no error of the caller.
        Outcome::Returned(None) | Outcome::Cancelled { .. }
            if kind == Kind::Generator && recorded.is_null() =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    }
}

fn tolerate_ended(result: Result<(), Misuse>) -> Result<(), String> {
    match result {
        Ok(()) | Err(Misuse::Ended(_)) => Ok(()),
        Err(misuse) => Err(misuse.to_string()),
    }
}
