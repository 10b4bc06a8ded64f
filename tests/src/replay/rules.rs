//! The differences that are on purpose.
//!
//! Each rule says when it holds, which frames the reference sends then, and exactly which frames we send
//! instead. Every id is a heading of `spec/deviations.md`, which says why.

use std::sync::Arc;

use scipp_proto::wire::{Kind, MsgKind};
use scipp_proto::phase::Role;
use scipp_proto::{CloseReason, DialogRef, Uid};

use super::seat::{Plan, Seat};
use super::sent::Sent;
use super::walk::{Facts, Walk};
use crate::transcript::Act;

/// What is known at a difference.
#[derive(Debug)]
pub struct Situation<'a> {
    /// Which end is played.
    pub seat: &'a Seat,
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
pub const RULES: &[Rule] = &[];

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
            Recorded::CancelRequest => situation
                .recorded
                .and_then(Sent::opening)
                .is_some_and(|opening| opening.is_cancel_request()),
            Recorded::Frame(kind) => situation.recorded.is_some_and(|sent| sent.kind() == kind),
            Recorded::Line(_) => false,
        }
    }
}
