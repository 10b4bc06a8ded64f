//! What is not asserted, or does not exist, is noticed.

use scipp_proto::Config;

use crate::stage::Stage;
use crate::table::in_suite;

/// Says what is missing.
type Check = fn() -> Result<(), String>;

/// A name, and what must be complained of by which word.
pub(crate) const ALL: &[(&str, &str, Check)] = &[
    ("frames_that_nobody_asserted", "frames", || {
        let mut stage = Stage::new(Config::default());
        stage.context();
        stage.check()
    }),
    ("a_frame_sent_after_the_assertion", "frames", || {
        let mut stage = Stage::new(Config::default());
        let (_, child) = stage.context();
        stage.sent(&["P>C Start", "C>P StartAck(context), Started(0)"]);
        stage.returns(child, 1);
        stage.check()
    }),
    ("an_outcome_that_nobody_asserted", "outcomes", || {
        let mut stage = Stage::new(Config::default());
        let (parent, _) = stage.context();
        stage.sent(&["P>C Start", "C>P StartAck(context), Started(0)"]);
        stage.outcome(parent, "running");
        stage.check()
    }),
    ("a_test_that_the_suite_does_not_have", "no such test", || in_suite("contexts::nothing")),
    ("a_module_that_the_suite_does_not_have", "no such test", || in_suite("nothing::nothing")),
];

/// Whether it is complained of.
pub(crate) fn run(word: &str, check: Check) -> Result<(), String> {
    match check() {
        Err(complaint) if complaint.contains(word) => Ok(()),
        other => Err(format!("{other:?} says nothing of {word}")),
    }
}
