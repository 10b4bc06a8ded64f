//! Bytes to messages and back. Knows no dialog and no connection.

mod cursor;
mod decode;
mod encode;
mod error;
pub mod frame;
mod message;

pub use decode::{Limits, decode, salvage_error};
pub use encode::encode;
pub use error::{DecodeError, Fault, Rejected, What};
pub use message::{ANY_PLD_SPEC, ErrorMsg, Kind, Message, MsgKind, SpawnSpec, Start, WireAddr};
