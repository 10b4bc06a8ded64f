//! A connection to a peer.

use std::fmt;
use std::future::Future;
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
/// Cheap to clone; all clones are the same connection and may be used from any task. The peer may open
/// dialogs with us on it at the same time. Nothing moves unless the connection's [`Driver`](crate::Driver)
/// is polled.
///
/// Dropping the last handle (portal, context, items) of a connection that [`Actor`](crate::Actor)
/// *made* closes it as [`close`](Self::close) does, by the hands of its driver. A connection that was
/// *accepted* lives until its peer or its listener ends it.
pub struct Portal {
    link: Arc<Link>,
    inbox: Option<Inbox>,
}

impl Portal {
    /// One more handle of a connection.
    pub(crate) fn new(link: Arc<Link>) -> Self {
        link.hold();
        Self::first(link)
    }

    /// The handle that a connection was made with.
    pub(crate) const fn first(link: Arc<Link>) -> Self {
        Self { link, inbox: None }
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
        self.link.with(|state| state.conn.peer().cloned())
    }

    /// Where the peer is. `None`: it connected to a Unix socket and has no path, or the connection was made
    /// over something else.
    pub fn peer_addr(&self) -> Option<Address> {
        self.link.peer_addr.clone()
    }

    /// Calls a function and waits for its result.
    ///
    /// # Errors
    ///
    /// Why there is none.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the function is cancelled.
    #[track_caller]
    pub fn call<A, R>(
        &self,
        endpoint: impl Into<Endpoint>,
        args: &A,
    ) -> impl Future<Output = Result<R, Error>>
    where
        A: Serialize + ?Sized,
        R: FromPayload,
    {
        let opening = Opening::of(endpoint);
        async move { returned(self.open(opening, Kind::Function, args)?.outcome().await?) }
    }

    /// Starts a generator. It is cancelled when what this gives is dropped.
    ///
    /// # Errors
    ///
    /// It could not be asked for. What goes wrong later is an item.
    #[track_caller]
    pub fn iterate<A, T>(&self, endpoint: impl Into<Endpoint>, args: &A) -> Result<Items<T>, Error>
    where
        A: Serialize + ?Sized,
        T: FromPayload,
    {
        Ok(Items::new(self.open(Opening::of(endpoint), Kind::Generator, args)?))
    }

    /// Runs a context and `body` together: `body` gets the parent's end and the context's first value, and
    /// this returns when both are over.
    ///
    /// If `body` ends well, the remote task is waited for. If `body` fails or panics, the remote task is
    /// cancelled and waited for, and `body`'s error (or panic) is the result.
    ///
    /// # Errors
    ///
    /// Of `body`, or why the context could not be opened or did not end well.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, `body` is dropped where it is and the remote task is cancelled; that it
    /// ends is not waited for.
    #[track_caller]
    pub fn open_context<A, F, T, E>(
        &self,
        endpoint: impl Into<Endpoint>,
        args: &A,
        body: impl AsyncFnOnce(&Context, F) -> Result<T, E>,
    ) -> impl Future<Output = Result<(T, Ending), E>>
    where
        A: Serialize + ?Sized,
        F: FromPayload,
        E: From<Error>,
    {
        let opening = Opening::of(endpoint);
        async move {
            let context = Context::new(self.open(opening, Kind::Context, args)?);
            let run = async {
                let first = context.first().await?;
                body(&context, first).await
            };
            context.supervise(run).await
        }
    }

    /// Opens a context and waits for its first value. Dropping the handle cancels the remote task without
    /// waiting; prefer [`open_context`](Self::open_context), which waits.
    ///
    /// # Errors
    ///
    /// Why there is no first value.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the remote task is cancelled.
    #[track_caller]
    pub fn start_context<A, F>(
        &self,
        endpoint: impl Into<Endpoint>,
        args: &A,
    ) -> impl Future<Output = Result<(Context, F), Error>>
    where
        A: Serialize + ?Sized,
        F: FromPayload,
    {
        let opening = Opening::of(endpoint);
        async move {
            let context = Context::new(self.open(opening, Kind::Context, args)?);
            let first = context.first().await?;
            Ok((context, first))
        }
    }

    /// Asks the peer's runtime for something, a registry for an address, for example.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call). A Python actor that does not know the request dies of it: ask only what the
    /// peer is known to answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the request is cancelled.
    #[track_caller]
    pub fn request<A, R>(&self, endpoint: RuntimeEndpoint, args: &A) -> impl Future<Output = Result<R, Error>>
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
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, the actor is cancelled all the same.
    #[track_caller]
    pub fn cancel_actor(&self) -> impl Future<Output = Result<(), Error>> {
        let cancelled = self.call::<_, bool>(RuntimeEndpoint::Cancel, &NoArgs {});
        async move { cancelled.await.map(drop) }
    }

    /// Ends the connection in order: what we opened and what runs here is cancelled, its ends are waited
    /// for (3 s at most), whole frames are written, then the socket is shut down. Returns after that.
    ///
    /// A frame that was begun is finished even then, for which the peer has the `write_stall_timeout` of
    /// the configuration; and the peer has a second to hang up in its turn, so that it can read all.
    /// [`abort`](Self::abort) does not wait. An endpoint that waits for the end of the connection of its own
    /// request is dropped on the way.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, the connection closes all the same.
    pub async fn close(&self) -> CloseReason {
        self.close_within(GRACE).await
    }

    /// As [`close`](Self::close), waiting at most for `grace`.
    ///
    /// # Cancel safety
    ///
    /// As [`close`](Self::close).
    pub async fn close_within(&self, grace: Duration) -> CloseReason {
        self.link.close(now().saturating_add(grace));
        self.link.gone().await
    }

    /// Cuts the connection at once. This may cut a frame in half, which kills a Python peer.
    pub fn abort(&self) {
        self.link.abort();
    }

    /// Why the connection is over, if it is.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.link.with(|state| state.conn.close_reason().cloned())
    }

    /// Waits until the connection is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing.
    pub async fn closed(&self) -> CloseReason {
        self.link.closed().await
    }

    /// What this connection counted so far.
    pub fn counters(&self) -> Counters {
        self.link.with(|state| *state.conn.counters())
    }

    fn open<A>(&self, opening: Opening, kind: Kind, args: &A) -> Result<Dialog, Error>
    where
        A: Serialize + ?Sized,
    {
        Dialog::open(&self.link, &opening.with(kind, args)?, self.inbox)
    }
}

impl Clone for Portal {
    fn clone(&self) -> Self {
        let mut portal = Self::new(Arc::clone(&self.link));
        portal.inbox = self.inbox;
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
        f.debug_struct("Portal").field("peer", &self.peer()).finish()
    }
}
