//! Any texts and bytes: what is read is written alike, what conforms is what the rules say, nothing is too much.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    scipp_conformance::fuzzing::specs(input);
});
