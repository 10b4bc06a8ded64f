//! Types of payloads: specs, terms of dialogs, and what happens to values that do not conform.

mod cases;
mod errors;
mod lifetime;
mod matrix;
mod policies;
mod random;
mod recorded;
mod rig;
mod values;
