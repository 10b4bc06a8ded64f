//! The async driver as threads use it: each call blocks on its future, each body has a thread.
//!
//! Only what the suite needs. Bodies are told to end and have a minute for it, as bodies on threads do.

use std::io;
use std::net::ToSocketAddrs;
use std::panic::Location;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use smol::block_on;

use proto::spec::Slots;
use proto::wire::MsgKind;
use proto::{FromPayload, Received, Terms, ToPayload};
pub(crate) use scipp_smol::{
    Address, ConnectError, Direction, Ending, Endpoint, Error, MistypedValue, NoArgs, Profile, RemoteFailure,
    StreamCounters, TappedFrame, TaskError, proto,
};
use scipp_smol::{Driver, Narrowed, Socket};

#[derive(Debug, Clone)]
pub(crate) struct Actor(scipp_smol::Actor);

impl Actor {
    pub(crate) fn builder(profile: impl Into<Profile>) -> ActorBuilder {
        ActorBuilder(scipp_smol::Actor::builder(profile.into().cancel_grace(Duration::from_secs(60))))
    }

    pub(crate) fn identity(&self) -> &proto::Identity {
        self.0.identity()
    }

    pub(crate) fn connect_tcp(&self, addr: impl ToSocketAddrs) -> Result<Portal, ConnectError> {
        let addr = addr.to_socket_addrs()?.next().expect("an address");
        block_on(self.0.connect_tcp(addr)).map(spawned)
    }

    pub(crate) fn connect_unix(&self, path: impl AsRef<FilePath>) -> Result<Portal, ConnectError> {
        block_on(self.0.connect_unix(path)).map(spawned)
    }

    pub(crate) fn listen_tcp(&self, addr: impl ToSocketAddrs) -> io::Result<Listener> {
        let addr = addr.to_socket_addrs()?.next().expect("an address");
        self.0.listen_tcp(addr).map(Listener)
    }

    pub(crate) fn listen_unix(&self, path: impl AsRef<FilePath>) -> io::Result<Listener> {
        self.0.listen_unix(path).map(Listener)
    }

    pub(crate) fn portals(&self) -> Vec<Portal> {
        self.0.portals().into_iter().map(Portal).collect()
    }

    pub(crate) fn cancel(&self) {
        self.0.cancel();
    }
}

fn spawned((portal, driver): (scipp_smol::Portal, Driver<Socket>)) -> Portal {
    smol::spawn(driver).detach();
    Portal(portal)
}

#[derive(Debug)]
pub(crate) struct ActorBuilder(scipp_smol::ActorBuilder);

impl ActorBuilder {
    #[track_caller]
    pub(crate) fn function<A, R, E>(
        self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: ToPayload + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        let f = Arc::new(f);
        Self(self.0.function(endpoint, move |args| {
            let f = Arc::clone(&f);
            smol::unblock(move || f(args))
        }))
    }

    #[track_caller]
    pub(crate) fn generator<A, E>(
        self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(A, Yielder) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        let f = Arc::new(f);
        Self(self.0.generator(endpoint, move |args, out| {
            let f = Arc::clone(&f);
            smol::unblock(move || f(args, Yielder(out)))
        }))
    }

    #[track_caller]
    pub(crate) fn context<A, R, E>(
        self,
        endpoint: impl Into<Endpoint>,
        f: impl Fn(ChildContext, A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: ToPayload + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        let f = Arc::new(f);
        Self(self.0.context(endpoint, move |ctx, args| {
            let f = Arc::clone(&f);
            smol::unblock(move || f(ChildContext(ctx), args))
        }))
    }

    #[track_caller]
    pub(crate) fn runtime<A, R, E>(
        self,
        endpoint: proto::RuntimeEndpoint,
        f: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: ToPayload + Send + 'static,
        E: Into<TaskError> + Send + 'static,
    {
        let f = Arc::new(f);
        Self(self.0.runtime(endpoint, move |args| {
            let f = Arc::clone(&f);
            smol::unblock(move || f(args))
        }))
    }

    pub(crate) fn build(self) -> Actor {
        Actor(self.0.build())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Listener(scipp_smol::Listener);

impl Listener {
    pub(crate) fn local_addr(&self) -> &Address {
        self.0.local_addr()
    }

    pub(crate) fn serve(&self) {
        block_on(self.0.serve());
    }

    pub(crate) fn stop(&self) {
        self.0.stop();
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Portal(scipp_smol::Portal);

impl Portal {
    pub(crate) fn with_inbox(&self, window: usize, policy: proto::OverrunPolicy) -> Self {
        Self(self.0.with_inbox(window, policy))
    }

    pub(crate) fn counters(&self) -> proto::Counters {
        self.0.counters()
    }

    pub(crate) fn peer_addr(&self) -> Option<Address> {
        self.0.peer_addr()
    }

    pub(crate) fn peer(&self) -> Option<proto::Identity> {
        self.0.peer()
    }

    #[track_caller]
    pub(crate) fn call<A, R>(&self, endpoint: impl Into<Endpoint>, args: &A) -> Result<R, Error>
    where
        A: Serialize + ?Sized,
        R: FromPayload,
    {
        block_on(self.0.call(endpoint, args))
    }

    #[track_caller]
    pub(crate) fn iterate<A, T>(
        &self,
        endpoint: impl Into<Endpoint>,
        args: &A,
    ) -> Result<impl Iterator<Item = Result<T, Error>>, Error>
    where
        A: Serialize + ?Sized,
        T: FromPayload,
    {
        let mut items = self.0.iterate(endpoint, args)?;
        Ok(std::iter::from_fn(move || block_on(items.next())))
    }

    #[track_caller]
    pub(crate) fn open_context<A, F, T, E>(
        &self,
        endpoint: impl Into<Endpoint>,
        args: &A,
        body: impl FnOnce(&Context<'_>, F) -> Result<T, E>,
    ) -> Result<(T, Ending), E>
    where
        A: Serialize + ?Sized,
        F: FromPayload,
        E: From<Error>,
    {
        let body = async |ctx: &scipp_smol::Context, first| body(&Context::Lent(ctx), first);
        block_on(self.0.open_context(endpoint, args, body))
    }

    #[track_caller]
    pub(crate) fn start_context<A, F>(
        &self,
        endpoint: impl Into<Endpoint>,
        args: &A,
    ) -> Result<(Context<'static>, F), Error>
    where
        A: Serialize + ?Sized,
        F: FromPayload,
    {
        block_on(self.0.start_context(endpoint, args)).map(|(ctx, first)| (Context::Owned(ctx), first))
    }

    #[track_caller]
    pub(crate) fn request<A, R>(&self, endpoint: proto::RuntimeEndpoint, args: &A) -> Result<R, Error>
    where
        A: Serialize + ?Sized,
        R: FromPayload,
    {
        block_on(self.0.request(endpoint, args))
    }

    #[track_caller]
    pub(crate) fn cancel_actor(&self) -> Result<(), Error> {
        block_on(self.0.cancel_actor())
    }

    pub(crate) fn close(&self) -> proto::CloseReason {
        block_on(self.0.close())
    }

    pub(crate) fn close_within(&self, grace: Duration) -> proto::CloseReason {
        block_on(self.0.close_within(grace))
    }

    pub(crate) fn abort(&self) {
        self.0.abort();
    }

    pub(crate) fn close_reason(&self) -> Option<proto::CloseReason> {
        self.0.close_reason()
    }

    pub(crate) fn closed(&self) -> proto::CloseReason {
        block_on(self.0.closed())
    }
}

#[derive(Debug)]
pub(crate) enum Context<'a> {
    Owned(scipp_smol::Context),
    Lent(&'a scipp_smol::Context),
}

impl Context<'_> {
    const fn get(&self) -> &scipp_smol::Context {
        match self {
            Self::Owned(ctx) => ctx,
            Self::Lent(ctx) => ctx,
        }
    }

    pub(crate) fn open_stream(&self) -> Result<MsgStream<'_>, Error> {
        self.get().open_stream().map(MsgStream)
    }

    pub(crate) fn cancel(&self) -> Result<(), Error> {
        self.get().cancel()
    }

    pub(crate) fn wait(&self) -> Result<Ending, Error> {
        block_on(self.get().wait())
    }

    pub(crate) fn outcome(&self) -> Option<proto::Outcome> {
        self.get().outcome()
    }

    pub(crate) fn supervise<T, E: From<Error>>(
        &self,
        body: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Ending), E> {
        block_on(self.get().supervise(async { body() }))
    }

    pub(crate) fn counters(&self) -> StreamCounters {
        self.get().counters()
    }

    pub(crate) fn cid(&self) -> Option<String> {
        self.get().cid()
    }

    pub(crate) fn caller(&self) -> Option<&'static Location<'static>> {
        self.get().caller()
    }

    pub(crate) fn narrow(&self, slots: Slots) -> Result<Narrowed<'_>, Error> {
        self.get().narrow(slots)
    }

    pub(crate) fn drain(&self) -> impl Iterator<Item = Result<Received, Error>> {
        let mut left = self.get().drain();
        std::iter::from_fn(move || block_on(left.next()))
    }
}

pub(crate) struct ChildContext(scipp_smol::ChildContext);

impl ChildContext {
    pub(crate) fn started<T: ToPayload + ?Sized>(&self, first: &T) -> Result<(), Error> {
        self.0.started(first)
    }

    pub(crate) fn open_stream(&self) -> Result<MsgStream<'_>, Error> {
        self.0.open_stream().map(MsgStream)
    }

    pub(crate) fn set_inbox(&self, window: usize, policy: proto::OverrunPolicy) -> Result<(), Error> {
        self.0.set_inbox(window, policy)
    }

    pub(crate) fn counters(&self) -> StreamCounters {
        self.0.counters()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.0.check()
    }

    pub(crate) fn cancel(&self) -> Result<(), Error> {
        self.0.cancel()
    }

    pub(crate) fn portal(&self) -> Portal {
        Portal(self.0.portal())
    }

    pub(crate) fn terms(&self) -> Option<Terms> {
        self.0.terms()
    }

    pub(crate) fn caller(&self) -> Option<&'static Location<'static>> {
        self.0.caller()
    }

    pub(crate) fn narrow(&self, slots: Slots) -> Result<Narrowed<'_>, Error> {
        self.0.narrow(slots)
    }

    pub(crate) fn validate<T: ToPayload + ?Sized>(&self, kind: MsgKind, value: &T) -> Result<(), Error> {
        self.0.validate(kind, value)
    }
}

pub(crate) struct Yielder(scipp_smol::Yielder);

impl Yielder {
    pub(crate) fn send<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        block_on(self.0.send(item))
    }

    pub(crate) fn send_checked<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        block_on(self.0.send_checked(item))
    }

    pub(crate) fn feed<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        self.send(item)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.0.check()
    }
}

#[derive(Debug)]
pub(crate) struct MsgStream<'ctx>(scipp_smol::MsgStream<'ctx>);

impl MsgStream<'_> {
    pub(crate) fn receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        block_on(self.0.receive())
    }

    pub(crate) fn try_receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        self.0.try_receive()
    }

    pub(crate) fn receive_msg(&self) -> Result<Received, Error> {
        block_on(self.0.receive_msg())
    }

    pub(crate) fn send_checked<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        block_on(self.0.send_checked(item))
    }

    pub(crate) fn send<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        block_on(self.0.send(item))
    }

    pub(crate) fn feed<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        self.send(item)
    }

    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.0.stop()
    }

    pub(crate) fn set_inbox(&self, window: usize, policy: proto::OverrunPolicy) -> Result<(), Error> {
        self.0.set_inbox(window, policy)
    }

    pub(crate) fn counters(&self) -> StreamCounters {
        self.0.counters()
    }

    pub(crate) fn items<T: FromPayload>(&self) -> impl Iterator<Item = Result<T, Error>> {
        let mut items = self.0.items();
        std::iter::from_fn(move || block_on(items.next()))
    }

    pub(crate) fn subscribe(&self) -> Result<Subscription<'_>, Error> {
        self.0.subscribe().map(Subscription::new)
    }

    pub(crate) fn subscribe_within(&self, window: usize) -> Result<Subscription<'_>, Error> {
        self.0.subscribe_within(window).map(Subscription::new)
    }
}

#[derive(Debug)]
pub(crate) struct Subscription<'a> {
    inner: scipp_smol::Subscription<'a>,
    timeout: Mutex<Option<Duration>>,
}

impl<'a> Subscription<'a> {
    const fn new(inner: scipp_smol::Subscription<'a>) -> Self {
        Self { inner, timeout: Mutex::new(None) }
    }

    pub(crate) fn quiet(self) -> Self {
        Self::new(self.inner.quiet())
    }

    /// A limit of time is a race; a future that loses is dropped.
    pub(crate) fn set_timeout(&self, timeout: Option<Duration>) {
        *self.timeout.lock().unwrap() = timeout;
    }

    pub(crate) fn receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let timer = self.timeout.lock().unwrap().map_or_else(smol::Timer::never, smol::Timer::after);
        let timed_out = async {
            timer.await;
            Err(Error::TimedOut)
        };
        block_on(smol::future::or(self.inner.receive(), timed_out))
    }

    pub(crate) fn send<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        block_on(self.inner.send(item))
    }

    pub(crate) fn items<T: FromPayload>(&self) -> impl Iterator<Item = Result<T, Error>> {
        let mut items = self.inner.items();
        std::iter::from_fn(move || block_on(items.next()))
    }

    pub(crate) fn lost(&self) -> u64 {
        self.inner.lost()
    }
}
