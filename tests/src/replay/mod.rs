//! Recorded connections, played again with the real core at each end.
//!
//! A [`seat`](seat::Seat) is one end of one connection: what arrives, what was written, what user code
//! did. A [`walk`](walk::Walk) leads a core through it: `acts` turns own frames back into verbs, `lines` does
//! and checks what user code did without a frame, `account` compares what the core sends with what was
//! recorded. [`search`] finds a schedule of deliveries, [`rules`] knows the differences that are on purpose,
//! [`report`] counts, [`corrupt`] makes recordings wrong to see that all this notices.

mod account;
mod acts;
pub mod corrupt;
mod lines;
mod outcome;
pub mod report;
pub mod rules;
pub mod search;
pub mod seat;
pub mod sent;
pub mod walk;
