//! Items both ways.

use serde::Serialize;
use serde::de::DeserializeOwned;

use scipp_common::{End, Error, Handle, convert};

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
    /// [`Error::Conversion`] if the item is not a `T` (it is gone then); or why the dialog is of no more use.
    pub fn receive<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let Some(item) = self.dialog.take()? else { return Ok(None) };
        Ok(Some(convert::value(&item)?))
    }

    /// Sends an item now. Waits while the connection has no room for it.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`], [`Error::StreamEnded`], or why the dialog is of no more use.
    pub fn send<T: Serialize + ?Sized>(&self, item: &T) -> Result<(), Error> {
        self.dialog.send(&convert::payload(item)?, Urgency::Now)
    }

    /// Sends an item together with what follows: many in one write. It goes with the next blocking call,
    /// when enough has come together, and in any case a moment later.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed<T: Serialize + ?Sized>(&self, item: &T) -> Result<(), Error> {
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

    /// The items to come, until the stream ends or something fails.
    pub fn items<T: DeserializeOwned>(&self) -> impl Iterator<Item = Result<T, Error>> {
        let mut over = false;
        std::iter::from_fn(move || {
            let next = if over { None } else { self.receive().transpose() };
            over = !matches!(next, Some(Ok(_)));
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
