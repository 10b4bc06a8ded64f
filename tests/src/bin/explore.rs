//! Searches worlds of real cores: `explore [NAME...]`, or all that are small.

use std::process::ExitCode;

use scipp_conformance::model::{Case, cases};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |case: &&Case| {
        if names.is_empty() {
            case.size == cases::Size::Small
        } else {
            names.iter().any(|name| name == case.name)
        }
    };
    let mut is_whole = true;
    for case in cases::ALL.iter().filter(is_asked) {
        let start = std::time::Instant::now();
        let found = case.explore();
        println!("{}: {found} ({:.1} s)", case.name, start.elapsed().as_secs_f64());
        if let Some((_, actions)) = &found.broken {
            is_whole = false;
            println!("{}", case.draw(actions));
        }
    }
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
