//! Who we are and what we do for others.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path as FilePath;
use std::sync::Arc;

use async_io::Async;
use futures_util::{AsyncRead, AsyncWrite};
use serde::de::DeserializeOwned;

use scipp_common::{Address, ConnectError, Endpoint, Entrance, Handles, Profile, TaskError, Ticket};
use scipp_proto::{Canceller, Identity, RuntimeEndpoint, ToPayload};

use crate::child::{ChildContext, Yielder};
use crate::dialog::Dialog;
use crate::driver::Driver;
use crate::handler::{self, Body, Endpoints};
use crate::link::Link;
use crate::listener::{Door, Listener, Welcome};
use crate::portal::Portal;
use crate::socket::Socket;

/// One actor: an identity, the endpoints it serves, and its connections. Cheap to clone.
///
/// Dropping it closes nothing: connections live with their drivers.
#[derive(Debug, Clone)]
pub struct Actor {
    shared: Arc<Shared>,
}

impl Actor {
    /// An actor of this name, or of this [`Profile`], to be given endpoints.
    pub fn builder(profile: impl Into<Profile>) -> ActorBuilder {
        ActorBuilder { profile: profile.into(), endpoints: Endpoints::default() }
    }

    /// What this actor says of itself.
    pub fn identity(&self) -> &Identity {
        self.shared.identity()
    }

    /// Connects over TCP and introduces itself.
    ///
    /// # Errors
    ///
    /// No connection, or no handshake.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the connection is cut if it was made.
    pub async fn connect_tcp(
        &self,
        addr: impl Into<SocketAddr>,
    ) -> Result<(Portal, Driver<Socket>), ConnectError> {
        let socket = Socket::connect_tcp(addr.into()).await?;
        self.meet(socket.peer_addr(), socket).await
    }

    /// Connects to a Unix socket and introduces itself.
    ///
    /// # Errors
    ///
    /// No connection, or no handshake.
    ///
    /// # Cancel safety
    ///
    /// As [`connect_tcp`](Self::connect_tcp).
    pub async fn connect_unix(
        &self,
        path: impl AsRef<FilePath>,
    ) -> Result<(Portal, Driver<Socket>), ConnectError> {
        let socket = Socket::connect_unix(path.as_ref()).await?;
        self.meet(socket.peer_addr(), socket).await
    }

    /// Introduces itself over any connected byte stream.
    ///
    /// # Errors
    ///
    /// No handshake.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, `io` is dropped.
    pub async fn connect_over<S>(&self, io: S) -> Result<(Portal, Driver<S>), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.meet(None, io).await
    }

    async fn meet<S>(&self, peer_addr: Option<Address>, io: S) -> Result<(Portal, Driver<S>), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut driver = Link::made(&self.shared, peer_addr, io);
        let link = Arc::clone(driver.link());
        let portal = Portal::first(Arc::clone(&link));
        driver.drive(link.established()).await.map_err(ConnectError::Handshake)?;
        Ok((portal, driver))
    }

    /// Takes over any byte stream that a peer has connected. It need not have introduced itself, and the
    /// connection lives until it hangs up.
    ///
    /// # Errors
    ///
    /// There are as many connections as there may be.
    pub fn accept_over<S>(&self, io: S) -> io::Result<(Portal, Driver<S>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let driver = Link::accepted(&self.shared, None, io)?;
        Ok((driver.portal(), driver))
    }

    /// Binds a TCP address. Connections are accepted by the [`Listener`].
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub fn listen_tcp(&self, addr: impl Into<SocketAddr>) -> io::Result<Listener> {
        let socket = Async::<TcpListener>::bind(addr)?;
        Ok(self.open_door(Entrance::tcp(socket.get_ref().local_addr()?, Welcome::Tcp(socket))))
    }

    /// Binds a Unix socket; its file is removed with the listener, unless another one has taken its place.
    ///
    /// # Errors
    ///
    /// The path cannot be bound; a file that is there already is not replaced.
    pub fn listen_unix(&self, path: impl AsRef<FilePath>) -> io::Result<Listener> {
        let socket = Async::<UnixListener>::bind(&path)?;
        Ok(self.open_door(Entrance::unix(path.as_ref(), Welcome::Unix(socket))?))
    }

    /// All present connections, made and accepted.
    pub fn portals(&self) -> Vec<Portal> {
        self.shared.links().into_iter().map(Portal::new).collect()
    }

    /// Cancels every task that runs here for a peer, in our own name, and stops serving.
    pub fn cancel(&self) {
        self.shared.cancel(&Canceller::Us);
        self.shared.shut_doors();
    }

    fn open_door(&self, entrance: Entrance<Welcome>) -> Listener {
        let door = Arc::new(Door::new(entrance, Arc::clone(&self.shared)));
        self.shared.open_door(&door);
        Listener::new(door)
    }
}

/// An actor to be. What it serves has a module path and a name, or is an [`Endpoint`] with terms.
///
/// Endpoints are functions that give a future: `async fn`s, or closures like `|args| async move { .. }`.
/// Their futures are run by the driver of the connection they were asked for on.
#[derive(Debug)]
pub struct ActorBuilder {
    profile: Profile,
    endpoints: Endpoints,
}

impl ActorBuilder {
    /// Serves a function: arguments in, one result out.
    #[must_use]
    #[track_caller]
    pub fn function<A, Fut, R, E>(
        mut self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(A) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: ToPayload + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(endpoint, handler::function(f));
        self
    }

    /// Serves a generator: arguments in, items out.
    #[must_use]
    #[track_caller]
    pub fn generator<A, Fut, E>(
        mut self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(A, Yielder) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(endpoint, handler::generator(f));
        self
    }

    /// Serves a context: a first value, a stream both ways, a result.
    #[must_use]
    #[track_caller]
    pub fn context<A, Fut, R, E>(
        mut self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(ChildContext, A) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: ToPayload + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(endpoint, handler::context(f));
        self
    }

    /// Answers a request to the actor's runtime, such as those to a registry. Without an answer they are
    /// refused; `Cancel` is always the driver's.
    #[must_use]
    #[track_caller]
    pub fn runtime<A, Fut, R, E>(
        mut self,
        endpoint: RuntimeEndpoint,
        f: impl Fn(A) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: ToPayload + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(endpoint, handler::function(f));
        self
    }

    /// The actor.
    pub fn build(self) -> Actor {
        Actor { shared: Arc::new(Shared::new(self.profile, self.endpoints)) }
    }
}

/// What all connections of one actor share.
pub(crate) type Shared = scipp_common::Shared<Link, Door, Arc<Dialog>, Body>;

impl Link {
    /// Makes a connection that closes with the application's handles, of which the caller has the first.
    pub(crate) fn made<S>(actor: &Arc<Shared>, peer_addr: Option<Address>, io: S) -> Driver<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Self::begin(actor, peer_addr, io, Some(Handles::first()), None)
    }

    /// Makes a connection that lives as long as its peer and its listener want.
    pub(crate) fn accepted<S>(actor: &Arc<Shared>, peer_addr: Option<Address>, io: S) -> io::Result<Driver<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Ok(Self::begin(actor, peer_addr, io, None, Some(actor.admit_connection()?)))
    }

    fn begin<S>(
        actor: &Arc<Shared>,
        peer_addr: Option<Address>,
        io: S,
        handles: Option<Handles>,
        ticket: Option<Ticket>,
    ) -> Driver<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (conn, serial, tap) = actor.connection();
        let link = Arc::new(Self::new(conn, serial, Arc::clone(actor), peer_addr, handles));
        actor.remember(serial, Arc::clone(&link), ticket);
        Driver::new(link, io, tap)
    }
}
