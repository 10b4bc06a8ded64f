//! Draws rules, breaks the functions that cite them, and runs the tests that cite them.
//!
//! `mutants TREE --seed N [--rules N] [--each N] [--dry]` breaks the sources in `TREE`, a copy that `tests/mutants/run`
//! makes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

use scipp_conformance::mutants::{Bench, Fate, Trial, draw, list};
use scipp_conformance::trace;

const USAGE: &str = "usage: mutants TREE --seed N [--rules N] [--each N] [--dry]";

/// Those whose functions the tests reach.
const PACKAGES: [&str; 3] = ["scipp-proto", "scipp-common", "scipp-blocking"];

/// Of a hundred defects that compile, so many have to be caught.
const LEAST: usize = 90;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse().ok()
    };
    let (Some(tree), Some(seed)) = (args.first(), number("--seed")) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let count = |name, default| number(name).and_then(|n| usize::try_from(n).ok()).unwrap_or(default);
    let (rules, each) = (count("--rules", 30), count("--each", 3));
    let is_dry = args.iter().any(|arg| arg == "--dry");
    match run(Path::new(tree), seed, rules, each, is_dry) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{tree}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(tree: &Path, seed: u64, rules: usize, each: usize, is_dry: bool) -> io::Result<bool> {
    let trials = draw(&trace::read(tree)?, &list(tree, &PACKAGES)?, seed, rules, each);
    if is_dry {
        trials.iter().for_each(plan);
        return Ok(true);
    }
    let bench = Bench::build(tree, &trials)?;
    println!("| rule | defects | caught | missed |\n|---|---|---|---|");
    let (mut caught, mut all, mut tried) = (0, 0, 0);
    for trial in &trials {
        let Some(fates) = bench.fates(tree, trial)? else {
            eprintln!("a test of {} fails without a defect", trial.rule);
            return Ok(false);
        };
        let of = |fate| fates.values().filter(|found| **found == fate).count();
        caught += of(Fate::Caught);
        let viable = of(Fate::Caught) + of(Fate::Missed);
        all += viable;
        tried += usize::from(viable > 0);
        row(trial, &fates, of(Fate::Caught));
    }
    println!("\nseed {seed}: {tried} rules, {caught} of {all} defects caught by a citing test");
    Ok(caught * 100 >= all * LEAST)
}

fn plan(trial: &Trial) {
    let names: Vec<String> = trial.tests.by_target().into_values().map(|names| names.join(" ")).collect();
    println!("{}: {}", trial.rule, names.join(" "));
    trial.mutants.iter().for_each(|mutant| println!("    {}", mutant.name));
}

fn row(trial: &Trial, fates: &BTreeMap<String, Fate>, caught: usize) {
    let missed = fates.iter().filter(|(_, fate)| **fate == Fate::Missed);
    let missed: Vec<String> = missed.map(|(name, _)| format!("`{name}`")).collect();
    println!("| {} | {} | {caught} | {} |", trial.rule, caught + missed.len(), missed.join("<br>"));
}
