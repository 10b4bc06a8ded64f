//! Accepting connections.

use std::future::{Future, poll_fn};
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use async_io::{Async, Timer};
use event_listener::Event;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

use scipp_common::{ACCEPT_PAUSE, Address, Entrance, GRACE, is_about_one_connection, now};
use scipp_proto::Instant;

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
        let mut work = FuturesUnordered::from_iter([Work::Accept(Box::pin(self.accept()))]);
        while let Some(done) = work.next().await {
            match done {
                Done::Accepted(Some(driver)) => {
                    work.push(Work::Drive(driver));
                    work.push(Work::Accept(Box::pin(self.accept())));
                }
                Done::Accepted(None) => {
                    let deadline = now().saturating_add(GRACE);
                    work.iter().for_each(|work| work.close(deadline));
                }
                Done::Driven => {}
            }
        }
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
                    match accepted
                        .and_then(|socket| Link::accepted(&self.door.actor, socket.peer_addr(), socket))
                    {
                        Ok(driver) => return Some((driver.portal(), driver)),
                        Err(error) => error,
                    }
                }
                Either::Right(_) => return None,
            };
            if is_about_one_connection(&error) {
                // However many come that are not let in, the others get their turn.
                yield_now().await;
            } else {
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

/// Lets the other parts of a task, and other tasks, go on.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What one that serves does, each part woken for itself.
enum Work<'a> {
    Accept(Pin<Box<dyn Future<Output = Option<Accepted>> + Send + 'a>>),
    Drive(Box<Driver<Socket>>),
}

type Accepted = (Portal, Driver<Socket>);

/// What came of it.
enum Done {
    Accepted(Option<Box<Driver<Socket>>>),
    Driven,
}

impl Work<'_> {
    fn close(&self, deadline: Instant) {
        if let Self::Drive(driver) = self {
            driver.link().close(deadline);
        }
    }
}

impl Future for Work<'_> {
    type Output = Done;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        match self.get_mut() {
            Self::Accept(accept) => {
                accept.as_mut().poll(cx).map(|next| Done::Accepted(next.map(|(_, driver)| Box::new(driver))))
            }
            Self::Drive(driver) => Pin::new(driver).poll(cx).map(|_| Done::Driven),
        }
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
