//! One connection to one peer: its parts, and what the outside world calls.

use alloc::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};

use bytes::BytesMut;

use crate::cid::CidSource;
use crate::config::Config;
use crate::counters::Counters;
use crate::deadlines::Deadlines;
use crate::dialog::Dialog;
use crate::error::{CloseReason, Deadline};
use crate::event::{DialogEvent, DialogId, Event};
use crate::identity::Identity;
use crate::outbox::Outbox;
use crate::receive::Receive;
use crate::table::Table;
use crate::time::Instant;
use crate::view::DialogRef;
use crate::wire::{Message, Text};

/// One connection to one peer: bytes in, events out; verbs in, bytes out. Does no I/O.
///
/// Its methods are of four kinds:
///
/// 1. *Inspect*: [`peer`](Self::peer), [`dialog`](Self::dialog), [`wants_input`](Self::wants_input), ...
/// 2. *What happened outside*, called by whoever owns the socket and the clock:
///    [`handle_input`](Self::handle_input), [`handle_written`](Self::handle_written),
///    [`handle_eof`](Self::handle_eof), [`handle_reset`](Self::handle_reset),
///    [`handle_timeout`](Self::handle_timeout).
/// 3. *Verbs*, what the application wants: legal at any moment. One that fails changes nothing.
/// 4. *What is to be done now*: [`poll_event`](Self::poll_event) until `None`, then
///    [`poll_transmit`](Self::poll_transmit) until `None`, then [`poll_timeout`](Self::poll_timeout).
///    After a call of kind 2 or 3 drain these three; then nothing appears until the next such call.
///
/// Frames are taken one at a time, when `poll_event` hands out their event, so the state never runs
/// ahead of what the application has seen.
///
/// A clone is an independent connection in the same state, for tests and model checkers.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(crate) config: Config,
    pub(crate) ours: Identity,
    pub(crate) peer: Option<Box<Identity>>,
    pub(crate) status: Status,
    /// The next frame may be a `SpawnSpec`.
    pub(crate) awaits_spawn_spec: bool,
    pub(crate) receive: Receive,
    pub(crate) outbox: Outbox,
    pub(crate) table: Table,
    pub(crate) deadlines: Deadlines,
    /// Dialogs that `take` asked to end: their deadlines are armed when the time is told next.
    pub(crate) unarmed: Vec<DialogId>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) cids: CidSource,
    /// Dialogs whose payloads may be slices of a receive buffer.
    pub(crate) holding: Vec<DialogId>,
    /// Where unread items go when the receive buffers turn; used in turn as well.
    pub(crate) stores: [BytesMut; 2],
    /// The latest time we were told.
    pub(crate) now: Instant,
    pub(crate) input_end: Option<InputEnd>,
    pub(crate) timers: Timers,
    /// Dialogs opened so far.
    pub(crate) opened: u64,
    /// Unreleased dialogs opened by the peer and by us.
    pub(crate) live_peer: usize,
    pub(crate) live_own: usize,
    /// Dialogs of either role that have not ended; of these, tasks that run here.
    pub(crate) running: usize,
    pub(crate) running_tasks: usize,
    /// Of the running ones, those the application cannot see: let go of, or cancel requests.
    pub(crate) unseen: usize,
    /// Unreleased actor cancels of the peer.
    pub(crate) actor_cancels: usize,
    /// Acknowledged actor cancels, to be answered once the other tasks have ended.
    pub(crate) acknowledged: Vec<DialogId>,
    /// Dialogs whose inboxes hold up reading.
    pub(crate) pausing: Vec<DialogId>,
    /// Bytes of unread items, and of received errors that dialogs keep.
    pub(crate) inbox_bytes: usize,
    pub(crate) error_bytes: usize,
    /// Replies forced by the peer that wait behind a full outbox, and acknowledgements not yet due.
    pub(crate) owed_replies: usize,
    pub(crate) owed_acks: usize,
    /// Ids of the cancel requests that wait for their final answer.
    pub(crate) owed_cids: BTreeSet<Arc<str>>,
    /// Frames for unknown dialogs, less the good ones since.
    pub(crate) strays: u32,
    pub(crate) counters: Counters,
}

/// Where the connection is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    /// The peer's `Aid` has not come.
    Handshake,
    /// Dialogs may be opened.
    Open,
    /// Ending in order: dialogs end, none begin.
    Closing,
    /// Over.
    Closed(CloseReason),
}

/// How the peer's direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum InputEnd {
    Eof,
    Reset,
}

/// Deadlines of the connection itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    pub(crate) handshake: Option<Instant>,
    pub(crate) partial_frame: Option<Instant>,
    pub(crate) write_stall: Option<Instant>,
    pub(crate) pause: Option<Instant>,
    pub(crate) close: Option<Instant>,
}

impl Timers {
    pub(crate) fn all(&self) -> [(Option<Instant>, Deadline); 5] {
        [
            (self.handshake, Deadline::Handshake),
            (self.partial_frame, Deadline::PartialFrame),
            (self.write_stall, Deadline::WriteStall),
            (self.pause, Deadline::Pause),
            (self.close, Deadline::Close),
        ]
    }
}

/// Making and inspecting.
impl Connection {
    /// A connection that has just been made, by either end. Our `Aid` is queued at once.
    ///
    /// `seed` must be fresh for every connection of this actor, and unknown to the peer: dialog ids come
    /// from its lower half, the keys of the index from its upper half. One seed replays one run exactly.
    /// A name or uuid of ours over a peer's [`Config::max_name`] makes that peer close the connection.
    pub fn new(config: Config, ours: Identity, seed: u128, now: Instant) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "the halves of the seed")]
        let (low, high) = (seed as u64, (seed >> 64) as u64);
        let mut outbox = Outbox::default();
        // Names have no limit of their own on the way out; the peer's decoder is the judge.
        let _ = outbox.push(&Message::Aid(Box::new(ours.clone())), usize::MAX);
        Self {
            receive: Receive::new(config.receive_buffer, config.max_frame),
            table: Table::new(high, config.late_cids),
            timers: Timers {
                handshake: Some(now.saturating_add(config.handshake_timeout)),
                ..Timers::default()
            },
            counters: Counters { frames_out: 1, ..Counters::default() },
            config,
            ours,
            peer: None,
            status: Status::Handshake,
            awaits_spawn_spec: false,
            outbox,
            deadlines: Deadlines::default(),
            unarmed: Vec::new(),
            events: VecDeque::new(),
            cids: CidSource::new(low),
            holding: Vec::new(),
            stores: [BytesMut::new(), BytesMut::new()],
            now,
            input_end: None,
            opened: 0,
            live_peer: 0,
            live_own: 0,
            running: 0,
            running_tasks: 0,
            unseen: 0,
            actor_cancels: 0,
            acknowledged: Vec::new(),
            pausing: Vec::new(),
            inbox_bytes: 0,
            error_bytes: 0,
            owed_replies: 0,
            owed_acks: 0,
            owed_cids: BTreeSet::new(),
            strays: 0,
        }
    }

    /// What we say of ourselves.
    pub const fn identity(&self) -> &Identity {
        &self.ours
    }

    /// What the peer says of itself, once its `Aid` was taken.
    pub fn peer(&self) -> Option<&Identity> {
        self.peer.as_deref()
    }

    /// The limits and choices in force.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// A look at a dialog that was not released.
    pub fn dialog(&self, id: DialogId) -> Option<DialogRef<'_>> {
        let dialog = self.table.get(id).filter(|dialog| dialog.is_visible())?;
        Some(DialogRef::new(id, dialog))
    }

    /// All dialogs that were not released, in order of opening.
    pub fn dialogs(&self) -> impl Iterator<Item = DialogRef<'_>> {
        self.table.ids().into_iter().filter_map(|id| self.dialog(id))
    }

    /// Whether `handle_input` would take anything. False while the buffer is full of frames not yet
    /// polled, while reading is paused, and after the end.
    pub fn wants_input(&self) -> bool {
        !self.is_closed()
            && self.input_end.is_none()
            && self.timers.pause.is_none()
            && (self.receive.room() > 0 || self.receive.is_exhausted())
    }

    /// Bytes queued or handed out, but not reported written.
    pub fn unwritten(&self) -> usize {
        self.outbox.unwritten()
    }

    /// Whether anything is under way that the application let go of: output not yet written, dialogs that
    /// were released and have not ended, cancel requests that were not answered.
    pub fn has_unfinished(&self) -> bool {
        !self.is_closed() && (self.unseen > 0 || self.unwritten() > 0)
    }

    /// Whether the connection is over. What is queued may still be written.
    pub const fn is_closed(&self) -> bool {
        matches!(self.status, Status::Closed(_))
    }

    /// Why the connection is over.
    pub const fn close_reason(&self) -> Option<&CloseReason> {
        match &self.status {
            Status::Closed(reason) => Some(reason),
            Status::Handshake | Status::Open | Status::Closing => None,
        }
    }

    /// What was counted so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Bytes of memory this connection accounts for: buffers, records, unread items.
    pub fn memory(&self) -> usize {
        let dialogs = self.table.ids().into_iter().filter_map(|id| self.table.get(id));
        let stores = self.stores.iter().fold(0_usize, |sum, store| sum.saturating_add(store.capacity()));
        dialogs
            .fold(stores, |sum, dialog| sum.saturating_add(dialog.memory()))
            .saturating_add(self.receive.memory())
            .saturating_add(self.outbox.unwritten())
            .saturating_add(self.table.memory())
    }
}

/// Between the parts.
impl Connection {
    /// An id for a dialog of ours that no dialog has. A peer that guesses our next ones gains nothing. (W-17)
    pub(crate) fn fresh_cid(&mut self) -> Arc<str> {
        loop {
            let cid = self.cids.next();
            if self.table.find(Text::from(&cid)).is_none() {
                return cid;
            }
        }
    }

    /// Our uid as a value to put in messages.
    pub(crate) fn us(&self) -> crate::identity::Uid {
        self.ours.uid.clone()
    }

    /// The peer's uid; our own before the handshake, when it is not needed.
    pub(crate) fn peer_uid(&self) -> crate::identity::Uid {
        self.peer.as_ref().map_or_else(|| self.us(), |peer| peer.uid.clone())
    }

    /// Queues a small frame of ours, or a reply the peer has a right to.
    pub(crate) fn emit(&mut self, message: &Message<'_>) {
        if !self.is_closed() && self.outbox.push(message, usize::MAX).is_ok() {
            self.counters.frames_out = self.counters.frames_out.saturating_add(1);
        }
    }

    /// Queues a frame that the peer's own frames call for.
    pub(crate) fn emit_reply(&mut self, message: &Message<'_>) {
        self.emit(message);
        self.count_reply();
    }

    /// Whether more may be queued than has to be.
    pub(crate) fn has_room(&self) -> bool {
        self.outbox.unwritten() <= self.config.outbox_bytes
    }

    /// Counts a reply. A peer that makes us answer and does not read is not served without end: the
    /// connection closes when the next frame would be taken.
    pub(crate) fn count_reply(&mut self) {
        if !self.has_room() {
            self.owed_replies = self.owed_replies.saturating_add(1);
        }
    }

    pub(crate) fn owes_too_much(&self) -> bool {
        self.owed_replies.max(self.owed_acks) > self.config.max_owed
    }

    /// Reports something about a dialog, unless the application let go of it.
    pub(crate) fn notify(&mut self, id: DialogId, event: DialogEvent) {
        if self.table.get(id).is_some_and(Dialog::is_visible) {
            self.events.push_back(Event::Dialog { id, event });
        }
    }

    /// The connection is over: every dialog ends, then the application is told why.
    pub(crate) fn lose(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        // From here on nothing is queued, and no ending completes a graceful close.
        self.status = Status::Closed(reason.clone());
        for id in self.table.ids() {
            self.end_lost(id, &reason);
        }
        self.timers = Timers::default();
        self.deadlines.clear();
        self.unarmed.clear();
        self.receive.clear();
        self.events.push_back(Event::Closed { reason });
    }
}
