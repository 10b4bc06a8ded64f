//! Whether citations are real: a defect in a function that cites a rule turns a test that cites it red.
//!
//! `cargo mutants` says which defects there can be; here is drawn which to try, and judged what comes of them.

mod candidates;
mod runs;
mod weave;

use std::collections::BTreeMap;

pub use candidates::{Mutant, mutants_of};
pub use runs::{Bench, Fate, list};

use crate::chance::Chance;
use crate::trace::{Number, Place, Series, Texts, Trace};

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

/// Tests by their files.
#[derive(Debug, Clone, Default)]
pub struct Tests(BTreeMap<String, Vec<String>>);

/// All rules in an order that is drawn, and of each function that cites one at most `each` defects.
///
/// Rules are left out that are cited only where `all` has no defects.
pub fn draw(texts: &Texts, all: &[Mutant], seed: u64, each: usize) -> Vec<Trial> {
    let trace = Trace::of(texts);
    let mut chance = Chance::new(seed);
    let mut rules: Vec<_> = trace.rules().filter(|(number, _)| number.series != Series::Difference).collect();
    let mut trials = Vec::new();
    while !rules.is_empty() {
        let (rule, cited) = rules.swap_remove(chance.below(rules.len()));
        let mut mutants = Vec::new();
        for place in &cited.code {
            let mut of = mutants_at(texts, all, place, rule);
            for _ in 0..each.min(of.len()) {
                mutants.push(of.swap_remove(chance.below(of.len())).clone());
            }
        }
        if mutants.is_empty() {
            continue;
        }
        let mut tests = Tests::default();
        for Place { file, item, .. } in &cited.tests {
            let names = item.clone().map_or_else(|| trace.tests_in(file).to_vec(), |name| vec![name]);
            tests.0.entry(file.clone()).or_default().extend(names);
        }
        trials.push(Trial { rule, mutants, tests });
    }
    trials
}

fn mutants_at<'a>(texts: &Texts, all: &'a [Mutant], place: &Place, rule: Number) -> Vec<&'a Mutant> {
    let (Some(function), Some(text)) = (&place.item, texts.get(&place.file)) else { return Vec::new() };
    mutants_of(all, &place.file, function, text, rule)
}

impl Tests {
    /// Names of tests by package and target.
    pub fn by_target(&self) -> BTreeMap<(String, String), Vec<&str>> {
        let mut targets: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for (file, names) in &self.0 {
            let parts: Vec<&str> = file.split('/').collect();
            let (package, target) = match parts.as_slice() {
                ["drivers", driver, ..] => (format!("scipp-{driver}"), "lib"),
                // Either driver includes them; one does.
                ["tests", "tests", "suite", ..] => ("scipp-conformance".to_owned(), "blocking"),
                ["tests", "tests", name, ..] => ("scipp-conformance".to_owned(), *name),
                _ => ("scipp-proto".to_owned(), "lib"),
            };
            let key = (package, target.trim_end_matches(".rs").to_owned());
            targets.entry(key).or_default().extend(names.iter().map(String::as_str));
        }
        targets
    }
}
