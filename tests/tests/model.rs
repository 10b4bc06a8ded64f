//! The small worlds, searched whole; and a few seeds of the simulation.
//!
//! The large ones: `cargo run --release --manifest-path tests/model/Cargo.toml`, which writes `report.md`. More seeds:
//! `cargo run --release -p scipp-conformance --bin simulate -- --seeds 0..100000`. That both notice a broken core:
//! `tests/defects/run`.

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
