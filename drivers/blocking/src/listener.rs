//! Accepting connections.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Weak};

use scipp_common::{ACCEPT_PAUSE, Address, Entrance, GRACE, is_about_one_connection, now};
use scipp_proto::Instant;

use crate::actor::Shared;
use crate::link::Link;
use crate::socket::{Interest, Socket, Waker, park};

/// A bound address of an actor. Cheap to clone; all clones are the same listener.
///
/// [Stopping](Self::stop) it or dropping the last clone unbinds the address.
#[derive(Debug, Clone)]
pub struct Listener {
    door: Arc<Door>,
}

impl Listener {
    pub(crate) const fn new(door: Arc<Door>) -> Self {
        Self { door }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> &Address {
        self.door.entrance.address()
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

    /// Unbinds the address and ends [`serve`](Self::serve), now or as soon as it is called. Does not wait.
    pub fn stop(&self) {
        scipp_common::Door::shut(&*self.door);
    }
}

/// The listening socket.
#[derive(Debug)]
pub(crate) enum Welcome {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What the clones of one listener share.
#[derive(Debug)]
pub(crate) struct Door {
    entrance: Entrance<Welcome>,
    waker: Waker,
    actor: Arc<Shared>,
}

impl Door {
    pub(crate) fn new(entrance: Entrance<Welcome>, actor: Arc<Shared>) -> io::Result<Self> {
        Ok(Self { entrance, waker: Waker::new()?, actor })
    }

    fn accept_until_shut(&self, links: &mut Vec<Weak<Link>>) {
        let mut paused_until: Option<Instant> = None;
        while let Some(open) = self.entrance.open() {
            let rest = paused_until.map(|until| until.duration_since(now()));
            let interest = Interest { read: rest.is_none_or(|rest| rest.is_zero()), write: false };
            let arrived = park(&open.socket, interest, &self.waker, rest.filter(|rest| !rest.is_zero()));
            if !arrived.is_ok_and(|ready| ready.readable) {
                continue;
            }
            paused_until = match open.socket.accept().and_then(|socket| Link::accepted(&self.actor, socket)) {
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
}

impl Welcome {
    fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => Socket::tcp(listener.accept()?.0),
            Self::Unix(listener) => Socket::unix(listener.accept()?.0),
        }
    }
}

impl scipp_common::Door for Door {
    fn shut(&self) {
        self.entrance.shut();
        self.waker.wake_for_good();
    }
}

impl AsFd for Welcome {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}
