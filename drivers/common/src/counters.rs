//! What became of the items of a dialog.

use scipp_proto::DialogRef;

/// How a dialog stands with the items that the peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct StreamCounters {
    /// Items that came and were not received yet.
    pub unread: usize,
    /// How many there may be before the overrun policy applies.
    pub window: usize,
    /// Items that nobody receives any more: dropped by overruns, for their type, by stopping the stream, or
    /// because they came after its end.
    pub dropped: u64,
    /// Of these, by overruns.
    pub overruns: u64,
    /// Values that did not conform to the terms, whatever became of them; first values and results included.
    pub mistyped: u64,
}

impl From<DialogRef<'_>> for StreamCounters {
    fn from(dialog: DialogRef<'_>) -> Self {
        Self {
            unread: dialog.unread(),
            window: dialog.window(),
            dropped: dialog.dropped(),
            overruns: dialog.overruns(),
            mistyped: dialog.mistyped(),
        }
    }
}
