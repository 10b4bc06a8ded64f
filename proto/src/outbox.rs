//! Frames on their way out.

use bytes::{Bytes, BytesMut};

use crate::wire::frame::PREFIX;
use crate::wire::{Message, encode};

/// Encoded frames not yet handed out, and how much of what was handed out is not yet written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox {
    queue: BytesMut,
    in_flight: usize,
}

/// A frame whose body is longer than the limit. Nothing was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameTooLong(pub(crate) usize);

impl Outbox {
    /// Appends one frame; returns its length with the prefix.
    pub(crate) fn push(&mut self, message: &Message<'_>, max_frame: usize) -> Result<usize, FrameTooLong> {
        let before = self.queue.len();
        encode(message, &mut self.queue);
        let len = self.queue.len().saturating_sub(before);
        let body = len.saturating_sub(PREFIX);
        if body > max_frame {
            self.queue.truncate(before);
            return Err(FrameTooLong(body));
        }
        Ok(len)
    }

    /// Where the queue ends now.
    pub(crate) fn mark(&self) -> usize {
        self.queue.len()
    }

    /// Takes back what was pushed since `mark`.
    pub(crate) fn rewind(&mut self, mark: usize) {
        self.queue.truncate(mark);
    }

    /// Everything queued, as one piece.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        if self.queue.is_empty() {
            return None;
        }
        let frames = self.queue.split().freeze();
        self.in_flight = self.in_flight.saturating_add(frames.len());
        Some(frames)
    }

    pub(crate) fn written(&mut self, len: usize) {
        self.in_flight = self.in_flight.saturating_sub(len);
    }

    /// Bytes queued, and bytes handed out but not written.
    pub(crate) fn unwritten(&self) -> usize {
        self.queue.len().saturating_add(self.in_flight)
    }

    /// Frames not yet handed out.
    pub(crate) fn queued(&self) -> &[u8] {
        &self.queue
    }

    pub(crate) fn clear(&mut self) {
        self.queue = BytesMut::new();
    }
}
