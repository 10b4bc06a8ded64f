//! What was found, as a page.

use std::fmt::Write as _;

use scipp_conformance::model::cases::Size;
use scipp_conformance::model::{Case, Found, Reach, never, never_together};
use scipp_conformance::precedence::{Ended, Why, pairs};
use scipp_proto::phase::Phase;
use scipp_proto::tables::{self, Row};

const HEAD: &str = "\
# What the searches found

Written by `cargo run --release --manifest-path tests/model/Cargo.toml -- --bless`; without `--bless` the command fails
when something else is found. Every state that any order of verbs, arriving frames, cuts and deadlines leads to is
visited once, and all rules of `tests/src/world/check.rs` hold in each. A state *of the cores* is `Connection::hash_state`
of every core and the frames between them; a state is that with what has happened to each dialog and what its
applications may still do.
";

/// The page.
pub fn write(found: &[(&Case, Found)]) -> String {
    let mut text = String::from(HEAD);
    let mut reach = Reach::default();
    let mut total = [0, 0];
    text.push_str(
        "\n## Cases\n\n| case | what goes on | states | of the cores | steps |\n|---|---|---|---|---|\n",
    );
    for (case, one) in found.iter().filter(|(case, _)| case.size != Size::Stuck) {
        let of_cores = one.reach.cores.len();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {of_cores} | {} |",
            case.name, case.about, one.states, one.steps
        );
        total = [total[0] + one.states, total[1] + of_cores];
        reach.merge(&one.reach);
    }
    let _ = writeln!(text, "| all | | {} | {} | |", total[0], total[1]);
    stuck(&mut text, found);
    phases(&mut text, &reach);
    ends(&mut text, &reach);
    happenings(&mut text, &reach);
    lines(&mut text, &reach);
    text
}

fn stuck(text: &mut String, found: &[(&Case, Found)]) {
    text.push_str(
        "\n## What an ending needs\n\nThat the peer ends its task, or that the connection is lost in the end, or a \
         deadline. With one of them\nno dialog hangs (above); without any of them one does:\n\n\
         | case | what is missing | the shortest way to a dialog that hangs |\n|---|---|---|\n",
    );
    for (case, one) in found.iter().filter(|(case, _)| case.size == Size::Stuck) {
        let way = one.broken.as_ref().map(|(broken, way)| format!("{} steps: {}", way.len(), broken.text));
        let way = way.as_deref().unwrap_or("does not hang");
        let _ = writeln!(text, "| {} | {} | {way} |", case.name, case.about);
    }
}

fn phases(text: &mut String, reach: &Reach) {
    text.push_str(
        "\n## Phases\n\nStates by the phases of a dialog in them.\n\n\
         | kind | at the parent | at the child | states |\n|---|---|---|---|\n",
    );
    for (&(kind, parent, child), states) in &reach.phases {
        let child = child.map_or("no dialog yet, or released".into(), phase);
        let _ = writeln!(text, "| {kind:?} | {} | {child} | {states} |", phase(parent));
    }
}

fn phase(phase: Phase) -> String {
    match phase {
        Phase::Started { parent, child } => format!("started {parent:?}/{child:?}").to_lowercase(),
        Phase::Ended(end) => format!("ended {end:?}").to_lowercase(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn ends(text: &mut String, reach: &Reach) {
    text.push_str(
        "\n## Outcomes\n\nStates by how a dialog in them has ended.\n\n\
         | at the parent | at the child | states |\n|---|---|---|\n",
    );
    for (&(parent, child), states) in &reach.ends {
        let _ = writeln!(text, "| {} | {} | {states} |", ended(parent), ended(child));
    }
}

fn ended(ended: Ended) -> String {
    match ended {
        Ended::Failed(Why::Cancelled(actor)) => format!("failed: cancelled by actor {}", actor.0),
        Ended::Failed(why) => format!("failed: {why:?}").to_lowercase(),
        Ended::Cancelled { confirmed: false } => "cancelled, unconfirmed".into(),
        Ended::Cancelled { confirmed: true } => "cancelled".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn happenings(text: &mut String, reach: &Reach) {
    text.push_str(
        "\n## Precedence\n\nStates in which both have happened to a dialog, for each pair of `spec/precedence.md`.\n\n\
         | pair | states |\n|---|---|\n",
    );
    for (one, other) in pairs() {
        let states = reach.pairs.get(&(one, other)).copied().unwrap_or(0);
        let count = count(states, never_together((one, other)));
        let _ = writeln!(text, "| {}, {} | {count} |", one.text(), other.text());
    }
}

fn lines(text: &mut String, reach: &Reach) {
    text.push_str(
        "\n## The phase table\n\nSteps by the line of `spec/transitions.txt` that they took; crossed frames among \
         them.\n\n| kind | phase | from | what | steps |\n|---|---|---|---|---|\n",
    );
    for row in tables::rows() {
        let count = count(reach.tally.of(&row), never(&row));
        let Row { kind, from, signal, .. } = row;
        let _ = writeln!(text, "| {kind:?} | {} | {from:?} | {signal:?} | {count} |", phase(row.phase));
    }
}

/// The count, or why there is none.
fn count(count: u64, reason: Option<&str>) -> String {
    match (count, reason) {
        (0, Some(reason)) => format!("never: {reason}"),
        (0, None) => "never, WITHOUT A REASON".into(),
        _ => count.to_string(),
    }
}
