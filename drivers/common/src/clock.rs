//! The monotonic clock, as the core's instants.

use std::sync::OnceLock;
use std::time::Instant as Clock;

use scipp_proto::Instant;

/// The time since this process first asked.
pub fn now() -> Instant {
    static EPOCH: OnceLock<Clock> = OnceLock::new();
    Instant::since_epoch(EPOCH.get_or_init(Clock::now).elapsed())
}
