//! Every situation of the catalogue, played between real cores: each a test named by its number.
//!
//! A scenario asserts every frame both ways and how each dialog ends at both ends; the stage sees to it that none
//! is left out. What came of them is `spec/scenarios.md`, which the test `table` compares with what happens now;
//! `SCIPP_BLESS=1 cargo test -p scipp-conformance --test scenarios table` writes it anew.

mod bites;
mod scenario;
mod stage;
mod table;
mod take;
mod words;

mod actors;
mod cancels;
mod debugger;
mod errors;
mod fan_out;
mod faults;
mod generators;
mod overruns;
mod payloads;
mod peers;
mod streams;
mod sync;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use scipp_proto::Config;

use crate::scenario::{Play, Scenario};
use crate::stage::Stage;
use crate::take::Take;

/// What the scenarios are about, in the order of their numbers.
const SECTIONS: &[(&str, &[Scenario])] = &[
    ("Opening, first values, results", sync::ALL),
    ("Streams", streams::ALL),
    ("Generators", generators::ALL),
    ("Overruns", overruns::ALL),
    ("Cancellation of dialogs, by either side", cancels::ALL),
    ("Cancellation of actors", actors::ALL),
    ("Several actors", peers::ALL),
    ("Calls, errors, and frames that nobody waits for", errors::ALL),
    ("Values of the wrong type", payloads::ALL),
    ("Faults", faults::ALL),
    ("Several readers of one stream", fan_out::ALL),
    ("One terminal for a tree of actors", debugger::ALL),
];

fn main() -> ExitCode {
    let scenarios = SECTIONS.iter().flat_map(|(_, scenarios)| *scenarios);
    let mut trials: Vec<_> = scenarios
        .filter(|scenario| matches!(scenario.play, Play::On(_)))
        .map(|scenario| {
            Trial::test(scenario.to_string(), || {
                play(scenario);
                Ok(())
            })
        })
        .collect();
    let bites = bites::ALL.iter().map(|&(name, word, check)| {
        Trial::test(format!("notices::{name}"), move || bites::run(word, check).map_err(Into::into))
    });
    trials.extend(bites);
    trials.push(Trial::test("table", || table::check().map_err(Into::into)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// What happens in it: by our rules, and with the reference's choices.
fn play(scenario: &Scenario) -> [Vec<Take>; 2] {
    let ours = match scenario.play {
        Play::On(play) => on_stage(Config::default(), play),
        Play::PythonOnly(_) => Vec::new(),
    };
    let theirs = scenario.as_reference.map(|play| on_stage(Config::reference(), play));
    [ours, theirs.unwrap_or_default()]
}

fn on_stage(config: Config, play: fn(&mut Stage)) -> Vec<Take> {
    let mut stage = Stage::new(config);
    play(&mut stage);
    stage.takes()
}
