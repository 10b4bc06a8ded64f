//! The small worlds, searched whole; and a few seeds of the simulation.
//!
//! The large ones: `cargo run --release --manifest-path tests/model/Cargo.toml`, which writes `report.md`. More seeds:
//! `cargo run --release -p scipp-conformance --bin simulate -- --seeds 0..100000`. That both notice a broken core:
//! `tests/defects/run`.

use std::fs;
use std::path::Path;

use scipp_conformance::model::cases::{ALL, Size};
use scipp_conformance::parallel::on_all;
use scipp_conformance::simulate::{Counts, run};
use scipp_conformance::world::Rule;

const REPORT: &str = include_str!("../model/report.md");

/// The plain search finds what stateright found.
#[test]
fn in_no_small_world_a_rule_breaks() {
    let small: Vec<_> = ALL.iter().filter(|case| case.size == Size::Small).collect();
    for (case, found) in small.iter().zip(on_all(&small, |case| case.explore())) {
        if let Some((broken, actions)) = &found.broken {
            panic!("{}: {broken}\n{}", case.name, case.draw(actions));
        }
        let (states, cores) = (found.states, found.reach.cores.len());
        let row = format!("| {} | {} | {states} | {cores} | {} |", case.name, case.about, found.steps);
        assert!(REPORT.contains(&row), "not in the report: {row}");
    }
}

/// Each of the three guarantees that an ending can rest on is one: without it some dialog hangs.
#[test]
fn without_any_guarantee_of_an_ending_a_dialog_hangs() {
    let stuck = ALL.iter().filter(|case| case.size == Size::Stuck);
    let rules: Vec<_> = stuck.map(|case| case.explore().broken.map(|(broken, _)| broken.rule)).collect();
    assert_eq!(rules, [Some(Rule::NoHang); 3]);
}

#[test]
fn nothing_that_can_happen_is_missing_from_the_report() {
    assert!(!REPORT.contains("WITHOUT A REASON"));
}

#[test]
fn random_networks_break_no_rule() {
    let seeds: Vec<u64> = (0..100).collect();
    let mut counts = Counts::default();
    for run in on_all(&seeds, |&seed| run(seed, false)) {
        match run {
            Ok(one) => counts.merge(&one.counts),
            Err(failure) => panic!("seed {}: {}", failure.seed, failure.broken),
        }
    }
    assert!(counts.dialogs > 100 * seeds.len() as u64 / 2, "{} dialogs", counts.dialogs);
}

/// One seed is one run, drawn or not.
#[test]
fn a_seed_repeats_its_run() {
    let [one, other] = [false, true].map(|is_drawn| run(7, is_drawn).map(|passed| passed.counts.to_string()));
    assert_eq!(one.map_err(|failure| failure.broken), other.map_err(|failure| failure.broken));
}

/// Each rule is the first to fail of some defect. Each patch stands in the table, by name, and can be applied.
#[test]
fn every_rule_has_a_seeded_defect_that_breaks_it() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("defects");
    let readme = fs::read_to_string(dir.join("README.md")).expect("README.md");
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| line.split(" | ").collect())
        .collect();
    for rule in Rule::ALL {
        assert!(rows.iter().any(|row| row[2] == rule.text()), "no defect shows that {}", rule.text());
    }
    let mut patches: Vec<_> = fs::read_dir(&dir)
        .expect("the defects")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .collect();
    patches.sort();
    let names: Vec<_> = patches.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    let listed: Vec<_> = rows.iter().map(|row| row[0].trim_start_matches("| ")).collect();
    assert_eq!(listed, names);
    for path in patches {
        applies(&fs::read_to_string(&path).expect("a patch"));
    }
}

/// What a patch takes out, with the lines around it, is there once.
fn applies(patch: &str) {
    let file = patch.lines().find_map(|line| line.strip_prefix("+++ b/")).expect("a file");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    for hunk in patch.split("\n@@ ").skip(1) {
        let lines = hunk.lines().skip(1);
        let before: Vec<_> = lines.filter_map(|line| line.strip_prefix([' ', '-'])).collect();
        assert_eq!(source.matches(&before.join("\n")).count(), 1, "{file}:\n{hunk}");
    }
}
