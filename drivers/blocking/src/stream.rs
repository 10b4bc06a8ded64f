//! Items both ways.

use scipp_common::{End, Error, FanOut, Handle, StreamCounters, at_once, convert, is_last};
use scipp_proto::wire::MsgKind;
use scipp_proto::{Connection, FromPayload, OverrunPolicy, Received, ToPayload};

use crate::dialog::Dialog;
use crate::link::Urgency;
use crate::subscription::Subscription;

/// One end of the stream of a context: items of any types, both ways at once.
///
/// All methods take `&self`: one thread may send while another receives. The first end that stops ends
/// the stream for both directions. Dropping the handle stops the stream, as [`stop`](Self::stop) does.
///
/// Each item is received once, by whoever asks first; [`subscribe`](Self::subscribe) gives every reader
/// every item.
///
/// A peer counts on room for 64 items it has sent and we have not received; it is an overrun to send more
/// than it has room for. [`set_inbox`](Self::set_inbox) says how much room there is, and what happens then.
#[derive(Debug)]
pub struct MsgStream<'ctx> {
    pub(crate) dialog: &'ctx Dialog,
    pub(crate) fan_out: FanOut,
}

impl<'ctx> MsgStream<'ctx> {
    pub(crate) fn open(dialog: &'ctx Dialog) -> Result<Self, Error> {
        dialog.act(End::open_stream)?;
        Ok(Self { dialog, fan_out: FanOut::default() })
    }

    /// Waits for the next item. `None`: the stream has ended, and all its items were received.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] if the item is not a `T` (it is gone then); [`Error::Mistyped`] if the terms forbid
    /// it and say to hand it over; [`Error::Lagged`] beside [subscriptions](Self::subscribe); or why the dialog
    /// is of no more use.
    pub fn receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let take = |end, conn: &mut _| self.fan_out.take(None, end, conn);
        let Some(item) = self.dialog.take(&self.dialog.patience, take)? else { return Ok(None) };
        Ok(Some(convert::value(item)?))
    }

    /// The next item, if it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] if nothing is there, and as [`receive`](Self::receive).
    pub fn try_receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let taken = self.dialog.act(|end, conn| at_once(self.fan_out.take(None, end, conn)));
        let Some(item) = taken? else { return Ok(None) };
        Ok(Some(convert::value(item)?))
    }

    /// Waits for whatever comes next, as it is and with its kind: items, also [those](Received::Mistyped) that
    /// the terms forbid and say to hand over, then the end of the stream, or the result, again and again.
    ///
    /// # Errors
    ///
    /// [`Error::Lagged`] beside [subscriptions](Self::subscribe), or why the dialog is of no more use.
    pub fn receive_msg(&self) -> Result<Received, Error> {
        self.dialog.take(&self.dialog.patience, |end, conn: &mut _| self.fan_out.receive(end, conn))
    }

    /// One more reader of this stream: it receives every item that was not received yet.
    ///
    /// Any number of subscriptions go each at their own pace, and this handle is one more as long as there
    /// are any, and until it has received what came for it meanwhile. Whoever needs an item first receives
    /// it for all. Who falls behind the fastest by more than the window has lost items and is told so once,
    /// by [`Error::Lagged`]; nobody else notices. The end of the stream and errors come to each reader after
    /// the items that were received for it. The peer sees one reader: an item that the fastest has received is
    /// unread no more.
    ///
    /// The window is that of the stream's inbox. What the slowest reader has not come to yet is kept: so
    /// many items at most, each as long as its frame was, at most `max_frame` of
    /// [`Config`](crate::proto::Config).
    ///
    /// # Errors
    ///
    /// [`Error::StreamEnded`]: it has ended, and everything was received; or why the dialog is of no more
    /// use.
    pub fn subscribe(&self) -> Result<Subscription<'_>, Error> {
        Subscription::new(self, None)
    }

    /// As [`subscribe`](Self::subscribe), with a window of `window` items, at least one. All subscriptions
    /// share the largest.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn subscribe_within(&self, window: usize) -> Result<Subscription<'_>, Error> {
        Subscription::new(self, Some(window))
    }

    /// Sends an item now. Waits while the connection has no room for it.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`], [`Error::StreamEnded`], or why the dialog is of no more use.
    pub fn send<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        self.dialog.send(&convert::payload(item)?, Urgency::Now)
    }

    /// As [`send`](Self::send), after checking the item against the terms of this end. Without this only the
    /// receiver checks items.
    ///
    /// # Errors
    ///
    /// [`Misuse::Mistyped`](crate::proto::Misuse::Mistyped), and as `send`; the item was not sent.
    pub fn send_checked<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        let item = convert::payload(item)?;
        self.dialog.validate(MsgKind::Yield, &item)?;
        self.dialog.send(&item, Urgency::Now)
    }

    /// Sends an item together with what follows: many in one write. It goes with the next blocking call,
    /// when enough has come together, and in any case a moment later.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed<T: ToPayload + ?Sized>(&self, item: &T) -> Result<(), Error> {
        self.dialog.send(&convert::payload(item)?, Urgency::Soon)
    }

    /// Ends the stream for both directions. Items not received are dropped.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn stop(&self) -> Result<(), Error> {
        Ok(self.dialog.disturb(|end, conn| conn.stop(end.id))?)
    }

    /// Sets how many items of the peer may be unread, and what happens to one more, from now on.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn set_inbox(&self, window: usize, policy: OverrunPolicy) -> Result<(), Error> {
        self.dialog.set_inbox(window, policy)
    }

    /// How this end stands with the peer's items.
    pub fn counters(&self) -> StreamCounters {
        self.dialog.counters()
    }

    /// The items to come, until the stream ends or something fails. Lag, and items that are
    /// [handed over](Error::Mistyped), are reported and end nothing.
    pub fn items<T: FromPayload>(&self) -> impl Iterator<Item = Result<T, Error>> {
        until_over(|| self.receive())
    }
}

/// What `receive` gives, up to the end or the first error that ends it.
pub(crate) fn until_over<T>(
    mut receive: impl FnMut() -> Result<Option<T>, Error>,
) -> impl Iterator<Item = Result<T, Error>> {
    let mut is_over = false;
    std::iter::from_fn(move || {
        let next = if is_over { None } else { receive().transpose() };
        is_over = is_last(next.as_ref());
        next
    })
}

impl Drop for MsgStream<'_> {
    fn drop(&mut self) {
        let stop = |end: End, conn: &mut Connection| conn.stop(end.id);
        // A parent may drain the dialog elsewhere; a child's `Stop` is written with its end.
        // A dialog that has ended has no stream to stop.
        let _ended = if self.dialog.end.is_own() { self.dialog.disturb(stop) } else { self.dialog.act(stop) };
    }
}
