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
    cargo.current_dir(root).args(["mutants", "--list", "--json"]).stderr(Stdio::inherit());
    for package in packages {
        cargo.args(["--package", package]);
    }
    let output = cargo.output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("cargo mutants --list: {}", output.status)));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A tree with all defects of some trials in it, compiled.
#[derive(Debug)]
pub struct Bench<'a> {
    /// Those of which some defect compiles.
    pub trials: Vec<&'a Trial>,
    programs: Programs,
    unviable: BTreeSet<String>,
}

impl<'a> Bench<'a> {
    /// Compiles the tree at `root`, a copy, with the defects of the first `count` of `trials`. Defects that do not compile
    /// are left out, and so are trials without others; the next trials take their place.
    ///
    /// # Errors
    ///
    /// Cargo cannot be run, or the tree does not compile for another reason than a defect.
    pub fn build(root: &Path, trials: &'a [Trial], count: usize) -> io::Result<Self> {
        let all = trials.iter().flat_map(|trial| &trial.mutants);
        let files: BTreeSet<&str> =
            all.map(|mutant| mutant.file.as_str()).chain(["proto/src/lib.rs"]).collect();
        let whole: Vec<_> = files
            .into_iter()
            .map(|file| Ok((root.join(file), fs::read(root.join(file))?)))
            .collect::<io::Result<_>>()?;
        let mut unviable = BTreeSet::new();
        loop {
            whole.iter().try_for_each(|(path, text)| fs::write(path, text))?;
            let is_viable = |mutant: &&Mutant| !unviable.contains(&mutant.name);
            let has_viable = |trial: &&Trial| trial.mutants.iter().any(|mutant| is_viable(&mutant));
            let chosen: Vec<&Trial> = trials.iter().filter(has_viable).take(count).collect();
            let mut mutants: Vec<&Mutant> =
                chosen.iter().flat_map(|trial| &trial.mutants).filter(is_viable).collect();
            mutants.sort_by(|a, b| a.name.cmp(&b.name));
            mutants.dedup();
            let woven = weave(root, &mutants)?;
            match compile(root, &chosen)? {
                Ok(programs) => return Ok(Self { trials: chosen, programs, unviable }),
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
    pub fn fates(&self, trial: &Trial) -> io::Result<Option<BTreeMap<String, Fate>>> {
        if !self.passes(&trial.tests, "none")? {
            return Ok(None);
        }
        let mut fates = BTreeMap::new();
        for mutant in &trial.mutants {
            let fate = if self.unviable.contains(&mutant.name) {
                Fate::Unviable
            } else if self.passes(&trial.tests, &mutant.name)? {
                Fate::Missed
            } else {
                Fate::Caught
            };
            fates.insert(mutant.name.clone(), fate);
        }
        Ok(Some(fates))
    }

    fn passes(&self, tests: &Tests, awake: &str) -> io::Result<bool> {
        for ((package, target), names) in tests.by_target() {
            let missing = || io::Error::other(format!("no program for {package} {target}"));
            let program = self.programs.get(&(package.clone(), target.clone())).ok_or_else(missing)?;
            // The harness of the scenarios takes one name.
            let at_once = if target == "scenarios" { 1 } else { names.len() };
            for names in names.chunks(at_once.max(1)) {
                // A defect may make it wait for ever.
                let mut test = Command::new("timeout");
                test.current_dir(&program.package)
                    .env(AWAKE, awake)
                    .arg(PATIENCE)
                    .arg(&program.path)
                    .args(names);
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
    manifest_path: Option<PathBuf>,
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

/// A compiled target with tests.
#[derive(Debug)]
struct Program {
    path: PathBuf,
    /// Where cargo would run it.
    package: PathBuf,
}

/// By package and target.
type Programs = BTreeMap<(String, String), Program>;

fn compile(root: &Path, trials: &[&Trial]) -> io::Result<Result<Programs, Vec<Flaw>>> {
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
        if let (true, Some(id), Some(manifest), Some(target), Some(path)) = (
            line.reason == "compiler-artifact",
            line.package_id,
            line.manifest_path,
            line.target,
            line.executable,
        ) {
            let is_test = target.kind.iter().any(|kind| kind == "test");
            let package = packages.iter().find(|package| id.contains(**package));
            let name = if is_test { target.name } else { "lib".to_owned() };
            let program = Program { path, package: manifest.parent().unwrap_or(root).to_owned() };
            programs.extend(package.map(|package| (((*package).to_owned(), name), program)));
        }
    }
    Ok(if output.status.success() { Ok(programs) } else { Err(flaws) })
}
