//! Sans-IO core of the SCIPP actor dialog protocol, the one that Python's `tractor` speaks.
//!
//! Two actors share a byte stream. Over it either one opens *dialogs*: it asks the other to run a
//! function, a generator or a context, streams items both ways, takes the result, cancels. This crate is
//! the protocol and nothing else: a [`Connection`] takes bytes and verbs and gives bytes and events. It
//! has no sockets, no clock, no threads, no executor and no randomness; it is `no_std` with `alloc`.
//!
//! ```text
//!   socket -> handle_input -> [ frames -> messages -> dialogs -> inboxes ] -> poll_event    -> you
//!   socket <- poll_transmit <- [        frames <- messages <- dialogs     ] <- open, send .. <- you
//! ```
//!
//! | to learn about | read |
//! |---|---|
//! | who calls what, when | [`Connection`] |
//! | what can happen | [`Event`], [`DialogEvent`] |
//! | how a dialog moves | [`phase`], the whole machine; [`tables`] prints it |
//! | how it ends | [`Outcome`] |
//! | who is to blame | [`Misuse`] (you), [`PeerViolation`] (them), [`RemoteError`] (their application) |
//! | types of payloads | [`spec`], and [`Terms`], which put a dialog on them |
//! | every limit | [`Config`] |
//! | the bytes | [`wire`] |
//!
//! # A driver in forty lines
//!
//! Any `Read + Write` will do. A driver reads, feeds, reacts and writes; nothing else.
//!
//! ```
//! use std::io::{self, Read, Write};
//! use std::os::unix::net::UnixStream;
//! use std::time::Duration;
//!
//! use scipp_proto::{
//!     Call, Config, Connection, Event, Identity, Instant, Kind, Kwargs, Outcome, Payload, Target, Uid,
//! };
//!
//! fn drive<S: Read + Write>(
//!     io: &mut S,
//!     conn: &mut Connection,
//!     mut react: impl FnMut(&mut Connection, Event, Instant),
//! ) -> io::Result<()> {
//!     let epoch = std::time::Instant::now();
//!     let now = || Instant::since_epoch(epoch.elapsed());
//!     let mut buffer = [0; 4096];
//!     let mut unread = 0..0;
//!     loop {
//!         while let Some(event) = conn.poll_event() {
//!             react(conn, event, now());
//!         }
//!         while let Some(frames) = conn.poll_transmit() {
//!             io.write_all(&frames)?;
//!             conn.handle_written(now(), frames.len());
//!         }
//!         if conn.is_closed() {
//!             while let Some(event) = conn.poll_event() {
//!                 react(conn, event, now());
//!             }
//!             return Ok(());
//!         }
//!         if unread.is_empty() {
//!             unread = match io.read(&mut buffer) {
//!                 Ok(len) => 0..len,
//!                 Err(_) => return Ok(conn.handle_reset(now())),
//!             };
//!             if unread.is_empty() {
//!                 conn.handle_eof(now());
//!             }
//!         }
//!         unread.start += conn.handle_input(now(), &buffer[unread.clone()]);
//!         conn.handle_timeout(now());
//!     }
//! }
//!
//! // One end runs whatever it is asked for and answers 42; the other asks once and hangs up.
//! let (mut here, mut there) = UnixStream::pair()?;
//! let served = std::thread::spawn(move || {
//!     let ours = Identity::new(Uid::new("server", "b0"));
//!     let mut conn = Connection::new(Config::default(), ours, 1, Instant::EPOCH);
//!     drive(&mut there, &mut conn, |conn, event, _| {
//!         if let Event::Opened { id, .. } = event {
//!             conn.accept(id, Kind::Function).expect("just opened");
//!             conn.finish(id, Payload::new(vec![42].into()).expect("one value")).expect("just accepted");
//!         }
//!     })
//! });
//! let ours = Identity::new(Uid::new("client", "a0"));
//! let mut conn = Connection::new(Config::default(), ours, 2, Instant::EPOCH);
//! let mut answer = None;
//! drive(&mut here, &mut conn, |conn, event, now| match event {
//!     Event::Established { .. } => {
//!         let target = Target::function("demo", "answer");
//!         conn.open(now, &Call { target, kind: Kind::Function, kwargs: Kwargs::EMPTY }).expect("established");
//!     }
//!     Event::Dialog { id, .. } => {
//!         if let Some(Outcome::Returned(Some(value))) = conn.dialog(id).and_then(|d| d.outcome().cloned()) {
//!             answer = Some(value.as_bytes()[0]);
//!             conn.close(now, now.saturating_add(Duration::from_secs(1)));
//!         }
//!     }
//!     _ => {}
//! })?;
//! assert_eq!(answer, Some(42));
//! drop(here);
//! served.join().unwrap()?;
//! # Ok::<(), io::Error>(())
//! ```
//!
//! A real driver waits for reading, writing and [`Connection::poll_timeout`] at once; `scipp-blocking` is
//! one, and `examples/tokio.rs` runs the core on an executor.
//!
//! # What holds, whatever the peer sends
//!
//! * Nothing panics, nothing recurses, nothing grows beyond [`Config`].
//! * A peer can end its own connection, never another.
//! * Every dialog ends exactly once, with one [`Outcome`], and is told so by one [`DialogEvent::Ended`].
//! * The same bytes give the same events, however they were cut.
//! * A verb that fails changes nothing and sends nothing.
//! * What we send never kills or hangs a live Python peer, as far as that is in our hands.
//!
//! # Features
//!
//! * `std`: error types of the dependencies implement what they can only with `std`.
//! * `serde`: values of Rust types as payloads, `Payload::encode` and `Payload::decode`; specs as data.

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
mod delivery;
mod dialog;
mod ending;
mod enforce;
mod error;
mod escape;
mod event;
mod extension;
mod hash;
mod identity;
mod inbound;
mod inbox;
mod mistyped;
mod origin;
mod outbox;
mod outside;
mod path;
mod pause;
mod payload;
pub mod phase;
mod polls;
mod receive;
mod received;
mod remote;
mod report;
mod requests;
mod show;
pub mod spec;
mod table;
pub mod tables;
mod terms;
mod time;
mod timestamp;
#[cfg(feature = "serde")]
mod typed;
mod value;
mod verbs;
mod view;
pub mod wire;

pub use config::{AbsorbRule, Config, OverrunPolicy, StopRule};
pub use connection::Connection;
pub use counters::Counters;
pub use enforce::Narrowed;
pub use error::{
    CloseReason, Deadline, Failure, LimitKind, Misuse, OpenError, PeerViolation, SendError, Verb,
};
pub use event::{
    Call, Canceller, DialogEvent, DialogId, Event, Outcome, Report, Request, RuntimeEndpoint, Take, Target,
};
pub use extension::{Extension, ExtensionError, Extensions};
pub use identity::{Era, Identity, Uid};
pub use mistyped::Mistyped;
pub use path::{EndpointPath, NoPath};
pub use payload::{Kwargs, Payload};
pub use received::Received;
pub use remote::{RemoteError, RemoteErrorKind};
pub use show::ErrorReport;
pub use terms::{Narrowing, Parity, Terms, TypePolicy};
pub use time::Instant;
pub use timestamp::Timestamp;
#[cfg(feature = "serde")]
pub use typed::{EncodeError, FromPayload, ToPayload, TypeError};
pub use view::DialogRef;
pub use wire::Kind;
