//! Every file of the fuzz corpus, without a fuzzer.

use std::fs;
use std::path::Path;

use scipp_conformance::fuzzing;

fn replay(target: &str, run: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in &paths {
        let input = fs::read(path).expect("readable");
        // Says which file it was, should it panic.
        println!("{}", path.display());
        run(&input);
    }
    println!("corpus of {target}: {} files", paths.len());
    assert!(paths.len() >= 40, "the corpus is not there");
}

#[test]
fn every_seed_of_frames_holds() {
    replay("frames", fuzzing::frames);
}

#[test]
fn every_seed_of_specs_holds() {
    replay("specs", fuzzing::specs);
}

#[test]
fn every_seed_of_ops_holds() {
    replay("ops", |program| _ = fuzzing::ops(program));
}
