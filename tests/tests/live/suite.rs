//! All tests, and the table of what came of the live ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Sender, channel};

use libtest_mimic::{Arguments, Trial};

use crate::bites;
use crate::case::{Case, Role, Setting, Transport};
use crate::ours::DRIVERS;
use crate::python;
use crate::stage::{self, LIMIT};
use crate::table::Scenario;

/// The Python side.
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/peer.py");

/// The name of a live case, and what came of it so far.
type Verdict = (String, &'static str);

/// Runs what is chosen of the bites and of driver x role x transport x scenario.
pub(crate) fn main() -> ExitCode {
    let python = python::given();
    let (teller, verdicts) = channel();
    let live = cases().map(|case| trial(case, python.clone(), teller.clone()));
    let bites =
        bites::ALL.iter().map(|bite| Trial::test(format!("bites::{}", bite.name), || Ok(bites::run(bite)?)));
    let trials = bites.chain(live).collect();
    drop(teller);
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    let verdicts: HashMap<_, _> = verdicts.into_iter().collect();
    if let Some(python) = python.filter(|_| !verdicts.is_empty()) {
        report(&python, &verdicts);
    }
    conclusion.exit_code()
}

fn settings() -> impl Iterator<Item = Setting> {
    DRIVERS.iter().flat_map(|driver| {
        let roles = [Role::Parent, Role::Child].into_iter();
        roles.flat_map(move |ours| Transport::ALL.map(|transport| Setting { driver, ours, transport }))
    })
}

fn cases() -> impl Iterator<Item = Case> {
    settings().flat_map(|setting| Scenario::ALL.map(|scenario| Case { setting, scenario }))
}

fn trial(case: Case, python: Option<PathBuf>, teller: Sender<Verdict>) -> Trial {
    let name = case.to_string();
    python::trial(&case.to_string(), python, move |python| {
        teller.send((name.clone(), "FAILED"))?;
        stage::play(case, &|| peer(python), LIMIT)?;
        Ok(teller.send((name, "ok"))?)
    })
}

/// Prints the table of live cases: one line a scenario, one column a setting.
fn report(python: &Path, verdicts: &HashMap<String, &str>) {
    let versions = match peer(python).arg("versions").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    println!("{versions}");
    let heads = settings().map(|setting| format!("  {setting}"));
    println!("{:22}{}", "", heads.collect::<String>());
    for scenario in Scenario::ALL {
        let cells = settings().map(|setting| {
            let verdict = verdicts.get(&Case { setting, scenario }.to_string());
            let cell = verdict.copied().unwrap_or("not run");
            format!("  {cell:width$}", width = setting.to_string().len())
        });
        println!("{:22}{}", scenario.name(), cells.collect::<String>().trim_end());
    }
}

/// The Python side; no byte code is left beside it.
fn peer(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-B", PEER]);
    command
}
