//! The items of one stream for its handle and for subscribers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};

use scipp_proto::{Connection, Mistyped, Payload, Received};

use crate::end::End;
use crate::error::Error;
use crate::ring::{Next, Reader, Ring};

/// Who receives the items of a stream: its handle alone, or its handle and subscribers. Whoever finds
/// nothing that was received for it already receives for all.
///
/// Nobody has the duty to receive, so nobody can fail in it: all who wait are woken by whatever happens to
/// the dialog, and each looks for itself. Its lock is taken under that of the connection, for moments.
#[derive(Debug, Default)]
pub struct FanOut(Mutex<Audience>);

/// One of the subscribers of a stream.
#[derive(Debug)]
pub struct Subscriber {
    reader: Reader,
    lost: AtomicU64,
    /// Lag is counted only.
    is_quiet: bool,
}

/// An item as its readers get it: as an error, if it was handed over.
type Item = Result<Payload, Box<Mistyped>>;

#[derive(Debug, Default)]
struct Audience {
    /// While there are readers.
    ring: Option<Ring<Item>>,
    subscribers: usize,
    /// The handle, while there are subscribers and until it has what was received for it.
    handle: Option<Reader>,
}

impl FanOut {
    /// One more subscriber, and a window for all of them of at least so many items, or of as many as the
    /// dialog may have unread.
    ///
    /// # Errors
    ///
    /// There is nothing more to receive; then nothing has changed.
    pub fn subscribe(&self, end: End, conn: &Connection, window: Option<usize>) -> Result<Subscriber, Error> {
        end.check_receiving(conn)?;
        let window = window.or_else(|| Some(conn.dialog(end.id)?.window())).unwrap_or_default();
        let mut audience = self.lock();
        let Audience { ring, subscribers, handle } = &mut *audience;
        let ring = ring.get_or_insert_with(|| Ring::new(window));
        ring.widen(window);
        handle.get_or_insert_with(|| ring.join());
        *subscribers += 1;
        Ok(Subscriber { reader: ring.join(), lost: AtomicU64::new(0), is_quiet: false })
    }

    /// One subscriber less.
    pub fn unsubscribe(&self, subscriber: &Subscriber) {
        let mut audience = self.lock();
        if let Some(ring) = &mut audience.ring {
            ring.leave(subscriber.reader);
        }
        audience.subscribers -= 1;
        audience.disband();
    }

    /// The next item for a subscriber, or for the stream's handle. Pending: ask again when something
    /// happened to the dialog.
    pub fn take(
        &self,
        subscriber: Option<&Subscriber>,
        end: End,
        conn: &mut Connection,
    ) -> Poll<Result<Option<Payload>, Error>> {
        let mut audience = self.lock();
        let reader = subscriber.map(|subscriber| subscriber.reader).or(audience.handle);
        loop {
            match reader.map_or(Next::Nothing, |reader| audience.next(reader)) {
                Next::Item(item) => return Poll::Ready(item.map(Some).map_err(Error::Mistyped)),
                Next::Lagged(lost) if subscriber.is_some_and(|subscriber| subscriber.shrugs_off(lost)) => {}
                Next::Lagged(lost) => return Poll::Ready(Err(Error::Lagged(lost))),
                Next::Nothing => break,
            }
        }
        audience.disband();
        let taken = end.take(conn);
        if let (Some(reader), Some(ring)) = (reader, &mut audience.ring) {
            let item = match &taken {
                // What others have still to read must not keep a whole receive buffer alive.
                Poll::Ready(Ok(Some(item))) => Ok(item.compact()),
                Poll::Ready(Err(Error::Mistyped(error))) => {
                    let mut kept = error.clone();
                    kept.value = kept.value.map(|value| value.compact());
                    Err(kept)
                }
                _ => return taken,
            };
            ring.push(item);
            ring.next(reader);
        }
        taken
    }

    /// Whatever comes next for the stream's handle, with its kind.
    pub fn receive(&self, end: End, conn: &mut Connection) -> Poll<Result<Received, Error>> {
        Poll::Ready(match ready!(self.take(None, end, conn)) {
            Ok(Some(item)) => Ok(Received::Item(item)),
            Ok(None) => return end.receive(conn, false),
            Err(Error::Mistyped(error)) => Ok(Received::Mistyped(error)),
            Err(error) => Err(error),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Audience> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber {
    /// From now on lag is no error.
    pub const fn be_quiet(&mut self) {
        self.is_quiet = true;
    }

    /// How many items are lost to it, as far as it has noticed.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Counts what it has lost. Tells whether that is all there is to do.
    fn shrugs_off(&self, lost: u64) -> bool {
        self.lost.fetch_add(lost, Ordering::Relaxed);
        self.is_quiet
    }
}

impl Audience {
    fn next(&mut self, reader: Reader) -> Next<Item> {
        self.ring.as_mut().map_or(Next::Nothing, |ring| ring.next(reader))
    }

    /// Without subscribers, and with nothing left for the handle, all is as if there had been none.
    fn disband(&mut self) {
        if self.subscribers == 0 && self.ring.as_ref().is_none_or(Ring::is_empty) {
            *self = Self::default();
        }
    }
}
