//! Bytes to messages and back. Knows no dialog and no connection.

pub(crate) mod cursor;
mod decode;
mod encode;
mod entries;
mod error;
mod failure;
mod fast;
mod fault;
pub mod frame;
mod handshake;
mod message;
#[cfg(test)]
mod tests;
mod text;

pub use decode::{Limits, decode};
pub use encode::{encode, encoded_len};
pub use error::{DecodeError, Fault, Rejected, What};
pub use failure::salvage_error;
pub use message::{ANY_PLD_SPEC, ErrorMsg, Kind, Message, MsgKind, SpawnSpec, Start, WireAddr};
