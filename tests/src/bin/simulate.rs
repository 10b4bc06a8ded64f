//! Networks of real cores under random applications and faulty links.
//!
//! `simulate --seeds A..B [--draw] [--complete]` runs the seeds and prints what was met. `--draw` prints what happened in
//! the last batch of each run as a sequence diagram, `--complete` fails if something that can happen was never met. A
//! seed that breaks a rule or panics is shown so, with the command that repeats it.

use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use lexopt::prelude::*;
use scipp_conformance::parallel::on_all;
use scipp_conformance::simulate::{Counts, Failure, run};

const USAGE: &str = "usage: simulate --seeds A..B [--draw] [--complete]";

/// Seeds of one piece of work.
const PIECE: u64 = 200;

struct Args {
    seeds: Range<u64>,
    is_drawn: bool,
    is_complete: bool,
}

fn parse(mut args: lexopt::Parser) -> Result<Args, lexopt::Error> {
    let (mut range, mut is_drawn, mut is_complete) = (None, false, false);
    while let Some(arg) = args.next()? {
        match arg {
            Long("seeds") => range = Some(args.value()?.parse_with(seeds)?),
            Long("draw") => is_drawn = true,
            Long("complete") => is_complete = true,
            arg => return Err(arg.unexpected()),
        }
    }
    Ok(Args { seeds: range.ok_or("--seeds is missing")?, is_drawn, is_complete })
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.filter(|range| !range.is_empty()).ok_or_else(|| "no range of seeds".to_owned())
}

fn main() -> ExitCode {
    let args = match parse(lexopt::Parser::from_env()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let start = Instant::now();
    let Range { start: from, end: to } = args.seeds;
    let pieces: Vec<u64> = (from..to).step_by(usize::try_from(PIECE).unwrap_or(1)).collect();
    let results = on_all(&pieces, |&piece| Piece::run(piece..to.min(piece + PIECE), args.is_drawn));
    let mut counts = Counts::default();
    let mut failed = 0;
    for piece in results {
        counts.merge(&piece.counts);
        failed += piece.failures.len();
        piece.diagrams.iter().for_each(|(seed, diagram)| println!("seed {seed}\n{diagram}"));
        piece.failures.iter().take(3).for_each(show);
    }
    println!("{counts}");
    let missing = counts.missing();
    println!("never met: {}", if missing.is_empty() { "nothing".to_owned() } else { missing.join("; ") });
    println!("{failed} seeds broke a rule, in {:.0} s", start.elapsed().as_secs_f64());
    let is_met = missing.is_empty() || !args.is_complete;
    if failed == 0 && is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What became of some seeds.
#[derive(Default)]
struct Piece {
    counts: Counts,
    /// Of those that passed, if they are drawn.
    diagrams: Vec<(u64, String)>,
    failures: Vec<Failure>,
}

impl Piece {
    fn run(seeds: Range<u64>, is_drawn: bool) -> Self {
        let mut piece = Self::default();
        for seed in seeds {
            match run(seed, is_drawn) {
                Ok(passed) => {
                    piece.counts.merge(&passed.counts);
                    piece.diagrams.extend(is_drawn.then_some((seed, passed.diagram)));
                }
                Err(failure) => piece.failures.push(*failure),
            }
        }
        piece
    }
}

/// Says what is wrong, and repeats the run to draw it.
fn show(failure: &Failure) {
    let Failure { seed, broken, .. } = failure;
    println!("seed {seed}: {broken}");
    if let Err(drawn) = run(*seed, true) {
        println!("{}", drawn.diagram);
    }
    let next = seed + 1;
    println!("cargo run --release -p scipp-conformance --bin simulate -- --seeds {seed}..{next} --draw");
}
