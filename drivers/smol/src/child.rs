//! The handles of the bodies that run for a peer.

use std::sync::Arc;

use scipp_common::{Error, Handle, convert, dialog_methods};
use scipp_proto::wire::MsgKind;
use scipp_proto::{OverrunPolicy, ToPayload};

use crate::dialog::Dialog;
use crate::portal::Portal;
use crate::stream::MsgStream;

/// The child's end of a context: what the body of a context endpoint is given.
///
/// The dialog ends when the body returns, and with what it returns. When the task shall end before that,
/// the body is dropped, after the [`cancel_grace`](crate::Profile::cancel_grace) of the actor; within it
/// every call fails with [`Error::Cancelled`], [`Error::Remote`] or [`Error::Disconnected`], and the body
/// returns that error after cleaning up. A body that returns before [`started`](Self::started) is reported
/// as failed. Dropping the handle does nothing.
#[derive(Debug)]
pub struct ChildContext {
    dialog: Arc<Dialog>,
}

impl ChildContext {
    pub(crate) const fn new(dialog: Arc<Dialog>) -> Self {
        Self { dialog }
    }

    /// Sends the first value: from now on both ends can stream. Once.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`]; [`Misuse::Mistyped`](crate::proto::Misuse::Mistyped) if the terms forbid the value,
    /// which leaves everything as it was: another one may be sent; the task shall end; or it is called twice.
    pub fn started<T: ToPayload + ?Sized>(&self, first: &T) -> Result<(), Error> {
        let first = convert::payload(first)?;
        self.dialog.act(|end, conn| end.started(conn, first))
    }

    /// Opens the child's end of the stream, once, after [`started`](Self::started).
    ///
    /// # Errors
    ///
    /// The task shall end, or it is too early or the second time.
    pub fn open_stream(&self) -> Result<MsgStream<'_>, Error> {
        MsgStream::open(&self.dialog)
    }

    /// Whether the task shall end, for bodies that compute for long without a call.
    ///
    /// # Errors
    ///
    /// What a call would give.
    pub fn check(&self) -> Result<(), Error> {
        self.dialog.check()
    }

    /// Asks this very task to end, in our own name.
    ///
    /// # Errors
    ///
    /// The dialog has ended.
    pub fn cancel(&self) -> Result<(), Error> {
        self.dialog.cancel()
    }

    /// Sets how many items of the peer may be unread, and what happens to one more. Items may come as soon
    /// as [`started`](Self::started) was called, also before this end of the stream is opened. If this is not
    /// called the inbox is that of the configuration.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn set_inbox(&self, window: usize, policy: OverrunPolicy) -> Result<(), Error> {
        self.dialog.set_inbox(window, policy)
    }

    /// The connection this task was requested on: its peer, and dialogs of our own with it.
    pub fn portal(&self) -> Portal {
        Portal::new(Arc::clone(&self.dialog.link))
    }
}

dialog_methods!(ChildContext, "The line of the application that registered the endpoint.");

/// The child's end of a generator: where its items go.
///
/// The dialog ends when the body returns. Dropping the handle does nothing.
#[derive(Debug)]
pub struct Yielder {
    dialog: Arc<Dialog>,
}

impl Yielder {
    pub(crate) const fn new(dialog: Arc<Dialog>) -> Self {
        Self { dialog }
    }

    /// Sends an item. Waits while the connection has no room for it.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`], or the task shall end.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the item was not sent.
    pub async fn send<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        let item = convert::payload(item)?;
        self.dialog.send(&item).await
    }

    /// As [`send`](Self::send), after checking the item against the terms of this end. Without this only the
    /// receiver checks items.
    ///
    /// # Errors
    ///
    /// [`Misuse::Mistyped`](crate::proto::Misuse::Mistyped), and as `send`; the item was not sent.
    ///
    /// # Cancel safety
    ///
    /// As `send`.
    pub async fn send_checked<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        let item = convert::payload(item)?;
        self.dialog.validate(MsgKind::Yield, &item)?;
        self.dialog.send(&item).await
    }

    /// Waits until the items sent so far are written.
    ///
    /// # Errors
    ///
    /// [`Error::Disconnected`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing.
    pub async fn flush(&self) -> Result<(), Error> {
        self.dialog.flush().await
    }

    /// Whether the task shall end.
    ///
    /// # Errors
    ///
    /// What a call would give.
    pub fn check(&self) -> Result<(), Error> {
        self.dialog.check()
    }
}
