//! The parent's end of a context, and of a generator.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use scipp_common::{End, Ending, Error, convert, dialog_methods, ended, is_last, left};
use scipp_proto::{FromPayload, Outcome, OverrunPolicy, Received};

use crate::dialog::Dialog;
use crate::stream::MsgStream;

/// The parent's end of a context: a task that runs at the peer.
///
/// All methods take `&self`; several threads may use it at once. Dropping it cancels the remote task if
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
    pub(crate) fn first<F: FromPayload>(&self) -> Result<F, Error> {
        Ok(convert::value(self.dialog.first()?)?)
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
    pub fn wait(&self) -> Result<Ending, Error> {
        ended(self.dialog.outcome()?)
    }

    /// What is left of the dialog, message by message: items, the end of the stream, the result. Each comes with
    /// its kind, as it is; it ends after the result or the first error. For going on to the end after
    /// [`cancel`](Self::cancel), or where no stream was opened: what comes here does not come to readers of a
    /// stream.
    pub fn drain(&self) -> impl Iterator<Item = Result<Received, Error>> {
        let (mut is_past_stop, mut is_over) = (false, false);
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let receive = |end: End, conn: &mut _| end.receive(conn, is_past_stop);
            let next = self.dialog.take(&self.dialog.patience, receive);
            is_past_stop |= matches!(next, Ok(Received::Stopped));
            is_over = next.as_ref().map_or(true, Received::is_result);
            Some(next)
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

    /// Limits how long each blocking call on this dialog may take.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.dialog.patience.set(timeout);
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
    pub fn supervise<T, E: From<Error>>(
        &self,
        body: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Ending), E> {
        let run = || {
            let value = body()?;
            self.dialog.outcome()?;
            Ok(value)
        };
        let ran = catch_unwind(AssertUnwindSafe(run));
        if !matches!(ran, Ok(Ok(_))) {
            let _ended_already = self.cancel();
        }
        // No timeout of the caller's lets the task run on alone.
        let outcome = self.dialog.final_outcome();
        left(ran.unwrap_or_else(|panic| resume_unwind(panic)), outcome)
    }
}

dialog_methods!(Context, "The line of the application that opened it.");

/// The items of a remote generator, as an iterator that ends after the first error; one that is
/// [handed over](Error::Mistyped) does not end it.
///
/// Dropping it cancels the generator if it still runs.
#[derive(Debug)]
pub struct Items<T> {
    dialog: Dialog,
    over: bool,
    of: PhantomData<fn() -> T>,
}

impl<T> Items<T> {
    pub(crate) const fn new(dialog: Dialog) -> Self {
        Self { dialog, over: false, of: PhantomData }
    }

    /// Asks the generator to end. Items on their way still come.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn cancel(&self) -> Result<(), Error> {
        self.dialog.cancel()
    }

    /// Limits how long each step may take.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.dialog.patience.set(timeout);
    }
}

impl<T: FromPayload> Iterator for Items<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.dialog.take(&self.dialog.patience, End::take).transpose();
        let next = next.map(|item| item.and_then(|item| Ok(convert::value(item)?)));
        self.over = is_last(next.as_ref());
        next
    }
}
