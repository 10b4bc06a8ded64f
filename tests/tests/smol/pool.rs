//! An executor that knows nothing of smol: it polls what was woken, in rounds, and notices when nothing was.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// More than any test takes.
const ROUNDS: u32 = 1_000_000;

/// Tasks of one thread.
#[derive(Default)]
pub(crate) struct Pool {
    tasks: Vec<(Arc<Flag>, Task)>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Whether a task was woken.
#[derive(Debug)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) fn raised() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    pub(crate) fn lower(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Pool {
    /// Adds a task.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.tasks.push((Flag::raised(), Box::pin(task)));
    }

    /// Polls every task that was woken, once. Tells whether there was any.
    pub(crate) fn round(&mut self) -> bool {
        let mut any = false;
        self.tasks.retain_mut(|(flag, task)| {
            if !flag.lower() {
                return true;
            }
            any = true;
            let waker = Waker::from(Arc::clone(flag));
            task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        any
    }

    /// Runs all tasks while `task` runs.
    ///
    /// # Panics
    ///
    /// If nobody is woken any more, or others only keep each other busy: it hangs.
    #[track_caller]
    pub(crate) fn run_until<T>(&mut self, task: impl Future<Output = T>) -> T {
        let (mut task, flag) = (pin!(task), Flag::raised());
        let waker = Waker::from(Arc::clone(&flag));
        for _ in 0..ROUNDS {
            let woken = flag.lower();
            if woken {
                if let Poll::Ready(result) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return result;
                }
            }
            assert!(self.round() || woken, "it hangs: nobody was woken");
        }
        panic!("it hangs: it was not woken in {ROUNDS} rounds");
    }

    /// Runs all tasks until `condition` holds.
    ///
    /// # Panics
    ///
    /// If it never does.
    #[track_caller]
    pub(crate) fn run_while(&mut self, condition: impl Fn() -> bool) {
        while condition() {
            assert!(self.round(), "it hangs: nobody was woken");
        }
    }
}
