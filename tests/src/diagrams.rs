//! The tables of the core as state diagrams.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use scipp_proto::phase::{
    CancelPhase, CancelSignal, End, Half, Phase, Role, Signal, Stream, Trouble, Verdict, cancel, state,
};
use scipp_proto::tables;
use scipp_proto::wire::Kind;

/// The page with all diagrams, as Markdown.
pub fn page() -> String {
    let mut page = String::from(
        "# State diagrams\n\n\
         Generated from the tables that [`transitions.txt`](transitions.txt) prints; see `tests/tests/diagrams.rs`. *P* is\n\
         the parent, *C* the child. Moves that cross or are illegal are left out.\n\n\
         ## Phases of a dialog\n",
    );
    for kind in Kind::ALL {
        let _ = write!(page, "\n### {kind:?}\n\n{}", phases(kind).print("live"));
        let _ = writeln!(page, "\nThe phase stays as it is at: {}.", still(kind));
    }
    let _ = write!(page, "\n## A cancel request\n\n{}", cancel_request().print(""));
    page.push_str("\n## Words for where a side is\n");
    for role in [Role::Parent, Role::Child] {
        let _ = write!(page, "\n### {role:?} of a context\n\n{}", words(role).print("no end yet"));
    }
    page
}

/// States by name, and the labels of each edge. What leads from each of the inner states to the same one is
/// drawn once.
#[derive(Debug, Default)]
struct Diagram {
    first: String,
    inner: BTreeSet<String>,
    edges: BTreeMap<(String, String), Vec<String>>,
}

impl Diagram {
    fn edge(&mut self, from: String, to: String, label: String) {
        let labels = self.edges.entry((from, to)).or_default();
        if !labels.contains(&label) {
            labels.push(label);
        }
    }

    /// The labels with which every inner state leads to `to`.
    fn shared(&self, to: &str) -> Vec<String> {
        let mut each = self.inner.iter().map(|from| self.edges.get(&(from.clone(), to.to_owned())));
        let first = each.next().flatten().cloned().unwrap_or_default();
        each.fold(first, |shared, labels| {
            shared.into_iter().filter(|label| labels.is_some_and(|labels| labels.contains(label))).collect()
        })
    }

    /// As Mermaid text; the inner states stand in one named `around`.
    fn print(&self, around: &str) -> String {
        let declared = |is_inner: bool| -> String {
            let names: BTreeSet<&String> = self.edges.keys().flat_map(|(from, to)| [from, to]).collect();
            let named = names.into_iter().filter(|name| id(name) != **name);
            named
                .filter(|name| self.inner.contains(*name) == is_inner)
                .map(|name| format!("state \"{name}\" as {}\n", id(name)))
                .collect()
        };
        let outer: BTreeMap<&str, Vec<String>> = self
            .edges
            .keys()
            .filter(|(_, to)| !around.is_empty() && !self.inner.contains(to))
            .map(|(_, to)| (to.as_str(), self.shared(to)))
            .collect();
        let mut inside = format!("{}[*] --> {}\n", declared(true), id(&self.first));
        let mut outside = declared(false);
        for ((from, to), labels) in &self.edges {
            let shared = outer.get(to.as_str()).map_or(&[][..], Vec::as_slice);
            let own: Vec<&str> =
                labels.iter().filter(|label| !shared.contains(label)).map(String::as_str).collect();
            let side = if self.inner.contains(to) { &mut inside } else { &mut outside };
            if !own.is_empty() {
                let _ = writeln!(side, "{} --> {}: {}", id(from), id(to), own.join(", "));
            }
        }
        for (to, labels) in outer.iter().filter(|(_, labels)| !labels.is_empty()) {
            let _ = writeln!(outside, "{} --> {}: {}", id(around), id(to), labels.join(", "));
        }
        let mut text = String::from("```mermaid\nstateDiagram-v2\n");
        if around.is_empty() {
            text.extend(inside.lines().map(|line| format!("    {line}\n")));
        } else {
            let _ = writeln!(text, "    state \"{around}\" as {} {{", id(around));
            text.extend(inside.lines().map(|line| format!("        {line}\n")));
            text.push_str("    }\n");
        }
        text.extend(outside.lines().map(|line| format!("    {line}\n")));
        text + "```\n"
    }
}

fn id(name: &str) -> String {
    name.replace(|c: char| !c.is_alphanumeric(), "_")
}

fn phases(kind: Kind) -> Diagram {
    let mut diagram = Diagram { first: phase_name(Phase::Requested), ..Diagram::default() };
    for row in tables::rows().filter(|row| row.kind == kind) {
        diagram.inner.insert(phase_name(row.phase));
        let Verdict::To(to) = row.verdict else { continue };
        if to != row.phase || row.signal == Signal::Yield {
            diagram.edge(phase_name(row.phase), phase_name(to), signal_name(row.from, row.signal));
        }
    }
    diagram
}

/// What may come in a phase and leaves it as it is, items apart.
fn still(kind: Kind) -> String {
    let rows = tables::rows().filter(|row| row.kind == kind && row.signal != Signal::Yield);
    let names: BTreeSet<String> = rows
        .filter(|row| row.verdict == Verdict::To(row.phase))
        .map(|row| signal_name(row.from, row.signal))
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn phase_name(phase: Phase) -> String {
    match phase {
        Phase::Requested => "requested",
        Phase::Accepted => "accepted",
        Phase::Started { parent: Half::Open, child: Half::Open } => "started",
        Phase::Started { parent: Half::Stopped, child: Half::Open } => "stopped by P",
        Phase::Started { parent: Half::Open, child: Half::Stopped } => "stopped by C",
        Phase::Started { parent: Half::Stopped, child: Half::Stopped } => "stopped by both",
        Phase::Ended(End::Returned) => "returned",
        Phase::Ended(End::Failed) => "failed",
        Phase::Ended(End::Unconfirmed) => "cancelled, unconfirmed",
        Phase::Ended(End::Disconnected) => "disconnected",
    }
    .to_owned()
}

fn signal_name(from: Role, signal: Signal) -> String {
    let who = if from == Role::Parent { "P" } else { "C" };
    match signal {
        Signal::Lost => "the connection is lost".to_owned(),
        Signal::Unconfirmed => "C CancelAck, no final frame".to_owned(),
        Signal::Void => "C Return out of place".to_owned(),
        Signal::Notice => format!("{who} notice"),
        Signal::StartAck(_) => format!("{who} StartAck"),
        Signal::Started
        | Signal::Yield
        | Signal::Stop
        | Signal::Return
        | Signal::CancelAck
        | Signal::Error => format!("{who} {signal:?}"),
    }
}

fn cancel_request() -> Diagram {
    let mut diagram = Diagram { first: "idle".to_owned(), ..Diagram::default() };
    let name = |phase: CancelPhase| format!("{phase:?}").to_lowercase();
    for from in [CancelPhase::Idle, CancelPhase::Requested, CancelPhase::Acked] {
        diagram.inner.insert(name(from));
        for (signal, what) in [(CancelSignal::Request, "creq"), (CancelSignal::Ack, "CancelAck")] {
            let live = cancel(Phase::Requested, from, signal);
            let ended = cancel(Phase::Ended(End::Returned), from, signal);
            let label = if live == ended { what.to_owned() } else { format!("{what}, unless it has ended") };
            if let Some(to) = live {
                diagram.edge(name(from), name(to), label);
            }
        }
    }
    diagram
}

/// A side without trouble moves with the frames and opens its stream; trouble may come at any time before the end.
fn words(role: Role) -> Diagram {
    let word = |(phase, stream), trouble| state(role, phase, stream, trouble).as_str().to_owned();
    let start = (Phase::Requested, Stream::None);
    let mut diagram = Diagram { first: word(start, Trouble::None), ..Diagram::default() };
    let mut reached = vec![start];
    let mut next = 0;
    while let Some(&from) = reached.get(next) {
        next += 1;
        diagram.inner.insert(word(from, Trouble::None));
        for (trouble, label) in troubles(role) {
            diagram.edge(word(from, Trouble::None), word(from, trouble), label.to_owned());
        }
        for (to, label) in moves(from) {
            let (name, next_name) = (word(from, Trouble::None), word(to, Trouble::None));
            if name != next_name && (!to.0.is_ended() || to.0 == Phase::Ended(End::Returned)) {
                diagram.edge(name, next_name, label);
            }
            if !to.0.is_ended() && !reached.contains(&to) {
                reached.push(to);
            }
        }
    }
    diagram
}

/// Only tasks end with their actor: a parent is none.
fn troubles(role: Role) -> impl Iterator<Item = (Trouble, &'static str)> {
    let all = [
        (Trouble::Error, "an error, or the connection is lost"),
        (Trouble::BySelf, "cancelled by itself"),
        (Trouble::ByPeer, "cancelled by or through the other side"),
        (Trouble::ByActor, "cancelled with its actor"),
    ];
    all.into_iter().filter(move |(trouble, _)| role == Role::Child || *trouble != Trouble::ByActor)
}

type Where = (Phase, Stream);

fn moves((phase, stream): Where) -> Vec<(Where, String)> {
    let rows = tables::rows().filter(|row| row.kind == Kind::Context && row.phase == phase);
    let mut moves: Vec<_> = rows
        .filter_map(|row| {
            let Verdict::To(to) = row.verdict else { return None };
            let is_over = to.is_stopped() || to.is_ended();
            let next = if stream == Stream::Open && is_over { Stream::Closed } else { stream };
            Some(((to, next), signal_name(row.from, row.signal)))
        })
        .collect();
    if stream == Stream::None && matches!(phase, Phase::Started { .. }) {
        let next = if phase.is_stopped() { Stream::Closed } else { Stream::Open };
        let label = if phase.is_stopped() { "opens its stream after a Stop" } else { "opens its stream" };
        moves.push(((phase, next), label.to_owned()));
    }
    moves
}
