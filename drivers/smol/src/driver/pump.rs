//! Moving bytes, and the end of the socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{AsyncRead, AsyncWrite};
use scipp_common::{Parting, Sight, Step, now};
use scipp_proto::CloseReason;

use super::Driver;

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Writes what was queued so far, as far as the socket takes it. Tells whether anything moved.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        if self.unsent.is_empty() && !self.is_broken {
            if let Some(frames) = self.link.with(|state| state.conn.poll_transmit()) {
                if let Some(tap) = &self.tap {
                    tap.sent(&frames);
                }
                self.unsent = frames;
            }
        }
        while let (Some(io), false, false) = (&mut self.io, self.unsent.is_empty(), self.is_broken) {
            match Pin::new(io).poll_write(cx, &self.unsent) {
                Poll::Ready(Ok(len)) if len > 0 => {
                    self.wrote(len);
                    moved = true;
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(_) => self.is_broken = true,
                Poll::Pending => {
                    self.link.with(|state| state.conn.handle_written(now(), 0));
                    return moved;
                }
            }
        }
        self.flush(cx);
        moved
    }

    fn wrote(&mut self, len: usize) {
        self.is_unflushed = true;
        self.unsent.advance(len);
        if self.unsent.is_empty() {
            // Even an empty slice holds the memory that the core wants to use again.
            self.unsent = Bytes::new();
        }
        self.link.with(|state| {
            state.conn.handle_written(now(), len);
            state.call_crowded();
        });
    }

    fn flush(&mut self, cx: &mut Context<'_>) {
        let Some(io) = self.io.as_mut().filter(|_| self.is_unflushed) else { return };
        match Pin::new(io).poll_flush(cx) {
            Poll::Ready(Ok(())) => self.is_unflushed = false,
            Poll::Ready(Err(_)) => self.is_broken = true,
            Poll::Pending => {}
        }
    }

    /// Reads what is there. Tells whether there was anything, the end included.
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> bool {
        match self.poll_read(cx) {
            Poll::Ready(Ok(0)) => self.link.with(|state| state.conn.handle_eof(now())),
            Poll::Ready(Ok(len)) => {
                self.unfed = 0..len;
                if let Some(tap) = &self.tap {
                    tap.received(self.buffer.get(..len).unwrap_or_default());
                }
            }
            Poll::Pending if !self.is_broken => return false,
            Poll::Ready(Err(_)) | Poll::Pending => self.link.with(|state| state.conn.handle_reset(now())),
        }
        true
    }

    /// The connection is over: brings the socket to its end. Tells whether something moved.
    pub(super) fn part(&mut self, cx: &mut Context<'_>, reason: &CloseReason, is_cut: bool) -> bool {
        let stall = || self.link.with(|state| state.conn.config().write_stall_timeout);
        let mut parting = self.parting.unwrap_or_else(|| Parting::new(reason, stall(), now()));
        // Once, even if nothing is waited for.
        let wrote = !is_cut && self.write(cx);
        let read = matches!(self.poll_read(cx), Poll::Ready(Ok(1..)));
        let sight = Sight {
            is_written: !wrote && self.unsent.is_empty() && !self.is_unflushed,
            is_deaf: self.is_deaf,
            is_broken: self.is_broken || is_cut,
        };
        let step = parting.step(sight, now());
        self.parting = Some(parting);
        match step {
            Step::Write => wrote || read,
            Step::ShutDown | Step::Listen => self.shut_down(cx) || read,
            Step::Close => {
                self.hang_up();
                true
            }
        }
    }

    /// Shuts our direction down. Tells whether that is news.
    fn shut_down(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(io) = self.io.as_mut().filter(|_| !self.is_shut) else { return false };
        let Poll::Ready(shut) = Pin::new(io).poll_close(cx) else { return false };
        self.is_shut = true;
        self.is_broken |= shut.is_err();
        true
    }

    /// Reads into the buffer.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(io) = self.io.as_mut().filter(|_| !self.is_deaf) else { return Poll::Pending };
        let read = loop {
            match ready!(Pin::new(&mut *io).poll_read(cx, &mut self.buffer)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.is_deaf = !matches!(read, Ok(1..));
        Poll::Ready(read)
    }

    /// Closes the socket, and says so.
    pub(super) fn hang_up(&mut self) {
        self.io = None;
        self.link.part();
    }
}
