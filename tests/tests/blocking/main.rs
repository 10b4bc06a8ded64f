//! The blocking driver over real sockets.

use scipp_blocking as driver;

#[path = "../suite/mod.rs"]
mod suite;
mod timeouts;
