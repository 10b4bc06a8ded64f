//! One of several readers of one stream.

use scipp_common::{Error, Subscriber, convert};
use scipp_proto::{FromPayload, ToPayload};

use crate::stream::{Incoming, MsgStream};

/// One of several readers of a stream, each of which receives every item: see
/// [`MsgStream::subscribe`](crate::MsgStream::subscribe).
///
/// All methods take `&self`; tasks that share one subscription share its items. Dropping it leaves the
/// stream as it is.
#[derive(Debug)]
pub struct Subscription<'a> {
    stream: &'a MsgStream<'a>,
    subscriber: Subscriber,
}

impl<'a> Subscription<'a> {
    pub(crate) fn new(stream: &'a MsgStream<'a>, window: Option<usize>) -> Result<Self, Error> {
        let subscriber = stream.dialog.inspect(|end, conn| stream.fan_out.subscribe(end, conn, window))?;
        Ok(Self { stream, subscriber })
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
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, no item was taken, and whoever else waits is served as before.
    pub async fn receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let take = |end, conn: &mut _| self.stream.fan_out.take(Some(&self.subscriber), end, conn);
        let Some(item) = self.stream.dialog.take(take).await? else { return Ok(None) };
        Ok(Some(convert::value(item)?))
    }

    /// The items to come as a [`Stream`](futures_util::Stream), until the stream ends or something fails. Lag,
    /// and an item that is [handed over](Error::Mistyped), are reported and end nothing.
    pub fn items<T: FromPayload>(&self) -> Incoming<'_, T> {
        Incoming::new(self.stream, Some(&self.subscriber))
    }

    /// Sends an item on the stream, as [`MsgStream::send`](crate::MsgStream::send).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub async fn send<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        self.stream.send(item).await
    }

    /// How many items are lost to this reader, as far as it has come to know by receiving.
    pub fn lost(&self) -> u64 {
        self.subscriber.lost()
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        self.stream.fan_out.unsubscribe(&self.subscriber);
    }
}
