//! What the test says on standard input.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Read by a thread of its own, which ends with the input.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    heard: Mutex<Heard>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    go: bool,
    end: bool,
}

impl Inbox {
    pub(super) fn open() -> &'static Self {
        let inbox: &Self = Box::leak(Box::default());
        thread::spawn(|| inbox.read());
        inbox
    }

    /// Waits until it says `go`, or ends.
    pub(super) fn go(&self) {
        self.wait(|heard| heard.go || heard.end);
    }

    /// Waits until it ends.
    pub(super) fn end(&self) {
        self.wait(|heard| heard.end);
    }

    fn wait(&self, is_met: impl Fn(&Heard) -> bool) {
        let waiting = self.news.wait_while(self.heard(), |heard| !is_met(heard));
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }

    fn read(&self) {
        for line in io::stdin().lines().map_while(Result::ok) {
            self.heard().go |= line == "go";
            self.news.notify_all();
        }
        self.heard().end = true;
        self.news.notify_all();
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
