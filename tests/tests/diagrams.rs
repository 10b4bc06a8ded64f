//! The state diagrams of the specification are those of the core.

use std::path::Path;

use scipp_conformance::diagrams::page;

#[test]
fn the_printed_diagrams_are_the_committed_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/diagrams.md");
    let printed = page();
    if std::env::var_os("SCIPP_BLESS").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == printed, "spec/diagrams.md is out of date: run this test with SCIPP_BLESS=1");
}

/// They are read by people: a table that grew into a hairball has to be drawn otherwise.
#[test]
fn the_diagrams_are_small() {
    let page = page();
    let diagrams: Vec<&str> = page.split("```mermaid").skip(1).collect();
    assert_eq!(diagrams.len(), 6, "three kinds, the cancel request, two sides");
    for diagram in diagrams {
        let edges = diagram.lines().filter(|line| line.contains("-->")).count();
        assert!((3..=20).contains(&edges), "{edges} edges:{diagram}");
    }
}
