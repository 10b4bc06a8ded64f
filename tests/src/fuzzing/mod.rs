//! What the fuzz targets run: an input is a program, a broken promise is a panic.
//!
//! The same functions serve the fuzzer, the properties with random inputs, and the plain test that
//! replays the committed corpus.

mod checks;
mod frames;
mod ops;
mod program;
mod specs;
mod verbs;
mod watch;
mod world;

pub use frames::{frames, own_cids, seed};
pub use ops::ops;
pub use specs::specs;
pub(crate) use watch::check_error;

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use scipp_proto::Connection;

/// The fingerprint of a connection's state.
pub fn fingerprint(conn: &Connection) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    conn.hash_state(&mut hasher);
    hasher.finish()
}
