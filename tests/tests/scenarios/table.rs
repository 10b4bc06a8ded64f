//! `spec/scenarios.md`: what came of all scenarios.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::scenario::{Play, Scenario};
use crate::take::Take;
use crate::{SECTIONS, play};

/// The scenarios are numbered up to this one.
const LAST: u16 = 178;

const HEAD: &str = "\
# Scenarios

<!-- Written by tests/tests/scenarios; see the head of its main.rs. -->

Situations of one or several dialogs, each played between real cores: which frames go both ways, and how each dialog
ends at its parent and at its child. The words are those of [`dialog.md`](dialog.md). `P` is the parent of the first
dialog, `C` its child, other letters are further actors. Frames of one sender in a row stand together; `Yield x9` is
nine items in a row. The second dialog of a scenario is marked `#2`, one that there never was `#?`. A frame with `!` is
written by hand: our core refuses to send it; an end *by hand* has no core that ended. *own* is an error that this
end's task failed with. *fix* stands where the Python implementation loses data, hangs or dies and we do not
([`deviations.md`](deviations.md)); what its choices lead to is shown where a switch makes them ours.

Remarks name an earlier scenario that is the same, or that differs only by what the applications see.

The first column names the test: `cargo test -p scipp-conformance --test scenarios 016`. Tests over sockets, with
each driver, are those of `tests/tests/suite`.
";

/// Whether the committed table is what happens now, and every number is accounted for.
pub(crate) fn check() -> Result<(), String> {
    count()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/scenarios.md");
    let printed = print()?;
    if std::env::var_os("SCIPP_BLESS").is_some() {
        fs::write(&path, &printed).map_err(|error| error.to_string())?;
    }
    match fs::read_to_string(&path) {
        Ok(committed) if committed == printed => Ok(()),
        _ => Err("spec/scenarios.md is out of date; see the head of main.rs".to_owned()),
    }
}

fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    SECTIONS.iter().flat_map(|(_, scenarios)| *scenarios)
}

/// Each number once.
fn count() -> Result<(), String> {
    let mut numbers: Vec<_> = scenarios().map(|scenario| scenario.number).collect();
    numbers.sort_unstable();
    if numbers.iter().copied().eq(1..=LAST) { Ok(()) } else { Err(format!("not each once: {numbers:?}")) }
}

fn print() -> Result<String, String> {
    let mut text = HEAD.to_owned();
    let mut before: Vec<(u16, Vec<Take>)> = Vec::new();
    for (title, scenarios) in SECTIONS {
        let _ = write!(
            text,
            "\n## {title}\n\n| test | when | frames | at the parent | at the child | seen besides | rules | remarks |\n\
             |---|---|---|---|---|---|---|---|\n"
        );
        for scenario in *scenarios {
            let [ours, theirs] = play(scenario);
            row(&mut text, scenario, &ours, &theirs, &remarks(scenario, equal(&ours, &before))?);
            before.push((scenario.number, ours));
        }
    }
    Ok(text)
}

/// One line for each time that it was played.
fn row(text: &mut String, scenario: &Scenario, ours: &[Take], theirs: &[Take], remarks: &str) {
    let nothing = [Take::default()];
    let ours = if ours.is_empty() { &nothing } else { ours };
    for (at, take) in ours.iter().chain(theirs).enumerate() {
        let as_reference = if at < ours.len() { "" } else { "*as the reference* " };
        let (name, rules, remarks) = match at {
            0 => (format!("`{scenario}`"), scenario.rules, remarks),
            _ => Default::default(),
        };
        let frames = lines(take.turns().into_iter().map(|turn| format!("`{turn}`")));
        let [parent, child] = &take.outcomes;
        let (parent, child, sights) = (lines(parent), lines(child), lines(&take.sights));
        let when = format!("{as_reference}{}", take.variant);
        let when = when.trim_end();
        let _ = writeln!(
            text,
            "| {name} | {when} | {frames} | {parent} | {child} | {sights} | {rules} | {remarks} |"
        );
    }
}

fn lines(lines: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let lines: Vec<_> = lines.into_iter().map(|line| line.as_ref().to_owned()).collect();
    lines.join("<br>")
}

/// A scenario before this one that it differs from by nothing, or only by what the applications see.
fn equal(ours: &[Take], before: &[(u16, Vec<Take>)]) -> Option<String> {
    let like = |equal: fn(&Take, &Take) -> bool| {
        let mut before = before.iter().filter(|(_, takes)| !ours.is_empty() && takes.len() == ours.len());
        before.find(|(_, takes)| takes.iter().zip(ours).all(|(one, other)| equal(one, other)))
    };
    if let Some((number, _)) = like(Take::eq) {
        return Some(format!("the same as {number}"));
    }
    let (number, _) = like(Take::is_sent_and_ends_as)?;
    Some(format!("frames and outcomes as {number}"))
}

fn remarks(scenario: &Scenario, equal: Option<String>) -> Result<String, String> {
    let mut remarks = Vec::new();
    if scenario.is_fix {
        remarks.push("*fix*".to_owned());
    }
    if let Play::PythonOnly(why) = scenario.play {
        remarks.push(format!("Python only: {why}"));
    }
    remarks.extend(equal);
    for test in scenario.drivers {
        in_suite(test)?;
        remarks.push(format!("`{test}`"));
    }
    Ok(lines(remarks))
}

/// Whether there is such a test of the suite that both drivers run.
pub(crate) fn in_suite(test: &str) -> Result<(), String> {
    let missing = || format!("no such test of the suite: {test}");
    let (module, name) = test.split_once("::").ok_or_else(missing)?;
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let contains = |file: &str, what: &str| {
        let text = fs::read_to_string(suite.join(file)).unwrap_or_default();
        text.contains(what)
    };
    let is_there = contains("mod.rs", &format!("mod {module};"))
        && contains(&format!("{module}.rs"), &format!("#[test]\nfn {name}() {{"));
    if is_there { Ok(()) } else { Err(missing()) }
}
