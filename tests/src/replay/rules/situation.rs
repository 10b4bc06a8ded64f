//! What is known at a difference.

use std::sync::Arc;

use scipp_proto::phase::Role;
use scipp_proto::wire::frame::PREFIX;
use scipp_proto::wire::{ANY_PLD_SPEC, ErrorMsg, Fault, Kind, LooseMsg, MsgKind};
use scipp_proto::{CloseReason, DialogRef, Failure, Outcome, PeerViolation, RuntimeEndpoint, Uid};
use serde_json::Value;

use crate::replay::acts::{is_about, is_cancellation, type_name};
use crate::replay::seat::{Arrival, Plan, Seat};
use crate::replay::sent::{Body, CANCEL_TASK, Opening, RUNTIME, Sent};
use crate::replay::walk::{Facts, Walk, cancel_kwargs};
use crate::script::error_by;
use crate::transcript::Act;

/// What is known at a difference.
#[derive(Debug)]
pub struct Situation<'a> {
    /// Which end is played.
    pub seat: &'a Seat,
    /// The dialog it is about, as recorded.
    pub cid: Option<Arc<str>>,
    /// What is known of that dialog beforehand.
    pub plan: Option<&'a Plan>,
    /// What went over the wire in it before.
    pub facts: Facts,
    /// The core's view of it.
    pub view: Option<DialogRef<'a>>,
    /// Unread items that a dialog may hold.
    pub window: usize,
    /// Why the connection is over, if it is.
    pub closed: Option<&'a CloseReason>,
    /// The recorded frame.
    pub recorded: Option<&'a Sent>,
    /// The core's frame.
    pub ours: Option<&'a Sent>,
    /// The action line, if it is about what an application does or sees.
    pub line: Option<&'a Act>,
}

impl<'a> Situation<'a> {
    pub(in crate::replay) fn of(
        walk: &'a Walk<'_>,
        cid: Option<&Arc<str>>,
        recorded: Option<&'a Sent>,
        ours: Option<&'a Sent>,
    ) -> Self {
        Self {
            seat: walk.seat,
            cid: cid.cloned(),
            plan: cid.and_then(|cid| walk.plan(cid)),
            facts: cid.and_then(|cid| walk.dialogs.get(cid)).map(|dialog| dialog.facts).unwrap_or_default(),
            view: cid.and_then(|cid| walk.view(cid)),
            window: walk.core.config().inbox_items,
            closed: walk.closed.as_ref(),
            recorded,
            ours,
            line: None,
        }
    }

    pub(in crate::replay) const fn at_line(mut self, line: &'a Act) -> Self {
        self.line = Some(line);
        self
    }
}

/// The connection and the dialog.
impl<'a> Situation<'a> {
    /// Our own uid.
    pub fn us(&self) -> &Uid {
        &self.seat.identity.uid
    }

    /// Whether we are the parent.
    pub fn is_parent(&self) -> bool {
        self.plan.is_some_and(|plan| plan.role == Role::Parent)
    }

    /// Whether we are the child.
    pub fn is_child(&self) -> bool {
        self.plan.is_some_and(|plan| plan.role == Role::Child)
    }

    /// Whether we are the child of a context.
    pub fn is_context_child(&self) -> bool {
        self.is_child() && self.plan.is_some_and(|plan| plan.kind == Kind::Context)
    }

    /// What opened the dialog.
    pub fn opening(&self) -> Option<&'a Opening> {
        self.plan.map(|plan| &plan.opening)
    }

    /// How the dialog ended.
    pub fn outcome(&self) -> Option<&'a Outcome> {
        self.view?.outcome()
    }

    /// Whether the dialog has ended for the core.
    pub fn is_ended(&self) -> bool {
        self.view.is_some_and(|view| view.is_ended())
    }

    /// Whether the core knows a result.
    pub fn is_returned(&self) -> bool {
        matches!(self.outcome(), Some(Outcome::Returned(_)))
    }

    /// Whether the dialog went down with the connection.
    pub fn is_disconnected(&self) -> bool {
        matches!(self.outcome(), Some(Outcome::Disconnected(_)))
    }

    /// Whether the other end broke a rule of the dialog.
    pub fn is_violated(&self) -> bool {
        self.view.is_some_and(|view| matches!(view.error(), Some(Failure::Violation(_))))
            || matches!(self.outcome(), Some(Outcome::Failed(Failure::Violation(_))))
    }

    /// Whether the connection was lost, and not closed by us.
    pub fn is_lost(&self) -> bool {
        matches!(self.closed, Some(CloseReason::Eof | CloseReason::Truncated | CloseReason::Reset))
    }

    /// The rule of the connection that the peer broke.
    pub fn violation(&self) -> Option<&'a PeerViolation> {
        match self.closed {
            Some(CloseReason::Violation(violation)) => Some(violation),
            _ => None,
        }
    }

    /// Whether the connection was closed because of bytes that are no value.
    pub fn is_closed_by_malformed(&self) -> bool {
        matches!(self.violation(), Some(PeerViolation::Rejected(rejected)) if rejected.fault == Fault::Malformed)
    }

    /// Whether it is a method that no actor runtime has.
    pub fn is_unknown_method(&self) -> bool {
        self.opening().is_some_and(|opening| {
            opening.ns == RUNTIME
                && !opening.is_cancel_request()
                && RuntimeEndpoint::from_name(&opening.func).is_none()
        })
    }

    /// Whether the `Start` names another caller than the handshake.
    pub fn is_spoofed(&self) -> bool {
        self.is_child() && self.opening().is_some_and(|opening| opening.uid != self.seat.peer)
    }

    /// Whether a frame arrived that is no message.
    pub fn has_unreadable_arrival(&self) -> bool {
        self.seat.arrivals.iter().any(|arrival| matches!(arrival.what, Arrival::Frame(_, None)))
    }
}

/// What was recorded.
impl<'a> Situation<'a> {
    /// The recorded error.
    pub fn recorded_error(&self) -> Option<&'a ErrorMsg> {
        self.recorded?.error()
    }

    /// The error that the recorded frame passes on.
    pub fn relayed_error(&self) -> Option<&'a ErrorMsg> {
        let (_, path) = self.recorded_error()?.relay_path.split_last()?;
        let known = &self.seat.memory.errors;
        known.iter().map(|(_, error)| &**error).find(|error| !path.is_empty() && error.relay_path == path)
    }

    /// Whether the recorded frame names its sender as the source of an error it passes on.
    pub fn loses_source(&self) -> bool {
        match (self.recorded_error(), self.relayed_error()) {
            (Some(error), Some(received)) => {
                error.src_uid == *self.us()
                    && error.relay_path.last() == Some(self.us())
                    && error.src_type_str == error.boxed_type_str
                    && received.src_uid != *self.us()
            }
            _ => false,
        }
    }

    /// Whether a final frame of ours was recorded before the one at hand.
    pub fn ended_in_recording(&self) -> bool {
        let until = self
            .seat
            .owns
            .iter()
            .position(|own| self.recorded.is_some_and(|sent| std::ptr::eq(sent, &own.sent)));
        self.seat.owns[..until.unwrap_or(0)].iter().any(|own| self.is_final(&own.sent))
    }

    /// Whether the recording says how our end of the dialog came to its end: by a final frame, by user
    /// code, or by the other end.
    pub fn ends_in_recording(&self) -> bool {
        let told = |sent: &Sent| match &sent.body {
            Body::Error(_) => sent.cid == self.cid,
            Body::Start(opening) => opening.cancelled().is_some_and(|cid| Some(&cid) == self.cid.as_ref()),
            _ => false,
        };
        self.has_final_frame()
            || self
                .seat
                .arrivals
                .iter()
                .any(|arrival| matches!(&arrival.what, Arrival::Frame(_, Some(sent)) if told(sent)))
            || self.seat.acts.iter().any(|act| act.action == "cancel" && act.dialog == self.cid)
            || !self.seat.memory.cancels.is_empty()
    }

    /// Whether the recording has a final frame of ours.
    pub fn has_final_frame(&self) -> bool {
        self.seat.owns.iter().any(|own| self.is_final(&own.sent))
    }

    fn is_final(&self, sent: &Sent) -> bool {
        sent.cid == self.cid && matches!(sent.kind(), MsgKind::Return | MsgKind::Error)
    }

    /// The error that the line reports.
    pub fn seen_error(&self) -> Option<&'a Value> {
        self.line?.value.get("error")
    }

    /// Whether the line reports an error that no frame brought.
    pub fn is_local_error(&self) -> bool {
        self.seen_error().is_some_and(|error| error.get("relay_path").is_none())
    }

    /// Whether the line reports that the caller's own wait was cancelled.
    pub fn is_local_cancel(&self) -> bool {
        self.seen_error().is_some_and(is_cancellation)
    }

    /// Whether the line reports a type error that its own application found.
    pub fn is_own_type_error(&self) -> bool {
        let own_path = serde_json::json!([[self.us().name(), self.us().uuid()]]);
        self.seen_error().is_some_and(|error| {
            type_name(error) == "MsgTypeError" && error.get("relay_path") == Some(&own_path)
        })
    }

    /// Whether the line reports an error that came with a frame of another dialog.
    pub fn is_foreign_error(&self) -> bool {
        let (Some(error), Some(line)) = (self.seen_error(), self.line) else { return false };
        self.seat.memory.errors.iter().any(|(when, known)| *when < line.n && is_about(error, known))
    }

    /// Whether the line reports as something else what the core knows as the result.
    pub fn sees_result(&self) -> bool {
        match (self.outcome(), self.line) {
            (Some(Outcome::Returned(Some(value))), Some(line)) => {
                crate::value::matches(&line.value, value.as_bytes())
            }
            _ => false,
        }
    }

    /// Whether the ending was written before the line.
    pub fn ending_arrived(&self) -> bool {
        let Some(line) = self.line else { return false };
        self.seat.arrivals.iter().any(|arrival| {
            arrival.n < line.n
                && matches!(&arrival.what, Arrival::Frame(_, Some(sent))
                    if sent.cid == self.cid && matches!(sent.kind(), MsgKind::Return | MsgKind::Error))
        })
    }
}

/// What we send.
impl Situation<'_> {
    /// An error of our own about this dialog.
    pub fn error(&self, type_name: &str) -> Option<Sent> {
        let error = error_by(self.us().clone(), type_name);
        Some(Sent { cid: self.ours?.cid.clone(), body: Body::Error(Box::new(error)) })
    }

    /// An error about a message that arrived for this dialog and cannot be read, with that message.
    pub fn error_about_arrival(&self) -> Option<Sent> {
        let mut sent = self.error("MsgTypeError")?;
        let unreadable = self.seat.arrivals.iter().filter_map(|arrival| match &arrival.what {
            Arrival::Frame(bytes, None) => LooseMsg::read(&bytes.slice(PREFIX..)),
            _ => None,
        });
        let about = unreadable.into_iter().find(|loose| loose.cid() == sent.cid);
        if let Body::Error(error) = &mut sent.body {
            error.bad_msg_as_dict = about.filter(LooseMsg::is_complete).and_then(|loose| loose.as_payload());
        }
        Some(sent)
    }

    /// That our actor cancelled this task.
    pub fn cancellation(&self) -> Option<Sent> {
        let mut sent = self.error("ContextCancelled")?;
        if let Body::Error(error) = &mut sent.body {
            error.canceller = Some(self.us().clone());
        }
        Some(sent)
    }

    /// The end of the stream.
    pub fn stop(&self) -> Option<Sent> {
        Some(Sent { cid: self.cid.clone(), body: Body::Stop })
    }

    /// A request to cancel this dialog.
    pub fn cancel_request(&self) -> Option<Sent> {
        let opening = Opening {
            ns: RUNTIME.to_owned(),
            func: CANCEL_TASK.to_owned(),
            kwargs: cancel_kwargs(self.cid.as_deref()?),
            uid: self.us().clone(),
            pld_spec: ANY_PLD_SPEC.to_owned(),
        };
        Some(Sent { cid: self.ours?.cid.clone(), body: Body::Start(Box::new(opening)) })
    }

    /// The received error, its source kept, in place of the recorded frame.
    pub fn relay_of_received(&self) -> Option<Sent> {
        let received = self.relayed_error()?.clone();
        let us = self.us().clone();
        let is_type_error = received.boxed_type_str == "MsgTypeError";
        let names_receiver = is_type_error && received.src_uid == self.seat.peer;
        let relay_path = received.relay_path.iter().chain([&us]).cloned().collect();
        let error = ErrorMsg {
            src_uid: if names_receiver { us } else { received.src_uid.clone() },
            boxed_type_str: if is_type_error { "MsgTypeError" } else { "RemoteActorError" }.to_owned(),
            relay_path,
            ..received
        };
        Some(Sent { cid: self.recorded?.cid.clone(), body: Body::Error(Box::new(error)) })
    }

    /// The recorded error with its last hop named once.
    pub fn single_hop(&self) -> Option<Sent> {
        let mut sent = self.recorded?.clone();
        if let Body::Error(error) = &mut sent.body {
            error.relay_path.pop();
        }
        Some(sent)
    }
}
