//! What all connections and listeners of one actor share.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use scipp_proto::{Canceller, Connection, Identity, Mistyped, Report, Request, Terms};

use crate::clock::now;
use crate::end::End;
use crate::guard::guarded;
use crate::handler::{Endpoints, Served};
use crate::mistyped::MistypedValue;
use crate::profile::Profile;
use crate::quota::{Quota, Ticket};
use crate::random::random;
use crate::tap::LinkTap;

/// A connection, as its actor sees it.
pub trait Link {
    /// Asks the tasks that run here for the peer to end.
    fn cancel_children(&self, canceller: &Canceller);
}

/// A hold on one end of a dialog.
pub trait Handle {
    /// Gives the core a verb, and sees to it that what it queues is written.
    fn act<R>(&self, verb: impl FnOnce(End, &mut Connection) -> R) -> R;
}

impl<H: Handle> Handle for Arc<H> {
    fn act<R>(&self, verb: impl FnOnce(End, &mut Connection) -> R) -> R {
        H::act(self, verb)
    }
}

/// A listener, as its actor sees it.
pub trait Door {
    /// Accepts no more.
    fn shut(&self);
}

/// A connection, with the right to exist if it was accepted.
type Present<L> = (Arc<L>, Option<Ticket>);

/// A task, what made it, and its right to run.
type Prepared<'a, H, T> = (&'a Served<H, T>, T, Ticket);

/// Why a request is not run.
enum Refusal<'a> {
    /// For this reason.
    Report(Box<Report>),
    /// Its arguments do not conform to these terms, of what this line registered.
    Mistyped(&'static Location<'static>, &'a Arc<Terms>),
}

impl From<Box<Report>> for Refusal<'_> {
    fn from(report: Box<Report>) -> Self {
        Self::Report(report)
    }
}

/// What all connections `L` and listeners `D` of one actor share. Its endpoints make tasks `T` of handles
/// `H`.
pub struct Shared<L, D, H, T> {
    profile: Profile,
    endpoints: Endpoints<H, T>,
    tasks: Arc<Quota>,
    connections: Arc<Quota>,
    /// By serial number, so in the order in which they were made.
    links: Mutex<BTreeMap<u64, Present<L>>>,
    doors: Mutex<Vec<Weak<D>>>,
    is_cancelled: AtomicBool,
    serial: AtomicU64,
}

impl<L, D, H, T> Shared<L, D, H, T> {
    /// A new actor.
    pub fn new(profile: Profile, endpoints: Endpoints<H, T>) -> Self {
        Self {
            tasks: Quota::new(profile.max_tasks),
            connections: Quota::new(profile.max_connections),
            profile,
            endpoints,
            links: Mutex::default(),
            doors: Mutex::default(),
            is_cancelled: AtomicBool::new(false),
            serial: AtomicU64::new(0),
        }
    }

    /// What the actor says of itself.
    pub const fn identity(&self) -> &Identity {
        &self.profile.identity
    }

    /// How long a body that was told to end may go on.
    pub const fn cancel_grace(&self) -> Duration {
        self.profile.cancel_grace
    }

    /// A core for a new connection, its number among the connections of this actor, and its tap.
    pub fn connection(&self) -> (Connection, u64, Option<LinkTap>) {
        let seed = u128::from(random()) << 64 | u128::from(random());
        let conn = Connection::new(self.profile.config.clone(), self.profile.identity.clone(), seed, now());
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let tap = self.profile.tap.clone().map(|tap| LinkTap::new(tap, serial));
        (conn, serial, tap)
    }

    /// The right to keep one more connection that was accepted.
    ///
    /// # Errors
    ///
    /// There are as many as there may be.
    pub fn admit_connection(&self) -> io::Result<Ticket> {
        self.connections.take().ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }

    /// A connection has begun; `ticket` is its right to exist, if it was accepted.
    pub fn remember(&self, serial: u64, link: Arc<L>, ticket: Option<Ticket>) {
        lock(&self.links).insert(serial, (link, ticket));
    }

    /// A connection is over.
    pub fn forget(&self, serial: u64) {
        let forgotten = lock(&self.links).remove(&serial);
        // Not dropped under the lock: it may be the last handle.
        drop(forgotten);
    }

    /// All present connections.
    pub fn links(&self) -> Vec<Arc<L>> {
        lock(&self.links).values().map(|(link, _)| Arc::clone(link)).collect()
    }

    /// Tells the application of values of the wrong type that came over a connection. Not under a lock.
    pub fn report(&self, connection: u64, mistyped: Vec<Arc<Mistyped>>) {
        let Some(observer) = &self.profile.on_mistyped else { return };
        for error in mistyped {
            let _panicked = guarded(|| observer(&MistypedValue { connection, error }));
        }
    }

    /// Whether this actor takes no more requests.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }
}

impl<L, D, H: Handle, T> Shared<L, D, Arc<H>, T> {
    /// Answers a request of the peer as far as nothing has to be waited for: accepts it and gives the task
    /// that is to be run and concluded, with its right to run, or refuses it.
    pub fn answer(&self, dialog: &Arc<H>, request: &Request) -> Option<(T, Ticket)> {
        match self.prepare(dialog, request) {
            Ok((served, task, ticket)) => {
                if dialog.act(|end, conn| served.accept(end, conn)) {
                    return Some((task, ticket));
                }
                // With the arguments, which are the application's.
                let _panicked = guarded(|| drop(task));
            }
            Err(Refusal::Mistyped(caller, terms)) => {
                dialog.act(|end, conn| end.refuse_arguments(conn, request, caller, terms));
            }
            Err(Refusal::Report(report)) => dialog.act(|end, conn| end.refuse(conn, *report)),
        }
        None
    }

    /// The peer asks for the end of the whole actor by `request`.
    pub fn cancel_for(&self, request: &H)
    where
        L: Link,
        D: Door,
    {
        self.cancel(&request.act(|_, conn| End::requester(conn)));
        request.act(|end, conn| end.acknowledge(conn));
        self.shut_doors();
    }

    /// The task, if it may run.
    fn prepare(&self, dialog: &Arc<H>, request: &Request) -> Result<Prepared<'_, Arc<H>, T>, Refusal<'_>> {
        let unable = |why| Box::new(Report::new("RuntimeError", why));
        if self.is_cancelled() {
            return Err(unable("this actor was cancelled").into());
        }
        let served = self.endpoints.find(&request.target)?;
        let ticket = self.tasks.take().ok_or_else(|| unable("this actor runs as many tasks as it may"))?;
        // Before the arguments are decoded, which may run code of the application.
        let forbids = |terms: &&Arc<Terms>| terms.slots.check_kwargs(&request.kwargs).is_err();
        if let Some(terms) = served.terms.as_ref().filter(forbids) {
            return Err(Refusal::Mistyped(served.caller, terms));
        }
        Ok((served, served.handler.task(Arc::clone(dialog), &request.kwargs)?, ticket))
    }
}

impl<L: Link, D: Door, H, T> Shared<L, D, H, T> {
    /// Takes no more requests, and asks every task that runs here for a peer to end.
    pub fn cancel(&self, canceller: &Canceller) {
        self.is_cancelled.store(true, Ordering::Release);
        for link in self.links() {
            link.cancel_children(canceller);
        }
    }

    /// A listener has begun.
    pub fn open_door(&self, door: &Arc<D>) {
        let mut doors = lock(&self.doors);
        doors.retain(|door| door.strong_count() > 0);
        doors.push(Arc::downgrade(door));
        drop(doors);
        if self.is_cancelled() {
            door.shut();
        }
    }

    /// Ends all listeners.
    pub fn shut_doors(&self) {
        let doors: Vec<_> = lock(&self.doors).iter().filter_map(Weak::upgrade).collect();
        doors.iter().for_each(|door| door.shut());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<L, D, H, T> fmt::Debug for Shared<L, D, H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("identity", self.identity())
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}
