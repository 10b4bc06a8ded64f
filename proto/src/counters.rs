//! What a connection counted.

/// Counts since the beginning of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Frames taken.
    pub frames_in: u64,
    /// Frames queued.
    pub frames_out: u64,
    /// Bytes taken from the socket.
    pub bytes_in: u64,
    /// Bytes reported written.
    pub bytes_out: u64,
    /// Malformed frames forgiven.
    pub malformed: u64,
    /// Frames for dialogs never seen.
    pub strays: u64,
    /// Frames for dialogs that have ended.
    pub late: u64,
    /// Frames that passed one of ours on the way and lost their meaning by it.
    pub crossed: u64,
    /// Items dropped by full inboxes.
    pub overruns: u64,
    /// Requests refused by the core itself.
    pub refused: u64,
    /// Values received that did not conform to the terms of their dialogs, arguments included.
    pub mistyped: u64,
}
