//! The parent's end of a context, and of a generator.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use serde::de::DeserializeOwned;

use scipp_common::{Ending, Error, convert, ended};
use scipp_proto::Uid;
use scipp_proto::phase::State;

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
    pub(crate) fn first<F: DeserializeOwned>(&self) -> Result<F, Error> {
        Ok(convert::value(&self.dialog.first()?)?)
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

    /// Limits how long each blocking call on this dialog may take.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.dialog.patience.set(timeout);
    }

    /// Runs `body` and does not return before the remote task has ended. (D-47)
    pub(crate) fn supervise<T, E: From<Error>>(
        &self,
        body: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<(T, Ending), E> {
        let run = || Ok((body(self)?, self.wait()?));
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(ended)) => Ok(ended),
            Ok(Err(error)) => {
                self.put_down();
                Err(error)
            }
            Err(panic) => {
                self.put_down();
                resume_unwind(panic)
            }
        }
    }

    /// Ends the remote task; how it ends is of no more interest, but it must have ended: no timeout of
    /// the caller's lets it run on alone.
    fn put_down(&self) {
        let _ended_already = self.cancel();
        let _of_no_interest = self.dialog.final_outcome();
    }
}

/// The items of a remote generator, as an iterator that ends after the first error.
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

impl<T: DeserializeOwned> Iterator for Items<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.dialog.take().and_then(|item| match item {
            Some(item) => Ok(Some(convert::value(&item)?)),
            None => Ok(None),
        });
        self.over = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}
