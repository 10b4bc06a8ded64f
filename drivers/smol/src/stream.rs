//! Items both ways.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::FusedStream;
use futures_util::{Sink, Stream};
use scipp_common::{End, Error, FanOut, Handle, StreamCounters, Subscriber, at_once, convert, is_last};
use scipp_proto::wire::MsgKind;
use scipp_proto::{Connection, FromPayload, OverrunPolicy, Payload, Received, ToPayload};

use crate::dialog::{Dialog, Seat};
use crate::link::Link;
use crate::subscription::Subscription;

/// One end of the stream of a context: items of any types, both ways at once.
///
/// All methods take `&self`: one task may send while another receives. The first end that stops ends
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
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, no item was taken.
    pub async fn receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let take = |end, conn: &mut _| self.fan_out.take(None, end, conn);
        let Some(item) = self.dialog.take(take).await? else { return Ok(None) };
        Ok(Some(convert::value(item)?))
    }

    /// The next item, if it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] if nothing is there, and as [`receive`](Self::receive).
    pub fn try_receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let taken = at_once(self.dialog.take_now(|end, conn| self.fan_out.take(None, end, conn)));
        let Some(item) = taken? else { return Ok(None) };
        Ok(Some(convert::value(item)?))
    }

    /// Waits for whatever comes next, as it is and with its kind: items, also [those](Received::Mistyped) that
    /// the terms forbid and say to hand over, then the end of the stream, or the result, again and again.
    ///
    /// # Errors
    ///
    /// [`Error::Lagged`] beside [subscriptions](Self::subscribe), or why the dialog is of no more use.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, nothing was taken.
    pub async fn receive_msg(&self) -> Result<Received, Error> {
        self.dialog.take(|end, conn: &mut _| self.fan_out.receive(end, conn)).await
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

    /// Sends an item. Waits while the connection has no room for it. It is written when the driver is
    /// polled, in one write with what else is sent until then; [`flush`](Self::flush) waits for that.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`], [`Error::StreamEnded`], or why the dialog is of no more use.
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
    pub fn items<T: FromPayload>(&self) -> Incoming<'_, T> {
        Incoming::new(self, None)
    }

    /// Where items of one type go. Closing it stops the stream.
    pub fn sink<T: ToPayload>(&self) -> Outgoing<'_, T> {
        Outgoing {
            dialog: self.dialog,
            seat: self.dialog.seat(&*self.dialog.link),
            held: VecDeque::new(),
            mark: None,
            is_stopped: false,
            of: PhantomData,
        }
    }
}

impl Drop for MsgStream<'_> {
    fn drop(&mut self) {
        // A dialog that has ended has no stream to stop.
        let _ended = self.dialog.disturb(|end, conn| conn.stop(end.id));
    }
}

/// Receives items until there are no more.
pub(crate) struct Receiving<L: Deref<Target = Link>> {
    seat: Seat<L>,
    pub(crate) is_over: bool,
}

impl<L: Deref<Target = Link>> Receiving<L> {
    pub(crate) const fn new(seat: Seat<L>) -> Self {
        Self { seat, is_over: false }
    }

    pub(crate) fn poll_next<T: FromPayload>(
        &mut self,
        cx: &Context<'_>,
        take: impl FnOnce(End, &mut Connection) -> Poll<Result<Option<Payload>, Error>>,
    ) -> Poll<Option<Result<T, Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let next = ready!(self.seat.poll_take(cx, take)).transpose();
        let next = next.map(|item| item.and_then(|item| Ok(convert::value(item)?)));
        self.is_over = is_last(next.as_ref());
        Poll::Ready(next)
    }
}

/// The items of a stream, or of a [subscription](Subscription), as a [`Stream`], which ends after the first
/// error other than [`Error::Lagged`] and [`Error::Mistyped`].
///
/// # Cancel safety
///
/// Waiting for the next item can be dropped: no item is taken before it is given out.
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, T> {
    items: Receiving<&'a Link>,
    fan_out: &'a FanOut,
    subscriber: Option<&'a Subscriber>,
    of: PhantomData<fn() -> T>,
}

impl<'a, T> Incoming<'a, T> {
    pub(crate) fn new(stream: &'a MsgStream<'_>, subscriber: Option<&'a Subscriber>) -> Self {
        let items = Receiving::new(stream.dialog.seat(&*stream.dialog.link));
        Self { items, fan_out: &stream.fan_out, subscriber, of: PhantomData }
    }
}

impl<T: FromPayload> Stream for Incoming<'_, T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { items, fan_out, subscriber, .. } = self.get_mut();
        items.poll_next(cx, |end, conn| fan_out.take(*subscriber, end, conn))
    }
}

impl<T: FromPayload> FusedStream for Incoming<'_, T> {
    fn is_terminated(&self) -> bool {
        self.items.is_over
    }
}

/// A stream as a [`Sink`]: it is ready when it holds no item for which the connection has no room, flushed
/// when what was sent is written, and closing it stops the stream.
///
/// # Cancel safety
///
/// Waiting can be dropped at any time. An item that is held is lost when the sink itself is dropped
/// unflushed.
#[must_use = "sinks do nothing unless polled"]
pub struct Outgoing<'a, T> {
    dialog: &'a Dialog,
    seat: Seat<&'a Link>,
    held: VecDeque<Payload>,
    mark: Option<u64>,
    is_stopped: bool,
    of: PhantomData<fn(T)>,
}

impl<T: ToPayload> Sink<T> for Outgoing<'_, T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        while let Some(item) = this.held.front() {
            let sent = ready!(this.seat.poll_send(cx, item));
            this.held.pop_front();
            this.mark = None;
            sent?;
        }
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Error> {
        let item = convert::payload(&item)?;
        let this = self.get_mut();
        // A flush that was given up did not wait for this item.
        this.mark = None;
        if this.held.is_empty() {
            if let Poll::Ready(sent) = this.dialog.act(|end, conn| end.send(conn, &item)) {
                return sent;
            }
        }
        this.held.push_back(item);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.as_mut().poll_ready(cx))?;
        let this = self.get_mut();
        let flushed = ready!(this.seat.poll_flush(cx, &mut this.mark));
        this.mark = None;
        Poll::Ready(flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.as_mut().poll_ready(cx))?;
        if !self.is_stopped {
            self.is_stopped = true;
            self.mark = None;
            self.dialog.disturb(|end, conn| conn.stop(end.id))?;
        }
        self.poll_flush(cx)
    }
}

impl<T> fmt::Debug for Incoming<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("is_over", &self.items.is_over).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Outgoing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("dialog", &self.dialog).finish_non_exhaustive()
    }
}
