//! Networks of real cores under random applications and faulty links.
//!
//! `simulate --seeds A..B [--draw]`: runs the seeds and prints what was met; `--draw` prints what happened in the
//! last batch of each run as a sequence diagram. A seed that breaks a rule is shown so, with the command that repeats it.

use std::process::ExitCode;
use std::time::Instant;

use scipp_conformance::parallel::on_all;
use scipp_conformance::simulate::{Counts, Failure, run};

const USAGE: &str = "usage: simulate --seeds A..B [--draw]";

/// Seeds of one piece of work.
const PIECE: u64 = 200;

fn seeds(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once("..")?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from < to).then_some((from, to))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_drawn = args.iter().any(|arg| arg == "--draw");
    let range = args.iter().position(|arg| arg == "--seeds").and_then(|at| seeds(args.get(at + 1)?));
    let Some((from, to)) = range else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let start = Instant::now();
    let pieces: Vec<u64> = (from..to).step_by(usize::try_from(PIECE).unwrap_or(1)).collect();
    let results = on_all(&pieces, |&piece| piece_of(piece..to.min(piece + PIECE), is_drawn));
    let mut counts = Counts::default();
    let mut failed = 0;
    for (piece, failures) in results {
        counts.merge(&piece);
        failed += failures.len();
        for failure in failures.iter().take(3) {
            let Failure { seed, broken, .. } = failure;
            println!("seed {seed}: {broken}");
            if let Err(drawn) = run(*seed, true) {
                println!("{}", drawn.diagram);
            }
            let next = seed + 1;
            println!(
                "cargo run --release -p scipp-conformance --bin simulate -- --seeds {seed}..{next} --draw"
            );
        }
    }
    println!("{counts}");
    let missing = counts.missing();
    println!("never met: {}", if missing.is_empty() { "nothing".to_owned() } else { missing.join("; ") });
    println!("{failed} seeds broke a rule, in {:.0} s", start.elapsed().as_secs_f64());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn piece_of(seeds: std::ops::Range<u64>, is_drawn: bool) -> (Counts, Vec<Failure>) {
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    for seed in seeds {
        match run(seed, is_drawn) {
            Ok(one) => counts.merge(&one),
            Err(failure) => failures.push(*failure),
        }
    }
    (counts, failures)
}
