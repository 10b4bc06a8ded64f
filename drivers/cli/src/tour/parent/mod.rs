//! The first process: it connects and opens the dialogs.

pub(crate) mod blocking;
pub(crate) mod smol;

use std::error;
use std::time::Duration;

use scipp_blocking::Error;

use super::scenario::Act;

/// How long a wait may take: much longer than any should, so that a hang is reported as such.
const PATIENCE: Duration = Duration::from_secs(3);

/// The parent's end of a new connection, or why there is none.
pub(crate) type Connected = Result<Box<dyn Parent>, Box<dyn error::Error>>;

/// The parent's end of a connection, whichever driver holds it.
pub(crate) trait Parent {
    /// Holds one dialog, and tells how it ended. `kill` kills the peer.
    fn hold(&mut self, act: Act, kill: &mut dyn FnMut()) -> Result<String, Error>;

    /// Ends the connection in order.
    fn close(&mut self);
}
