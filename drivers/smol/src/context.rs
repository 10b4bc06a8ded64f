//! The parent's end of a context, and of a generator.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task;

use futures_util::{FutureExt, Stream};
use serde::de::DeserializeOwned;

use scipp_common::{Ending, Error, convert, ended};
use scipp_proto::Uid;
use scipp_proto::phase::State;

use crate::dialog::Dialog;
use crate::link::Link;
use crate::stream::{MsgStream, Receiving};

/// The parent's end of a context: a task that runs at the peer.
///
/// All methods take `&self`; several tasks may use it at once. Dropping it cancels the remote task if
/// it still runs, without waiting for its end; [`Portal::open_context`](crate::Portal::open_context)
/// gives one that waits.
#[derive(Debug)]
pub struct Context {
    dialog: Dialog,
}

impl Context {
    pub(crate) const fn new(dialog: Dialog) -> Self {
        Self { dialog }
    }

    /// Waits for the first value.
    pub(crate) async fn first<F: DeserializeOwned>(&self) -> Result<F, Error> {
        Ok(convert::value(&self.dialog.first().await?)?)
    }

    /// Opens the parent's end of the stream, once.
    ///
    /// # Errors
    ///
    /// It was opened before, or the dialog has ended.
    pub fn open_stream(&self) -> Result<MsgStream<'_>, Error> {
        MsgStream::open(&self.dialog)
    }

    /// Asks the remote task to end. Does not wait for it; [`wait`](Self::wait) does.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn cancel(&self) -> Result<(), Error> {
        self.dialog.cancel()
    }

    /// Waits until the remote task has ended.
    ///
    /// # Errors
    ///
    /// How it failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing; it can be called again, also after the end.
    pub async fn wait(&self) -> Result<Ending, Error> {
        ended(self.dialog.outcome().await?)
    }

    /// The dialog's id on the wire.
    pub fn cid(&self) -> Option<String> {
        self.dialog.look(|dialog| dialog.cid().to_owned())
    }

    /// Where this end of the dialog is.
    pub fn state(&self) -> Option<State> {
        self.dialog.look(|dialog| dialog.state())
    }

    /// Who cancelled the remote task, as far as known.
    pub fn canceller(&self) -> Option<Uid> {
        self.dialog.look(|dialog| dialog.canceller().cloned()).flatten()
    }

    /// Items that were dropped because nobody received them.
    pub fn dropped(&self) -> u64 {
        self.dialog.look(|dialog| dialog.dropped()).unwrap_or_default()
    }

    /// Runs `body` and does not return before the remote task has ended. (D-47)
    pub(crate) async fn supervise<T, E: From<Error>>(
        &self,
        body: impl Future<Output = Result<T, E>>,
    ) -> Result<(T, Ending), E> {
        match AssertUnwindSafe(body).catch_unwind().await {
            Ok(Ok(value)) => Ok((value, self.wait().await?)),
            Ok(Err(error)) => {
                self.put_down().await;
                Err(error)
            }
            Err(panic) => {
                self.put_down().await;
                resume_unwind(panic)
            }
        }
    }

    /// Ends the remote task; how it ends is of no more interest.
    async fn put_down(&self) {
        let _ended_already = self.cancel();
        let _of_no_interest = self.dialog.outcome().await;
    }
}

/// The items of a remote generator, as a [`Stream`] that ends after the first error.
///
/// Dropping it cancels the generator if it still runs.
///
/// # Cancel safety
///
/// Waiting for the next item can be dropped: no item is taken before it is given out.
#[must_use = "streams do nothing unless polled"]
pub struct Items<T> {
    dialog: Dialog,
    items: Receiving<Arc<Link>>,
    of: PhantomData<fn() -> T>,
}

impl<T> Items<T> {
    pub(crate) fn new(dialog: Dialog) -> Self {
        let items = Receiving::new(dialog.seat(Arc::clone(&dialog.link)));
        Self { dialog, items, of: PhantomData }
    }

    /// Asks the generator to end. Items on their way still come.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn cancel(&self) -> Result<(), Error> {
        self.dialog.cancel()
    }
}

impl<T: DeserializeOwned> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<Option<Self::Item>> {
        self.get_mut().items.poll_next(cx)
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("dialog", &self.dialog).finish_non_exhaustive()
    }
}
