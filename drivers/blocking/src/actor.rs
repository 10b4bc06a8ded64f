//! Who we are and what we do for others.

use std::io;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path as FilePath;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use scipp_common::{ConnectError, Endpoint, Entrance, Handles, Profile, TaskError, Ticket};
use scipp_proto::{Canceller, Identity, RuntimeEndpoint, ToPayload};

use crate::child::{ChildContext, Yielder};
use crate::dialog::Dialog;
use crate::handler::{self, Endpoints, Task};
use crate::link::Link;
use crate::listener::{Door, Listener, Welcome};
use crate::portal::Portal;
use crate::socket::{Socket, Waker};

/// One actor: an identity, the endpoints it serves, and its connections. Cheap to clone.
///
/// Dropping it closes nothing: connections live with their portals and listeners.
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
    pub fn connect_tcp(&self, addr: impl ToSocketAddrs) -> Result<Portal, ConnectError> {
        self.meet(Socket::tcp(TcpStream::connect(addr)?)?)
    }

    /// Connects to a Unix socket and introduces itself.
    ///
    /// # Errors
    ///
    /// No connection, or no handshake.
    pub fn connect_unix(&self, path: impl AsRef<FilePath>) -> Result<Portal, ConnectError> {
        self.meet(Socket::unix(UnixStream::connect(path)?)?)
    }

    /// Binds a TCP address. Connections are accepted by [`Listener::serve`].
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub fn listen_tcp(&self, addr: impl ToSocketAddrs) -> io::Result<Listener> {
        let socket = TcpListener::bind(addr)?;
        socket.set_nonblocking(true)?;
        self.open_door(Entrance::tcp(socket.local_addr()?, Welcome::Tcp(socket)))
    }

    /// Binds a Unix socket; its file is removed with the listener, unless another one has taken its place.
    ///
    /// # Errors
    ///
    /// The path cannot be bound; a file that is there already is not replaced.
    pub fn listen_unix(&self, path: impl AsRef<FilePath>) -> io::Result<Listener> {
        let socket = UnixListener::bind(&path)?;
        socket.set_nonblocking(true)?;
        self.open_door(Entrance::unix(path.as_ref(), Welcome::Unix(socket))?)
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

    fn meet(&self, socket: Socket) -> Result<Portal, ConnectError> {
        let link = Link::made(&self.shared, socket)?;
        let portal = Portal::first(Arc::clone(&link));
        link.establish().map_err(ConnectError::Handshake)?;
        Ok(portal)
    }

    fn open_door(&self, entrance: Entrance<Welcome>) -> io::Result<Listener> {
        let door = Arc::new(Door::new(entrance, Arc::clone(&self.shared))?);
        self.shared.open_door(&door);
        Ok(Listener::new(door))
    }
}

/// An actor to be. What it serves has a module path and a name, or is an [`Endpoint`] with terms.
#[derive(Debug)]
pub struct ActorBuilder {
    profile: Profile,
    endpoints: Endpoints,
}

impl ActorBuilder {
    /// Serves a function: arguments in, one result out.
    #[must_use]
    #[track_caller]
    pub fn function<A, R, E>(
        mut self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + 'static,
        R: ToPayload + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(endpoint, handler::function(f));
        self
    }

    /// Serves a generator: arguments in, items out.
    #[must_use]
    #[track_caller]
    pub fn generator<A, E>(
        mut self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(A, Yielder) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(endpoint, handler::generator(f));
        self
    }

    /// Serves a context: a first value, a stream both ways, a result.
    #[must_use]
    #[track_caller]
    pub fn context<A, R, E>(
        mut self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(ChildContext, A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + 'static,
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
    pub fn runtime<A, R, E>(
        mut self,
        endpoint: RuntimeEndpoint,
        f: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + 'static,
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
pub(crate) type Shared = scipp_common::Shared<Link, Door, Arc<Dialog>, Task>;

impl Link {
    /// Makes a connection that closes with the application's handles, of which the caller has the first.
    pub(crate) fn made(actor: &Arc<Shared>, socket: Socket) -> io::Result<Arc<Self>> {
        Self::begin(actor, socket, Some(Handles::first()), None)
    }

    /// Makes a connection that lives as long as its peer and its listener want.
    pub(crate) fn accepted(actor: &Arc<Shared>, socket: Socket) -> io::Result<Arc<Self>> {
        Self::begin(actor, socket, None, Some(actor.admit_connection()?))
    }

    fn begin(
        actor: &Arc<Shared>,
        socket: Socket,
        handles: Option<Handles>,
        ticket: Option<Ticket>,
    ) -> io::Result<Arc<Self>> {
        let link = Arc::new(Self::new(socket, Waker::new()?, Arc::clone(actor), handles));
        actor.remember(link.serial, Arc::clone(&link), ticket);
        // Without threads it is over before it began.
        link.man().inspect_err(|_| actor.forget(link.serial))?;
        Ok(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_the_portals_does_not_close_what_is_just_being_made() {
        let (near, _silent) = UnixStream::pair().unwrap();
        let actor = Actor::builder("client").build();
        let link = Link::made(&actor.shared, Socket::unix(near).unwrap()).unwrap();
        drop(actor.portals());
        assert_eq!(Portal::first(link).close_reason(), None);
    }
}
