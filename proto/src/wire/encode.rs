//! Message to frame, in exactly the bytes of the reference.

use bytes::BytesMut;

use super::Message;

/// Appends `message` to `out` as one frame, length prefix included.
pub fn encode(message: &Message<'_>, out: &mut BytesMut) {
    todo!("{message:?} {out:?}")
}
