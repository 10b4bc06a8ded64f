//! The applications: what they may do next, and doing it.

use std::sync::Arc;

use scipp_proto::phase::{CancelPhase, Phase, Role};
use scipp_proto::{
    Call, Canceller, DialogRef, Failure, Kind, Kwargs, Misuse, Outcome, RuntimeEndpoint, SendError, Take,
    Target,
};

use super::values::number;
use super::{Broken, Dialog, Once, Rule, Seat, World};
use crate::precedence::{Ended, Happening, Verdicts, Why};
use crate::script::report;

/// What an application does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "most are named like the verb of the core")]
pub enum Verb {
    Open,
    OpenStream,
    Send,
    Take,
    Stop,
    Cancel,
    /// The body fails: the parent asks for the end, and its own error leaves.
    FailInBody,
    Accept,
    Started,
    Finish,
    Fail,
    Unwind,
    /// Fails with the error of the inner dialog.
    Relay,
    Release,
    /// An actor cancel: everything is told to end.
    Obey,
}

/// What an application may do.
impl World {
    /// Names each thing that the application at this end of a dialog may do now.
    pub fn verbs(&self, at: usize, role: Role, mut may_do: impl FnMut(Verb)) {
        let dialog = &self.dialogs[at];
        let (plan, seat) = (&dialog.plan, dialog.seat(role));
        let end = self.end(plan.link, dialog.side(role));
        let Some(id) = seat.id else {
            let outer = plan.outer.map(|outer| &self.dialogs[outer]);
            let is_time = outer.is_none_or(|outer| outer.verdicts.is_running());
            if role == Role::Parent && dialog.cid.is_none() && is_time && end.is_open() {
                may_do(Verb::Open);
            }
            return;
        };
        let Some(view) = end.conn.dialog(id) else { return };
        if seat.may.take > 0 && view.unread() > 0 {
            may_do(Verb::Take);
        }
        if seat.may.release {
            may_do(Verb::Release);
        }
        if view.is_ended() {
            return;
        }
        if plan.is_actor_cancel {
            if role == Role::Child && seat.may.unwind {
                may_do(Verb::Obey);
            }
            return;
        }
        dialog.verbs_of_stream(role, &view, &mut may_do);
        if seat.may.cancel {
            may_do(Verb::Cancel);
        }
        match role {
            Role::Parent if seat.may.fail_in_body => may_do(Verb::FailInBody),
            Role::Parent => {}
            Role::Child => self.verbs_of_task(dialog, view.phase(), may_do),
        }
    }

    fn verbs_of_task(&self, dialog: &Dialog, phase: Phase, mut may_do: impl FnMut(Verb)) {
        let (may, is_told) = (dialog.seat(Role::Child).may, dialog.verdicts.is_told());
        let can_finish = match (phase, dialog.plan.kind) {
            (Phase::Requested, _) => false,
            (Phase::Accepted, kind) => kind == Kind::Function,
            _ => true,
        };
        if phase == Phase::Requested {
            may_do(Verb::Accept);
        }
        if phase == Phase::Accepted && dialog.plan.kind == Kind::Context && !is_told {
            may_do(Verb::Started);
        }
        if may.finish && can_finish {
            may_do(Verb::Finish);
        }
        if may.fail {
            may_do(Verb::Fail);
        }
        if may.unwind && is_told && phase != Phase::Requested {
            may_do(Verb::Unwind);
        }
        if self.inner_failure(dialog).is_some() && phase != Phase::Requested {
            may_do(Verb::Relay);
        }
    }

    /// The error of the dialog inside this one.
    fn inner_failure(&self, dialog: &Dialog) -> Option<Arc<scipp_proto::RemoteError>> {
        let inner = &self.dialogs[dialog.plan.inner?];
        let conn = &self.end(inner.plan.link, inner.side(Role::Parent)).conn;
        match conn.dialog(inner.seat(Role::Parent).id?)?.outcome()? {
            Outcome::Failed(Failure::Remote(error)) => Some(Arc::clone(error)),
            _ => None,
        }
    }
}

/// Doing it.
impl World {
    pub(super) fn verb(&mut self, at: usize, role: Role, verb: Verb) -> Result<(), Broken> {
        let relayed = self.inner_failure(&self.dialogs[at]);
        let dialog = &mut self.dialogs[at];
        let (link, side, kind) = (dialog.plan.link, dialog.side(role), dialog.plan.kind);
        let end = &mut self.links[link].ends[side];
        let (now, conn, may) = (end.now, end.conn(), dialog.seat(role).may);
        let id = || dialog.seat(role).id.ok_or(Misuse::UnknownDialog);
        let done = match verb {
            Verb::Open => return self.open(at),
            Verb::Send => return self.send(at, role),
            Verb::Take => return self.take(at, role),
            Verb::Obey => return self.obey(at),
            Verb::OpenStream => id().and_then(|id| conn.open_stream(id)),
            Verb::Stop => id().and_then(|id| conn.stop(id)),
            Verb::Cancel | Verb::FailInBody => id().and_then(|id| conn.cancel(now, id)),
            Verb::Accept => id().and_then(|id| conn.accept(id, kind)),
            Verb::Started => id().and_then(|id| conn.started(id, may.first())),
            Verb::Finish => id().and_then(|id| conn.finish(id, may.result(at))),
            Verb::Fail => id().and_then(|id| conn.fail(id, report("ValueError"))),
            Verb::Unwind => id().and_then(|id| conn.unwound(id)),
            Verb::Relay => {
                relayed.as_ref().zip(id().ok()).map_or(Ok(()), |(error, id)| conn.relay(id, error))
            }
            Verb::Release => id().map(|id| conn.release(now, id)),
        };
        done.map_err(|error| refused(verb, error))?;
        dialog.did(role, verb, relayed.map(|error| Why::of(&error)));
        self.settle(link, side)
    }

    fn send(&mut self, at: usize, role: Role) -> Result<(), Broken> {
        let dialog = &mut self.dialogs[at];
        let (link, side) = (dialog.plan.link, dialog.side(role));
        let seat = dialog.seat_mut(role);
        let id = seat.id.ok_or_else(|| refused(Verb::Send, "no handle"))?;
        let conn = self.links[link].ends[side].conn();
        let has_room = conn.unwritten() < conn.config().outbox_bytes;
        match conn.send(id, seat.may.item(seat.sent)) {
            Ok(()) if has_room => (seat.may.send, seat.sent) = (seat.may.send - 1, seat.sent + 1),
            Ok(()) => return Err(Broken::new(Rule::Memory, "an item beyond a full outbox")),
            Err(SendError::Full) if !has_room => {}
            Err(error) => return Err(refused(Verb::Send, error)),
        }
        self.settle(link, side)
    }

    fn open(&mut self, at: usize) -> Result<(), Broken> {
        let dialog = &mut self.dialogs[at];
        let (link, side, kind) = (dialog.plan.link, dialog.plan.opener, dialog.plan.kind);
        let target = match dialog.plan.is_actor_cancel {
            true => Target::Runtime(RuntimeEndpoint::Cancel),
            false => Target::function("demo", "f"),
        };
        let call = Call { target, kind, kwargs: Kwargs::EMPTY };
        let end = &mut self.links[link].ends[side];
        let now = end.now;
        let id = end.conn().open(now, &call).map_err(|e| refused(Verb::Open, e))?;
        dialog.cid = end.conn.dialog(id).map(|view| view.cid().into());
        let seat = dialog.seat_mut(Role::Parent);
        seat.id = Some(id);
        if let Some(policy) = seat.may.terms {
            end.conn().limit(id, policy.terms()).map_err(|e| refused(Verb::Open, e))?;
        }
        self.settle(link, side)
    }

    /// Items come in order, and none is missing unless a policy may leave it out; what a reader sees at the end
    /// is what the rules say. (D-19)
    fn take(&mut self, at: usize, role: Role) -> Result<(), Broken> {
        let dialog = &mut self.dialogs[at];
        let (link, side) = (dialog.plan.link, dialog.side(role));
        let end = &mut self.links[link].ends[side];
        let id = dialog.seat(role).id.ok_or_else(|| refused(Verb::Take, "no handle"))?;
        let is_told = role == Role::Child && dialog.verdicts.is_told();
        let ended = dialog.verdicts.ended(role);
        let fails =
            is_told || dialog.verdicts.failure(role).is_some() || matches!(ended, Some(Ended::Failed(_)));
        let seat = dialog.seat_mut(role);
        seat.may.take -= 1;
        let taken = end.conn().take(id).map_err(|e| refused(Verb::Take, e))?;
        let item = match &taken {
            // The error first; the rest on request.
            Take::Failed if fails => end.conn().take_unread(id),
            Take::Item(item) if !fails => Some(item.clone()),
            _ => None,
        };
        if !item.as_ref().is_some_and(|item| seat.takes(number(item))) {
            let text = format!("{taken:?}, then {item:?} instead of item {}", seat.next);
            return Err(Broken::new(Rule::Kept, text));
        }
        self.settle(link, side)
    }

    /// The whole actor is cancelled: its tasks on all its connections, in the requester's name.
    fn obey(&mut self, at: usize) -> Result<(), Broken> {
        let plan = self.dialogs[at].plan;
        let (link, side) = (plan.link, 1 - plan.opener);
        let requester = self.end(link, plan.opener).actor;
        let us = self.end(link, side).actor;
        let id = self.dialogs[at].seat(Role::Child).id.ok_or_else(|| refused(Verb::Obey, "no handle"))?;
        self.dialogs[at].seat_mut(Role::Child).may.unwind = false;
        for (number, link) in self.links.iter_mut().enumerate() {
            for (side, end) in link.ends.iter_mut().enumerate().filter(|(_, end)| end.actor == us) {
                end.conn().cancel_children(&Canceller::Actor(requester.uid()));
                for dialog in self.dialogs.iter_mut().filter(|dialog| dialog.plan.link == number) {
                    let is_task = dialog.role(side) == Role::Child && !dialog.plan.is_actor_cancel;
                    if !is_task || !dialog.is_live(Role::Child) {
                        continue;
                    }
                    let is_ours = number == plan.link;
                    let because = if is_ours { Happening::ActorCancel } else { Happening::ThirdCancel };
                    dialog.tell(Why::Cancelled(requester), because);
                }
            }
        }
        let conn = self.end_mut(link, side).conn();
        conn.acknowledge(id).map_err(|e| refused(Verb::Obey, e))?;
        for link in 0..self.links.len() {
            for side in [0, 1] {
                if self.end(link, side).actor == us {
                    self.settle(link, side)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the answer to an actor cancel may go: its tasks of the same connection are over.
    pub(super) fn may_answer_actor_cancel(&self, at: usize) -> bool {
        let plan = self.dialogs[at].plan;
        let side = 1 - plan.opener;
        let tasks = self.dialogs.iter().filter(|dialog| dialog.plan.link == plan.link);
        let mut tasks = tasks.filter(|dialog| !dialog.plan.is_actor_cancel);
        tasks.all(|dialog| {
            dialog.role(side) == Role::Parent
                || dialog.seat(Role::Child).id.is_none()
                || dialog.seat(Role::Child).frames.has(Once::Final)
        })
    }

    /// The result that must arrive at the parent of a dialog.
    pub(super) fn expected_result(&self, at: usize) -> Option<scipp_proto::Payload> {
        match self.dialogs[at].plan {
            plan if plan.is_actor_cancel => Some(scipp_proto::Payload::bool(true)),
            plan if plan.kind == Kind::Generator => None,
            plan => Some(plan.child.result(at)),
        }
    }
}

impl Dialog {
    /// What the application at this end may do with its stream.
    fn verbs_of_stream(&self, role: Role, view: &DialogRef<'_>, may_do: &mut impl FnMut(Verb)) {
        let (kind, seat, phase) = (self.plan.kind, self.seat(role), view.phase());
        let is_started = matches!(phase, Phase::Started { .. });
        let is_cancelled = match role {
            Role::Parent => view.cancel_phase() != CancelPhase::Idle,
            Role::Child => view.must_unwind(),
        };
        let can_open = kind == Kind::Context && is_started && !is_cancelled;
        if seat.may.stream && !seat.has_stream && can_open {
            may_do(Verb::OpenStream);
        }
        if !is_started || phase.is_stopped() || self.verdicts.failure(role).is_some() {
            return;
        }
        let is_generator = kind == Kind::Generator;
        if seat.may.send > 0 && (seat.has_stream || is_generator && role == Role::Child) {
            may_do(Verb::Send);
        }
        if seat.may.stop && (seat.has_stream || is_generator && role == Role::Parent) {
            may_do(Verb::Stop);
        }
    }

    /// What a verb means, by the rules of precedence.
    fn did(&mut self, role: Role, verb: Verb, relayed: Option<Why>) {
        let is_live = self.is_live(role);
        let (seat, verdicts) = (&mut self.seats[role as usize], &mut self.verdicts);
        let last = match (verb, role) {
            (Verb::Finish, _) => verdicts.finishes(),
            (Verb::Fail, _) => verdicts.errs(Why::Error),
            (Verb::Unwind, _) => verdicts.unwinds(),
            (Verb::Relay, _) => verdicts.errs(relayed.unwrap_or(Why::Error)),
            (Verb::Release, Role::Child) if is_live => {
                (seat.may.release, seat.is_released) = (false, true);
                if verdicts.is_told() { verdicts.unwinds() } else { verdicts.errs(Why::Error) }
            }
            _ => return seat.did(verb, role, verdicts),
        };
        self.due = Some(last);
    }
}

impl Seat {
    /// Whether the item with this number may be the next that is taken; one that was sent back has none.
    fn takes(&mut self, number: Option<u32>) -> bool {
        self.taken += 1;
        let Some(number) = number else { return true };
        let is_next = number == self.next || self.may_skip && number > self.next;
        self.next = number + 1;
        is_next
    }

    /// What a verb that ends no task means.
    fn did(&mut self, verb: Verb, role: Role, verdicts: &mut Verdicts) {
        match (verb, role) {
            (Verb::OpenStream, _) => self.has_stream = true,
            (Verb::Stop, _) => self.may.stop = false,
            (Verb::Accept, _) => verdicts.accepts(),
            (Verb::Cancel, Role::Parent) => {
                self.may.cancel = false;
                verdicts.asks(Happening::OwnCancel);
            }
            (Verb::Cancel, Role::Child) => {
                self.may.cancel = false;
                verdicts.cancels_itself();
            }
            (Verb::FailInBody, _) => {
                (self.may.fail_in_body, self.body_failed) = (false, true);
                verdicts.asks(Happening::BodyError);
            }
            (Verb::Release, _) => {
                (self.may.release, self.is_released) = (false, true);
                if role == Role::Parent {
                    verdicts.asks(Happening::OwnCancel);
                }
            }
            _ => {}
        }
    }
}

fn refused(verb: Verb, error: impl std::fmt::Display) -> Broken {
    Broken::new(Rule::Legal, format!("{verb:?} was refused: {error}"))
}
