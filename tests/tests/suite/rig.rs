//! Two connected actors, over each kind of socket.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::wire::Dir;

use crate::driver::proto::Uid;
use crate::driver::{
    Actor, ActorBuilder, Address, ChildContext, Error, Listener, NoArgs, Portal, RemoteFailure,
};

/// A client connected to a listening server.
pub(crate) struct Pair {
    pub(crate) server: Actor,
    pub(crate) client: Actor,
    pub(crate) listener: Listener,
    /// The client's end.
    pub(crate) portal: Portal,
    serving: Option<JoinHandle<()>>,
    _dir: Option<Dir>,
}

/// Builds both actors for each kind of socket anew, connects them, and runs `test`.
pub(crate) fn on_each_transport(build: impl Fn() -> (ActorBuilder, ActorBuilder), test: impl Fn(&Pair)) {
    for unix in [false, true] {
        let (server, client) = build();
        let mut pair = Pair::connect(server.build(), client.build(), unix);
        test(&pair);
        pair.portal.close();
        pair.listener.stop();
        pair.serving.take().map(JoinHandle::join).transpose().expect("serving ends in order");
    }
}

/// As [`on_each_transport`], with a client that serves nothing.
pub(crate) fn with_server(build: impl Fn(ActorBuilder) -> ActorBuilder, test: impl Fn(&Pair)) {
    on_each_transport(|| (build(Actor::builder("server")), Actor::builder("client")), test);
}

impl Pair {
    fn connect(server: Actor, client: Actor, unix: bool) -> Self {
        let dir = unix.then(Dir::new);
        let listener = match &dir {
            Some(dir) => server.listen_unix(dir.join("socket")).unwrap(),
            None => server.listen_tcp("127.0.0.1:0").unwrap(),
        };
        let serving = thread::spawn({
            let listener = listener.clone();
            move || listener.serve()
        });
        let portal = connect(&client, &listener);
        Self { server, client, listener, portal, serving: Some(serving), _dir: dir }
    }

    /// One more connection to the same server.
    pub(crate) fn another(&self) -> Portal {
        connect(&self.client, &self.listener)
    }
}

/// An actor among several: it serves until this is dropped. Those that others connect to are made first.
pub(crate) struct Host {
    pub(crate) actor: Actor,
    /// Its own connections, for its tasks.
    behind: Behind,
    listener: Listener,
    serving: Option<JoinHandle<()>>,
}

/// Connections to the actors behind one.
pub(crate) type Behind = Arc<Mutex<Vec<Portal>>>;

/// One of them.
pub(crate) fn behind(portals: &Behind, at: usize) -> Portal {
    portals.lock().unwrap()[at].clone()
}

impl Host {
    pub(crate) fn new(name: &str, build: impl FnOnce(ActorBuilder, &Behind) -> ActorBuilder) -> Self {
        let behind = Behind::default();
        let actor = build(Actor::builder(name), &behind).build();
        let listener = actor.listen_tcp("127.0.0.1:0").unwrap();
        let serving = thread::spawn({
            let listener = listener.clone();
            move || listener.serve()
        });
        Self { actor, behind, listener, serving: Some(serving) }
    }

    /// A connection of another actor to this one.
    pub(crate) fn reached_by(&self, other: &Actor) -> Portal {
        connect(other, &self.listener)
    }

    /// A connection of its own to each of these, for its tasks.
    pub(crate) fn reaches(self, others: &[&Self]) -> Self {
        others.iter().for_each(|other| self.knows(other.reached_by(&self.actor)));
        self
    }

    /// One more of them.
    pub(crate) fn knows(&self, portal: Portal) {
        self.behind.lock().unwrap().push(portal);
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        match self.listener.local_addr() {
            Address::Tcp(addr) => *addr,
            other => panic!("no such transport: {other:?}"),
        }
    }

    pub(crate) fn uid(&self) -> &Uid {
        uid(&self.actor)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Its tasks hold them, and they the actor.
        let behind = std::mem::take(&mut *self.behind.lock().unwrap());
        behind.iter().for_each(|portal| drop(portal.close()));
        self.listener.stop();
        self.serving.take().map(JoinHandle::join).transpose().expect("serving ends in order");
    }
}

/// A connection of this actor to that listener, of which both ends know.
pub(crate) fn connect(client: &Actor, listener: &Listener) -> Portal {
    let portal = dial(client, listener);
    // Once it has refused something, the other end has completed its handshake as well.
    remote(portal.call::<_, ()>(("", ""), &NoArgs {}));
    portal
}

/// A connection of this actor to that listener.
pub(crate) fn dial(client: &Actor, listener: &Listener) -> Portal {
    match listener.local_addr() {
        &Address::Tcp(addr) => client.connect_tcp(addr).unwrap(),
        Address::Unix(path) => client.connect_unix(path).unwrap(),
        other => panic!("no such transport: {other:?}"),
    }
}

/// What a task is told that waits to be told to end; perhaps it was already.
pub(crate) fn until_told(ctx: &ChildContext) -> Error {
    ctx.open_stream().and_then(|stream| stream.receive::<u32>()).unwrap_err()
}

/// The error of a remote task, which `result` must be.
#[track_caller]
pub(crate) fn remote<T: std::fmt::Debug>(result: Result<T, Error>) -> RemoteFailure {
    match result {
        Err(Error::Remote(error)) => error,
        other => panic!("expected a remote error, got {other:?}"),
    }
}

/// A cancellation in the name of this actor, which came over these.
#[track_caller]
pub(crate) fn assert_cancelled<T: std::fmt::Debug>(result: Result<T, Error>, by: &Uid, path: &[&Uid]) {
    let error = remote(result);
    assert_eq!((error.boxed_type(), error.canceller()), ("ContextCancelled", Some(by)));
    assert_eq!(error.cancelled_neighbour(), path.last().copied());
    assert!(error.relay_path().iter().eq(path.iter().copied()), "{:?}", error.relay_path());
}

/// What tells a task to end, in the name of this actor.
pub(crate) fn cancelled_by(uid: &Uid) -> Error {
    Error::Cancelled { by: Some(uid.clone()) }
}

/// Who an actor is.
pub(crate) fn uid(actor: &Actor) -> &Uid {
    &actor.identity().uid
}
