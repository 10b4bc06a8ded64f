//! The differences that are on purpose.
//!
//! Each rule says when it holds, which frames the reference sends then, and exactly which frames we send
//! instead. Every id is a heading of `spec/deviations.md`, which says why.

use std::sync::Arc;

use scipp_proto::phase::Role;
use scipp_proto::wire::{ANY_PLD_SPEC, ErrorMsg, Fault, Kind, MsgKind};
use scipp_proto::{CloseReason, DialogRef, Era, Failure, Outcome, PeerViolation, RuntimeEndpoint, Uid};

use super::acts::{is_about, is_cancellation, type_name};
use super::lines::is_unresolved;
use super::seat::{Arrival, Plan, Seat};
use super::sent::{Body, CANCEL_TASK, Opening, RUNTIME, Sent};
use super::walk::{Facts, Walk, cancel_kwargs};
use crate::transcript::Act;

/// What is known at a difference.
#[derive(Debug)]
pub struct Situation<'a> {
    /// Which end is played.
    pub seat: &'a Seat,
    /// Its id as recorded.
    pub cid: Option<Arc<str>>,
    /// The dialog it is about, as recorded.
    pub plan: Option<&'a Plan>,
    /// What went over the wire in it before.
    pub facts: Facts,
    /// The core's view of it.
    pub view: Option<DialogRef<'a>>,
    /// Why the connection is over, if it is.
    pub closed: Option<&'a CloseReason>,
    /// The recorded frame.
    pub recorded: Option<&'a Sent>,
    /// The core's frame.
    pub ours: Option<&'a Sent>,
    /// The action line, if it is about an observation.
    pub line: Option<&'a Act>,
}

impl<'a> Situation<'a> {
    pub(super) fn of(
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
            closed: walk.closed.as_ref(),
            recorded,
            ours,
            line: None,
        }
    }

    pub(super) const fn at_line(mut self, line: &'a Act) -> Self {
        self.line = Some(line);
        self
    }

    fn us(&self) -> &Uid {
        &self.seat.identity.uid
    }

    fn role(&self) -> Option<Role> {
        self.plan.map(|plan| plan.role)
    }

    fn opening(&self) -> Option<&'a Opening> {
        self.plan.map(|plan| &plan.opening)
    }

    fn outcome(&self) -> Option<&'a Outcome> {
        self.view?.outcome()
    }

    fn is_ended(&self) -> bool {
        self.view.is_some_and(|view| view.is_ended())
    }

    fn recorded_error(&self) -> Option<&'a ErrorMsg> {
        self.recorded?.error()
    }

    /// Whether the line reports an error that no frame brought.
    fn is_local_error(&self) -> bool {
        let error = self.line.and_then(|line| line.value.get("error"));
        error.is_some_and(|error| error.get("relay_path").is_none())
    }

    /// Whether the line reports that the caller's own wait was cancelled.
    fn is_local_cancel(&self) -> bool {
        let error = self.line.and_then(|line| line.value.get("error"));
        error.is_some_and(is_cancellation)
    }

    /// Whether the ending was written before the line.
    fn ending_arrived(&self) -> bool {
        let Some(line) = self.line else { return false };
        self.seat.arrivals.iter().any(|arrival| {
            arrival.n < line.n
                && matches!(&arrival.what, Arrival::Frame(_, Some(sent))
                    if sent.cid == self.cid && matches!(sent.kind(), MsgKind::Return | MsgKind::Error))
        })
    }

    /// Whether the line reports an error that came with a frame of another dialog.
    fn is_foreign_error(&self) -> bool {
        let error = self.line.and_then(|line| line.value.get("error"));
        error.is_some_and(|error| {
            self.seat
                .memory
                .errors
                .iter()
                .any(|(when, known)| self.line.is_some_and(|line| *when < line.n) && is_about(error, known))
        })
    }

    /// Whether the line reports what was returned.
    fn returned_as_recorded(&self) -> bool {
        match (self.outcome(), self.line) {
            (Some(Outcome::Returned(Some(value))), Some(line)) => {
                crate::value::matches(&line.value, value.as_bytes())
            }
            _ => false,
        }
    }

    /// The error that the recorded frame passes on.
    fn relayed_error(&self) -> Option<&'a ErrorMsg> {
        let (_, path) = self.recorded_error()?.relay_path.split_last()?;
        let known = &self.seat.memory.errors;
        known.iter().map(|(_, error)| &**error).find(|error| !path.is_empty() && error.relay_path == path)
    }

    /// Whether the recorded frame names its sender as the source of an error it passes on.
    fn loses_source(&self) -> bool {
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

    fn is_spoofed(&self) -> bool {
        self.role() == Some(Role::Child)
            && self.opening().is_some_and(|opening| opening.uid != self.seat.peer)
    }

    fn has_unreadable_arrival(&self) -> bool {
        self.seat.arrivals.iter().any(|arrival| matches!(arrival.what, Arrival::Frame(_, None)))
    }

    /// An error of our own about this dialog.
    fn error(&self, type_name: &str) -> Option<Sent> {
        let error = ErrorMsg {
            src_uid: self.us().clone(),
            src_type_str: type_name.to_owned(),
            boxed_type_str: type_name.to_owned(),
            relay_path: vec![self.us().clone()],
            message: None,
            tb_str: String::new(),
            canceller: None,
            sender: None,
            cid: None,
            bad_msg: None,
            bad_msg_as_dict: None,
        };
        Some(Sent { cid: self.ours?.cid.clone(), body: Body::Error(Box::new(error)) })
    }

    fn is(&self, role: Role, kind: Kind) -> bool {
        self.plan.is_some_and(|plan| plan.role == role && plan.kind == kind)
    }
}

/// What a rule does about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The core's frame comes before the recorded one, or where there is none.
    Extra,
    /// The core's frame takes the place of the recorded one.
    Replaced,
}

/// What the reference does where a rule holds.
#[derive(Debug, Clone, Copy)]
pub enum Recorded {
    /// It sends nothing here.
    Nothing,
    /// It sends a cancel request.
    CancelRequest,
    /// It sends a message of this kind.
    Frame(MsgKind),
    /// It sends anything.
    Anything,
    /// Its application saw this.
    Line(&'static str),
}

/// What we do instead.
#[derive(Debug, Clone, Copy)]
pub enum Instead {
    /// We send nothing.
    Nothing,
    /// We send this first, then the same.
    First(fn(&Situation<'_>) -> Option<Sent>),
    /// We send this.
    This(fn(&Situation<'_>) -> Option<Sent>),
    /// Our application sees this.
    Seen(fn(&Situation<'_>) -> bool),
}

/// One difference that is on purpose.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Heading in `spec/deviations.md`.
    pub id: &'static str,
    /// When it holds, in words.
    pub when: &'static str,
    /// When it holds.
    pub holds: fn(&Situation<'_>) -> bool,
    /// What the reference does.
    pub recorded: Recorded,
    /// What we do.
    pub instead: Instead,
}

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        id: "D2",
        when: "the caller left its stream while items were unread, and the dialog goes on",
        holds: |s| s.facts.sent_stop && !s.is_ended(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.line.is_some_and(is_unresolved)),
    },
    Rule {
        id: "D3",
        when: "Return arrived while the parent's stream was open",
        holds: |s| s.facts.opened_stream && s.returned_as_recorded(),
        recorded: Recorded::Line("receive"),
        instead: Instead::Seen(|s| matches!(s.outcome(), Some(Outcome::Returned(_)))),
    },
    Rule {
        id: "D3",
        when: "Return arrived before Started",
        holds: |s| s.facts.ended && !s.facts.started,
        recorded: Recorded::Line("opened"),
        instead: Instead::Seen(|s| matches!(s.outcome(), Some(Outcome::Failed(Failure::Violation(_))))),
    },
    Rule {
        id: "D3",
        when: "Return arrived before Started, and the caller of the reference waited in vain",
        holds: |s| s.facts.ended && !s.facts.started && s.is_local_error(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| matches!(s.outcome(), Some(Outcome::Failed(Failure::Violation(_))))),
    },
    Rule {
        id: "D4",
        when: "the connection was lost, and the caller of the reference waited in vain",
        holds: |s| s.is_local_error(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| matches!(s.outcome(), Some(Outcome::Disconnected(_)))),
    },
    Rule {
        id: "D41",
        when: "the connection was lost, and the task of the reference ran on",
        holds: |s| s.role() == Some(Role::Child),
        recorded: Recorded::Line("raise"),
        instead: Instead::Seen(|s| matches!(s.outcome(), Some(Outcome::Disconnected(_)))),
    },
    Rule {
        id: "D41",
        when: "the connection was lost",
        holds: |s| matches!(s.closed, Some(CloseReason::Eof | CloseReason::Truncated | CloseReason::Reset)),
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D5",
        when: "the child's final frame was sent",
        holds: |s| s.role() == Some(Role::Child) && s.facts.ended,
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D6",
        when: "the caller's wait for a dialog that goes on is cancelled",
        holds: |s| {
            s.role() == Some(Role::Parent) && !s.is_ended() && s.is_local_cancel() && !s.ending_arrived()
        },
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.outcome().is_none()),
    },
    Rule {
        id: "D6",
        when: "the caller let go of a dialog that goes on",
        holds: |s| s.facts.released && !s.facts.ended && !s.facts.sent_cancel,
        recorded: Recorded::Nothing,
        instead: Instead::This(cancel_request),
    },
    Rule {
        id: "D11",
        when: "a runtime method that does not exist was asked for",
        holds: |s| {
            s.role() == Some(Role::Child)
                && s.opening().is_some_and(|opening| {
                    opening.ns == RUNTIME && RuntimeEndpoint::from_name(&opening.func).is_none()
                })
        },
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error("AttributeError")),
    },
    Rule {
        id: "D11",
        when: "the error of a task holds what cannot be encoded",
        holds: |s| s.role() == Some(Role::Child) && !s.facts.ended,
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error("MsgTypeError")),
    },
    Rule {
        id: "D12",
        when: "an error is passed on whose source the reference loses",
        holds: |s| s.role() == Some(Role::Child) && s.loses_source(),
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::This(relayed),
    },
    Rule {
        id: "D12",
        when: "the child found a value of the wrong type",
        holds: |s| {
            s.recorded_error().is_some_and(|error| error.relay_path == [s.us().clone(), s.us().clone()])
        },
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::This(|s| {
            let mut sent = s.recorded?.clone();
            if let Body::Error(error) = &mut sent.body {
                error.relay_path.pop();
            }
            Some(sent)
        }),
    },
    Rule {
        id: "D16",
        when: "the sender was told that it sends too fast",
        holds: |s| s.facts.sent_notice && s.recorded.is_some_and(|sent| s.seat.is_notice(sent)),
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D20",
        when: "the dialog has ended",
        holds: |s| s.facts.ended,
        recorded: Recorded::CancelRequest,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D20",
        when: "a cancel request for the dialog was sent",
        holds: |s| s.facts.sent_cancel,
        recorded: Recorded::CancelRequest,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D25",
        when: "the actor failed as a whole",
        holds: |s| s.recorded.is_some_and(|sent| sent.cid.is_none()),
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D25",
        when: "the peer reported that it failed as a whole",
        holds: |s| matches!(s.closed, Some(CloseReason::PeerFailed(_))),
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D25",
        when: "the peer reported that it failed as a whole",
        holds: |s| matches!(s.closed, Some(CloseReason::PeerFailed(_))),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| matches!(s.outcome(), Some(Outcome::Disconnected(_)))),
    },
    Rule {
        id: "D29",
        when: "an error of another dialog passes through the caller's block while the dialog goes on",
        holds: |s| s.role() == Some(Role::Parent) && !s.is_ended() && s.is_foreign_error(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.outcome().is_none()),
    },
    Rule {
        id: "D31",
        when: "a context child returns that neither sent nor took a Stop",
        holds: |s| {
            s.is(Role::Child, Kind::Context)
                && s.facts.started
                && !s.facts.sent_stop
                && !s.facts.took_stop
                && !s.facts.opened_stream
        },
        recorded: Recorded::Frame(MsgKind::Return),
        instead: Instead::First(|s| Some(Sent { cid: s.recorded?.cid.clone(), body: Body::Stop })),
    },
    Rule {
        id: "D32",
        when: "the child's Stop or ending was taken",
        holds: |s| s.role() == Some(Role::Parent) && (s.facts.took_stop || s.facts.ended),
        recorded: Recorded::Frame(MsgKind::Stop),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D32",
        when: "the parent's Stop was taken",
        holds: |s| s.role() == Some(Role::Child) && s.facts.took_stop,
        recorded: Recorded::Frame(MsgKind::Stop),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D33",
        when: "a frame arrived that is not one well-formed value, and none is forgiven",
        holds: |s| {
            matches!(s.closed, Some(CloseReason::Violation(PeerViolation::Rejected(rejected)))
                if rejected.fault == Fault::Malformed)
        },
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D34",
        when: "the id of a live dialog was used again",
        holds: |s| matches!(s.closed, Some(CloseReason::Violation(PeerViolation::CidReuse))),
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D36",
        when: "a Start with a readable id and a wrong field arrived",
        holds: |s| s.plan.is_none() && s.has_unreadable_arrival(),
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error("MsgTypeError")),
    },
    Rule {
        id: "D38",
        when: "a context child returns that sent no first value",
        holds: |s| s.is(Role::Child, Kind::Context) && !s.facts.started,
        recorded: Recorded::Frame(MsgKind::Return),
        instead: Instead::This(|s| s.error("RuntimeError")),
    },
    Rule {
        id: "D40",
        when: "a Start names another caller than the handshake",
        holds: |s| s.is_spoofed() && !s.facts.ended,
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error("RuntimeError")),
    },
    Rule {
        id: "D40",
        when: "a Start named another caller than the handshake and was refused",
        holds: |s| s.is_spoofed() && s.facts.ended,
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D40",
        when: "a Start named another caller than the handshake and was refused",
        holds: |s| s.is_spoofed(),
        recorded: Recorded::Line("task"),
        instead: Instead::Seen(|s| s.view.is_none()),
    },
    Rule {
        id: "D47",
        when: "a cancel request names a dialog that was never opened on this connection",
        holds: |s| s.plan.is_none(),
        recorded: Recorded::CancelRequest,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D48",
        when: "the 2025 reference waits for an outer dialog after its task left an inner one",
        holds: |s| {
            s.seat.identity.era == Era::March2025
                && s.facts.ended
                && s.line
                    .and_then(|line| line.value.get("error"))
                    .is_some_and(|error| type_name(error) == "AssertionError")
        },
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| matches!(s.outcome(), Some(Outcome::Returned(Some(_))))),
    },
];

fn cancel_request(s: &Situation<'_>) -> Option<Sent> {
    let opening = Opening {
        ns: RUNTIME.to_owned(),
        func: CANCEL_TASK.to_owned(),
        kwargs: cancel_kwargs(s.cid.as_deref()?),
        uid: s.us().clone(),
        pld_spec: ANY_PLD_SPEC.to_owned(),
    };
    Some(Sent { cid: s.ours?.cid.clone(), body: Body::Start(Box::new(opening)) })
}

/// What we pass on in place of the recorded frame: the received error, its source kept.
fn relayed(s: &Situation<'_>) -> Option<Sent> {
    let received = s.relayed_error()?;
    let mut path = received.relay_path.clone();
    path.push(s.us().clone());
    let error = ErrorMsg {
        boxed_type_str: "RemoteActorError".to_owned(),
        relay_path: path,
        message: None,
        tb_str: String::new(),
        ..received.clone()
    };
    Some(Sent { cid: s.recorded?.cid.clone(), body: Body::Error(Box::new(error)) })
}

/// The rule that explains a frame of the core where another one, or none, was recorded.
pub fn for_frame(situation: &Situation<'_>) -> Option<(&'static str, Effect)> {
    RULES.iter().find_map(|rule| {
        if !rule.is_recorded(situation) || !(rule.holds)(situation) {
            return None;
        }
        let ours = situation.ours?.clone().without_texts();
        let fits = |make: fn(&Situation<'_>) -> Option<Sent>| {
            make(situation).is_some_and(|sent| sent.without_texts() == ours)
        };
        match (rule.recorded, rule.instead) {
            (Recorded::Nothing, Instead::This(make)) if fits(make) => Some((rule.id, Effect::Extra)),
            (_, Instead::First(make)) if fits(make) => Some((rule.id, Effect::Extra)),
            (Recorded::CancelRequest | Recorded::Frame(_), Instead::This(make)) if fits(make) => {
                Some((rule.id, Effect::Replaced))
            }
            _ => None,
        }
    })
}

/// The rule that explains that the core does not send a recorded frame.
pub fn for_silence(situation: &Situation<'_>) -> Option<&'static str> {
    RULES
        .iter()
        .find(|rule| {
            matches!(rule.instead, Instead::Nothing) && rule.is_recorded(situation) && (rule.holds)(situation)
        })
        .map(|rule| rule.id)
}

/// The rule that explains another observation.
pub fn for_line(situation: &Situation<'_>) -> Option<&'static str> {
    let line = situation.line?;
    RULES
        .iter()
        .find(|rule| match (rule.recorded, rule.instead) {
            (Recorded::Line(action), Instead::Seen(seen)) => {
                action == line.action && (rule.holds)(situation) && seen(situation)
            }
            _ => false,
        })
        .map(|rule| rule.id)
}

impl Rule {
    fn is_recorded(&self, situation: &Situation<'_>) -> bool {
        match self.recorded {
            Recorded::Nothing => true,
            Recorded::CancelRequest => {
                situation.recorded.and_then(Sent::opening).is_some_and(|opening| opening.is_cancel_request())
            }
            Recorded::Frame(kind) => situation.recorded.is_some_and(|sent| sent.kind() == kind),
            Recorded::Anything => situation.recorded.is_some(),
            Recorded::Line(_) => false,
        }
    }
}
