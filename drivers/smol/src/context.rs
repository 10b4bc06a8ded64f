//! The parent's end of a context, and of a generator.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task;

use futures_util::stream::{FusedStream, poll_fn};
use futures_util::{FutureExt, Stream};

use scipp_common::{End, Ending, Error, convert, dialog_methods, ended, left};
use scipp_proto::{FromPayload, Outcome, OverrunPolicy, Received};

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
    pub(crate) async fn first<F: FromPayload>(&self) -> Result<F, Error> {
        Ok(convert::value(self.dialog.first().await?)?)
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

    /// What is left of the dialog, message by message: items, the end of the stream, the result. Each comes with
    /// its kind, as it is; it ends after the result or the first error. For going on to the end after
    /// [`cancel`](Self::cancel), or where no stream was opened: what comes here does not come to readers of a
    /// stream.
    ///
    /// # Cancel safety
    ///
    /// Waiting for the next message can be dropped: none is taken before it is given out.
    pub fn drain(&self) -> impl Stream<Item = Result<Received, Error>> + Unpin {
        let mut seat = self.dialog.seat(&*self.dialog.link);
        let (mut is_past_stop, mut is_over) = (false, false);
        poll_fn(move |cx| {
            if is_over {
                return task::Poll::Ready(None);
            }
            let next = task::ready!(seat.poll_take(cx, |end, conn| end.receive(conn, is_past_stop)));
            is_past_stop |= matches!(next, Ok(Received::Stopped));
            is_over = next.as_ref().map_or(true, Received::is_result);
            task::Poll::Ready(Some(next))
        })
    }

    /// Sets how many items of the peer may be unread, and what happens to one more. Items may come as soon
    /// as the first value has come, also before this end of the stream is opened: the inbox that is there
    /// first is that of [`Portal::with_inbox`](crate::Portal::with_inbox), or of the configuration.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn set_inbox(&self, window: usize, policy: OverrunPolicy) -> Result<(), Error> {
        self.dialog.set_inbox(window, policy)
    }

    /// How the remote task ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.dialog.look(|dialog| dialog.outcome().cloned()).flatten()
    }

    /// Runs `body` and does not return before the remote task has ended, as
    /// [`Portal::open_context`](crate::Portal::open_context) does; an error of `body` leaves the
    /// [`outcome`](Self::outcome) to be read here.
    ///
    /// # Errors
    ///
    /// Of `body`, or why the context did not end well.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, `body` is dropped where it is; the remote task is cancelled when the
    /// context is dropped as well.
    pub async fn supervise<T, E: From<Error>>(
        &self,
        body: impl Future<Output = Result<T, E>>,
    ) -> Result<(T, Ending), E> {
        let ran = AssertUnwindSafe(body).catch_unwind().await;
        if !matches!(ran, Ok(Ok(_))) {
            let _ended_already = self.cancel();
        }
        let outcome = self.dialog.outcome().await;
        left(ran.unwrap_or_else(|panic| resume_unwind(panic)), outcome)
    }
}

dialog_methods!(Context, "The line of the application that opened it.");

/// The items of a remote generator, as a [`Stream`] that ends after the first error; one that is
/// [handed over](Error::Mistyped) does not end it.
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

impl<T: FromPayload> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<Option<Self::Item>> {
        self.get_mut().items.poll_next(cx, End::take)
    }
}

impl<T: FromPayload> FusedStream for Items<T> {
    fn is_terminated(&self) -> bool {
        self.items.is_over
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("dialog", &self.dialog).finish_non_exhaustive()
    }
}
