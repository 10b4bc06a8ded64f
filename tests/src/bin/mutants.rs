//! Draws rules, breaks the functions that cite them, and runs the tests that cite them.
//!
//! `mutants TREE --seed N [--rules N] [--each N] [--dry]` breaks the sources in `TREE`, a copy that `tests/mutants/run`
//! makes. A rule of which no defect compiles does not count as one of those asked for.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use scipp_conformance::mutants::{Bench, Fate, Trial, draw, list};
use scipp_conformance::trace;

const USAGE: &str = "usage: mutants TREE --seed N [--rules N] [--each N] [--dry]";

/// Those whose functions the tests reach.
const PACKAGES: [&str; 3] = ["scipp-proto", "scipp-common", "scipp-blocking"];

/// Of a hundred defects that compile, so many have to be caught.
const LEAST: usize = 90;

struct Args {
    tree: PathBuf,
    seed: u64,
    rules: usize,
    each: usize,
    is_dry: bool,
}

fn parse(mut args: lexopt::Parser) -> Result<Args, lexopt::Error> {
    let (mut tree, mut seed, mut rules, mut each, mut is_dry) = (None, None, 30, 3, false);
    while let Some(arg) = args.next()? {
        match arg {
            Value(path) if tree.is_none() => tree = Some(path.into()),
            Long("seed") => seed = Some(args.value()?.parse()?),
            Long("rules") => rules = args.value()?.parse()?,
            Long("each") => each = args.value()?.parse()?,
            Long("dry") => is_dry = true,
            arg => return Err(arg.unexpected()),
        }
    }
    let tree = tree.ok_or("the tree is missing")?;
    Ok(Args { tree, seed: seed.ok_or("--seed is missing")?, rules, each, is_dry })
}

fn main() -> ExitCode {
    let args = match parse(lexopt::Parser::from_env()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", args.tree.display());
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> io::Result<bool> {
    let Args { tree, seed, rules, each, is_dry } = args;
    let drawn = draw(&trace::read(tree)?, &list(tree, &PACKAGES)?, *seed, *each);
    if *is_dry {
        drawn.iter().take(*rules).for_each(plan);
        return Ok(true);
    }
    let bench = Bench::build(tree, &drawn, *rules)?;
    println!("| rule | defects | caught | missed |\n|---|---|---|---|");
    let (mut caught, mut all) = (0, 0);
    for trial in &bench.trials {
        let Some(fates) = bench.fates(trial)? else {
            eprintln!("a test of {} fails without a defect", trial.rule);
            return Ok(false);
        };
        let of = |fate| fates.values().filter(|found| **found == fate).count();
        caught += of(Fate::Caught);
        all += of(Fate::Caught) + of(Fate::Missed);
        row(trial, &fates, of(Fate::Caught));
    }
    println!(
        "\nseed {seed}: {} rules, {caught} of {all} defects caught by a citing test",
        bench.trials.len()
    );
    Ok(all > 0 && caught * 100 >= all * LEAST)
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
