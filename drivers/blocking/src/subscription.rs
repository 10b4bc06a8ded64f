//! One of several readers of one stream.

use std::time::Duration;

use scipp_common::{Error, Subscriber, convert};
use scipp_proto::{FromPayload, ToPayload};

use crate::dialog::Patience;
use crate::stream::{MsgStream, until_over};

/// One of several readers of a stream, each of which receives every item: see
/// [`MsgStream::subscribe`](crate::MsgStream::subscribe).
///
/// All methods take `&self`; threads that share one subscription share its items. Dropping it leaves the
/// stream as it is.
#[derive(Debug)]
pub struct Subscription<'a> {
    stream: &'a MsgStream<'a>,
    subscriber: Subscriber,
    patience: Patience,
}

impl<'a> Subscription<'a> {
    pub(crate) fn new(stream: &'a MsgStream<'a>, window: Option<usize>) -> Result<Self, Error> {
        let patience = Patience::default();
        patience.set(stream.dialog.patience.limit());
        let subscriber = stream.dialog.inspect(|end, conn| stream.fan_out.subscribe(end, conn, window))?;
        Ok(Self { stream, subscriber, patience })
    }

    /// The same, for a reader that does not mind: lag is only [counted](Self::lost).
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.subscriber.be_quiet();
        self
    }

    /// Waits for the next item. `None`: the stream has ended, and all its items were received.
    ///
    /// # Errors
    ///
    /// [`Error::Lagged`], after which it goes on; [`Error::Conversion`] if the item is not a `T` (it is gone
    /// then, here and nowhere else); [`Error::Mistyped`], which every reader gets; or why the dialog is of no more use.
    pub fn receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let take = |end, conn: &mut _| self.stream.fan_out.take(Some(&self.subscriber), end, conn);
        let Some(item) = self.stream.dialog.take(&self.patience, take)? else { return Ok(None) };
        Ok(Some(convert::value(item)?))
    }

    /// The items to come, until the stream ends or something fails. Lag, and an item that is [handed
    /// over](Error::Mistyped), are reported and end nothing.
    pub fn items<T: FromPayload>(&self) -> impl Iterator<Item = Result<T, Error>> {
        until_over(|| self.receive())
    }

    /// Sends an item on the stream, as [`MsgStream::send`](crate::MsgStream::send).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        self.stream.send(item)
    }

    /// Sends an item together with what follows, as [`MsgStream::feed`](crate::MsgStream::feed).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn feed<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        self.stream.feed(item)
    }

    /// How many items are lost to this reader, as far as it has come to know by receiving.
    pub fn lost(&self) -> u64 {
        self.subscriber.lost()
    }

    /// Limits how long each call of [`receive`](Self::receive) may take; at first as long as other calls on
    /// the dialog.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.patience.set(timeout);
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        self.stream.fan_out.unsubscribe(&self.subscriber);
    }
}
