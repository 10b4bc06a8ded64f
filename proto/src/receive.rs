//! Bytes in, frames out: two receive buffers used in turn.
//!
//! Input is copied once, into the current buffer; frames are split off it without a copy. When it is
//! full the other one takes over and is used again as soon as nobody holds a slice of it. The
//! connection moves what its inboxes hold out of the way beforehand, so unread items never pin a buffer.

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::frame::{PREFIX, TooLong, body_len};

#[derive(Debug)]
pub(crate) struct Receive {
    current: BytesMut,
    spare: BytesMut,
    /// The current buffer was made for one frame that is larger than a buffer.
    is_oversize: bool,
    size: usize,
    max_frame: usize,
}

impl Receive {
    pub(crate) fn new(size: usize, max_frame: usize) -> Self {
        Self {
            current: BytesMut::new(),
            spare: BytesMut::new(),
            is_oversize: false,
            size: size.max(PREFIX),
            max_frame,
        }
    }

    /// Copies as much of `input` as there is room for.
    pub(crate) fn push(&mut self, input: &[u8]) -> usize {
        let taken = input.get(..self.room()).unwrap_or(input);
        self.current.extend_from_slice(taken);
        taken.len()
    }

    /// Free bytes of the current buffer.
    pub(crate) fn room(&self) -> usize {
        self.current.capacity().saturating_sub(self.current.len())
    }

    /// Whether the current buffer is full and holds no whole frame: time to [`turn`](Self::turn).
    pub(crate) fn is_exhausted(&self) -> bool {
        self.room() == 0 && !self.has_frame()
    }

    /// Whether `next_frame` has something to say: a whole frame, or that one is too long.
    pub(crate) fn has_frame(&self) -> bool {
        match body_len(&self.current, self.max_frame) {
            Ok(Some(len)) => self.current.len() >= len.saturating_add(PREFIX),
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// Whether the first bytes of a frame wait for the rest.
    pub(crate) fn has_partial_frame(&self) -> bool {
        !self.current.is_empty() && !self.has_frame()
    }

    /// Takes the next whole frame, without its prefix. (W-3)
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, TooLong> {
        let Some(len) = body_len(&self.current, self.max_frame)? else { return Ok(None) };
        if self.current.len() < len.saturating_add(PREFIX) {
            return Ok(None);
        }
        self.current.advance(PREFIX);
        Ok(Some(self.current.split_to(len).freeze()))
    }

    /// Moves the partial frame to the other buffer, or to one of its own if it is larger than a buffer.
    /// Such a buffer grows with the bytes that arrived, never to the length that was announced.
    pub(crate) fn turn(&mut self) {
        let whole = match body_len(&self.current, self.max_frame) {
            Ok(Some(len)) => len.saturating_add(PREFIX),
            Ok(None) | Err(_) => PREFIX,
        };
        let is_oversize = whole > self.size;
        let mut next = if is_oversize {
            BytesMut::with_capacity(whole.min(self.current.len().saturating_mul(2)).max(self.size))
        } else {
            self.spare.clear();
            if self.spare.try_reclaim(self.size) {
                core::mem::take(&mut self.spare)
            } else {
                BytesMut::with_capacity(self.size)
            }
        };
        next.extend_from_slice(&self.current);
        let mut full = core::mem::replace(&mut self.current, next);
        full.clear();
        if !self.is_oversize {
            self.spare = full;
        }
        self.is_oversize = is_oversize;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.current = BytesMut::new();
        self.spare = BytesMut::new();
    }

    /// Bytes not yet taken as frames.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.current
    }

    /// Bytes the buffers may keep allocated.
    pub(crate) fn memory(&self) -> usize {
        self.size.saturating_mul(2).max(self.current.capacity().saturating_add(self.size))
    }
}

impl Clone for Receive {
    /// The copy has buffers of its own, with as much room.
    fn clone(&self) -> Self {
        let mut current = BytesMut::with_capacity(self.current.capacity());
        current.extend_from_slice(&self.current);
        Self { current, spare: BytesMut::new(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    fn frame(len: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(len).unwrap().to_le_bytes().to_vec();
        bytes.extend(core::iter::repeat_n(7, len));
        bytes
    }

    fn feed(receive: &mut Receive, mut input: &[u8]) -> Vec<Bytes> {
        let mut frames = vec![];
        loop {
            if receive.is_exhausted() {
                receive.turn();
            }
            let taken = receive.push(input);
            input = &input[taken..];
            while let Some(frame) = receive.next_frame().unwrap() {
                frames.push(frame);
            }
            if input.is_empty() {
                return frames;
            }
        }
    }

    /// W-1, W-3.
    #[test]
    fn any_chunking_gives_the_same_frames() {
        let lens = [0, 1, 59, 60, 61, 64, 200, 3];
        let input: Vec<u8> = lens.iter().flat_map(|&len| frame(len)).collect();
        for chunk in 1..input.len() {
            let mut receive = Receive::new(64, 1000);
            let got: Vec<usize> = input
                .chunks(chunk)
                .flat_map(|part| feed(&mut receive, part))
                .map(|frame| frame.len())
                .collect();
            assert_eq!(got, lens, "chunks of {chunk}");
        }
    }

    #[test]
    fn buffers_are_used_again_once_free() {
        let mut receive = Receive::new(4096, 1000);
        let input = frame(100);
        let mut seen = vec![];
        for _ in 0..4096 {
            let frames = feed(&mut receive, &input);
            let at = receive.current.as_ptr() as usize & !4095;
            drop(frames);
            if !seen.contains(&at) {
                seen.push(at);
            }
        }
        assert!(seen.len() <= 4, "{} regions", seen.len());
    }

    /// W-4.
    #[test]
    fn a_length_over_the_limit_is_reported_at_once_and_allocates_nothing() {
        let mut receive = Receive::new(64, 1000);
        receive.turn();
        assert_eq!(receive.push(&1001_u32.to_le_bytes()), 4);
        assert_eq!(receive.next_frame(), Err(TooLong { len: 1001, limit: 1000 }));
        assert!(receive.current.capacity() <= 64);
    }
}
