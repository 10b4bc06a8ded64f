//! The three tables of [`phase`](crate::phase) as text, for the specification and for tools.

use alloc::{format, string::String, vec::Vec};
use core::fmt::Write as _;

use crate::phase::{
    CancelPhase, CancelSignal, End, Half, Phase, Role, Signal, State, Stream, Trouble, Verdict, cancel,
    state, step,
};
use crate::wire::Kind;

const ROLES: [Role; 2] = [Role::Child, Role::Parent];
const HALVES: [Half; 2] = [Half::Open, Half::Stopped];
const ENDS: [End; 4] = [End::Returned, End::Failed, End::Unconfirmed, End::Disconnected];

/// A move that is legal, or harmless when received: one line of the printed table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    /// Kind of the dialog.
    pub kind: Kind,
    /// Phase before.
    pub phase: Phase,
    /// Who sends.
    pub from: Role,
    /// What.
    pub signal: Signal,
    /// The judgement.
    pub verdict: Verdict,
}

/// Every phase.
pub fn phases() -> Vec<Phase> {
    let started =
        HALVES.iter().flat_map(|&parent| HALVES.iter().map(move |&child| Phase::Started { parent, child }));
    let ended = ENDS.iter().map(|&end| Phase::Ended(end));
    [Phase::Requested, Phase::Accepted].into_iter().chain(started).chain(ended).collect()
}

/// Every signal.
pub fn signals() -> Vec<Signal> {
    let acks = Kind::ALL.into_iter().map(Signal::StartAck);
    let rest = [
        Signal::Started,
        Signal::Yield,
        Signal::Stop,
        Signal::Return,
        Signal::CancelAck,
        Signal::Error,
        Signal::Notice,
        Signal::Unconfirmed,
        Signal::Void,
        Signal::Lost,
    ];
    acks.chain(rest).collect()
}

/// Every move: all kinds, phases, roles and signals.
pub fn moves() -> impl Iterator<Item = Row> {
    Kind::ALL.into_iter().flat_map(|kind| {
        phases().into_iter().flat_map(move |phase| {
            ROLES.into_iter().flat_map(move |from| {
                signals().into_iter().map(move |signal| {
                    let verdict = step(kind, phase, from, signal);
                    Row { kind, phase, from, signal, verdict }
                })
            })
        })
    })
}

/// The lines of the printed table: moves that are not illegal, the ended phases apart (there every move
/// crosses), and apart from phases that a kind never reaches.
pub fn rows() -> impl Iterator<Item = Row> {
    moves().filter(|row| {
        !row.phase.is_ended()
            && is_reachable(row.kind, row.phase)
            && !matches!(row.verdict, Verdict::Illegal(_))
    })
}

/// Whether a dialog of this kind can be in this phase.
pub fn is_reachable(kind: Kind, phase: Phase) -> bool {
    let mut reached: Vec<Phase> = alloc::vec![Phase::Requested];
    let mut next = 0;
    while let Some(&from) = reached.get(next) {
        next = next.saturating_add(1);
        for to in moves().filter(|row| row.kind == kind && row.phase == from) {
            if let Verdict::To(to) = to.verdict {
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
        }
    }
    reached.contains(&phase)
}

impl Row {
    /// The line, without what a test adds to it.
    pub fn text(&self) -> String {
        let Self { kind, phase, from, signal, verdict } = *self;
        let to = match verdict {
            Verdict::To(to) if to == phase => String::from("same"),
            Verdict::To(to) => phase_text(to),
            Verdict::Crossed => String::from("crossed"),
            Verdict::Illegal(_) => String::from("illegal"),
        };
        let [kind, from, signal] = [format!("{kind:?}"), format!("{from:?}"), format!("{signal:?}")];
        format!("{kind:<9}  {:<23}  {from:<6}  {signal:<19}  {to}", phase_text(phase))
    }
}

fn phase_text(phase: Phase) -> String {
    match phase {
        Phase::Requested => String::from("requested"),
        Phase::Accepted => String::from("accepted"),
        Phase::Started { parent, child } => format!("started {parent:?}/{child:?}").to_lowercase(),
        Phase::Ended(end) => format!("ended {end:?}").to_lowercase(),
    }
}

/// The cancel machine: what is sent and where it goes.
pub fn cancel_text() -> String {
    let mut text = String::new();
    for from in [CancelPhase::Idle, CancelPhase::Requested, CancelPhase::Acked] {
        for signal in [CancelSignal::Request, CancelSignal::Ack] {
            for (live, phase) in [("live", Phase::Requested), ("ended", Phase::Ended(End::Returned))] {
                let to = cancel(phase, from, signal).map_or(String::from("nothing"), |to| format!("{to:?}"));
                let [from, signal] = [format!("{from:?}"), format!("{signal:?}")];
                let _ = writeln!(text, "{from:<9}  {live:<5}  {signal:<7}  {to}");
            }
        }
    }
    text.to_lowercase()
}

/// The words for each side's state, as a table of all that decides them.
pub fn state_text() -> String {
    let troubles = [Trouble::None, Trouble::Error, Trouble::BySelf, Trouble::ByPeer, Trouble::ByActor];
    let mut text = String::new();
    for role in [Role::Parent, Role::Child] {
        for phase in phases() {
            for stream in [Stream::None, Stream::Open, Stream::Closed] {
                let words = troubles.map(|trouble| state(role, phase, stream, trouble)).map(State::as_str);
                let [role, stream] = [format!("{role:?}"), format!("{stream:?}")];
                let words = words.map(|word| format!("{word:<18}")).join("  ");
                let line = format!("{role:<6}  {:<23}  {stream:<6}  {words}", phase_text(phase));
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
    }
    text
}
