//! What holds after every step.

use scipp_proto::phase::Role;
use scipp_proto::{CloseReason, Config, DialogRef, Failure, Outcome, OverrunPolicy};

use super::{Dialog, End, Hung, Once, World};
use crate::bound;
use crate::precedence::{Actor, Ended, Why};

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Each end of a dialog ends exactly once.
    OneEnd,
    /// Nothing is sent for a dialog after its ending.
    Silence,
    /// Both ends report what the precedence table says, and the final frame is the one it says.
    Precedence,
    /// Every frame is within the emission contract.
    Contract,
    /// What one end may send is never illegal at the other, and no fitting verb is refused.
    Legal,
    /// No item, first value, result or text of an error is lost, on no end.
    Kept,
    /// Every request to cancel is answered once, after the final frame of its dialog.
    Answers,
    /// Memory is within its formula.
    Memory,
    /// What an application has to know is reported once, and nothing else.
    Told,
    /// Runs are finite: a measure falls with every step.
    Finite,
    /// When nothing can happen any more every dialog has ended at both ends.
    NoHang,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::OneEnd,
        Self::Silence,
        Self::Precedence,
        Self::Contract,
        Self::Legal,
        Self::Kept,
        Self::Answers,
        Self::Memory,
        Self::Told,
        Self::Finite,
        Self::NoHang,
    ];

    /// The rule as a sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::OneEnd => "each end of a dialog ends exactly once",
            Self::Silence => "nothing is sent after an ending",
            Self::Precedence => "final frames and outcomes are those of the precedence table",
            Self::Contract => "every frame is within the emission contract",
            Self::Legal => "what one end may send is never illegal at the other",
            Self::Kept => "nothing that an application sent is lost",
            Self::Answers => "every cancel request is answered once, after the final frame",
            Self::Memory => "memory is within its formula",
            Self::Told => "what an application has to know is reported once",
            Self::Finite => "a measure falls with every step",
            Self::NoHang => "when nothing can happen any more, every dialog has ended at both ends",
        }
    }
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}: {text}", rule.text())]
pub struct Broken {
    /// Which.
    pub rule: Rule,
    /// What was found.
    pub text: String,
}

impl Broken {
    pub(super) fn new(rule: Rule, text: impl Into<String>) -> Self {
        Self { rule, text: text.into() }
    }
}

/// Bytes of all items that one end of a dialog gets.
const ITEMS: usize = 16;

/// Unread items that a dialog may have.
pub(super) fn window(config: &Config, (items, policy): (usize, OverrunPolicy)) -> usize {
    match policy {
        OverrunPolicy::Buffer(more) => more.max(items),
        OverrunPolicy::Pause => items + config.pause_reserve,
        _ => items,
    }
}

fn ensure(holds: bool, rule: Rule, text: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::new(rule, text())) }
}

impl World {
    /// Checks one end of a link and all its dialogs.
    pub(super) fn check(&self, link: usize, side: usize) -> Result<(), Broken> {
        let mut records = 0;
        for (at, dialog) in self.dialogs.iter().enumerate().filter(|(_, one)| one.plan.link == link) {
            self.check_dialog(at, dialog.role(side))?;
            records += self.records(at, dialog.role(side));
        }
        self.check_end(self.end(link, side), records)
    }

    /// The records that one end may keep of a dialog: its own until it has ended and was let go of, and that of
    /// the request to cancel it until that is answered.
    fn records(&self, at: usize, role: Role) -> usize {
        let dialog = &self.dialogs[at];
        let (seat, end) = (dialog.seat(role), self.end(dialog.plan.link, dialog.side(role)));
        let is_kept = seat.id.is_some() && (!seat.is_released || dialog.is_live(role));
        let is_asking = seat.frames.has(Once::Request) && !seat.frames.has(Once::AnswerTaken);
        usize::from(is_kept) + usize::from(is_asking && !end.is_closed)
    }

    fn check_end(&self, end: &End, records: usize) -> Result<(), Broken> {
        let counters = end.conn.counters();
        ensure(counters.strays == 0 && counters.malformed == 0, Rule::Legal, || format!("{counters:?}"))?;
        let is_fair = match end.conn.close_reason() {
            None | Some(CloseReason::Local | CloseReason::TimedOut(_)) => true,
            Some(CloseReason::Eof) => end.hung != Hung::No,
            Some(CloseReason::Truncated | CloseReason::Reset) => end.hung == Hung::Cut,
            Some(_) => false,
        };
        ensure(is_fair, Rule::Legal, || format!("closed: {:?}", end.conn.close_reason()))?;
        ensure(end.is_closed == end.conn.is_closed(), Rule::OneEnd, || {
            format!("closed and not reported: {:?}", end.conn.close_reason())
        })?;
        ensure(end.mistyped == 0, Rule::Told, || format!("{} values were not reported", end.mistyped))?;
        self.check_memory(end, records)
    }

    /// An end keeps what it has to; one that has no dialogs, nothing but its buffers.
    fn check_memory(&self, end: &End, records: usize) -> Result<(), Broken> {
        let (config, unwritten, held) = (end.conn.config(), end.conn.unwritten(), end.held.len());
        ensure(unwritten == held, Rule::Memory, || format!("{unwritten} bytes unwritten instead of {held}"))?;
        let most = match records {
            0 => bound::empty(config, ITEMS * self.most_dialogs, 2 * self.most_dialogs),
            _ => bound::resting(config, records),
        };
        let memory = end.conn.memory() - unwritten;
        ensure(memory <= most, Rule::Memory, || {
            format!("{memory} bytes for {records} records are more than {most}")
        })
    }

    fn check_dialog(&self, at: usize, role: Role) -> Result<(), Broken> {
        let dialog = &self.dialogs[at];
        let seat = dialog.seat(role);
        let Some(id) = seat.id else { return Ok(()) };
        let end = self.end(dialog.plan.link, dialog.side(role));
        dialog.check_written(role, end)?;
        let Some(view) = end.conn.dialog(id) else {
            return ensure(seat.is_released, Rule::OneEnd, || "gone without being released".into());
        };
        dialog.check_verdict(role, &view)?;
        ensure(seat.unheard.is_empty(), Rule::Told, || format!("{:?} were not reported", seat.unheard))?;
        dialog.check_items(role, &view, end.conn.config())?;
        if let (Some(Outcome::Returned(value)), Role::Parent) = (view.outcome(), role) {
            let expected = self.expected_result(at);
            ensure(*value == expected, Rule::Kept, || format!("{value:?} instead of {expected:?}"))?;
        }
        Ok(())
    }
}

impl Dialog {
    /// What has to be written by now was.
    fn check_written(&self, role: Role, end: &End) -> Result<(), Broken> {
        let seat = self.seat(role);
        ensure(role == Role::Parent || self.due.is_none(), Rule::Precedence, || {
            format!("{:?} was due and did not go out", self.due)
        })?;
        // Every early exit asks, once. (D-15)
        let owes = role == Role::Parent && self.verdicts.has_asked() && !self.plan.is_actor_cancel;
        ensure(!owes || end.is_closed || seat.frames.has(Once::Request), Rule::Contract, || {
            "the parent has left and did not ask for the end".into()
        })?;
        ensure(seat.emitted == seat.sent, Rule::Kept, || {
            format!("of {} items that were sent {} went out", seat.sent, seat.emitted)
        })
    }

    /// What this end reports is what the rules of precedence say.
    fn check_verdict(&self, role: Role, view: &DialogRef<'_>) -> Result<(), Broken> {
        let (seat, verdicts) = (self.seat(role), &self.verdicts);
        let (failure, expected) = (verdicts.failure(role), verdicts.ended(role));
        if let Some(Failure::Violation(violation)) = view.error() {
            let is_broken = failure == Some(Why::Broken) || expected == Some(Ended::Failed(Why::Broken));
            ensure(is_broken, Rule::Legal, || violation.to_string())?;
        }
        if let Some(Failure::Remote(error)) = view.error() {
            ensure(!error.repaired, Rule::Kept, || format!("parts of an error are missing: {error:?}"))?;
        }
        let ended = view.outcome().map(Ended::of);
        ensure(ended == expected, Rule::Precedence, || {
            format!("the {role:?} reports {:?} instead of {expected:?}", view.outcome())
        })?;
        ensure(seat.endings == u8::from(view.is_ended()), Rule::OneEnd, || {
            format!("{} ends were reported of {:?}", seat.endings, view.phase())
        })?;
        let (named, expected) = (view.canceller().map(Actor::of), verdicts.canceller(role));
        ensure(named == expected, Rule::Precedence, || {
            format!("the {role:?} names {named:?} instead of {expected:?}")
        })?;
        if ended.is_some() {
            return Ok(());
        }
        ensure(view.error().is_some() == failure.is_some(), Rule::Precedence, || {
            format!("the {role:?} has {:?}", view.error())
        })?;
        let must_unwind = role == Role::Child && verdicts.is_told();
        ensure(view.must_unwind() == must_unwind, Rule::Precedence, || "told to end, or not".into())
    }

    /// Every item that came was taken, is unread, or was dropped and counted.
    fn check_items(&self, role: Role, view: &DialogRef<'_>, config: &Config) -> Result<(), Broken> {
        let seat = self.seat(role);
        let most = window(config, (config.inbox_items, config.overrun)).max(seat.window);
        let (taken, unread, dropped) = (seat.taken, view.unread(), view.dropped());
        ensure(unread <= most, Rule::Memory, || format!("{unread} unread are more than {most}"))?;
        let kept = u64::from(taken) + unread as u64 + dropped;
        ensure(kept == u64::from(seat.arrived), Rule::Kept, || {
            format!("{} items came: {taken} taken, {unread} unread, {dropped} dropped", seat.arrived)
        })
    }
}

impl World {
    /// What holds when nothing can happen any more: every dialog has ended at both ends, and what its
    /// parent asked for was answered; except a task that its application never ends, and its answer.
    ///
    /// # Errors
    ///
    /// A dialog that hangs.
    pub fn check_rest(&self) -> Result<(), Broken> {
        for (at, dialog) in self.dialogs.iter().enumerate() {
            for role in [Role::Parent, Role::Child] {
                let may_live = role == Role::Child && !dialog.plan.child.unwind;
                ensure(!dialog.is_live(role) || may_live, Rule::NoHang, || {
                    format!("the {role:?} of dialog {at} waits for ever")
                })?;
            }
            let parent = dialog.seat(Role::Parent);
            let child = dialog.seat(Role::Child);
            let link = &self.links[dialog.plan.link];
            let is_asked = parent.frames.has(Once::Request) && link.ends.iter().all(|end| !end.is_closed);
            let is_answered = child.frames.has(Once::RequestAnswered);
            let is_answered = is_answered || dialog.is_live(Role::Child);
            ensure(!is_asked || is_answered, Rule::NoHang, || {
                format!("dialog {at}: a request without answer")
            })?;
        }
        Ok(())
    }

    /// What falls with every step: first what the applications may still do, then what that has set off.
    pub fn measure(&self) -> (u32, u32) {
        let (mut verbs, mut weight) = (0, 0);
        for dialog in &self.dialogs {
            verbs += u32::from(dialog.cid.is_none());
            let waits = [dialog.seat(Role::Parent).gives_up_at, dialog.seat(Role::Parent).overdue_at];
            weight += waits.into_iter().map(|at| u32::from(at.is_some())).sum::<u32>();
            for role in [Role::Parent, Role::Child] {
                let (seat, may) = (dialog.seat(role), dialog.seat(role).may);
                verbs += u32::from(may.send) + u32::from(may.take) + u32::from(may.forged);
                let flags = [may.stop, may.cancel, may.fail_in_body, may.release, !seat.has_stream];
                verbs += flags.into_iter().map(u32::from).sum::<u32>();
            }
            let child = dialog.seat(Role::Child);
            verbs += u32::from(dialog.plan.is_actor_cancel && child.may.unwind);
            let steps = [Once::StartAck, Once::Started, Once::Final];
            let is_gone = dialog.verdicts.ended(Role::Child).is_some();
            verbs +=
                steps.into_iter().map(|step| u32::from(!is_gone && !child.frames.has(step))).sum::<u32>();
        }
        for link in &self.links {
            verbs += u32::from(link.cuts);
            for end in &link.ends {
                verbs += u32::from(end.closes) + 2 * u32::from(end.stalls) + u32::from(end.is_stalled);
                weight += end.weight(|frame| {
                    let dialog = frame.of.map(|at| &self.dialogs[at]);
                    dialog.is_some_and(|one| !std::ptr::eq(end, &link.ends[one.plan.opener]))
                });
            }
        }
        (verbs, weight)
    }
}
