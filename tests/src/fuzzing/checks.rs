//! What holds after every operation.

use std::time::Duration;

use scipp_proto::phase::{CancelPhase, Role};
use scipp_proto::{CloseReason, Connection, Deadline, Failure, Instant, Outcome};

use super::fingerprint;
use super::world::{End, Known, World};
use crate::bound;
use crate::pair::Side;

/// Bytes of a request to cancel a dialog.
const REQUEST: usize = 512;

impl World {
    /// Checks both ends.
    pub(super) fn check(&mut self) {
        for side in Side::BOTH {
            self.note_endings(side);
            let is_cut = self.is_cut;
            let (end, other) = match &mut self.ends {
                [a, b] if side == Side::A => (a, &*b),
                [a, b] => (b, &*a),
            };
            let is_drained = self.is_eager || end.closed.is_some();
            end.check_close(is_cut);
            end.check_memory();
            for at in 0..end.known.len() {
                let known = &end.known[at];
                end.check_dialog(known, other, is_drained);
                end.known[at].outcome =
                    end.conn.dialog(end.known[at].id).and_then(|view| view.outcome().cloned());
            }
            self.check_clock(side);
        }
    }

    /// What holds once nothing is on its way any more: the ends agree on what is over, and every cancel
    /// request was answered or is the child's to answer.
    pub(super) fn check_agreement(&self) {
        let is_open =
            |end: &End| end.conn.peer().is_some() && !end.conn.is_closed() && end.conn.wants_input();
        if self.is_cut || !self.ends.iter().all(is_open) {
            return;
        }
        for side in Side::BOTH {
            let [end, other] = [side, side.other()].map(|side| &self.ends[side as usize]);
            end.check_close_is_complete(other);
            for parent in end.known.iter().filter(|known| known.role == Role::Parent) {
                let Some(view) = end.conn.dialog(parent.id) else { continue };
                let child = other.known.iter().find(|child| child.cid == parent.cid);
                if child.is_some_and(|child| child.is_actor_cancel && child.is_released) {
                    // Acknowledged perhaps, and answered once the other tasks have ended.
                    continue;
                }
                let child = child.and_then(|child| other.conn.dialog(child.id));
                let is_over = child.is_none_or(|child| child.is_ended());
                assert!(!is_over || view.is_ended(), "{} ended at the child alone", parent.cid);
                let is_told = is_over || child.is_some_and(|child| child.must_unwind());
                assert!(!view.is_ended() || is_told, "{} ended at the parent alone", parent.cid);
                let is_answered = view.cancel_phase() != CancelPhase::Requested;
                assert!(!is_over || is_answered, "the request to cancel {} was not answered", parent.cid);
            }
        }
    }

    /// `poll_timeout` names a moment to come, or one at which something happens; and what is queued is due.
    fn check_clock(&mut self, side: Side) {
        let now = self.now;
        let end = self.end(side);
        let before = fingerprint(&end.conn);
        let mut polled = end.conn.clone();
        let has_event = polled.poll_event().is_some();
        match end.conn.poll_timeout() {
            Some((at, Deadline::Event)) => {
                assert!(has_event || fingerprint(&polled) != before, "nothing is there to be polled");
                assert!(at <= now, "what is queued is due");
                assert!(!self.is_eager, "an event after the drain");
            }
            _ if has_event => panic!("an event is not announced"),
            Some((at, deadline)) if at <= now => {
                end.conn.handle_timeout(now);
                assert_ne!(fingerprint(&end.conn), before, "{deadline:?} was due and did nothing");
                assert!(!is_due(&end.conn, now), "{deadline:?} is still due at {now:?}");
                if self.is_eager {
                    self.drain(side);
                }
            }
            _ => {
                end.conn.handle_timeout(now);
                assert_eq!(fingerprint(&end.conn), before, "a spurious timeout changed something");
            }
        }
    }

    /// Lets time pass. Where nothing is due, nothing happens.
    pub(super) fn advance(&mut self, by: Duration) {
        let now = self.now.saturating_add(by);
        for side in Side::BOTH {
            let end = self.end(side);
            let due = end.conn.poll_timeout();
            end.conn.handle_timeout(now);
            match due {
                Some((_, Deadline::Event)) => {}
                Some((at, deadline)) if at <= now => {
                    assert!(!is_due(&end.conn, now), "{deadline:?} was handled and is due");
                }
                _ => assert_eq!(end.conn.poll_timeout(), due, "an early timeout did something"),
            }
        }
        self.now = now;
        for side in Side::BOTH {
            if self.is_eager {
                self.drain(side);
            } else {
                self.poll(side, 0);
            }
        }
    }
}

/// Whether a deadline, queued events apart, has come at `now`.
fn is_due(conn: &Connection, now: Instant) -> bool {
    conn.poll_timeout().is_some_and(|(at, deadline)| at <= now && deadline != Deadline::Event)
}

impl End {
    /// Two conforming cores never blame each other, and neither sends what the other has to drop.
    fn check_close(&self, is_cut: bool) {
        let counters = self.conn.counters();
        assert_eq!(counters.malformed, 0);
        if self.conn.config().late_cids >= 1024 {
            assert_eq!(counters.strays, 0, "a frame for a dialog that never was");
        }
        match self.conn.close_reason() {
            None | Some(CloseReason::Local | CloseReason::Eof | CloseReason::TimedOut(_)) => {}
            Some(CloseReason::Truncated | CloseReason::Reset) => assert!(is_cut),
            Some(CloseReason::Limit(limit)) => {
                let is_possible = match limit {
                    scipp_proto::LimitKind::Owed => true,
                    scipp_proto::LimitKind::Strays => self.conn.config().late_cids < 1024,
                    _ => false,
                };
                assert!(is_possible, "{limit}");
            }
            Some(reason) => panic!("between conforming cores: {reason:?}"),
        }
        if self.closed.is_some() {
            assert_eq!(self.closed.as_ref(), self.conn.close_reason());
        }
    }

    /// A graceful close is over once everything it waits for is: endings, and answers to cancel requests,
    /// which can be owed longer than a dialog that a deadline ended.
    fn check_close_is_complete(&self, other: &Self) {
        let is_over = |known: &Known| match self.conn.dialog(known.id) {
            Some(view) => view.is_ended() && view.cancel_phase() != CancelPhase::Requested,
            // Released: it goes on as long as the other end does.
            None => {
                let theirs = other.known.iter().find(|theirs| theirs.cid == known.cid);
                theirs.is_some_and(|theirs| other.conn.dialog(theirs.id).is_some_and(|view| view.is_ended()))
            }
        };
        assert!(!self.is_closing || !self.known.iter().all(is_over), "a close that waits for nothing");
    }

    fn check_memory(&self) {
        let (config, unwritten) = (self.conn.config(), self.conn.unwritten());
        // Each dialog of its own may have to be cancelled because the peer's end failed.
        let bound = bound::unwritten(config, self.forced + self.known.len() * REQUEST);
        assert!(unwritten <= bound, "{unwritten} bytes unwritten are more than {bound}");
        let bound = bound::resting(config, 2 * self.known.len() + 1);
        let memory = self.conn.memory() - unwritten;
        assert!(memory <= bound, "{memory} bytes are more than {bound}");
    }

    fn check_dialog(&self, known: &Known, other: &Self, is_drained: bool) {
        let Some(view) = self.conn.dialog(known.id) else {
            return assert!(known.is_released, "{} is gone without being released", known.cid);
        };
        assert!(!known.is_released, "{} is there after its release", known.cid);
        assert_eq!((view.cid(), view.role()), (known.cid.as_str(), known.role));
        assert_eq!(view.is_ended(), view.outcome().is_some(), "an ending has an outcome");
        assert!(view.is_ended() || !self.conn.is_closed(), "alive after the connection");
        if known.outcome.is_some() {
            assert_eq!(view.outcome(), known.outcome.as_ref(), "an outcome is final");
        }
        if is_drained {
            assert_eq!(known.endings, usize::from(view.is_ended()), "one Ended event for {}", known.cid);
        }
        if let Some(Failure::Violation(violation)) = view.error() {
            assert!(known.is_mismatched, "between conforming cores: {violation}");
        }
        assert!(!view.state().as_str().is_empty());
        if let (Some(Outcome::Returned(Some(value))), false) = (view.outcome(), known.is_actor_cancel) {
            let result = other.known.iter().find(|child| child.cid == known.cid);
            assert_eq!(Some(value), result.and_then(|child| child.result.as_ref()), "another result");
        }
    }
}
