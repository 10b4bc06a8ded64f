//! What an ending means for each end, judged apart from the core.

use scipp_proto::config::AbsorbRule;
use scipp_proto::phase::Role;
use scipp_proto::wire::{ErrorMsg, Kind};
use scipp_proto::{DialogRef, Failure, Outcome};

use super::sent::{Body, Sent};
use super::walk::{Facts, Walk};

impl Walk<'_> {
    /// Whether the core's outcome is what an ending that just arrived says. `before` is what was known when it
    /// came.
    pub(super) fn outcome_fits_arrival(&self, sent: &Sent, before: Facts) -> Result<(), String> {
        let Some(cid) = &sent.cid else { return Ok(()) };
        let (Some(plan), Some(view)) = (self.plan(cid), self.view(cid)) else { return Ok(()) };
        if plan.role == Role::Child || before.ended || self.closed.is_some() {
            return Ok(());
        }
        let fits = match (&sent.body, view.outcome()) {
            (Body::Return(value), Some(Outcome::Returned(Some(known)))) => value == known,
            // A result without a first value is no result.
            (Body::Return(_), Some(Outcome::Failed(Failure::Violation(_)))) => {
                plan.kind == Kind::Context && !before.started
            }
            (Body::Stop, outcome) if plan.kind == Kind::Generator => {
                matches!(outcome, Some(Outcome::Returned(None) | Outcome::Cancelled { confirmed: true, .. }))
            }
            (Body::Error(_), None) => self.seat.is_notice_to_us(sent),
            (Body::Error(error), Some(outcome)) => self.error_fits(error, &view, before, outcome),
            (Body::Return(_), _) => false,
            _ => true,
        };
        if fits { Ok(()) } else { Err(format!("{sent} ended the dialog as {:?}", view.outcome())) }
    }

    fn error_fits(&self, error: &ErrorMsg, view: &DialogRef<'_>, before: Facts, outcome: &Outcome) -> bool {
        let is_same = |known: &ErrorMsg| ErrorMsg { cid: None, ..known.clone() } == *error;
        match outcome {
            Outcome::Failed(Failure::Remote(known)) => {
                // What failed it first stays the reason.
                before.took_notice || is_same(&known.msg) && !self.is_absorbed(error, before)
            }
            Outcome::Cancelled { confirmed: true, error: Some(known) } => {
                is_same(&known.msg) && self.is_absorbed(error, before)
            }
            Outcome::Failed(Failure::Violation(_)) => view.error().is_some(),
            _ => false,
        }
    }

    /// Whether a cancellation is the answer to our own.
    fn is_absorbed(&self, error: &ErrorMsg, before: Facts) -> bool {
        let (us, peer) = (&self.seat.identity.uid, &self.seat.peer);
        before.sent_cancel
            && error.boxed_type_str == "ContextCancelled"
            && error.src_uid == *peer
            && match (&error.canceller, self.core.config().absorb) {
                (Some(canceller), AbsorbRule::UsOnly) => canceller == us,
                (Some(canceller), AbsorbRule::UsOrPeer) => canceller == us || canceller == peer,
                (None, _) => false,
            }
    }

    /// Whether the core's outcome is what our own final frame says.
    pub(super) fn outcome_fits_own(&self, sent: &Sent) -> Result<(), String> {
        let Some(cid) = &sent.cid else { return Ok(()) };
        let (Some(plan), Some(view)) = (self.plan(cid), self.view(cid)) else { return Ok(()) };
        if plan.role == Role::Parent || plan.opening.is_actor_cancel() || self.seat.is_notice(sent) {
            return Ok(());
        }
        let us = &self.seat.identity.uid;
        let fits = match (&sent.body, view.outcome()) {
            (Body::Return(_), outcome) => matches!(outcome, Some(Outcome::Returned(_))),
            (Body::Stop, outcome) if plan.kind == Kind::Generator => {
                matches!(outcome, Some(Outcome::Returned(_) | Outcome::Cancelled { .. }))
            }
            (Body::Error(error), outcome) if error.boxed_type_str == "ContextCancelled" => {
                let is_passed_on = error.relay_path != [us.clone()];
                matches!(outcome, Some(Outcome::Cancelled { .. }))
                    || is_passed_on && matches!(outcome, Some(Outcome::Failed(_)))
            }
            (Body::Error(_), outcome) => matches!(outcome, Some(Outcome::Failed(_))),
            _ => true,
        };
        if fits {
            Ok(())
        } else {
            Err(format!("we sent {sent}, but the dialog ended as {:?}", view.outcome()))
        }
    }
}
