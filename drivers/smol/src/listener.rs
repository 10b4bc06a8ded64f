//! Accepting connections.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_io::{Async, Timer};
use event_listener::Event;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

use scipp_common::{ACCEPT_PAUSE, Address, GRACE, SocketFile, is_about_one_connection, now};

use crate::actor::Shared;
use crate::driver::Driver;
use crate::link::Link;
use crate::portal::Portal;
use crate::socket::Socket;

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
            Welcome::Tcp(socket) => Ok(Address::Tcp(socket.get_ref().local_addr()?)),
            Welcome::Unix(_, file) => Ok(Address::Unix(file.path().to_owned())),
        }
    }

    /// Accepts and serves connections, all in this one task, until [`stop`](Self::stop) is called or the
    /// actor is cancelled; then closes what it accepted, in order, and returns when the last one is over. A
    /// failing `accept` or a failing connection never ends it.
    ///
    /// To serve connections in tasks of their own, [`accept`](Self::accept) them.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the drivers of all its connections; [`stop`](Self::stop) it instead.
    pub async fn serve(&self) {
        let mut drivers = FuturesUnordered::new();
        loop {
            let accepted = match select(pin!(self.accept()), pin!(next(&mut drivers))).await {
                Either::Left((accepted, _)) => accepted,
                Either::Right(_) => continue,
            };
            let Some((_, driver)) = accepted else { break };
            drivers.push(driver);
        }
        let deadline = now().saturating_add(GRACE);
        drivers.iter().for_each(|driver| driver.link().close(deadline));
        while drivers.next().await.is_some() {}
    }

    /// The next connection and its driver, which is the caller's to poll; the peer may not have introduced
    /// itself yet. `None` once the listener was stopped. Errors of single connections are passed over, and
    /// when the process is out of something accepting pauses.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, no connection was taken.
    pub async fn accept(&self) -> Option<(Portal, Driver<Socket>)> {
        loop {
            let shut = self.door.shutting.listen();
            if self.door.is_shut.load(Ordering::Acquire) {
                return None;
            }
            let error = match select(pin!(self.door.accept()), shut).await {
                Either::Left((Ok(driver), _)) => return Some((driver.portal(), driver)),
                Either::Left((Err(error), _)) => error,
                Either::Right(_) => return None,
            };
            if !is_about_one_connection(&error) {
                select(Timer::after(ACCEPT_PAUSE), self.door.shutting.listen()).await;
            }
        }
    }

    /// Ends [`serve`](Self::serve) and [`accept`](Self::accept), now or as soon as they are called. Does not
    /// wait.
    pub fn stop(&self) {
        scipp_common::Door::shut(&*self.door);
    }
}

/// The next connection that ends; never, while there is none.
async fn next(drivers: &mut FuturesUnordered<Driver<Socket>>) {
    if drivers.next().await.is_none() {
        std::future::pending().await
    }
}

/// The listening socket.
#[derive(Debug)]
pub(crate) enum Welcome {
    Tcp(Async<TcpListener>),
    Unix(Async<UnixListener>, SocketFile),
}

/// What the clones of one listener share.
#[derive(Debug)]
pub(crate) struct Door {
    welcome: Welcome,
    is_shut: AtomicBool,
    shutting: Event,
    actor: Arc<Shared>,
}

impl Door {
    pub(crate) fn new(welcome: Welcome, actor: Arc<Shared>) -> Self {
        Self { welcome, is_shut: AtomicBool::new(false), shutting: Event::new(), actor }
    }

    async fn accept(&self) -> io::Result<Driver<Socket>> {
        let socket = match &self.welcome {
            Welcome::Tcp(listener) => Socket::tcp(listener.accept().await?.0)?,
            Welcome::Unix(listener, _) => Socket::unix(listener.accept().await?.0),
        };
        Link::accepted(&self.actor, socket)
    }
}

impl scipp_common::Door for Door {
    fn shut(&self) {
        self.is_shut.store(true, Ordering::Release);
        self.shutting.notify(usize::MAX);
    }
}

impl Drop for Welcome {
    fn drop(&mut self) {
        if let Self::Unix(_, file) = self {
            file.remove();
        }
    }
}
