//! Harness of the conformance suite: two cores back to back, recordings, replay.

pub mod bound;
pub mod fuzzing;
pub mod listener;
pub mod pair;
pub mod script;
pub mod tally;
