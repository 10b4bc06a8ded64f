//! A connection to a peer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use scipp_common::convert::NoArgs;
use scipp_common::{Address, Ending, Endpoint, Error, GRACE, Inbox, Opening, now, returned};
use scipp_proto::{CloseReason, Counters, FromPayload, Identity, Kind, OverrunPolicy, RuntimeEndpoint};

use crate::context::{Context, Items};
use crate::dialog::Dialog;
use crate::link::Link;

/// A connection to a peer, for opening dialogs: with a module path and a name, or with an [`Endpoint`] on its terms.
///
/// Cheap to clone; all clones are the same connection and may be used from any thread. The peer may open
/// dialogs with us on it at the same time. It is kept alive by threads of its own, whether or not
/// anybody waits on it.
///
/// Dropping the last handle (portal, context, iterator) of a connection that [`Actor`](crate::Actor)
/// *made* closes it in the background, as [`close`](Self::close) does; a process that ends right after that
/// may cut it. A connection that was *accepted* belongs to its listener and stays.
pub struct Portal {
    link: Arc<Link>,
    inbox: Option<Inbox>,
    timeout: Option<Duration>,
}

impl Portal {
    /// One more handle of a connection.
    pub(crate) fn new(link: Arc<Link>) -> Self {
        link.hold();
        Self::first(link)
    }

    /// The handle that a connection was made with.
    pub(crate) const fn first(link: Arc<Link>) -> Self {
        Self { link, inbox: None, timeout: None }
    }

    /// The same connection, with a limit on each blocking call of what is opened through this handle.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        let mut portal = self.clone();
        portal.timeout = Some(timeout);
        portal
    }

    /// The same connection, with another inbox than the configuration's for each dialog that is opened
    /// through this handle: how many items of the peer may be unread, and what happens to one more.
    #[must_use]
    pub fn with_inbox(&self, window: usize, policy: OverrunPolicy) -> Self {
        let mut portal = self.clone();
        portal.inbox = Some((window, policy));
        portal
    }

    /// What the peer says of itself: a claim, not a proof. `None` before the handshake is complete.
    pub fn peer(&self) -> Option<Identity> {
        self.link.lock().conn.peer().cloned()
    }

    /// Where the peer is. `None`: it connected to a Unix socket and has no path, or it is gone.
    pub fn peer_addr(&self) -> Option<Address> {
        self.link.socket.peer_addr()
    }

    /// Calls a function and waits for its result.
    ///
    /// # Errors
    ///
    /// Why there is none. After [`Error::TimedOut`] the function is cancelled.
    #[track_caller]
    pub fn call<A, R>(&self, endpoint: impl Into<Endpoint>, args: &A) -> Result<R, Error>
    where
        A: Serialize + ?Sized,
        R: FromPayload,
    {
        returned(self.open(endpoint, Kind::Function, args)?.outcome()?)
    }

    /// Starts a generator.
    ///
    /// # Errors
    ///
    /// It could not be asked for. What goes wrong later is an item of the iterator.
    #[track_caller]
    pub fn iterate<A, T>(&self, endpoint: impl Into<Endpoint>, args: &A) -> Result<Items<T>, Error>
    where
        A: Serialize + ?Sized,
        T: FromPayload,
    {
        Ok(Items::new(self.open(endpoint, Kind::Generator, args)?))
    }

    /// Runs a context and `body` together: `body` gets the parent's end and the context's first value, and
    /// this returns when both are over.
    ///
    /// If `body` ends well, the remote task is waited for. If `body` fails or panics, the remote task is
    /// cancelled and waited for, and `body`'s error (or panic) is the result.
    ///
    /// A timeout of this handle or of the context cancels the remote task when it runs out; it does not
    /// cut the wait for its end, which takes as long as the task does, or the connection.
    ///
    /// # Errors
    ///
    /// Of `body`, or why the context could not be opened or did not end well.
    #[track_caller]
    pub fn open_context<A, F, T, E>(
        &self,
        endpoint: impl Into<Endpoint>,
        args: &A,
        body: impl FnOnce(&Context, F) -> Result<T, E>,
    ) -> Result<(T, Ending), E>
    where
        A: Serialize + ?Sized,
        F: FromPayload,
        E: From<Error>,
    {
        let context = Context::new(self.open(endpoint, Kind::Context, args)?);
        context.supervise(|| {
            let first = context.first()?;
            body(&context, first)
        })
    }

    /// Opens a context and waits for its first value. Dropping the handle cancels the remote task without
    /// waiting; prefer [`open_context`](Self::open_context), which waits.
    ///
    /// # Errors
    ///
    /// Why there is no first value.
    #[track_caller]
    pub fn start_context<A, F>(&self, endpoint: impl Into<Endpoint>, args: &A) -> Result<(Context, F), Error>
    where
        A: Serialize + ?Sized,
        F: FromPayload,
    {
        let context = Context::new(self.open(endpoint, Kind::Context, args)?);
        let first = context.first()?;
        Ok((context, first))
    }

    /// Asks the peer's runtime for something, a registry for an address, for example.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call). A Python actor that does not know the request dies of it: ask only what the
    /// peer is known to answer.
    #[track_caller]
    pub fn request<A, R>(&self, endpoint: RuntimeEndpoint, args: &A) -> Result<R, Error>
    where
        A: Serialize + ?Sized,
        R: FromPayload,
    {
        self.call(endpoint, args)
    }

    /// Cancels the whole actor at the other end, and waits until it says so.
    ///
    /// # Errors
    ///
    /// Why it did not say so.
    #[track_caller]
    pub fn cancel_actor(&self) -> Result<(), Error> {
        self.call::<_, bool>(RuntimeEndpoint::Cancel, &NoArgs {}).map(drop)
    }

    /// Ends the connection in order: what we opened and what runs here is cancelled, its ends are waited
    /// for (3 s at most), whole frames are written, then the socket is shut down. Returns after that.
    ///
    /// A frame that was begun is finished even then, for which the peer has the `write_stall_timeout` of
    /// the configuration; and the peer has a second to hang up in its turn, so that it can read all.
    /// [`abort`](Self::abort) does not wait. An endpoint that closes the connection of its own request
    /// waits for itself, that is, for all of the 3 s.
    pub fn close(&self) -> CloseReason {
        self.close_within(GRACE)
    }

    /// As [`close`](Self::close), waiting at most for `grace`.
    pub fn close_within(&self, grace: Duration) -> CloseReason {
        self.link.close_and_wait(now().saturating_add(grace))
    }

    /// Cuts the connection at once. This may cut a frame in half, which kills a Python peer.
    pub fn abort(&self) {
        self.link.abort();
    }

    /// Why the connection is over, if it is.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.link.lock().closed.clone()
    }

    /// Waits until the connection is over.
    pub fn closed(&self) -> CloseReason {
        self.link.closed()
    }

    /// What this connection counted so far.
    pub fn counters(&self) -> Counters {
        *self.link.lock().conn.counters()
    }

    #[track_caller]
    fn open<A>(&self, endpoint: impl Into<Endpoint>, kind: Kind, args: &A) -> Result<Dialog, Error>
    where
        A: Serialize + ?Sized,
    {
        Dialog::open(&self.link, &Opening::of(endpoint).with(kind, args)?, self.inbox, self.timeout)
    }
}

impl Clone for Portal {
    fn clone(&self) -> Self {
        let mut portal = Self::new(Arc::clone(&self.link));
        (portal.inbox, portal.timeout) = (self.inbox, self.timeout);
        portal
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.link.let_go();
    }
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("peer", &self.peer()).field("timeout", &self.timeout).finish()
    }
}
