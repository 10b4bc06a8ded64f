//! Real cores in an exhaustive search.
//!
//! A [`Case`] is a small [`World`](crate::world::World): two or three actors, a few dialogs, and what their
//! applications may do. Every state that any order of verbs, arrivals, deadlines and cuts can lead to is
//! visited and every rule is checked in it: here breadth first by [`Case::explore`], and by stateright in the
//! package `scipp-model`, which has to find the same.

pub mod cases;
mod explore;
mod node;
mod parts;
mod reach;

pub use cases::Case;
pub use explore::Found;
pub use node::Node;
pub use reach::{Reach, never, never_together};
