//! Sans-IO core of the SCIPP actor dialog protocol.

#![no_std]
#![allow(unused_variables, reason = "skeleton")]

extern crate alloc;

pub mod config;
mod connection;
mod error;
mod event;
mod identity;
mod payload;
pub mod phase;
mod time;
#[cfg(feature = "serde")]
mod typed;
pub mod wire;

pub use config::Config;
pub use connection::{Connection, Counters, DialogRef};
pub use error::*;
pub use event::*;
pub use identity::{Era, Identity, Uid};
pub use payload::{Kwargs, Payload};
pub use time::Instant;
#[cfg(feature = "serde")]
pub use typed::{EncodeError, TypeError};
pub use wire::Kind;
