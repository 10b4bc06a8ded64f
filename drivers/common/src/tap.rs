//! Watching the frames of a connection go by.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use scipp_proto::wire::frame::{PREFIX, body_len};

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer to us.
    In,
    /// From us to the peer.
    Out,
}

/// One frame on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TappedFrame {
    /// The connection, numbered from 0 in the order in which this actor made or accepted them.
    pub connection: u64,
    /// Which way it goes.
    pub direction: Direction,
    /// What it holds: one message, without the length prefix.
    pub body: Bytes,
}

/// An observer of all frames of an actor, for logs, diagrams and recordings.
///
/// Frames of one direction of one connection come in order. A frame in is seen before it has any
/// effect, a frame out before it is written. It runs on the threads that read and write, so it must not
/// wait for the actor it observes. A panic is ignored.
pub trait Tap: Send + Sync {
    /// `frame` passes.
    fn frame(&self, frame: &TappedFrame);
}

impl<F: Fn(&TappedFrame) + Send + Sync> Tap for F {
    fn frame(&self, frame: &TappedFrame) {
        self(frame);
    }
}

/// The tap on one connection, to be shown all of its bytes.
pub struct LinkTap {
    tap: Arc<dyn Tap>,
    connection: u64,
    // Input arrives cut anywhere. Output is handed out in whole frames.
    partial: Mutex<BytesMut>,
}

impl LinkTap {
    pub(crate) fn new(tap: Arc<dyn Tap>, connection: u64) -> Self {
        Self { tap, connection, partial: Mutex::default() }
    }

    /// The next bytes from the peer.
    pub fn received(&self, bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        partial.extend_from_slice(bytes);
        while let Some(body) = split_frame(&mut partial) {
            self.show(Direction::In, body);
        }
    }

    /// The next bytes to the peer, in whole frames.
    pub fn sent(&self, frames: &Bytes) {
        let mut frames = BytesMut::from(frames.as_ref());
        while let Some(body) = split_frame(&mut frames) {
            self.show(Direction::Out, body);
        }
    }

    fn show(&self, direction: Direction, body: Bytes) {
        let frame = TappedFrame { connection: self.connection, direction, body };
        let _panicked = catch_unwind(AssertUnwindSafe(|| self.tap.frame(&frame)));
    }
}

/// Takes the first whole frame off `bytes`.
fn split_frame(bytes: &mut BytesMut) -> Option<Bytes> {
    let len = body_len(bytes, usize::MAX).ok().flatten()?;
    if bytes.len() - PREFIX < len {
        return None;
    }
    bytes.advance(PREFIX);
    Some(bytes.split_to(len).freeze())
}

impl fmt::Debug for LinkTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkTap").field("connection", &self.connection).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_however_the_input_is_cut() {
        let input = b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c";
        for cut in 1..=input.len() {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&seen);
            let tap =
                LinkTap::new(Arc::new(move |frame: &TappedFrame| log.lock().unwrap().push(frame.clone())), 7);
            input.chunks(cut).for_each(|chunk| tap.received(chunk));
            let bodies: Vec<_> = seen.lock().unwrap().iter().map(|frame| frame.body.clone()).collect();
            assert_eq!(bodies, ["ab", "", "c"].map(Bytes::from), "in pieces of {cut}");
        }
    }

    #[test]
    fn a_panicking_tap_is_ignored() {
        let tap = LinkTap::new(Arc::new(|_: &TappedFrame| panic!("tap")), 0);
        tap.sent(&Bytes::from_static(b"\0\0\0\0"));
        tap.received(b"\0\0\0\0");
    }
}
