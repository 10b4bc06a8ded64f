//! All tests, run and reported as the standard harness does it, which cannot skip a test while it runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use lexopt::prelude::*;
use scipp_conformance::parallel::on_all;

use crate::bites::{self, Bite};
use crate::case::{Case, Role, Setting, Transport};
use crate::ours::DRIVERS;
use crate::stage::{self, LIMIT};
use crate::table::Scenario;

const VARIABLE: &str = "SCIPP_TRACTOR_PYTHON";

/// The Python side.
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/peer.py");

pub(crate) fn main() -> ExitCode {
    let choice = match Choice::parse(lexopt::Parser::from_env()) {
        Ok(choice) => choice,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let all = tests();
    let python = Python(std::env::var_os(VARIABLE).map(PathBuf::from));
    let is_chosen = |test: &Test| choice.includes(&test.to_string(), python.ignores(test));
    let chosen: Vec<_> = all.iter().copied().filter(is_chosen).collect();
    if choice.list {
        chosen.iter().for_each(|test| println!("{test}: test"));
        return ExitCode::SUCCESS;
    }

    println!("\nrunning {} tests", chosen.len());
    let began = Instant::now();
    let verdicts = on_all(&chosen, |&test| (test, python.run(test)));
    python.report(&verdicts);
    let count = |wanted: Verdict| verdicts.iter().filter(|(_, verdict)| *verdict == wanted).count();
    let failed = count(Verdict::Failed);
    println!(
        "\ntest result: {}. {} passed; {failed} failed; {} ignored; 0 measured; {} filtered out; \
         finished in {:.2}s\n",
        if failed == 0 { "ok" } else { "FAILED" },
        count(Verdict::Passed),
        count(Verdict::Ignored),
        all.len() - chosen.len(),
        began.elapsed().as_secs_f64(),
    );
    // As the standard harness does.
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// What the command line asks for: those of the standard options that choose tests.
#[derive(Debug, Default)]
struct Choice {
    list: bool,
    exact: bool,
    only_ignored: bool,
    filters: Vec<String>,
    skip: Vec<String>,
}

impl Choice {
    fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut choice = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Value(filter) => choice.filters.push(filter.string()?),
                Long("skip") => choice.skip.push(parser.value()?.string()?),
                Long("exact") => choice.exact = true,
                Long("list") => choice.list = true,
                Long("ignored") => choice.only_ignored = true,
                // How it looks is not for choice.
                Long("format" | "color" | "test-threads") => drop(parser.value()?),
                Long("include-ignored" | "nocapture" | "no-capture" | "show-output" | "quiet") => {}
                Short('q') => {}
                other => return Err(other.unexpected()),
            }
        }
        Ok(choice)
    }

    fn includes(&self, name: &str, is_ignored: bool) -> bool {
        let matches = |filter: &String| if self.exact { name == filter } else { name.contains(filter) };
        (self.filters.is_empty() || self.filters.iter().any(matches))
            && !self.skip.iter().any(matches)
            && (is_ignored || !self.only_ignored)
    }
}

/// One test.
#[derive(Debug, Clone, Copy)]
enum Test {
    Live(Case),
    Bite(&'static Bite),
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(case) => case.fmt(f),
            Self::Bite(bite) => write!(f, "bites::{}", bite.name),
        }
    }
}

/// The bites, and driver x role x transport x scenario.
fn tests() -> Vec<Test> {
    let cases =
        settings().into_iter().flat_map(|setting| Scenario::ALL.map(|scenario| Case { setting, scenario }));
    bites::ALL.iter().map(Test::Bite).chain(cases.map(Test::Live)).collect()
}

fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for driver in &DRIVERS {
        for ours in [Role::Parent, Role::Child] {
            settings.extend(Transport::ALL.map(|transport| Setting { driver, ours, transport }));
        }
    }
    settings
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Ignored,
}

/// The Python to test with, if there is one.
#[derive(Debug)]
struct Python(Option<PathBuf>);

impl Python {
    fn ignores(&self, test: &Test) -> bool {
        self.0.is_none() && matches!(test, Test::Live(_))
    }

    fn run(&self, test: Test) -> Verdict {
        let result = match (test, &self.0) {
            (Test::Bite(bite), _) => bites::run(bite),
            (Test::Live(case), Some(python)) => stage::play(case, &|| peer(python), LIMIT),
            (Test::Live(_), None) => {
                println!("test {test} ... ignored, {VARIABLE} is not set");
                return Verdict::Ignored;
            }
        };
        match result {
            Ok(()) => {
                println!("test {test} ... ok");
                Verdict::Passed
            }
            Err(error) => {
                println!("test {test} ... FAILED\n{error}\n");
                Verdict::Failed
            }
        }
    }

    /// Prints the table of live cases: one line a scenario, one column a setting.
    fn report(&self, verdicts: &[(Test, Verdict)]) {
        let Some(python) = &self.0 else { return };
        let versions = match peer(python).arg("versions").output() {
            Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        println!("\n{versions}");
        let settings = settings();
        let heads = settings.iter().map(|setting| format!("  {setting}"));
        println!("{:22}{}", "", heads.collect::<String>());
        for scenario in Scenario::ALL {
            let cells = settings.iter().map(|&setting| {
                let name = Case { setting, scenario }.to_string();
                let verdict = verdicts.iter().find(|(test, _)| test.to_string() == name);
                let cell = match verdict {
                    Some((_, Verdict::Passed)) => "ok",
                    Some(_) => "FAILED",
                    None => "not run",
                };
                format!("  {cell:width$}", width = setting.to_string().len())
            });
            println!("{:22}{}", scenario.name(), cells.collect::<String>().trim_end());
        }
    }
}

/// The Python side; no byte code is left beside it.
fn peer(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-B", PEER]);
    command
}
