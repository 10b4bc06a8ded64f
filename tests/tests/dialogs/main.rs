//! Dialogs between two cores: what each side sends, sees and ends with.

mod actor;
mod cancels;
mod endings;
mod kinds;
mod streams;

use scipp_proto::{Failure, Outcome};

pub(crate) fn failed_with(outcome: Option<Outcome>) -> String {
    match outcome {
        Some(Outcome::Failed(Failure::Remote(error))) => error.msg.boxed_type_str.clone(),
        other => panic!("expected a remote failure, got {other:?}"),
    }
}
