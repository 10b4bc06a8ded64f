//! Every limit and every choice, each with its reason.

use core::time::Duration;

use crate::wire::Limits;

/// What to do with an item that finds its dialog's inbox full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OverrunPolicy {
    /// Drop it, tell the sender once by `Error(StreamOverrun)`, drop all later items too.
    #[default]
    Reject,
    /// Let the inbox grow to this many items, then as `Reject`.
    Buffer(usize),
    /// Drop the oldest unread item; nothing is sent.
    DropOldest,
    /// Drop the new item; nothing is sent.
    DropNewest,
    /// Stop reading the whole connection until the inbox has room; as `Reject` when that lasts longer
    /// than [`Config::max_pause`]. Head-of-line blocking by choice: the end of the peer comes behind what
    /// is not read, too.
    Pause,
}

/// When a context child sends `Stop` before its `Return`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StopRule {
    /// Always, unless it sent or took one: a parent that listens would wait for ever without it.
    #[default]
    Always,
    /// Only if it opened its stream, as the reference does.
    OpenedOnly,
}

/// Which `ContextCancelled` counts as the answer to our own cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AbsorbRule {
    /// One from the direct peer whose canceller is us or that peer (crossing cancels).
    #[default]
    UsOrPeer,
    /// One from the direct peer whose canceller is us, as the reference does.
    UsOnly,
}

/// Limits and choices of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// Longest frame body accepted. 16 MiB: fits every recorded payload; a foreign protocol's first
    /// four bytes announce far more.
    pub max_frame: usize,
    /// Nesting accepted and emitted. 512: Python peers fail from about 900 levels on.
    pub max_depth: usize,
    /// Longest dialog id. 256: the reference writes 36.
    pub max_cid: usize,
    /// Longest name. 1 KiB.
    pub max_name: usize,
    /// Error texts are cut to this. 64 KiB: tracebacks stay readable.
    pub max_text: usize,
    /// Bytes that all errors kept by dialogs may have together; of those beyond it the texts are dropped.
    /// 4 MiB: a peer could send a thousand of a quarter MiB each.
    pub error_bytes: usize,
    /// Entries kept of a relay path. 64 hops.
    pub max_relay_path: usize,
    /// Live dialogs the peer may have opened, unreleased records included.
    pub max_peer_dialogs: usize,
    /// Live dialogs and requests we may have opened, unreleased records included.
    pub max_own_dialogs: usize,
    /// Unread items a dialog may hold. 64: the window Python senders count on.
    pub inbox_items: usize,
    /// Bytes of unread items all dialogs of the connection may hold together. A longer item is taken
    /// when it is the only one.
    pub inbox_bytes: usize,
    /// What happens beyond the window.
    pub overrun: OverrunPolicy,
    /// Items a dialog's inbox takes beyond its window while reading is paused: those that were received
    /// before the pause. 4,096: a receive buffer of small ones.
    pub pause_reserve: usize,
    /// Longest pause of reading under [`OverrunPolicy::Pause`].
    pub max_pause: Duration,
    /// Bytes not yet written beyond which `send` reports `Full`.
    pub outbox_bytes: usize,
    /// Replies forced by the peer that may wait beyond a full outbox; one more closes the connection.
    pub max_owed: usize,
    /// Items that a dialog sends back under [`TypePolicy::Reply`](crate::TypePolicy) until one conforms; one
    /// more bad item breaks it. 64, a window: two ends may answer each other's answers.
    pub max_replies: u32,
    /// Size of each of the two receive buffers.
    pub receive_buffer: usize,
    /// Malformed frames forgiven. 0; the reference forgives 4.
    pub malformed_budget: u32,
    /// Frames for dialog ids never seen that may come in a row; each good frame earns one back.
    pub max_strays: u32,
    /// Ended dialog ids remembered, so that late frames are told from strays.
    pub late_cids: usize,
    /// When `Stop` precedes `Return`.
    pub stop_rule: StopRule,
    /// Which cancellations are absorbed.
    pub absorb: AbsorbRule,
    /// Whether we are a spawned process that takes a `SpawnSpec` as second frame.
    pub spawned: bool,
    /// From the start to the peer's whole `Aid`; not re-armed by each byte.
    pub handshake_timeout: Duration,
    /// From the first byte of a frame to its last.
    pub partial_frame_timeout: Duration,
    /// Without any progress in writing.
    pub write_stall_timeout: Duration,
    /// Until an unanswered cancel request is reported; nothing else happens.
    pub cancel_ack_timeout: Duration,
    /// Until an unanswered actor cancel is reported; nothing else happens.
    pub actor_cancel_ack_timeout: Duration,
    /// From our cancel request to the final frame; ends the dialog unconfirmed. Off by default: a
    /// debugger may hold a child for hours.
    pub final_frame_timeout: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_frame: 16 << 20,
            max_depth: 512,
            max_cid: 256,
            max_name: 1024,
            max_text: 64 << 10,
            error_bytes: 4 << 20,
            max_relay_path: 64,
            max_peer_dialogs: 1024,
            max_own_dialogs: 1 << 17,
            inbox_items: 64,
            inbox_bytes: 1 << 20,
            overrun: OverrunPolicy::Reject,
            pause_reserve: 4096,
            max_pause: Duration::from_secs(10),
            outbox_bytes: 1 << 20,
            max_owed: 1024,
            max_replies: 64,
            receive_buffer: 64 << 10,
            malformed_budget: 0,
            max_strays: 10_000,
            late_cids: 1024,
            stop_rule: StopRule::Always,
            absorb: AbsorbRule::UsOrPeer,
            spawned: false,
            handshake_timeout: Duration::from_secs(10),
            partial_frame_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(30),
            cancel_ack_timeout: Duration::from_millis(616),
            actor_cancel_ack_timeout: Duration::from_millis(500),
            final_frame_timeout: None,
        }
    }
}

impl Config {
    /// The limits and choices of the Python reference, for comparisons with it.
    pub fn reference() -> Self {
        Self {
            max_frame: u32::MAX as usize,
            inbox_bytes: usize::MAX,
            max_peer_dialogs: usize::MAX,
            malformed_budget: 4,
            stop_rule: StopRule::OpenedOnly,
            absorb: AbsorbRule::UsOnly,
            ..Self::default()
        }
    }

    /// The part that the decoder needs.
    pub const fn limits(&self) -> Limits {
        Limits {
            depth: self.max_depth,
            cid: self.max_cid,
            name: self.max_name,
            text: self.max_text,
            relay_path: self.max_relay_path,
        }
    }
}
