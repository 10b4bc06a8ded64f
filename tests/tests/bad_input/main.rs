//! Bad input at each layer: the typed answer, and who it hits.

mod dialogs;
mod envelope;
mod raw;
