//! What an end writes: at once, or once it can.

use bytes::Bytes;

use super::{Broken, Frame, Hung, Line, Rule, World};

impl World {
    /// Everything that this end has to write goes on its way.
    pub(super) fn transmit(&mut self, link: usize, side: usize) -> Result<(), Broken> {
        if self.end(link, side).is_stalled {
            return self.hold(link, side);
        }
        while let Some(bytes) = self.end_mut(link, side).conn().poll_transmit() {
            let frames = self.sent(link, side, &bytes)?;
            let end = self.end_mut(link, side);
            let now = end.now;
            end.conn().handle_written(now, bytes.len());
            self.pass_on(link, side, frames, true);
        }
        Ok(())
    }

    /// It cannot write: what is new in its queue is looked at, and stays there behind what was there before.
    fn hold(&mut self, link: usize, side: usize) -> Result<(), Broken> {
        let end = self.end_mut(link, side);
        let queued = end.conn.as_ref().clone().poll_transmit().unwrap_or_default();
        // A connection that is lost writes nothing more.
        if end.conn.is_closed() && queued.is_empty() {
            end.held = queued;
            return Ok(());
        }
        if !queued.starts_with(&end.held) {
            return Err(Broken::new(Rule::Kept, "what was queued is not there any more"));
        }
        let more = queued.slice(end.held.len()..);
        end.held = queued;
        if !more.is_empty() {
            let now = end.now;
            end.conn().handle_written(now, 0);
        }
        let frames = self.sent(link, side, &more)?;
        self.pass_on(link, side, frames, false);
        Ok(())
    }

    /// Puts frames on their way to the other end, if it is there. Those that are not written do not arrive.
    fn pass_on(&mut self, link: usize, side: usize, frames: Vec<Frame>, is_written: bool) {
        let is_cut = self.end(link, side).hung == Hung::Cut;
        for frame in frames {
            self.note(Line::Sent(link, side, frame.clone()));
            let other = self.end_mut(link, 1 - side);
            if !other.is_closed && !is_cut {
                other.unwritten += if is_written { 0 } else { frame.bytes.len() };
                other.incoming.push_back(frame);
            }
        }
    }

    /// This end can write, or cannot.
    ///
    /// # Errors
    ///
    /// The rule that does not hold.
    pub fn stall(&mut self, link: usize, side: usize, is_stalled: bool) -> Result<(), Broken> {
        self.end_mut(link, side).is_stalled = is_stalled;
        if is_stalled {
            return Ok(());
        }
        self.end_mut(link, 1 - side).unwritten = 0;
        let end = self.end_mut(link, side);
        let held = std::mem::replace(&mut end.held, Bytes::new());
        let written = end.conn().poll_transmit().unwrap_or_default();
        if written != held {
            return Err(Broken::new(Rule::Kept, "what goes out is not what was queued"));
        }
        let now = end.now;
        end.conn().handle_written(now, written.len());
        self.settle(link, side)
    }
}
