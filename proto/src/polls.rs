//! What is to be done now: events, bytes to write, the next deadline.

use bytes::Bytes;

use crate::connection::{Connection, InputEnd};
use crate::error::{CloseReason, Deadline, LimitKind};
use crate::event::Event;
use crate::time::Instant;

/// What is to be done now.
impl Connection {
    /// The next event, if any: takes frames until one makes an event.
    #[must_use = "each event is reported once"]
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.is_closed() {
                return None;
            }
            if self.owes_too_much() {
                self.lose(CloseReason::Limit(LimitKind::Owed));
                continue;
            }
            match self.receive.next_frame() {
                Ok(Some(frame)) => {
                    self.timers.partial_frame = None;
                    self.take_frame(&frame);
                    self.arm_partial_frame();
                }
                Ok(None) => self.take_input_end()?,
                Err(long) => {
                    self.lose(CloseReason::Limit(LimitKind::Frame { len: long.len, limit: long.limit }));
                }
            }
        }
    }

    /// The peer's end of input, once all frames before it were taken. (W-6)
    fn take_input_end(&mut self) -> Option<()> {
        let reason = match self.input_end? {
            InputEnd::Reset => CloseReason::Reset,
            InputEnd::Eof if self.receive.unread().is_empty() => CloseReason::Eof,
            InputEnd::Eof => CloseReason::Truncated,
        };
        self.outbox.clear();
        self.lose(reason);
        Some(())
    }

    /// Everything there is to write, whole frames only. Report progress by `handle_written`.
    #[must_use = "frames handed out and not written are lost"]
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outbox.take()
    }

    /// When to call `handle_timeout`, and why. While events are due it is the last `now`, for
    /// [`Deadline::Event`]; so it is after a `take` that asked for an end, whose deadlines count from the next
    /// `now`. After the end of the connection there is none: bound the last write yourself.
    pub fn poll_timeout(&self) -> Option<(Instant, Deadline)> {
        let is_over = self.is_closed();
        let has_input = !is_over && (self.input_end.is_some() || self.receive.has_frame());
        if !self.events.is_empty() || has_input {
            return Some((self.now, Deadline::Event));
        }
        if is_over {
            return None;
        }
        if !self.unarmed.is_empty() {
            return Some((self.now, Deadline::CancelAck));
        }
        let timers = self.timers.all().into_iter().filter_map(|(at, deadline)| Some((at?, deadline)));
        timers.chain(self.deadlines.next()).min()
    }
}
