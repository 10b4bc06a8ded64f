//! Whether citations are real: a defect in a function that cites a rule turns a test that cites it red.
//!
//! `cargo mutants` makes the defects and runs the tests; here is drawn which, and judged what came of them.

mod candidates;
mod runs;

pub use candidates::{Mutant, mutants_of};
pub use runs::{Fate, Outcomes, baseline, fates, list};

use crate::chance::Chance;
use crate::trace::{Number, Role, Series, Texts, Trace};

/// A rule, defects in what carries it out, and the tests that are to notice.
#[derive(Debug)]
pub struct Trial {
    /// The rule.
    pub rule: Number,
    /// What to break.
    pub mutants: Vec<Mutant>,
    /// What to run.
    pub tests: Tests,
}

/// Tests by name, and the targets they are in.
#[derive(Debug, Clone, Default)]
pub struct Tests {
    /// Packages that have one of the targets.
    pub packages: Vec<&'static str>,
    /// Arguments that select the targets.
    pub targets: Vec<String>,
    /// Names, or the ends of them.
    pub names: Vec<String>,
}

/// Draws `count` rules, and of each function that cites one at most `each` defects.
///
/// Rules are left out that are cited only where `all` has no defects.
pub fn draw(texts: &Texts, all: &[Mutant], seed: u64, count: usize, each: usize) -> Vec<Trial> {
    let trace = Trace::of(texts);
    let mut chance = Chance::new(seed);
    let mut rules: Vec<Number> = trace
        .rules()
        .map(|(number, _)| number)
        .filter(|number| number.series != Series::Difference)
        .collect();
    let mut trials = Vec::new();
    while trials.len() < count && !rules.is_empty() {
        let rule = rules.swap_remove(chance.below(rules.len()));
        let trial = trial(texts, &trace, all, rule, each, &mut chance);
        trials.extend(trial.filter(|trial| !trial.mutants.is_empty()));
    }
    trials
}

fn trial(
    texts: &Texts,
    trace: &Trace,
    all: &[Mutant],
    rule: Number,
    each: usize,
    chance: &mut Chance,
) -> Option<Trial> {
    let (_, cited) = trace.rules().find(|(number, _)| *number == rule)?;
    let mut mutants = Vec::new();
    for place in &cited.code {
        let function = place.item.as_deref()?;
        let mut of = mutants_of(all, &place.file, function, texts.get(&place.file)?, rule);
        for _ in 0..each.min(of.len()) {
            mutants.push(of.swap_remove(chance.below(of.len())).clone());
        }
    }
    let mut tests = Tests::default();
    for place in &cited.tests {
        debug_assert_eq!(place.role, Role::Test);
        let names = match &place.item {
            Some(name) => vec![name.clone()],
            None => trace.tests_in(&place.file).to_vec(),
        };
        tests.add(&place.file, names);
    }
    Some(Trial { rule, mutants, tests })
}

impl Tests {
    fn add(&mut self, file: &str, names: Vec<String>) {
        let parts: Vec<&str> = file.split('/').collect();
        let (package, targets) = match parts.as_slice() {
            ["proto", ..] => ("scipp-proto", vec!["--lib".to_owned()]),
            ["drivers", "common", ..] => ("scipp-common", vec!["--lib".to_owned()]),
            // Either driver includes them; the blocking one is built sooner.
            ["tests", "tests", "suite", ..] => ("scipp-conformance", target("blocking")),
            ["tests", "tests", name, ..] => ("scipp-conformance", target(name.trim_end_matches(".rs"))),
            _ => return,
        };
        if !self.packages.contains(&package) {
            self.packages.push(package);
        }
        if !self.targets.ends_with(&targets)
            && !self.targets.windows(targets.len()).any(|have| have == targets)
        {
            self.targets.extend(targets);
        }
        self.names.extend(names);
    }
}

fn target(name: &str) -> Vec<String> {
    vec!["--test".to_owned(), name.to_owned()]
}
