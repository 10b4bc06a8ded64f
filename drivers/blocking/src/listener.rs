//! Accepting connections.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use scipp_proto::Instant;

use crate::actor::Shared;
use crate::clock::now;
use crate::link::{GRACE, Link};
use crate::socket::{Interest, Socket, Waker, park};

/// How long accepting pauses when the process is out of something (files, memory): what is missing does
/// not announce its return, and asking at once again would spin.
const PAUSE: Duration = Duration::from_millis(50);

/// A bound address of an actor. Cheap to clone; all clones are the same listener.
///
/// Dropping the last clone unbinds the address. That cannot happen while [`serve`](Self::serve) runs.
#[derive(Debug, Clone)]
pub struct Listener {
    door: Arc<Door>,
}

impl Listener {
    pub(crate) const fn new(door: Arc<Door>) -> Self {
        Self { door }
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// The operating system does not say.
    pub fn local_addr(&self) -> io::Result<Address> {
        match &self.door.welcome {
            Welcome::Tcp(socket) => Ok(Address::Tcp(socket.local_addr()?)),
            Welcome::Unix(_, file) => Ok(Address::Unix(file.path.clone())),
        }
    }

    /// Accepts and serves connections until [`stop`](Self::stop) is called or the actor is cancelled;
    /// then closes what it accepted, in order, and returns when the last one is over. A failing `accept`
    /// or a failing connection never ends it.
    pub fn serve(&self) {
        let mut links = Vec::new();
        self.door.accept_until_shut(&mut links);
        let deadline = now().saturating_add(GRACE);
        for link in links.iter().filter_map(Weak::upgrade) {
            link.close(deadline);
        }
        self.door.actor.wait_for(&links);
    }

    /// Ends [`serve`](Self::serve), now or as soon as it is called. Does not wait.
    pub fn stop(&self) {
        self.door.shut();
    }
}

/// Where a listener can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// The listening socket.
#[derive(Debug)]
pub(crate) enum Welcome {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket that is ours to remove.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    /// The file that was just made at `path`.
    pub(crate) fn of(path: PathBuf) -> io::Result<Self> {
        Ok(Self { inode: inode(&path)?, path })
    }

    /// Removes it, unless there is another one at its path by now.
    fn remove(&self) {
        if inode(&self.path).is_ok_and(|found| found == self.inode) {
            // Somebody may remove it at the same moment.
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

/// Which file is at `path`: its device, and its number there.
fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// What the clones of one listener share.
#[derive(Debug)]
pub(crate) struct Door {
    welcome: Welcome,
    waker: Waker,
    is_shut: AtomicBool,
    actor: Arc<Shared>,
}

impl Door {
    pub(crate) fn new(welcome: Welcome, actor: Arc<Shared>) -> io::Result<Self> {
        Ok(Self { welcome, waker: Waker::new()?, is_shut: AtomicBool::new(actor.is_cancelled()), actor })
    }

    pub(crate) fn shut(&self) {
        self.is_shut.store(true, Ordering::Release);
        self.waker.wake_for_good();
    }

    fn accept_until_shut(&self, links: &mut Vec<Weak<Link>>) {
        let mut paused_until: Option<Instant> = None;
        while !self.is_shut.load(Ordering::Acquire) {
            let rest = paused_until.map(|until| until.duration_since(now()));
            let interest = Interest { read: rest.is_none_or(|rest| rest.is_zero()), write: false };
            let arrived = park(&self.welcome, interest, &self.waker, rest.filter(|rest| !rest.is_zero()));
            if !arrived.is_ok_and(|ready| ready.readable) {
                continue;
            }
            paused_until = match self.accept() {
                Ok(link) => {
                    links.retain(|link| link.strong_count() > 0);
                    links.push(Arc::downgrade(&link));
                    None
                }
                Err(error) if is_about_one_connection(&error) => None,
                Err(_) => Some(now().saturating_add(PAUSE)),
            };
        }
    }

    fn accept(&self) -> io::Result<Arc<Link>> {
        let socket = match &self.welcome {
            Welcome::Tcp(listener) => Socket::tcp(listener.accept()?.0)?,
            Welcome::Unix(listener, _) => Socket::unix(listener.accept()?.0)?,
        };
        self.actor.attach(socket, false)
    }
}

/// Whether the next connection may do better.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, Interrupted, InvalidInput, NotConnected, WouldBlock,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | InvalidInput | NotConnected | WouldBlock
    )
}

impl AsFd for Welcome {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        }
    }
}

impl Drop for Welcome {
    fn drop(&mut self) {
        if let Self::Unix(_, file) = self {
            // The socket is still open: no other file can have been given the same inode.
            file.remove();
        }
    }
}
