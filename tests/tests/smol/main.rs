//! The async driver over real sockets, and over a pipe on an executor of its own.

use threads as driver;

mod dropping;
mod pipe;
mod pool;
#[path = "../suite/mod.rs"]
mod suite;
mod threads;
mod world;
