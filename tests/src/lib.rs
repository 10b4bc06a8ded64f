//! Harness of the conformance suite.
//!
//! [`pair`] puts two cores back to back. [`transcript`] reads recordings of the Python reference,
//! [`value`] compares their JSON with MessagePack, [`replay`] plays each end of each recorded connection
//! again with the real core. [`world`] puts cores under an observer that judges every frame and outcome, by
//! [`precedence`] where things happen at once; [`model`] searches small worlds whole, [`simulate`] runs random ones.
//! [`trace`] reads which rule is cited where, [`mutants`] breaks what is cited.

pub mod bound;
pub mod chance;
pub mod diagrams;
pub mod fuzzing;
pub mod listener;
pub mod model;
pub mod mutants;
pub mod pair;
pub mod parallel;
pub mod precedence;
pub mod replay;
pub mod script;
pub mod simulate;
pub mod tally;
pub mod trace;
pub mod transcript;
pub mod value;
pub mod world;
