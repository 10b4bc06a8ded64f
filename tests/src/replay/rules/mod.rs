//! The differences that are on purpose.
//!
//! Each rule says when it holds, what the reference sends or sees then, and exactly what we send or see
//! instead. Every id is a heading of `spec/deviations.md`, which says why and why that is compatible.

mod frames;
mod sights;
mod situation;

use scipp_proto::wire::MsgKind;

use super::sent::Sent;

pub use situation::Situation;

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
    /// It goes on sending, whatever it is.
    Anything,
    /// Its application does or sees this.
    Line(&'static str),
    /// Its application goes on, whatever it sees.
    AnyLine,
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
pub fn all() -> impl Iterator<Item = &'static Rule> {
    frames::RULES.iter().chain(sights::RULES)
}

/// The rule that explains a frame of the core where another one, or none, was recorded.
pub fn for_frame(situation: &Situation<'_>) -> Option<(&'static str, Effect)> {
    let ours = situation.ours?.clone().without_texts();
    frames::RULES.iter().find_map(|rule| {
        if !rule.is_recorded(situation) || !(rule.holds)(situation) {
            return None;
        }
        let (make, effect) = match (rule.recorded, rule.instead) {
            (Recorded::Nothing, Instead::This(make)) | (_, Instead::First(make)) => (make, Effect::Extra),
            (_, Instead::This(make)) => (make, Effect::Replaced),
            (_, Instead::Nothing | Instead::Seen(_)) => return None,
        };
        let fits = make(situation).is_some_and(|sent| sent.without_texts() == ours);
        fits.then_some((rule.id, effect))
    })
}

/// The rule that explains that the core does not send a recorded frame.
pub fn for_silence(situation: &Situation<'_>) -> Option<&'static str> {
    let fitting = frames::RULES.iter().find(|rule| {
        matches!(rule.instead, Instead::Nothing) && rule.is_recorded(situation) && (rule.holds)(situation)
    });
    fitting.map(|rule| rule.id)
}

/// The rule that explains another observation.
pub fn for_line(situation: &Situation<'_>) -> Option<&'static str> {
    let fitting = sights::RULES.iter().find(|rule| {
        let Instead::Seen(seen) = rule.instead else { return false };
        rule.is_recorded(situation) && (rule.holds)(situation) && seen(situation)
    });
    fitting.map(|rule| rule.id)
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
            Recorded::Line(action) => situation.line.is_some_and(|line| line.action == action),
            Recorded::AnyLine => situation.line.is_some(),
        }
    }
}
