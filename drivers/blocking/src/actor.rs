//! Who we are and what we do for others.

use std::fmt;
use std::io;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path as FilePath;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use serde::Serialize;
use serde::de::DeserializeOwned;

use scipp_proto::{Canceller, Config, Connection, DialogId, Identity, RuntimeEndpoint, Uid};

use crate::child::{ChildContext, Yielder};
use crate::clock::now;

use crate::endpoint::{self, Endpoints, Path};
use crate::error::{ConnectError, TaskError};
use crate::link::{Link, Urgency};
use crate::listener::{Door, Listener, SocketFile, Welcome};
use crate::portal::Portal;
use crate::random::{random, random_uuid};
use crate::socket::{Socket, Waker};
use crate::tap::{LinkTap, Tap};

/// One actor: an identity, the endpoints it serves, and its connections. Cheap to clone.
///
/// Dropping it closes nothing: connections live with their portals and listeners.
#[derive(Debug, Clone)]
pub struct Actor {
    shared: Arc<Shared>,
}

impl Actor {
    /// An actor of this name, to be given endpoints.
    pub fn builder(name: &str) -> ActorBuilder {
        let identity = Identity {
            pid: Some(i64::from(std::process::id())),
            ..Identity::new(Uid::new(name, random_uuid()))
        };
        let (config, endpoints) = (Config::default(), Endpoints::default());
        ActorBuilder { identity, config, endpoints, tap: None, max_tasks: 4096, max_connections: 1024 }
    }

    /// What this actor says of itself.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
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
        self.open_door(Welcome::Tcp(socket))
    }

    /// Binds a Unix socket; its file is removed with the listener, unless another one has taken its place.
    ///
    /// # Errors
    ///
    /// The path cannot be bound; a file that is there already is not replaced.
    pub fn listen_unix(&self, path: impl AsRef<FilePath>) -> io::Result<Listener> {
        let socket = UnixListener::bind(&path)?;
        let file = SocketFile::of(path.as_ref().to_owned())?;
        socket.set_nonblocking(true)?;
        self.open_door(Welcome::Unix(socket, file))
    }

    /// All present connections, made and accepted.
    pub fn portals(&self) -> Vec<Portal> {
        self.shared.links().iter().cloned().map(Portal::new).collect()
    }

    /// Cancels every task that runs here for a peer, in our own name, and stops serving.
    pub fn cancel(&self) {
        self.shared.cancel(&Canceller::Us);
        self.shared.shut_doors();
    }

    fn meet(&self, socket: Socket) -> Result<Portal, ConnectError> {
        let portal = Portal::first(self.shared.attach(socket, true)?);
        portal.establish().map_err(ConnectError::Handshake)?;
        Ok(portal)
    }

    fn open_door(&self, welcome: Welcome) -> io::Result<Listener> {
        let door = Arc::new(Door::new(welcome, Arc::clone(&self.shared))?);
        let mut doors = lock(&self.shared.doors);
        doors.retain(|door| door.strong_count() > 0);
        doors.push(Arc::downgrade(&door));
        Ok(Listener::new(door))
    }
}

/// An actor to be.
#[derive(Debug)]
pub struct ActorBuilder {
    identity: Identity,
    config: Config,
    endpoints: Endpoints,
    tap: Option<TapBox>,
    max_tasks: usize,
    max_connections: usize,
}

struct TapBox(Arc<dyn Tap>);

impl ActorBuilder {
    /// Replaces what the actor says of itself.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Replaces the limits and choices of all its connections.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Shows every frame of every connection to `tap`.
    #[must_use]
    pub fn tap(mut self, tap: impl Tap + 'static) -> Self {
        self.tap = Some(TapBox(Arc::new(tap)));
        self
    }

    /// How many tasks may run for peers at once, on all connections together: 4096 if not set. Further
    /// requests are refused with a `RuntimeError`. A task counts until its body has returned, also after
    /// the loss of its connection. What one connection may ask for is `max_peer_dialogs` of the
    /// configuration.
    #[must_use]
    pub const fn max_tasks(mut self, limit: usize) -> Self {
        self.max_tasks = limit;
        self
    }

    /// How many accepted connections there may be at once: 1024 if not set. Further ones are closed as
    /// soon as they are accepted.
    #[must_use]
    pub const fn max_connections(mut self, limit: usize) -> Self {
        self.max_connections = limit;
        self
    }

    /// Serves a function: arguments in, one result out.
    #[must_use]
    pub fn function<A, R, E>(
        mut self,
        path: Path<'_>,
        f: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + 'static,
        R: Serialize + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(path, endpoint::function(f));
        self
    }

    /// Serves a generator: arguments in, items out.
    #[must_use]
    pub fn generator<A, E>(
        mut self,
        path: Path<'_>,
        f: impl Fn(A, Yielder) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(path, endpoint::generator(f));
        self
    }

    /// Serves a context: a first value, a stream both ways, a result.
    #[must_use]
    pub fn context<A, R, E>(
        mut self,
        path: Path<'_>,
        f: impl Fn(ChildContext, A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + 'static,
        R: Serialize + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.add(path, endpoint::context(f));
        self
    }

    /// Answers a request to the actor's runtime, such as those to a registry. Without an answer they are
    /// refused; `Cancel` is always the driver's.
    #[must_use]
    pub fn runtime<A, R, E>(
        mut self,
        endpoint: RuntimeEndpoint,
        f: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + 'static,
        R: Serialize + 'static,
        E: Into<TaskError> + 'static,
    {
        self.endpoints.answer(endpoint, endpoint::function(f));
        self
    }

    /// The actor.
    pub fn build(self) -> Actor {
        let shared = Shared {
            identity: self.identity,
            config: self.config,
            endpoints: self.endpoints,
            tap: self.tap.map(|TapBox(tap)| tap),
            max_tasks: self.max_tasks,
            max_connections: self.max_connections,
            tasks: AtomicUsize::new(0),
            links: Mutex::default(),
            parted: Condvar::new(),
            doors: Mutex::default(),
            cancelled: AtomicBool::new(false),
            serial: AtomicU64::new(0),
        };
        Actor { shared: Arc::new(shared) }
    }
}

/// What all connections of one actor share.
pub(crate) struct Shared {
    identity: Identity,
    config: Config,
    pub(crate) endpoints: Endpoints,
    tap: Option<Arc<dyn Tap>>,
    max_tasks: usize,
    max_connections: usize,
    /// Bodies that run for peers.
    tasks: AtomicUsize,
    links: Mutex<Vec<Arc<Link>>>,
    /// Signalled when a connection has left `links`.
    parted: Condvar,
    doors: Mutex<Vec<Weak<Door>>>,
    cancelled: AtomicBool,
    serial: AtomicU64,
}

impl Shared {
    /// Makes a connection of a socket and sets its threads to work.
    pub(crate) fn attach(
        self: &Arc<Self>,
        socket: Socket,
        closes_with_handles: bool,
    ) -> io::Result<Arc<Link>> {
        let waker = Waker::new()?;
        let seed = u128::from(random()) << 64 | u128::from(random());
        let conn = Connection::new(self.config.clone(), self.identity.clone(), seed, now());
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let tap = self.tap.clone().map(|tap| LinkTap::new(tap, serial));
        let link = Arc::new(Link::new(conn, socket, waker, tap, Arc::clone(self), closes_with_handles));
        self.admit(&link)?;
        if let Err(error) = link.man() {
            self.forget(&link);
            return Err(error);
        }
        Ok(link)
    }

    fn admit(&self, link: &Arc<Link>) -> io::Result<()> {
        let mut links = lock(&self.links);
        let accepted = links.iter().filter(|link| link.was_accepted()).count();
        if link.was_accepted() && accepted >= self.max_connections {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        links.push(Arc::clone(link));
        Ok(())
    }

    /// Runs `body` as one of the tasks that there may be at once. `None`: there are too many.
    pub(crate) fn run_task(&self, body: impl FnOnce()) -> Option<()> {
        let more = |tasks| (tasks < self.max_tasks).then_some(tasks + 1);
        self.tasks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        body();
        self.tasks.fetch_sub(1, Ordering::Relaxed);
        Some(())
    }

    /// A connection is over.
    pub(crate) fn forget(&self, link: &Link) {
        lock(&self.links).retain(|other| !std::ptr::eq(Arc::as_ptr(other), link));
        self.parted.notify_all();
    }

    /// Waits until all these connections are over, to the last byte.
    pub(crate) fn wait_for(&self, links: &[Weak<Link>]) {
        let mut present = lock(&self.links);
        while present
            .iter()
            .any(|link| links.iter().any(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(link))))
        {
            present = self.parted.wait(present).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    fn links(&self) -> Vec<Arc<Link>> {
        lock(&self.links).clone()
    }

    fn cancel(&self, canceller: &Canceller) {
        self.cancelled.store(true, Ordering::Release);
        for link in self.links() {
            link.cancel_children(canceller);
        }
    }

    fn shut_doors(&self) {
        for door in lock(&self.doors).iter().filter_map(Weak::upgrade) {
            door.shut();
        }
    }
}

impl Link {
    /// The peer asks the whole actor to cancel.
    pub(crate) fn cancel_actor(&self, id: DialogId) {
        let requester = self.lock().conn.peer().map(|peer| peer.uid.clone());
        self.actor.cancel(&requester.map_or(Canceller::Us, Canceller::Actor));
        self.act(Urgency::Now, |conn, now| {
            // The connection may have gone meanwhile, and the request with it.
            let _gone = conn.acknowledge(id);
            conn.release(now, id);
        });
        self.actor.shut_doors();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for TapBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("identity", &self.identity)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_the_portals_does_not_close_what_is_just_being_made() {
        let (near, _silent) = UnixStream::pair().unwrap();
        let actor = Actor::builder("client").build();
        let link = actor.shared.attach(Socket::unix(near).unwrap(), true).unwrap();
        drop(actor.portals());
        assert_eq!(Portal::first(link).close_reason(), None);
    }
}
