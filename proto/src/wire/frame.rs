//! The length prefix: four bytes, little endian, not counting themselves.

/// Bytes of the length prefix.
pub const PREFIX: usize = 4;

/// A declared length over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a frame of {len} bytes is announced, the limit is {limit}")]
pub struct TooLong {
    /// The declared length.
    pub len: usize,
    /// The limit in force.
    pub limit: usize,
}

/// The body length that the first bytes of `input` announce, as soon as all four are there. (W-1, W-4)
///
/// # Errors
///
/// [`TooLong`] if it is over `limit`.
pub fn body_len(input: &[u8], limit: usize) -> Result<Option<usize>, TooLong> {
    let Some(prefix) = input.first_chunk::<PREFIX>() else { return Ok(None) };
    match usize::try_from(u32::from_le_bytes(*prefix)) {
        Ok(len) if len <= limit => Ok(Some(len)),
        Ok(len) => Err(TooLong { len, limit }),
        Err(_) => Err(TooLong { len: usize::MAX, limit }),
    }
}
