//! How frames of dialog messages begin when they are written as the reference writes them: the place of
//! the length prefix, the body up to the dialog id, and the head of an id in the text form of a uuid, the
//! usual one. (W-10, W-13, W-17)

use super::frame::PREFIX;

pub(super) const START: &[u8; 26] = b"\0\0\0\0\x87\xa8msg_type\xa5Start\xa3cid\xd9\x24";
pub(super) const START_ACK: &[u8; 29] = b"\0\0\0\0\x83\xa8msg_type\xa8StartAck\xa3cid\xd9\x24";
pub(super) const STARTED: &[u8; 28] = b"\0\0\0\0\x83\xa8msg_type\xa7Started\xa3cid\xd9\x24";
pub(super) const YIELD: &[u8; 26] = b"\0\0\0\0\x83\xa8msg_type\xa5Yield\xa3cid\xd9\x24";
pub(super) const STOP: &[u8; 25] = b"\0\0\0\0\x82\xa8msg_type\xa4Stop\xa3cid\xd9\x24";
pub(super) const RETURN: &[u8; 27] = b"\0\0\0\0\x83\xa8msg_type\xa6Return\xa3cid\xd9\x24";
pub(super) const CANCEL_ACK: &[u8; 30] = b"\0\0\0\0\x83\xa8msg_type\xa9CancelAck\xa3cid\xd9\x24";

/// Bytes of the text form of a uuid.
pub(super) const UUID: usize = 36;
const UUID_HEAD: usize = 2;

/// The part of `head` before the head of the id.
#[inline(always)]
pub(super) const fn before_id<const N: usize>(head: &[u8; N]) -> &[u8] {
    head.split_at(N.saturating_sub(UUID_HEAD)).0
}

/// The part of `head` that is neither: the tag and the key of the id.
#[inline(always)]
pub(super) const fn tag<const N: usize>(head: &[u8; N]) -> &[u8] {
    body(before_id(head))
}

/// The part of `head` that belongs to the body.
#[inline(always)]
pub(super) const fn body(head: &[u8]) -> &[u8] {
    head.split_at(PREFIX).1
}
