//! Sans-IO core of the SCIPP actor dialog protocol.

#![no_std]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test may panic"
    )
)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod child;
mod cid;
pub mod config;
mod connection;
mod counters;
mod deadlines;
mod dialog;
mod ending;
mod error;
mod event;
mod hash;
mod identity;
mod inbound;
mod inbox;
mod outbox;
mod payload;
pub mod phase;
mod receive;
mod report;
mod table;
pub mod tables;
mod time;
#[cfg(feature = "serde")]
mod typed;
mod value;
mod verbs;
mod view;
pub mod wire;

pub use config::{AbsorbRule, Config, OverrunPolicy, StopRule};
pub use connection::Connection;
pub use counters::Counters;
pub use error::{
    CloseReason, Deadline, Failure, LimitKind, Misuse, OpenError, PeerViolation, RemoteError,
    RemoteErrorKind, SendError, Verb,
};
pub use event::{
    Call, Canceller, DialogEvent, DialogId, Event, Outcome, Report, Request, RuntimeEndpoint, Take, Target,
};
pub use identity::{Era, Identity, Uid};
pub use payload::{Kwargs, Payload};
pub use time::Instant;
#[cfg(feature = "serde")]
pub use typed::{EncodeError, TypeError};
pub use view::DialogRef;
pub use wire::Kind;
