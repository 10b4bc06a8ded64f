//! The codec against what it must refuse, and against itself.

mod faults;
mod properties;

use bytes::{Bytes, BytesMut};

use super::message::Message;
use super::{Limits, What, encode, frame};

const LIMITS: Limits = Limits { depth: 512, cid: 256, name: 1024, text: 64 << 10, relay_path: 64 };

fn body(message: &Message<'_>) -> Bytes {
    let mut out = BytesMut::new();
    encode(message, &mut out);
    let frame = out.freeze();
    assert_eq!(frame::body_len(&frame, usize::MAX), Ok(frame.len().checked_sub(frame::PREFIX)));
    frame.slice(frame::PREFIX..)
}

const fn wrong(field: &'static str, expected: &'static str, found: &'static str) -> What {
    What::Type { field, expected, found }
}
