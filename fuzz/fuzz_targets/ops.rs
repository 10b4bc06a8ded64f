//! Two cores under any verbs, deliveries, cuts and clock steps keep every contract, and every dialog ends once.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    scipp_conformance::fuzzing::ops(input);
});
