//! Searches every case with stateright and compares what was found with `report.md`.
//!
//! `cargo run --release --manifest-path tests/model/Cargo.toml [-- --bless]`: all cases; `--bless` writes the report
//! anew. A broken rule is shown as a sequence diagram of the shortest way there.

mod report;
mod walk;

use std::process::ExitCode;
use std::time::Instant;

use scipp_conformance::model::cases::{ALL, Size};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_blessed = args == ["--bless"];
    if !is_blessed && !args.is_empty() {
        eprintln!("usage: scipp-model [--bless]");
        return ExitCode::FAILURE;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found = Vec::new();
    let mut is_whole = true;
    for case in ALL {
        let start = Instant::now();
        // With one thread the first way found is the shortest.
        let one = walk::search(case, if case.size == Size::Stuck { 1 } else { threads });
        println!("{}: {one} ({:.1} s)", case.name, start.elapsed().as_secs_f64());
        if one.broken.is_some() != (case.size == Size::Stuck) {
            is_whole = false;
            let drawn = one.broken.as_ref().map(|(_, actions)| case.draw(actions));
            println!("{}", drawn.as_deref().unwrap_or("does not hang"));
        }
        found.push((case, one));
    }
    let text = report::write(&found);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/report.md");
    if is_blessed {
        std::fs::write(path, &text).expect("a writable checkout");
    } else if std::fs::read_to_string(path).ok().as_deref() != Some(&text) {
        is_whole = false;
        println!("the report has changed; --bless writes it anew\n{text}");
    }
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
