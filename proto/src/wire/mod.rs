//! Bytes to messages and back. Knows no dialog and no connection.

pub(crate) mod cursor;
mod decode;
mod encode;
mod entries;
pub(crate) mod error;
mod failure;
mod fast;
mod fault;
mod fields;
pub mod frame;
mod handshake;
mod heads;
mod loose;
mod message;
mod names;
mod shape;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod walk;

pub use decode::{Limits, decode};
pub use encode::encode;
pub use error::{DecodeError, Fault, Rejected, What};
pub use failure::salvage_error;
pub use loose::LooseMsg;
pub use message::{ANY_PLD_SPEC, ErrorMsg, Kind, Message, MsgKind, SpawnSpec, Start, WireAddr};
pub use shape::message_table;
pub use text::Text;
pub(crate) use text::cut;
