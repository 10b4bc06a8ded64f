//! Actor dialogs over TCP and Unix sockets for plain threads.
//!
//! An [`Actor`] serves functions, generators and contexts to its peers; a [`Portal`] is a connection to a
//! peer, on which any number of dialogs run at once and in both directions; a [`Context`] is one dialog
//! with a task at the other end, a [`MsgStream`] carries items both ways. The peer is another actor of
//! this crate or a Python process using tractor: it makes no difference here.
//!
//! ```
//! use scipp_blocking::{Actor, Address, ChildContext, Error};
//! use std::{collections::HashMap, thread};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let add = |args: HashMap<String, i64>| Ok::<i64, Error>(args.values().sum());
//!     let sum = |ctx: ChildContext, args: HashMap<String, i64>| {
//!         ctx.started("ready")?;
//!         let (mut sum, stream) = (args["start"], ctx.open_stream()?);
//!         while let Some(item) = stream.receive::<i64>()? {
//!             sum += item;
//!             stream.send(&sum)?;
//!         }
//!         Ok::<i64, Error>(sum)
//!     };
//!     let server = Actor::builder("server").function(("math", "add"), add).context(("math", "sum"), sum);
//!     let listener = server.build().listen_tcp("127.0.0.1:0")?;
//!     let &Address::Tcp(addr) = listener.local_addr() else { unreachable!() };
//!     thread::spawn(move || listener.serve());
//!
//!     let portal = Actor::builder("client").build().connect_tcp(addr)?;
//!     assert_eq!(portal.call::<_, i64>(("math", "add"), &HashMap::from([("a", 1), ("b", 2)]))?, 3);
//!     let start = HashMap::from([("start", 10)]);
//!     let (sums, ending) = portal.open_context(("math", "sum"), &start, |ctx, _first: String| {
//!         let stream = ctx.open_stream()?;
//!         (1..=3).map(|n| { stream.send(&n)?; stream.receive::<i64>() }).collect::<Result<Vec<_>, Error>>()
//!     })?;
//!     assert_eq!((sums, ending.returned::<i64>()?), (vec![Some(11), Some(13), Some(16)], 16));
//!     portal.close();
//!     Ok(())
//! }
//! ```
//!
//! # Structure
//!
//! [`Portal::open_context`] runs a closure beside the remote task and returns when both are over; whatever
//! happens to one, the other is told and waited for. Errors are told apart by whose doing they are: see
//! [`Error`]. A cancelled task learns of it by [`Error::Cancelled`] from its next blocking call. A body
//! that panics fails its dialog, never the connection.
//!
//! # Threads
//!
//! A blocking call that has to wait for the connection reads from it, for itself and for all others that
//! wait; the others sleep until it has something for them. Every connection also has threads of its own
//! that run the bodies of endpoints and read when nobody else does, so that requests, cancellations and the
//! end of the peer are noticed whatever the application is doing. A body runs on the thread that read
//! the request; another one takes over when it blocks, or has computed for 2 ms.
//!
//! With [`OverrunPolicy::Pause`](proto::OverrunPolicy::Pause) a connection that waits for room for items is
//! not read: the end of its peer is noticed when reading goes on, after `max_pause` at the latest.
//!
//! How many threads peers can make an actor start is limited: by the tasks of one connection
//! (`max_peer_dialogs` of [`Config`](proto::Config)), by those of all connections
//! ([`Profile::max_tasks`]), and by a few more for each connection ([`Profile::max_connections`]).
//!
//! No lock of this crate is held while a thread blocks or runs code of the application.
//!
//! # Types
//!
//! An [`Endpoint`] says which values go through its dialogs; each end holds the other to it, from the arguments
//! to the result, and what becomes of other values is a choice. Without one everything goes through that
//! the two ends can read.
//!
//! The [`guide`] shows how to do things. Works on Unix-like systems.

mod actor;
mod child;
mod context;
mod crew;
mod dialog;
mod handler;
mod link;
mod listener;
mod portal;
mod pump;
mod socket;
mod state;
mod stream;
mod subscription;

#[doc = include_str!("../GUIDE.md")]
pub mod guide {}

pub use actor::{Actor, ActorBuilder};
pub use child::{ChildContext, Yielder};
pub use context::{Context, Items};
pub use listener::Listener;
pub use portal::Portal;
pub use scipp_common::convert::NoArgs;
pub use scipp_common::{
    Address, ConnectError, ConversionError, Direction, Ending, Endpoint, Error, MistypedValue, Narrowed,
    Profile, RemoteFailure, StreamCounters, Tap, TappedFrame, TaskError,
};
pub use scipp_proto as proto;
pub use stream::MsgStream;
pub use subscription::Subscription;

/// The example of the README, kept working.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
