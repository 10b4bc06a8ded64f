//! Code of the application, which may panic.

use std::any::Any;
use std::mem;
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
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| format!("the task panicked: {}", text(panic)))
}

/// A body's conclusion; a panic is one, too.
///
/// # Errors
///
/// Of the body.
pub fn concluded(conclusion: Result<Conclusion, String>) -> Conclusion {
    conclusion.unwrap_or_else(|panic| Err(TaskError::new("RuntimeError", panic)))
}

fn text(panic: Box<dyn Any + Send>) -> String {
    let other = match panic.downcast::<&str>() {
        Ok(text) => return (*text).to_owned(),
        Err(other) => other,
    };
    match other.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => {
            // Dropping what is not a text may panic again.
            mem::forget(other);
            "no text".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_panic_gets_past_whatever_it_carries() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("once more");
            }
        }
        let carried = |run: fn()| guarded(run).unwrap_err();
        assert_eq!(carried(|| panic!("text")), "the task panicked: text");
        assert_eq!(carried(|| panic!("text {}", 1)), "the task panicked: text 1");
        assert_eq!(carried(|| std::panic::panic_any(Bomb)), "the task panicked: no text");
    }
}
