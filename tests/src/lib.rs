//! Conformance suite: the harness that the tests of this crate share.
//!
//! [`transcript`] reads recordings of the Python reference, [`value`] compares their JSON with
//! MessagePack, [`replay`] plays each end of each recorded connection again with the real core.

pub mod transcript;
pub mod value;
