//! The Python that live tests need. Each test that would need it is reported by name, run or not.

use std::path::{Path, PathBuf};

use libtest_mimic::{Completion, Failed, Trial};

const VARIABLE: &str = "SCIPP_TRACTOR_PYTHON";

/// A Python that can import `tractor`, if one is given.
pub(crate) fn given() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).map(PathBuf::from)
}

/// A test with `python`; ignored without.
pub(crate) fn trial(
    name: &str,
    python: Option<PathBuf>,
    run: impl FnOnce(&Path) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || {
        let Some(python) = python else {
            return Ok(Completion::ignored_with(format_args!("{VARIABLE} is not set")));
        };
        run(&python).map(|()| Completion::Completed)
    })
}
