//! Calls of cargo, and of what it built.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use serde::Deserialize;

use super::weave::{AWAKE, Woven, weave};
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

/// Seconds, enough for every test.
const PATIENCE: &str = "120";

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

/// A tree with all defects of some trials in it, compiled.
#[derive(Debug)]
pub struct Bench {
    /// Test programs by package and target.
    programs: BTreeMap<(String, String), PathBuf>,
    unviable: BTreeSet<String>,
}

impl Bench {
    /// Compiles the tree at `root`, a copy, with the defects of `trials`. What does not compile is left out.
    ///
    /// # Errors
    ///
    /// Cargo cannot be run, or the tree does not compile for another reason than a defect.
    pub fn build(root: &Path, trials: &[Trial]) -> io::Result<Self> {
        let mut mutants: Vec<&Mutant> = trials.iter().flat_map(|trial| &trial.mutants).collect();
        mutants.sort_by(|a, b| a.name.cmp(&b.name));
        mutants.dedup();
        let files: BTreeSet<&str> =
            mutants.iter().map(|mutant| mutant.file.as_str()).chain(["proto/src/lib.rs"]).collect();
        let whole: Vec<_> = files
            .into_iter()
            .map(|file| Ok((root.join(file), fs::read(root.join(file))?)))
            .collect::<io::Result<_>>()?;
        let mut unviable = BTreeSet::new();
        loop {
            whole.iter().try_for_each(|(path, text)| fs::write(path, text))?;
            mutants.retain(|mutant| !unviable.contains(&mutant.name));
            let woven = weave(root, &mutants)?;
            match compile(root, trials)? {
                Ok(programs) => return Ok(Self { programs, unviable }),
                Err(errors) => {
                    let blamed: Vec<String> =
                        errors.iter().filter_map(|error| error.blames(&woven)).collect();
                    if blamed.is_empty() {
                        return Err(io::Error::other(errors.first().map_or_else(String::new, Flaw::text)));
                    }
                    unviable.extend(blamed);
                }
            }
        }
    }

    /// Whether the tests of a trial pass while no defect is awake, and the fates of its defects.
    ///
    /// # Errors
    ///
    /// A test program cannot be run.
    pub fn fates(&self, root: &Path, trial: &Trial) -> io::Result<Option<BTreeMap<String, Fate>>> {
        if !self.passes(root, &trial.tests, "none")? {
            return Ok(None);
        }
        let mut fates = BTreeMap::new();
        for mutant in &trial.mutants {
            let fate = if self.unviable.contains(&mutant.name) {
                Fate::Unviable
            } else if self.passes(root, &trial.tests, &mutant.name)? {
                Fate::Missed
            } else {
                Fate::Caught
            };
            fates.insert(mutant.name.clone(), fate);
        }
        Ok(Some(fates))
    }

    fn passes(&self, root: &Path, tests: &Tests, awake: &str) -> io::Result<bool> {
        for ((package, target), names) in tests.by_target() {
            let missing = || io::Error::other(format!("no program for {package} {target}"));
            let program = self.programs.get(&(package.clone(), target.clone())).ok_or_else(missing)?;
            let directory = root.join(if package == "scipp-conformance" { "tests" } else { "proto" });
            // The harness of the scenarios takes one name.
            let at_once = if target == "scenarios" { 1 } else { names.len() };
            for names in names.chunks(at_once.max(1)) {
                // A defect may make it wait for ever.
                let mut test = Command::new("timeout");
                test.current_dir(&directory).env(AWAKE, awake).arg(PATIENCE).arg(program).args(names);
                if !test.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// A line of what cargo says in JSON.
#[derive(Deserialize)]
struct Line {
    reason: String,
    package_id: Option<String>,
    target: Option<Target>,
    executable: Option<PathBuf>,
    message: Option<Flaw>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// What the compiler finds fault with.
#[derive(Deserialize)]
struct Flaw {
    level: String,
    rendered: Option<String>,
    spans: Vec<Spot>,
}

#[derive(Deserialize)]
struct Spot {
    file_name: String,
    line_start: usize,
}

impl Flaw {
    /// The defect that it is about.
    fn blames(&self, woven: &[Woven]) -> Option<String> {
        let is_there = |spot: &Spot, woven: &Woven| {
            spot.file_name.ends_with(&woven.file) && woven.lines.contains(&spot.line_start)
        };
        let found = woven.iter().find(|woven| self.spans.iter().any(|spot| is_there(spot, woven)));
        found.map(|woven| woven.name.clone())
    }

    fn text(&self) -> String {
        self.rendered.clone().unwrap_or_default()
    }
}

type Programs = BTreeMap<(String, String), PathBuf>;

fn compile(root: &Path, trials: &[Trial]) -> io::Result<Result<Programs, Vec<Flaw>>> {
    let wanted: BTreeSet<(String, String)> =
        trials.iter().flat_map(|trial| trial.tests.by_target().into_keys()).collect();
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(["test", "--no-run", "--message-format=json", "--quiet"]);
    let (packages, targets): (BTreeSet<&str>, BTreeSet<&str>) =
        wanted.iter().map(|(package, target)| (package.as_str(), target.as_str())).unzip();
    for package in &packages {
        cargo.args(["--package", package]);
    }
    for target in targets {
        match target {
            "lib" => cargo.arg("--lib"),
            target => cargo.args(["--test", target]),
        };
    }
    let output = cargo.stderr(Stdio::inherit()).output()?;
    let (mut programs, mut flaws) = (Programs::new(), Vec::new());
    for line in output.stdout.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"{")) {
        let line: Line = serde_json::from_slice(line)?;
        flaws.extend(line.message.filter(|flaw| flaw.level == "error"));
        if let (true, Some(id), Some(target), Some(program)) =
            (line.reason == "compiler-artifact", line.package_id, line.target, line.executable)
        {
            let is_test = target.kind.iter().any(|kind| kind == "test");
            let package = packages.iter().find(|package| id.contains(**package));
            let name = if is_test { target.name } else { "lib".to_owned() };
            programs.extend(package.map(|package| (((*package).to_owned(), name), program)));
        }
    }
    Ok(if output.status.success() { Ok(programs) } else { Err(flaws) })
}
