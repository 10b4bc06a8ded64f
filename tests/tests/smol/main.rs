//! The async driver over real sockets.

use threads as driver;

#[path = "../suite/mod.rs"]
mod suite;
mod threads;
