//! Specs that hold for a while.

use std::fmt;

use scipp_proto::Narrowing;
use scipp_proto::spec::Slots;

use crate::actor::Handle;
use crate::error::Error;

/// Narrowed specs of a dialog: what is sent and received has to conform to these as well, until this is dropped.
/// It ends those that were begun after it.
#[must_use = "a narrowing ends when it is dropped"]
pub struct Narrowed<'a> {
    dialog: &'a (dyn Restore + Sync),
    narrowing: Option<Narrowing>,
}

impl<'a> Narrowed<'a> {
    /// Narrows the specs of a dialog.
    ///
    /// # Errors
    ///
    /// The dialog is gone.
    pub fn new(dialog: &'a (impl Handle + Sync), slots: Slots) -> Result<Self, Error> {
        let narrowing = dialog.act(|end, conn| conn.narrow(end.id, slots))?;
        Ok(Self { dialog, narrowing: Some(narrowing) })
    }
}

impl Drop for Narrowed<'_> {
    fn drop(&mut self) {
        if let Some(narrowing) = self.narrowing.take() {
            self.dialog.restore(narrowing);
        }
    }
}

impl fmt::Debug for Narrowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Narrowed").field("narrowing", &self.narrowing).finish_non_exhaustive()
    }
}

/// A handle, with its type erased.
trait Restore {
    fn restore(&self, narrowing: Narrowing);
}

impl<H: Handle> Restore for H {
    fn restore(&self, narrowing: Narrowing) {
        self.act(|end, conn| conn.restore(end.id, narrowing));
    }
}
