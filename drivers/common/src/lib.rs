//! What drivers of the SCIPP actor dialog protocol have in common.
//!
//! A driver puts the core, [`scipp_proto`], on sockets: it knows how to wait. What does not depend on how
//! one waits is here, so that two drivers differ in nothing else. `scipp-blocking` waits by threads,
//! `scipp-smol` by futures; a third driver starts from these parts:
//!
//! | to | use |
//! |---|---|
//! | say who an actor is | [`Profile`] |
//! | keep its connections, listeners and limits | [`Shared`], [`Entrance`] |
//! | name what both ends know of a function | [`Endpoint`] |
//! | turn calls of a handle into verbs, and what the core says into values and [`Error`]s | [`Opening`], [`End`] |
//! | share the items of a stream among readers | [`FanOut`] |
//! | look up, decode, run and conclude what a peer asks for | [`Endpoints`], [`Handler`], [`conclusion`] |
//! | bring the socket of a connection that is over to its end | [`Parting`] |
//! | give handles of both roles what is the same on all of them | [`dialog_methods`] |
//! | convert values | [`convert`] |
//! | show frames to an observer | [`Tap`], [`LinkTap`] |
//!
//! Applications use a driver, which exports what they need of this.

mod actor;
mod address;
mod clock;
pub mod convert;
mod counters;
mod end;
mod ending;
mod endpoint;
mod entrance;
mod error;
mod fan_out;
mod guard;
mod handler;
mod methods;
mod mistyped;
mod narrowed;
mod parting;
mod profile;
mod quota;
mod random;
mod ring;
mod tap;

pub use actor::{Door, Handle, Link, Shared};
pub use address::{Address, is_about_one_connection};
pub use clock::now;
pub use counters::StreamCounters;
pub use end::{End, Inbox};
pub use ending::{Ending, ended, left, returned};
pub use endpoint::{Endpoint, Opening};
pub use entrance::{Entrance, Open};
pub use error::{ConnectError, ConversionError, Error, RemoteFailure, TaskError, at_once, is_last};
pub use fan_out::{FanOut, Subscriber};
pub use guard::{Conclusion, concluded, guarded};
pub use handler::{Endpoints, Handler, conclusion};
pub use mistyped::MistypedValue;
pub use narrowed::Narrowed;
pub use parting::{Parting, Sight, Step};
pub use profile::Profile;
pub use quota::{Handles, Quota, Ticket};
pub use random::random_uuid;
pub use tap::{Direction, LinkTap, Tap, TappedFrame};

use std::time::Duration;

/// How long a graceful close waits for the endings of what is open.
pub const GRACE: Duration = Duration::from_secs(3);

/// How long the peer may take to notice that we are done, before its last bytes are given up.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long accepting pauses when the process is out of something (files, memory): what is missing does
/// not announce its return, and asking at once again would spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
