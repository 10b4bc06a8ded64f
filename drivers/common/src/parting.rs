//! The end of a socket.

use std::time::Duration;

use scipp_proto::{CloseReason, Deadline, Instant};

use crate::FAREWELL;

/// How the socket of a connection that is over comes to its end. The frame that was begun is finished, since
/// half of one kills a Python peer. Then our direction is shut down, and the peer is given time to read our
/// last frames: closing a socket with unread input would take them back. What still comes is dropped: the
/// peer may not read on before it has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// Writing what is left.
    Finishing {
        /// When it is given up.
        until: Instant,
    },
    /// Waiting for the peer to hang up in its turn.
    Farewell {
        /// When it is given up.
        until: Instant,
    },
    /// The socket is of no more use.
    Over,
}

/// What is known of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sight {
    /// Everything is written.
    pub is_written: bool,
    /// Nothing more comes: input has ended or failed.
    pub is_deaf: bool,
    /// Writing failed.
    pub is_broken: bool,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Write, and drop what comes.
    Write,
    /// Shut our direction down.
    ShutDown,
    /// Drop what comes.
    Listen,
    /// Close the socket.
    Close,
}

impl Parting {
    /// Of a connection that was over for this reason, whose peer may take `stall` to take what is left.
    pub fn new(reason: &CloseReason, stall: Duration, now: Instant) -> Self {
        match reason {
            // Nobody is there, or nobody reads.
            CloseReason::Eof
            | CloseReason::Truncated
            | CloseReason::Reset
            | CloseReason::TimedOut(Deadline::WriteStall) => Self::Over,
            _ => Self::Finishing { until: now.saturating_add(stall) },
        }
    }

    /// What to do, after a look at the socket. (W-5, R-25)
    pub fn step(&mut self, sight: Sight, now: Instant) -> Step {
        match *self {
            Self::Finishing { until } if sight.is_broken || until <= now => *self = Self::Over,
            Self::Finishing { .. } if sight.is_written => {
                *self = Self::Farewell { until: now.saturating_add(FAREWELL) };
                return Step::ShutDown;
            }
            Self::Finishing { .. } => return Step::Write,
            Self::Farewell { until } if sight.is_deaf || sight.is_broken || until <= now => {
                *self = Self::Over
            }
            Self::Farewell { .. } => return Step::Listen,
            Self::Over => {}
        }
        Step::Close
    }

    /// When to look again at the latest.
    pub const fn due(&self) -> Option<Instant> {
        match *self {
            Self::Finishing { until } | Self::Farewell { until } => Some(until),
            Self::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(30);
    const START: Instant = Instant::EPOCH;
    const WRITTEN: Sight = Sight { is_written: true, is_deaf: false, is_broken: false };

    fn later(by: Duration) -> Instant {
        START.saturating_add(by)
    }

    /// W-5, R-25.
    #[test]
    fn what_was_begun_is_finished_and_the_peer_heard_out() {
        let mut parting = Parting::new(&CloseReason::Local, STALL, START);
        assert_eq!(parting.step(Sight::default(), START), Step::Write);
        // That the peer says no more does not mean that it does not read.
        assert_eq!(parting.step(Sight { is_deaf: true, ..Sight::default() }, START), Step::Write);
        assert_eq!(parting.step(WRITTEN, START), Step::ShutDown);
        assert_eq!(parting.step(WRITTEN, START), Step::Listen);
        assert_eq!(parting.step(Sight { is_deaf: true, ..WRITTEN }, START), Step::Close);
    }

    /// W-5, R-25.
    #[test]
    fn no_peer_can_put_the_end_off() {
        let mut parting = Parting::new(&CloseReason::Local, STALL, START);
        assert_eq!(parting.due(), Some(later(STALL)));
        assert_eq!(parting.step(Sight::default(), later(STALL)), Step::Close);
        let mut parting = Parting::new(&CloseReason::Local, STALL, START);
        assert_eq!(parting.step(WRITTEN, START), Step::ShutDown);
        assert_eq!(parting.due(), Some(later(FAREWELL)));
        assert_eq!(parting.step(WRITTEN, later(FAREWELL)), Step::Close);
        assert_eq!(parting.due(), None);
    }

    #[test]
    fn a_socket_that_breaks_is_closed_in_each_stage() {
        let broken = Sight { is_broken: true, ..Sight::default() };
        let mut parting = Parting::new(&CloseReason::Local, STALL, START);
        assert_eq!(parting.step(broken, START), Step::Close);
        let mut parting = Parting::new(&CloseReason::Local, STALL, START);
        assert_eq!(parting.step(WRITTEN, START), Step::ShutDown);
        assert_eq!(parting.step(broken, START), Step::Close);
    }

    ///
    #[test]
    fn where_nobody_reads_there_is_nothing_to_finish() {
        for reason in [CloseReason::Eof, CloseReason::Reset, CloseReason::TimedOut(Deadline::WriteStall)] {
            assert_eq!(Parting::new(&reason, STALL, START).step(Sight::default(), START), Step::Close);
        }
    }
}
