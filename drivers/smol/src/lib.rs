//! Actor dialogs over TCP and Unix sockets, as futures: on smol, or on any other executor.
//!
//! An [`Actor`] serves functions, generators and contexts to its peers; a [`Portal`] is a connection to a
//! peer, on which any number of dialogs run at once and in both directions; a [`Context`] is one dialog
//! with a task at the other end, a [`MsgStream`] carries items both ways. The peer is another actor, of
//! this crate or of `scipp-blocking`, or a Python process using tractor: it makes no difference here.
//!
//! ```
//! use scipp_smol::{Actor, Address, ChildContext, Error};
//! use std::collections::HashMap;
//!
//! async fn sum(ctx: ChildContext, args: HashMap<String, i64>) -> Result<i64, Error> {
//!     ctx.started("ready")?;
//!     let (mut sum, stream) = (args["start"], ctx.open_stream()?);
//!     while let Some(item) = stream.receive::<i64>().await? {
//!         sum += item;
//!         stream.send(&sum).await?;
//!     }
//!     Ok(sum)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! smol::block_on(async {
//!     let add = async |args: HashMap<String, i64>| Ok::<i64, Error>(args.values().sum());
//!     let server = Actor::builder("server").function(("math", "add"), add).context(("math", "sum"), sum);
//!     let listener = server.build().listen_tcp(([127, 0, 0, 1], 0))?;
//!     let &Address::Tcp(addr) = listener.local_addr() else { unreachable!() };
//!     let serving = smol::spawn({ let listener = listener.clone(); async move { listener.serve().await } });
//!
//!     let (portal, mut driver) = Actor::builder("client").build().connect_tcp(addr).await?;
//!     driver.run_until(async move {
//!         let args = HashMap::from([("a", 1), ("b", 2)]);
//!         assert_eq!(portal.call::<_, i64>(("math", "add"), &args).await?, 3);
//!         let start = HashMap::from([("start", 10)]);
//!         let (sums, ending) = portal.open_context(("math", "sum"), &start, async |ctx, _first: String| {
//!             let (stream, mut sums) = (ctx.open_stream()?, Vec::new());
//!             for item in 1..=3 {
//!                 stream.send(&item).await?;
//!                 sums.extend(stream.receive::<i64>().await?);
//!             }
//!             Ok::<_, Error>(sums)
//!         }).await?;
//!         assert_eq!((sums, ending.returned::<i64>()?), (vec![11, 13, 16], 16));
//!         Ok::<(), Error>(())
//!     }).await?;
//!     listener.stop();
//!     serving.await;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Structure
//!
//! [`Portal::open_context`] runs a body beside the remote task and returns when both are over; whatever
//! happens to one, the other is told and waited for. Errors are told apart by whose doing they are: see
//! [`Error`]. A body that panics fails its dialog, never the connection.
//!
//! # Who runs what
//!
//! Nothing here spawns anything. Each connection comes with a [`Driver`], a future that moves it: spawn it,
//! or hand what uses the connection to [`Driver::run_until`], which polls both in one task. A
//! [`Listener`] polls the drivers of what it accepts, or gives them to you. Bodies of endpoints are polled
//! by the driver of their connection.
//!
//! Sockets and timers are those of `async-io`, which has a thread of its own where nobody polls it: so
//! this runs on smol, under a bare `async_io::block_on`, and on executors that know nothing of either. Any
//! other connected byte stream will do in place of a socket: see [`Actor::connect_over`].
//!
//! # Cancellation
//!
//! Dropping a future is always safe for the connection: no frame is cut, no other dialog is disturbed, and
//! each function says under *Cancel safety* what it means for its own. Dropping a handle is an act of the
//! protocol: a parent's handle cancels the remote task, a stream's handle stops the stream. A body that is
//! cancelled by its parent is dropped where it waits; [`Profile::cancel_grace`] gives it time to clean up
//! instead.
//!
//! No lock of this crate is held while a waker is called or dropped, or code of the application runs.
//!
//! # Types
//!
//! An [`Endpoint`] says which values go through its dialogs; each end holds the other to it, from the arguments
//! to the result, and what becomes of other values is a choice. Without one everything goes through that
//! the two ends can read.
//!
//! The [`guide`] shows each of these. Works on Unix-like systems.

mod actor;
mod child;
mod context;
mod dialog;
mod driver;
mod handler;
mod link;
mod listener;
mod portal;
mod socket;
mod stream;
mod subscription;
mod task;
mod wait;

#[doc = include_str!("../GUIDE.md")]
pub mod guide {}

pub use actor::{Actor, ActorBuilder};
pub use child::{ChildContext, Yielder};
pub use context::{Context, Items};
pub use driver::Driver;
pub use listener::Listener;
pub use portal::Portal;
pub use scipp_common::convert::NoArgs;
pub use scipp_common::{
    Address, ConnectError, ConversionError, Direction, Ending, Endpoint, Error, MistypedValue, Narrowed,
    Profile, RemoteFailure, StreamCounters, Tap, TappedFrame, TaskError,
};
pub use scipp_proto as proto;
pub use socket::Socket;
pub use stream::{Incoming, MsgStream, Outgoing};
pub use subscription::Subscription;
