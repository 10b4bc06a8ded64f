//! Types of payloads: specs, terms of dialogs, and what happens to values that do not conform.

mod cases;
mod matrix;
mod policies;
mod recorded;
mod rig;
