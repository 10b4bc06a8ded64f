//! Items both ways.

use scipp_common::{End, Error, Handle, at_once, convert};
use scipp_proto::wire::MsgKind;
use scipp_proto::{FromPayload, Received, ToPayload};

use crate::dialog::Dialog;
use crate::link::Urgency;

/// One end of the stream of a context: items of any types, both ways at once.
///
/// All methods take `&self`: one thread may send while another receives. The first end that stops ends
/// the stream for both directions. Dropping the handle stops the stream, as [`stop`](Self::stop) does.
///
/// A peer counts on room for 64 items it has sent and we have not received; it is an overrun to send more
/// than it has room for.
#[derive(Debug)]
pub struct MsgStream<'ctx> {
    dialog: &'ctx Dialog,
}

impl<'ctx> MsgStream<'ctx> {
    pub(crate) fn open(dialog: &'ctx Dialog) -> Result<Self, Error> {
        dialog.act(End::open_stream)?;
        Ok(Self { dialog })
    }

    /// Waits for the next item. `None`: the stream has ended, and all its items were received.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] if the item is not a `T` (it is gone then); [`Error::Mistyped`] if the terms forbid
    /// it and say to hand it over; or why the dialog is of no more use.
    pub fn receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let Some(item) = self.dialog.take()? else { return Ok(None) };
        Ok(Some(convert::value(item)?))
    }

    /// The next item, if it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] if nothing is there, and as [`receive`](Self::receive).
    pub fn try_receive<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let Some(item) = self.dialog.act(|end, conn| at_once(end.take(conn)))? else { return Ok(None) };
        Ok(Some(convert::value(item)?))
    }

    /// Waits for whatever comes next, as it is and with its kind: items, also [those](Received::Mistyped) that
    /// the terms forbid and say to hand over, then the end of the stream, or the result, again and again.
    ///
    /// # Errors
    ///
    /// Why the dialog is of no more use.
    pub fn receive_msg(&self) -> Result<Received, Error> {
        self.dialog.receive(false)
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

    /// The items to come, until the stream ends or something fails; an item that is [handed
    /// over](Error::Mistyped) is no end.
    pub fn items<T: FromPayload>(&self) -> impl Iterator<Item = Result<T, Error>> {
        let mut over = false;
        std::iter::from_fn(move || {
            let next = if over { None } else { self.receive().transpose() };
            over = !matches!(next, Some(Ok(_) | Err(Error::Mistyped(_))));
            next
        })
    }
}

impl Drop for MsgStream<'_> {
    fn drop(&mut self) {
        // A dialog that has ended has no stream to stop.
        let _ended = self.dialog.act(|end, conn| conn.stop(end.id));
    }
}
