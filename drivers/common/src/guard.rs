//! Code of the application, which may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scipp_proto::Payload;

use crate::error::TaskError;

/// What a task's dialog ends with.
pub type Conclusion = Result<Payload, TaskError>;

/// Runs code of the application; a panic is a text.
///
/// # Errors
///
/// What to tell the peer.
pub fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        format!("the task panicked: {}", text.as_deref().unwrap_or("no text"))
    })
}
