//! The contracts of the core, on random inputs.

use quickcheck::{Gen, QuickCheck};
use scipp_conformance::fuzzing;

/// A broken promise is a panic: quickcheck reports and shrinks it.
fn holds(cases: u64, size: usize, property: fn(Vec<u8>) -> bool) {
    QuickCheck::new().rng(Gen::new(size)).tests(cases).quickcheck(property);
}

#[test]
fn random_programs_keep_every_contract() {
    holds(6_000, 300, |program| {
        fuzzing::ops(&program);
        true
    });
}

#[test]
fn random_bytes_keep_every_promise() {
    holds(3_000, 300, |input| {
        fuzzing::frames(&input);
        true
    });
}
