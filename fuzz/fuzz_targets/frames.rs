//! Any bytes in any cuts end in events or one typed reason, within the memory bound, the same however cut.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    scipp_conformance::fuzzing::frames(input);
});
