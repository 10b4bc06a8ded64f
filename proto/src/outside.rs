//! What happened outside: bytes, the end of bytes, time.

use core::mem;

use bytes::BytesMut;

use crate::connection::{Connection, InputEnd};
use crate::error::{CloseReason, Deadline};
use crate::event::{DialogEvent, DialogId};
use crate::time::Instant;

/// What happened outside.
impl Connection {
    /// Bytes arrived. Takes at most what fits in the buffer and returns how much; drain, then offer the
    /// rest again. After the end of the connection nothing is taken.
    #[must_use = "bytes that were not taken must be offered again"]
    pub fn handle_input(&mut self, now: Instant, input: &[u8]) -> usize {
        self.advance_clock(now);
        if self.is_closed() || self.input_end.is_some() {
            return 0;
        }
        let mut taken = 0_usize;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) {
            if self.receive.is_exhausted() {
                self.move_payloads();
                self.receive.turn();
            }
            let pushed = self.receive.push(rest);
            if pushed == 0 {
                break;
            }
            taken = taken.saturating_add(pushed);
        }
        self.counters.bytes_in = self.counters.bytes_in.saturating_add(taken as u64);
        self.arm_partial_frame();
        taken
    }

    /// `len` bytes of what `poll_transmit` handed out went to the operating system. Call it also with 0
    /// when nothing could be written: a stall is timed from the first call that leaves something unwritten.
    pub fn handle_written(&mut self, now: Instant, len: usize) {
        self.advance_clock(now);
        self.outbox.written(len);
        self.counters.bytes_out = self.counters.bytes_out.saturating_add(len as u64);
        if self.has_room() {
            self.owed_replies = 0;
        }
        if self.outbox.unwritten() == 0 || self.is_closed() {
            self.timers.write_stall = None;
        } else if len > 0 || self.timers.write_stall.is_none() {
            self.timers.write_stall = Some(self.now.saturating_add(self.config.write_stall_timeout));
        }
        self.finish_closing();
    }

    /// The peer ended its direction. Takes effect after the frames that came before.
    pub fn handle_eof(&mut self, now: Instant) {
        self.advance_clock(now);
        self.input_end.get_or_insert(InputEnd::Eof);
    }

    /// Reading or writing failed. Takes effect after the frames that came before.
    pub fn handle_reset(&mut self, now: Instant) {
        self.advance_clock(now);
        self.input_end = Some(InputEnd::Reset);
    }

    /// Time passed. Early or spurious calls do nothing. (D-28, R-3)
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance_clock(now);
        if self.is_closed() {
            return;
        }
        let now = self.now;
        let due = |timer: Option<Instant>| timer.is_some_and(|at| at <= now);
        if due(self.timers.pause) {
            self.give_up_pausing();
        }
        if due(self.timers.close) {
            return self.lose(CloseReason::Local);
        }
        let fatal = [
            (self.timers.handshake, Deadline::Handshake),
            (self.timers.partial_frame, Deadline::PartialFrame),
            (self.timers.write_stall, Deadline::WriteStall),
        ];
        for (timer, deadline) in fatal {
            if due(timer) {
                return self.lose(CloseReason::TimedOut(deadline));
            }
        }
        while let Some((id, deadline)) = self.deadlines.pop_due(self.now) {
            self.expire(id, deadline);
        }
    }

    fn expire(&mut self, id: DialogId, deadline: Deadline) {
        let Some(dialog) = self.table.get_mut(id) else { return };
        if deadline == Deadline::FinalFrame {
            dialog.final_frame_due = None;
            return self.end_unconfirmed(id);
        }
        dialog.cancel_ack_due = None;
        self.notify(id, DialogEvent::Overdue(deadline));
    }

    pub(crate) fn advance_clock(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.arm_unarmed();
    }

    pub(crate) fn arm_partial_frame(&mut self) {
        // While we do not read, the rest cannot come.
        if !self.receive.has_partial_frame() || self.timers.pause.is_some() {
            self.timers.partial_frame = None;
        } else if self.timers.partial_frame.is_none() {
            self.timers.partial_frame = Some(self.now.saturating_add(self.config.partial_frame_timeout));
        }
    }

    /// Takes all payloads that are still unread out of the receive buffers, into one allocation. A byte is
    /// moved at most once a buffer for as long as it is unread: `inbox_bytes / receive_buffer` times.
    fn move_payloads(&mut self) {
        let [store, next] = &mut self.stores;
        mem::swap(store, next);
        store.clear();
        if self.inbox_bytes > 0 && !store.try_reclaim(self.inbox_bytes) {
            *store = BytesMut::with_capacity(self.inbox_bytes);
        }
        let table = &mut self.table;
        self.holding.retain(|&id| {
            let Some(dialog) = table.get_mut(id) else { return false };
            dialog.move_payloads(store);
            dialog.is_holding = dialog.holds_items();
            dialog.is_holding
        });
        // What a backlog once needed is not kept after it.
        for store in &mut self.stores {
            if self.inbox_bytes == 0 && store.capacity() > self.config.receive_buffer {
                *store = BytesMut::new();
            }
        }
    }
}
