//! Blocking driver.

mod actor;
mod child;
mod clock;
mod context;
mod convert;
mod crew;
mod dialog;
mod endpoint;
mod error;
mod link;
mod listener;
mod portal;
mod pump;
mod socket;
mod stream;
mod tap;

pub use actor::{Actor, ActorBuilder, Address};
pub use child::{ChildContext, Yielder};
pub use context::{Context, Ending, Items};
pub use endpoint::Path;
pub use error::{ConnectError, Conversion, ConversionError, Error, TaskError};
pub use listener::Listener;
pub use portal::Portal;
pub use scipp_proto as proto;
pub use stream::MsgStream;
pub use tap::{Direction, Tap, TappedFrame};
