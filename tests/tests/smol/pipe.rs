//! A byte stream between two futures that takes and gives a few bytes at a time and remembers all of them.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::{AsyncRead, AsyncWrite};

/// Bytes that one read or write moves at most.
const CHUNK: usize = 7;

/// Bytes under way in one direction at most.
const CAPACITY: usize = 96;

/// One end.
#[derive(Debug)]
pub(crate) struct Pipe {
    from: Arc<Mutex<Lane>>,
    to: Arc<Mutex<Lane>>,
    /// Every second attempt to read, and to write, has to be made again.
    has_read: bool,
    has_written: bool,
}

/// Whether an attempt has to be made again, because the last one was not.
fn is_tired(flag: &mut bool, cx: &Context<'_>) -> bool {
    *flag = !*flag;
    if !*flag {
        cx.waker().wake_by_ref();
    }
    !*flag
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    under_way: VecDeque<u8>,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Everything that was ever written.
    pub(crate) written: Vec<u8>,
}

impl Lane {
    fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

/// Two connected ends, and the directions away from the first and from the second.
pub(crate) fn pipe() -> ([Pipe; 2], [Arc<Mutex<Lane>>; 2]) {
    let lanes = [Arc::<Mutex<Lane>>::default(), Arc::default()];
    let [there, back] = [&lanes[0], &lanes[1]];
    let end =
        |from, to| Pipe { from: Arc::clone(from), to: Arc::clone(to), has_read: false, has_written: false };
    let (near, far) = (end(back, there), end(there, back));
    ([near, far], lanes)
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if is_tired(&mut self.has_read, cx) {
            return Poll::Pending;
        }
        let mut lane = self.from.lock().unwrap();
        let len = lane.under_way.len().min(buffer.len()).min(CHUNK);
        if len == 0 && !lane.is_closed {
            lane.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        buffer.iter_mut().zip(lane.under_way.drain(..len)).for_each(|(to, from)| *to = from);
        lane.wake();
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if is_tired(&mut self.has_written, cx) {
            return Poll::Pending;
        }
        let mut lane = self.to.lock().unwrap();
        if lane.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = bytes.len().min(CHUNK).min(CAPACITY - lane.under_way.len());
        if len == 0 {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        lane.under_way.extend(&bytes[..len]);
        lane.written.extend(&bytes[..len]);
        lane.wake();
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lane = self.to.lock().unwrap();
        lane.is_closed = true;
        lane.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        for lane in [&self.from, &self.to] {
            let mut lane = lane.lock().unwrap();
            lane.is_closed = true;
            lane.wake();
        }
    }
}
