//! Every recorded connection, played again with the core at each end.
//!
//! `SCIPP_TRANSCRIPTS=DIR` names another directory of recordings in the same format.

use std::collections::BTreeSet;

use scipp_conformance::parallel::on_all;
use scipp_conformance::replay::report::Report;
use scipp_conformance::replay::rules;
use scipp_conformance::transcript::Directory;
use scipp_proto::Config;

#[test]
fn every_recorded_connection_is_explained() {
    let directory = Directory::find().unwrap();
    let transcripts = on_all(directory.entries(), |entry| directory.load(entry).unwrap());
    for (entry, transcript) in directory.entries().iter().zip(&transcripts) {
        assert_eq!(entry.lines, transcript.lines.len() + 1, "{}: the index counts other lines", entry.file);
    }

    // The reference differs least from itself: how much of it is exact has a lower bound.
    for (name, config, least) in [("reference", Config::reference(), 90), ("default", Config::default(), 85)]
    {
        let report = Report::of_all(&transcripts, &config);
        print!("{name} pass: {report}");
        assert!(report.unexplained.is_empty(), "{name} pass:\n{}", report.unexplained.join("\n"));
        assert_eq!(report.files, directory.entries().len(), "every file of the index was played");
        let application = report.application;
        assert_eq!(application.unexplained() + report.runtime.unexplained(), 0);
        assert!(application.all > 0 && report.frames > 0, "the directory has recordings of dialogs");
        assert!(
            application.exact * 100 >= application.all * least,
            "{name} pass: {} of {} application ends are exact, at least {least} % have to be",
            application.exact,
            application.all
        );
    }
}

#[test]
fn every_rule_of_the_replay_is_an_entry_of_the_deviations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/deviations.md");
    let text = std::fs::read_to_string(path).unwrap();
    let entries: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .filter_map(|heading| heading.split_whitespace().next())
        .collect();
    for rule in rules::all() {
        assert!(entries.contains(rule.id), "{}: no entry ({})", rule.id, rule.when);
    }
}
