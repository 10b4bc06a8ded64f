//! Whole networks of real cores under random applications, virtual time and faulty links.
//!
//! A seed is one run: two to five actors, a hundred dialogs in batches, relays over several hops, actors
//! cancelled by others, and [`Fault`]s. After every step the rules of [`world`](crate::world) are checked; when a
//! batch comes to rest every dialog of it has ended. One seed replays one run exactly.

mod counts;
mod links;
mod plans;
mod run;

pub use counts::Counts;
pub use links::Fault;
pub use run::{Failure, Passed, run};
