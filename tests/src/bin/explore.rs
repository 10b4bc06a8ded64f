//! Searches worlds of real cores: `explore [NAME...]`, or all that are small.

use std::process::ExitCode;
use std::time::Instant;

use scipp_conformance::model::{Case, cases};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let Some(asked) = asked(&names) else { return ExitCode::FAILURE };
    let mut is_whole = true;
    for case in asked {
        let start = Instant::now();
        let found = case.explore();
        println!("{}: {found} ({:.1} s)", case.name, start.elapsed().as_secs_f64());
        if let Some((_, actions)) = &found.broken {
            is_whole = false;
            println!("{}", case.draw(actions));
        }
    }
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The cases of these names; a name without a case is a mistake.
fn asked(names: &[String]) -> Option<Vec<&'static Case>> {
    if names.is_empty() {
        return Some(cases::ALL.iter().filter(|case| case.size == cases::Size::Small).collect());
    }
    let of = |name: &String| {
        let case = cases::ALL.iter().find(|case| case.name == name);
        if case.is_none() {
            eprintln!("there is no case called {name}");
        }
        case
    };
    names.iter().map(of).collect()
}
