//! Calls of cargo.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use serde::Deserialize;

use super::{Mutant, Tests, Trial};

/// What became of a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// A citing test failed, or did not end.
    Caught,
    /// All citing tests passed.
    Missed,
    /// It does not compile.
    Unviable,
}

/// Fates by the names of the defects.
pub type Outcomes = BTreeMap<String, Fate>;

impl Tests {
    fn args(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().map(String::as_str);
        self.targets.iter().map(String::as_str).chain(["--"]).chain(names)
    }
}

/// Whether the citing tests of all `trials` pass in the tree at `root`, without a defect.
///
/// # Errors
///
/// Cargo cannot be run.
pub fn baseline(root: &Path, trials: &[Trial]) -> io::Result<bool> {
    for trial in trials {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(root).args(["test", "--quiet"]).stdout(Stdio::null());
        for package in &trial.tests.packages {
            cargo.args(["--package", package]);
        }
        if !cargo.args(trial.tests.args()).status()?.success() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[derive(Deserialize)]
struct Report {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Named),
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Puts each defect of a trial into the tree at `root`, one at a time, and runs the citing tests.
///
/// # Errors
///
/// Cargo cannot be run, or says what is not understood.
pub fn fates(root: &Path, trial: &Trial) -> io::Result<Outcomes> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(["mutants", "--in-place", "--baseline=skip", "--timeout=300", "--no-times"]);
    cargo.stdout(Stdio::null());
    for mutant in &trial.mutants {
        let pattern = format!("^{}$", escaped(&mutant.name));
        cargo.args(["--package", mutant.package(), "--file", mutant.file(), "--re", &pattern]);
    }
    for package in &trial.tests.packages {
        cargo.args(["--test-package", package]);
    }
    // Its exit code only repeats what stands in its report.
    let _code = cargo.arg("--").args(trial.tests.args()).status()?;
    let report: Report = serde_json::from_slice(&fs::read(root.join("mutants.out/outcomes.json"))?)?;
    let named = report.outcomes.into_iter().filter_map(|outcome| match outcome.scenario {
        Scenario::Mutant(mutant) => Some((mutant.name, fate(&outcome.summary))),
        Scenario::Baseline => None,
    });
    Ok(named.collect())
}

fn fate(summary: &str) -> Fate {
    match summary {
        "CaughtMutant" | "Timeout" => Fate::Caught,
        "Unviable" => Fate::Unviable,
        _ => Fate::Missed,
    }
}

/// A pattern that matches this text alone.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }).collect()
}

/// The defects that cargo can make in the tree at `root`.
///
/// # Errors
///
/// Cargo cannot be run, or says what is not understood.
pub fn list(root: &Path, packages: &[&str]) -> io::Result<Vec<Mutant>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(["mutants", "--list", "--json"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    Ok(serde_json::from_slice(&cargo.output()?.stdout)?)
}
