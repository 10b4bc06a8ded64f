//! A look at one dialog.

use core::panic::Location;

use crate::config::OverrunPolicy;
use crate::dialog::{Dialog, Unwind};
use crate::error::Failure;
use crate::event::{DialogId, Outcome};
use crate::identity::Uid;
use crate::phase::{CancelPhase, Phase, Role, State};
use crate::terms::Terms;
use crate::wire::Kind;

/// A look at one dialog that was not released.
#[derive(Debug, Clone, Copy)]
pub struct DialogRef<'a> {
    id: DialogId,
    dialog: &'a Dialog,
}

impl<'a> DialogRef<'a> {
    pub(crate) const fn new(id: DialogId, dialog: &'a Dialog) -> Self {
        Self { id, dialog }
    }

    /// Its handle.
    pub const fn id(&self) -> DialogId {
        self.id
    }

    /// Its id on the wire.
    pub fn cid(&self) -> &'a str {
        &self.dialog.cid
    }

    /// Our role.
    pub const fn role(&self) -> Role {
        self.dialog.role
    }

    /// Which kind of function runs. A child decides it by `accept`; before that it says `Context`.
    pub const fn kind(&self) -> Kind {
        self.dialog.kind
    }

    /// Where it is on the wire.
    pub const fn phase(&self) -> Phase {
        self.dialog.phase
    }

    /// The reference's word for where our side is.
    pub fn state(&self) -> State {
        self.dialog.state()
    }

    /// Parent: our cancel request.
    pub const fn cancel_phase(&self) -> CancelPhase {
        self.dialog.cancel
    }

    /// Child: whether its task has to end: cancelled by anybody, failed by the parent, or cut off. False
    /// once its final frame is out.
    pub fn must_unwind(&self) -> bool {
        self.dialog.role == Role::Child
            && match self.dialog.outcome.as_deref() {
                None => self.dialog.unwind.is_some(),
                Some(outcome) => matches!(outcome, Outcome::Disconnected(_)),
            }
    }

    /// Who cancelled it, as far as known. Child: whom its final frame names or will name. Parent: whom
    /// the final error names. (D-46)
    pub fn canceller(&self) -> Option<&'a Uid> {
        match (self.dialog.unwind.as_deref(), self.dialog.outcome.as_deref()) {
            (Some(Unwind::Cancelled { canceller, .. }), _) => Some(canceller),
            (
                _,
                Some(Outcome::Cancelled { error: Some(error), .. } | Outcome::Failed(Failure::Remote(error))),
            ) => error.canceller(),
            _ => None,
        }
    }

    /// Why it failed, possibly before it ended.
    pub fn error(&self) -> Option<&'a Failure> {
        self.dialog.error()
    }

    /// How it ended.
    pub fn outcome(&self) -> Option<&'a Outcome> {
        self.dialog.outcome.as_deref()
    }

    /// The line of our own code that opened or accepted it; a driver passes on who called it.
    pub const fn caller(&self) -> Option<&'static Location<'static>> {
        self.dialog.caller
    }

    /// Whether it has ended.
    pub fn is_ended(&self) -> bool {
        self.dialog.is_ended()
    }

    /// Unread items.
    pub fn unread(&self) -> usize {
        self.dialog.inbox.len()
    }

    /// Items dropped unread: by overruns, by `stop`, after the stream's end.
    pub const fn dropped(&self) -> u64 {
        self.dialog.dropped
    }

    /// Of the dropped ones, those that a full inbox dropped.
    pub const fn overruns(&self) -> u64 {
        self.dialog.overruns
    }

    /// How many unread items its inbox holds before the policy applies.
    pub const fn window(&self) -> usize {
        self.dialog.inbox.window()
    }

    /// What happens to an item beyond the window.
    pub const fn overrun_policy(&self) -> OverrunPolicy {
        self.dialog.inbox.policy()
    }

    /// Whether `take` has no more items to give, now or later: it gives the end, or says that the dialog
    /// failed.
    pub fn is_spent(&self) -> bool {
        let is_over = self.dialog.is_ended() || self.dialog.is_stopped();
        self.dialog.fails_readers() || is_over && !self.dialog.holds_items()
    }

    /// The terms that its values are bound to.
    pub fn terms(&self) -> Option<&'a Terms> {
        self.dialog.bound.as_deref().map(|bound| &*bound.terms)
    }

    /// Received values that did not conform to them.
    pub fn mistyped(&self) -> u64 {
        self.dialog.bound.as_deref().map_or(0, |bound| bound.mistyped)
    }

    /// Whether the first value is there and was not taken.
    pub const fn has_first(&self) -> bool {
        self.dialog.first.is_some()
    }

    /// Whether no more items can come.
    pub fn is_stopped_by_peer(&self) -> bool {
        self.dialog.is_ended() || self.dialog.is_stopped_by(self.dialog.role.peer())
    }
}
