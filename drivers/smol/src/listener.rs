//! Accepting connections.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::pin::pin;
use std::sync::Arc;

use async_io::{Async, Timer};
use event_listener::Event;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

use scipp_common::{ACCEPT_PAUSE, Address, Entrance, GRACE, is_about_one_connection, now};

use crate::actor::Shared;
use crate::driver::Driver;
use crate::link::Link;
use crate::portal::Portal;
use crate::socket::Socket;

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
            let open = self.door.entrance.open()?;
            let error = match select(pin!(open.socket.accept()), shut).await {
                Either::Left((accepted, _)) => {
                    match accepted.and_then(|socket| Link::accepted(&self.door.actor, socket)) {
                        Ok(driver) => return Some((driver.portal(), driver)),
                        Err(error) => error,
                    }
                }
                Either::Right(_) => return None,
            };
            if !is_about_one_connection(&error) {
                select(Timer::after(ACCEPT_PAUSE), self.door.shutting.listen()).await;
            }
        }
    }

    /// Unbinds the address and ends [`serve`](Self::serve) and [`accept`](Self::accept), now or as soon as
    /// they are called. Does not wait.
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
    Unix(Async<UnixListener>),
}

impl Welcome {
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => Socket::tcp(listener.accept().await?.0),
            Self::Unix(listener) => Ok(Socket::unix(listener.accept().await?.0)),
        }
    }
}

/// What the clones of one listener share.
#[derive(Debug)]
pub(crate) struct Door {
    entrance: Entrance<Welcome>,
    shutting: Event,
    actor: Arc<Shared>,
}

impl Door {
    pub(crate) const fn new(entrance: Entrance<Welcome>, actor: Arc<Shared>) -> Self {
        Self { entrance, shutting: Event::new(), actor }
    }
}

impl scipp_common::Door for Door {
    fn shut(&self) {
        self.entrance.shut();
        self.shutting.notify(usize::MAX);
    }
}
