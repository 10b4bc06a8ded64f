//! The contracts of the core, one test each. The interpreters of the fuzz targets check all of them after
//! every step; here they run on random inputs, and beside them stands what can be tried exhaustively.

mod any_state;
mod situations;
mod stream;
mod table;
mod types;

use quickcheck::{Gen, QuickCheck};
use scipp_conformance::chance::seed;
use scipp_conformance::fuzzing;

use stream::stream_of;

/// A broken promise is a panic: quickcheck reports and shrinks it.
pub(crate) fn holds(cases: u64, size: usize, property: fn(Vec<u8>) -> bool) {
    QuickCheck::new().rng(Gen::from_size_and_seed(size, seed())).tests(cases).quickcheck(property);
}

#[test]
fn any_program_keeps_every_contract_and_ends_every_dialog_once() {
    holds(4000, 400, |program| {
        fuzzing::ops(&program);
        true
    });
}

#[test]
fn verbs_are_legal_between_polls() {
    // Byte 2 of a program: events wait until they are asked for.
    holds(3000, 300, |mut program| {
        program.splice(..program.len().min(3), [0, 0, 3]);
        fuzzing::ops(&program);
        true
    });
}

#[test]
fn one_seed_replays_one_run_exactly() {
    holds(200, 300, |program| fuzzing::ops(&program) == fuzzing::ops(&program));
}

#[test]
fn any_bytes_end_in_events_or_one_reason() {
    holds(3000, 300, |input| {
        fuzzing::frames(&input);
        true
    });
}

/// W-3.
#[test]
fn any_chunking_gives_the_same_events_and_output() {
    holds(3000, 200, |choices| {
        let (mode, lengths) = (choices.first().copied().unwrap_or(0) | 1, choices.get(1..4).unwrap_or(&[]));
        fuzzing::frames(&fuzzing::seed(mode, lengths, &stream_of(&choices, &fuzzing::own_cids())));
        true
    });
}
