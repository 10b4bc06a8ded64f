//! Real cores in an exhaustive search.
//!
//! A [`Case`] is a small [`World`]: two or three actors, a few dialogs, and what their applications may do.
//! [`Case::search`] visits every state that any order of verbs, arrivals, deadlines and cuts can lead to,
//! and checks every rule in each. [`cases`] lists them all, [`report`] writes what was found.

pub mod cases;
pub mod reach;
pub mod report;
mod search;

pub use cases::Case;
pub use search::{Found, Node};
