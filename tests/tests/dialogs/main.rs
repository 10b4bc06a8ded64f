//! Dialogs between two cores: what each side sends, sees and ends with.

mod actor;
mod cancels;
mod endings;
mod kinds;
mod streams;

use scipp_conformance::pair::Pair;
use scipp_proto::{Config, Failure, Outcome};

pub(crate) fn pair() -> Pair {
    Pair::established(Config::default())
}

pub(crate) fn failed_with(outcome: Option<Outcome>) -> String {
    match outcome {
        Some(Outcome::Failed(Failure::Remote(error))) => error.msg.boxed_type_str.clone(),
        other => panic!("expected a remote failure, got {other:?}"),
    }
}
