//! Waking up in time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Timer;
use scipp_common::now;
use scipp_proto::Instant;

/// Wakes the driver when a deadline comes.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    timer: Option<Timer>,
    due: Option<Instant>,
}

impl Alarm {
    /// Ready when `due` has come, or earlier: a timer that is set is not set to a later time, because
    /// deadlines move with almost every frame and rarely come.
    pub(super) fn poll(&mut self, due: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = due else { return Poll::Pending };
        if self.due.is_none_or(|set| due < set) {
            self.timer = Some(Timer::after(due.duration_since(now())));
            self.due = Some(due);
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        ready!(Pin::new(timer).poll(cx));
        self.due = None;
        Poll::Ready(())
    }
}
