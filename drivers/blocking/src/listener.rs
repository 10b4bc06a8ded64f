//! Accepting connections.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use scipp_common::{ACCEPT_PAUSE, Address, GRACE, SocketFile, is_about_one_connection, now};
use scipp_proto::Instant;

use crate::actor::Shared;
use crate::link::Link;
use crate::socket::{Interest, Socket, Waker, park};

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
            Welcome::Unix(_, file) => Ok(Address::Unix(file.path().to_owned())),
        }
    }

    /// Accepts and serves connections until [`stop`](Self::stop) is called or the actor is cancelled;
    /// then closes what it accepted, in order, and returns when the last one is over. A failing `accept`
    /// or a failing connection never ends it.
    pub fn serve(&self) {
        let mut links = Vec::new();
        self.door.accept_until_shut(&mut links);
        let deadline = now().saturating_add(GRACE);
        let links: Vec<_> = links.iter().filter_map(Weak::upgrade).collect();
        links.iter().for_each(|link| link.close(deadline));
        links.iter().for_each(|link| link.wait_until_gone());
    }

    /// Ends [`serve`](Self::serve), now or as soon as it is called. Does not wait.
    pub fn stop(&self) {
        scipp_common::Door::shut(&*self.door);
    }
}

/// The listening socket.
#[derive(Debug)]
pub(crate) enum Welcome {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
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
        Ok(Self { welcome, waker: Waker::new()?, is_shut: AtomicBool::new(false), actor })
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
                Err(_) => Some(now().saturating_add(ACCEPT_PAUSE)),
            };
        }
    }

    fn accept(&self) -> io::Result<Arc<Link>> {
        let socket = match &self.welcome {
            Welcome::Tcp(listener) => Socket::tcp(listener.accept()?.0)?,
            Welcome::Unix(listener, _) => Socket::unix(listener.accept()?.0)?,
        };
        Link::accepted(&self.actor, socket)
    }
}

impl scipp_common::Door for Door {
    fn shut(&self) {
        self.is_shut.store(true, Ordering::Release);
        self.waker.wake_for_good();
    }
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
            file.remove();
        }
    }
}
