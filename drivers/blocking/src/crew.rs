//! The threads of a connection that belong to no caller: they run endpoint bodies and read when nobody
//! else does.
//!
//! A body runs on the thread that read its request, so that a short one costs no change of threads. Two
//! rules keep the connection alive whatever a body does. Before a crew thread runs one, another crew
//! thread is idle. And one idle thread *watches*: it looks up every [`LINGER`] while the connection is
//! in use, and takes over reading, starting bodies and writing whatever has not moved since. On a quiet
//! connection the reader is parked, and nobody looks up.

use std::io;
use std::net::Shutdown;
use std::sync::{Arc, PoisonError};
use std::thread;

use scipp_common::{FAREWELL, now};
use scipp_proto::{CloseReason, DialogId, Request};

use crate::link::{Link, Urgency};
use crate::socket::{Interest, LINGER, park};
use crate::state::{Held, Leader, State};

/// Idle threads that a connection keeps for the next burst.
const SPARE: usize = 2;

/// Something for a crew thread to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Answer a request of the peer.
    Serve { id: DialogId, request: Box<Request> },
    /// Cancel the whole actor.
    CancelActor { id: DialogId },
}

/// Who of the crew does what.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    /// Threads that run no job, the reading one included.
    idle: usize,
    /// Idle threads that wait to be called.
    waiting: usize,
    /// Whether an idle thread looks up every `LINGER`.
    watching: bool,
    /// Jobs shall start even if the thread that read them is at work on one.
    urgent: bool,
    /// Counts jobs begun, so that a stuck queue can be told from a moving one.
    begun: u64,
    /// The farewell has begun.
    parted: bool,
}

/// What a crew thread may do next, besides watching.
#[derive(Debug, Clone, Copy, Default)]
struct Mandate {
    /// Begin the next job.
    work: bool,
    /// Read.
    lead: bool,
}

impl Link {
    /// Starts the crew.
    pub(crate) fn man(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.lock();
        self.recruit(&mut state, Mandate { work: false, lead: true })
    }

    fn recruit(self: &Arc<Self>, state: &mut State, mandate: Mandate) -> io::Result<()> {
        let link = Arc::clone(self);
        thread::Builder::new().name("scipp-crew".into()).spawn(move || link.keep(mandate))?;
        state.crew.idle += 1;
        Ok(())
    }

    /// The life of a crew thread.
    fn keep(self: Arc<Self>, mut mandate: Mandate) {
        let mut state = self.lock();
        while state.closed.is_none() {
            if let Some(job) = state.next_job(mandate) {
                state = self.work(state, job);
                if state.crew.idle > SPARE && state.queue.is_empty() {
                    self.keep_watched(&mut state);
                    break;
                }
                mandate = Mandate { work: true, lead: true };
            } else if state.is_unled() && (mandate.lead || state.sleeping > 0 || state.stalled) {
                let sleeping = state.sleeping;
                state = self.turn(state, None);
                // A waiter that was served comes back for more and had better read by itself.
                mandate = Mandate { work: true, lead: sleeping == 0 && !state.corked };
            } else {
                (state, mandate) = self.watch(state);
            }
        }
        self.leave(state);
    }

    /// Runs `job` while another crew thread keeps the connection going.
    fn work<'a>(self: &'a Arc<Self>, mut state: Held<'a>, job: Job) -> Held<'a> {
        let relieved = self.relieve(&mut state);
        state.crew.idle -= 1;
        drop(state);
        match job {
            Job::Serve { id, .. } if !relieved => self.turn_away(id),
            Job::Serve { id, request } => self.serve(id, &request),
            Job::CancelActor { id } => self.cancel_actor(id),
        }
        let mut state = self.lock();
        state.crew.idle += 1;
        state
    }

    /// Sees to it that another thread of the crew is idle, and awake if need be.
    fn relieve(self: &Arc<Self>, state: &mut State) -> bool {
        if state.crew.idle < 2 {
            return self.recruit(state, Mandate::default()).is_ok();
        }
        self.keep_watched(state);
        true
    }

    /// Waits for something to do.
    fn watch<'a>(&'a self, mut state: Held<'a>) -> (Held<'a>, Mandate) {
        let in_reach = state.leader == Leader::Parked && !state.corked && state.queue.is_empty();
        if in_reach || state.crew.watching {
            state.crew.waiting += 1;
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.crew.waiting -= 1;
            return (state, Mandate::default());
        }
        let (turns, begun) = (state.turns, state.crew.begun);
        state.crew.watching = true;
        let (mut state, timeout) =
            self.idle.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
        state.crew.watching = false;
        if !timeout.timed_out() {
            return (state, Mandate::default());
        }
        let mandate = Mandate { work: state.crew.begun == begun, lead: state.turns == turns };
        // The thread that read these jobs is at work on a long one: all of them start now.
        state.crew.urgent |= mandate.work && !state.queue.is_empty();
        (self.flush(state), mandate)
    }

    /// Before a thread blocks: jobs that wait for the thread that read them shall not wait for this.
    pub(crate) fn urge(&self, state: &mut State) {
        if !state.queue.is_empty() {
            state.crew.urgent = true;
            self.idle.notify_one();
        }
    }

    /// The leader leaves: others still wait for input.
    pub(crate) fn hand_over(&self, state: &mut State) {
        if state.leader == Leader::Nobody && (state.sleeping > 0 || !state.queue.is_empty()) {
            state.crew.urgent |= !state.queue.is_empty();
            self.idle.notify_one();
        }
    }

    /// Something must not lie for long: somebody has to watch.
    pub(crate) fn watch_out(&self, state: &mut State) {
        if state.crew.watching {
            // It will be seen.
        } else if state.crew.waiting > 0 {
            self.idle.notify_one();
        } else {
            self.nudge(state);
        }
    }

    /// Unless a parked reader has it in sight, the connection has to be watched.
    pub(crate) fn keep_watched(&self, state: &mut State) {
        if state.leader != Leader::Parked && !state.crew.watching && state.crew.waiting > 0 {
            self.idle.notify_one();
        }
    }

    /// The end of a crew thread; the first to go after the end of the connection says farewell.
    fn leave<'a>(&'a self, mut state: Held<'a>) {
        state.crew.idle -= 1;
        let Some(reason) = state.closed.clone() else { return };
        if std::mem::replace(&mut state.crew.parted, true) {
            return;
        }
        state.queue.clear();
        self.depart(state, Urgency::Now);
        if reason == CloseReason::Local {
            self.finish_writing();
            self.bid_farewell();
        }
        self.socket.shutdown(Shutdown::Both);
        self.depart_for_good();
    }

    /// Finishes the frame that was begun, since half of one kills a Python peer. What still comes is
    /// dropped: the peer may not read on before it has written.
    fn finish_writing(&self) {
        let mut state = self.lock();
        let deadline = now().saturating_add(state.conn.config().write_stall_timeout);
        let mut interest = Interest { read: true, write: true };
        let mut scrap = [0; 4096];
        while !state.unsent.is_empty() && !state.broken && now() < deadline {
            drop(state);
            let rest = deadline.duration_since(now());
            let Ok(ready) = park(&self.socket, interest, &self.waker, Some(rest)) else { return };
            if ready.readable {
                interest.read = matches!(self.socket.read_now(&mut scrap), Ok(None | Some(1..)));
            }
            state = self.lock();
            state.stalled &= !ready.writable;
            state = self.flush(state);
        }
    }

    /// Lets the peer read our last frames: closing a socket with unread input would take them back.
    fn bid_farewell(&self) {
        self.socket.shutdown(Shutdown::Write);
        let deadline = now().saturating_add(FAREWELL);
        let mut scrap = [0; 4096];
        while now() < deadline {
            match self.socket.read_now(&mut scrap) {
                Ok(Some(0)) | Err(_) => return,
                Ok(Some(_)) => {}
                Ok(None) => {
                    let interest = Interest { read: true, write: false };
                    let rest = deadline.duration_since(now());
                    if park(&self.socket, interest, &self.waker, Some(rest)).is_err() {
                        return;
                    }
                }
            }
        }
    }
}

impl State {
    /// Whether reading is what is missing. Jobs go first: a reader may be gone for long.
    fn is_unled(&self) -> bool {
        self.leader == Leader::Nobody && self.queue.is_empty()
    }

    fn next_job(&mut self, mandate: Mandate) -> Option<Job> {
        if !(mandate.work || self.crew.urgent) {
            return None;
        }
        let job = self.queue.pop_front();
        self.crew.urgent &= !self.queue.is_empty();
        let job = job?;
        self.crew.begun = self.crew.begun.wrapping_add(1);
        Some(job)
    }
}
