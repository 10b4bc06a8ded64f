//! Stream sockets, and how a thread waits on one.
//!
//! The sockets stay in blocking mode. In a conversation the next bytes are about to come, and a plain
//! blocking read is one system call where "wait, then read" is two; so a reader first reads for at most
//! [`LINGER`], and only on a quiet connection does it park in `poll(2)`, where a [`Waker`] reaches it.
//! Writes never block (`MSG_DONTWAIT`): reading must go on while the peer is slow to take what we send.
//!
//! `poll(2)` it is because two descriptors need no registration; the portable selectors take sockets only
//! through unsafe functions, and this workspace has no unsafe code.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use scipp_common::Address;

/// For how long a reader blocks out of reach, a connection may go unread while its tasks compute, and
/// small output may wait for company.
pub(crate) const LINGER: Duration = Duration::from_millis(2);

/// A connected stream socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Takes over a TCP connection: small frames are sent at once.
    pub(crate) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LINGER))?;
        Ok(Self::Tcp(stream))
    }

    /// Takes over a Unix socket connection.
    pub(crate) fn unix(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LINGER))?;
        Ok(Self::Unix(stream))
    }

    /// Where the other end is.
    pub(crate) fn peer_addr(&self) -> Option<Address> {
        match self {
            Self::Tcp(stream) => Address::of_tcp_peer(stream),
            Self::Unix(stream) => Address::of_unix_peer(stream),
        }
    }

    /// Reads for at most [`LINGER`]. `None`: nothing came.
    pub(crate) fn read_lingering(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        quiet(match self {
            Self::Tcp(stream) => (&mut &*stream).read(buffer),
            Self::Unix(stream) => (&mut &*stream).read(buffer),
        })
    }

    /// Reads what is there.
    pub(crate) fn read_now(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        quiet(recv(self.as_fd(), buffer, RecvFlags::DONTWAIT).map(|(len, _)| len).map_err(io::Error::from))
    }

    /// Writes what fits. `None`: nothing does.
    pub(crate) fn write_now(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        quiet(send(self.as_fd(), bytes, flags).map_err(io::Error::from))
    }

    /// Ends one or both directions. A connection that is gone already has no directions left to end.
    pub(crate) fn shutdown(&self, how: Shutdown) {
        let _gone_already = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// "Not now" and "interrupted, ask again" are not errors.
fn quiet(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(len) => Ok(Some(len)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reaches a thread that is parked in [`park`].
#[derive(Debug)]
pub(crate) struct Waker {
    near: UnixStream,
    far: UnixStream,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Self { near, far })
    }

    /// Makes the present or next [`park`] return.
    pub(crate) fn wake(&self) {
        // A full pair of sockets holds a wake-up that was not taken yet.
        let _full = (&mut &self.near).write(&[1]);
    }

    /// Makes every [`park`] return from now on, of however many threads.
    pub(crate) fn wake_for_good(&self) {
        // It fails only if that was done before.
        let _done = self.near.shutdown(Shutdown::Write);
    }

    fn rest(&self) {
        let mut taken = [0; 64];
        while matches!((&mut &self.far).read(&mut taken), Ok(len) if len == taken.len()) {}
    }
}

/// What ended a [`park`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// What a [`park`] waits for, besides its waker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// Waits until `source` is ready, `waker` wakes, or `timeout` has passed.
pub(crate) fn park(
    source: &impl AsFd,
    interest: Interest,
    waker: &Waker,
    timeout: Option<Duration>,
) -> io::Result<Readiness> {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.read);
    flags.set(PollFlags::OUT, interest.write);
    // Absurdly long timeouts are none.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut fds = [PollFd::new(&waker.far, PollFlags::IN), PollFd::new(source, flags)];
    // A hang-up is reported wanted or not: a socket of which nothing is wanted is left out.
    let watched = if flags.is_empty() { &mut fds[..1] } else { &mut fds[..] };
    match poll(watched, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let (woken, ready) = (!fds[0].revents().is_empty(), fds[1].revents());
    if woken {
        waker.rest();
    }
    // An error or a hang-up is found out by reading or writing, whichever was wanted.
    let gone = ready.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    Ok(Readiness {
        readable: interest.read && (gone || ready.contains(PollFlags::IN)),
        writable: interest.write && (gone || ready.contains(PollFlags::OUT)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Interest = Interest { read: true, write: false };
    const NOTHING: Interest = Interest { read: false, write: false };

    #[test]
    fn a_wake_up_before_the_park_is_not_lost_and_counts_once() {
        let (near, far) = UnixStream::pair().unwrap();
        let waker = Waker::new().unwrap();
        (0..1000).for_each(|_| waker.wake());
        assert_eq!(park(&near, READ, &waker, None).unwrap(), Readiness::default());
        (&far).write_all(b"x").unwrap();
        assert_eq!(park(&near, READ, &waker, None).unwrap(), Readiness { readable: true, writable: false });
    }

    #[test]
    fn a_wake_up_for_good_ends_every_park() {
        let (near, _far) = UnixStream::pair().unwrap();
        let waker = Waker::new().unwrap();
        waker.wake();
        (0..2).for_each(|_| waker.wake_for_good());
        for _ in 0..3 {
            assert_eq!(park(&near, READ, &waker, None).unwrap(), Readiness::default());
        }
    }

    #[test]
    fn a_hang_up_is_readable_and_does_not_disturb_who_wants_nothing() {
        let (near, far) = UnixStream::pair().unwrap();
        let waker = Waker::new().unwrap();
        drop(far);
        assert!(park(&near, READ, &waker, None).unwrap().readable);
        waker.wake();
        assert_eq!(park(&near, NOTHING, &waker, None).unwrap(), Readiness::default());
    }

    #[test]
    fn writing_takes_what_fits_and_reading_what_is_there() {
        let (near, far) = UnixStream::pair().unwrap();
        let (near, far) = (Socket::unix(near).unwrap(), Socket::unix(far).unwrap());
        let (chunk, mut written) = (vec![7; 1 << 16], 0);
        while let Some(len) = near.write_now(&chunk).unwrap() {
            written += len;
        }
        let (mut buffer, mut read) = (vec![0; 1 << 16], 0);
        while let Some(len) = far.read_now(&mut buffer).unwrap() {
            read += len;
        }
        assert!(written > 0 && written == read, "{written} written, {read} read");
        assert_eq!(far.read_lingering(&mut buffer).unwrap(), None);
        near.shutdown(Shutdown::Both);
        assert_eq!(far.read_lingering(&mut buffer).unwrap(), Some(0));
    }
}
