//! One connection to one peer.

use bytes::Bytes;
use core::hash::Hasher;

use crate::config::Config;
use crate::error::{CloseReason, Failure, Misuse, OpenError, RemoteError, SendError};
use crate::event::{Call, Canceller, DialogId, Event, Outcome, Report, Take};
use crate::identity::Identity;
use crate::payload::Payload;
use crate::phase::{CancelPhase, Phase, Role, State};
use crate::time::Instant;
use crate::wire::{Kind, SpawnSpec};

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
#[derive(Debug, Clone)]
pub struct Connection {}

impl Connection {
    /// A connection that has just been made, by either end. Our `Aid` is queued at once.
    ///
    /// `seed` must be fresh for every connection of this actor: dialog ids and hash keys come from it.
    pub fn new(config: Config, ours: Identity, seed: u64, now: Instant) -> Self { todo!() }

    // Inspect.
    /// What we say of ourselves.
    pub fn identity(&self) -> &Identity { todo!() }
    /// What the peer says of itself, once its `Aid` was taken.
    pub fn peer(&self) -> Option<&Identity> { todo!() }
    /// The limits and choices in force.
    pub fn config(&self) -> &Config { todo!() }
    /// A look at a dialog that was not released.
    pub fn dialog(&self, id: DialogId) -> Option<DialogRef<'_>> { todo!() }
    /// All dialogs that were not released, in order of opening.
    pub fn dialogs(&self) -> impl Iterator<Item = DialogRef<'_>> { core::iter::empty() }
    /// Whether `handle_input` would take anything. False while the buffer is full of frames not yet
    /// polled, while reading is paused, and after the end.
    pub fn wants_input(&self) -> bool { todo!() }
    /// Bytes queued or handed out, but not reported written.
    pub fn unwritten(&self) -> usize { todo!() }
    /// Why the connection is over, once `Closed` is due.
    pub fn close_reason(&self) -> Option<&CloseReason> { todo!() }
    /// What was counted so far.
    pub fn counters(&self) -> &Counters { todo!() }
    /// Bytes of memory this connection accounts for.
    pub fn memory(&self) -> usize { todo!() }
    /// Feeds every fact that can influence a later frame, event or verb to `hasher`: two connections
    /// with equal hashes answer every further script alike. Deadlines count relative to each other.
    pub fn hash_state(&self, hasher: &mut impl Hasher) { todo!() }

    // What happened outside.
    /// Bytes arrived. Takes at most what fits in the buffer and returns how much; drain, then offer
    /// the rest again.
    #[must_use = "bytes that were not taken must be offered again"]
    pub fn handle_input(&mut self, now: Instant, input: &[u8]) -> usize { todo!() }
    /// `len` bytes of what `poll_transmit` handed out went to the operating system.
    pub fn handle_written(&mut self, now: Instant, len: usize) { todo!() }
    /// The peer ended its direction. Takes effect after the frames that came before.
    pub fn handle_eof(&mut self, now: Instant) { todo!() }
    /// Reading or writing failed. Takes effect after the frames that came before.
    pub fn handle_reset(&mut self, now: Instant) { todo!() }
    /// Time passed. Early or spurious calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) { todo!() }

    // Verbs of the connection.
    /// Sends a `SpawnSpec` to a process we spawned: the second frame, before any dialog.
    pub fn spawn_spec(&mut self, spec: &SpawnSpec) -> Result<(), Misuse> { todo!() }
    /// Opens a dialog; our role is parent. (Any `Call` to `Runtime(Cancel)` is an actor cancel.)
    pub fn open(&mut self, now: Instant, call: &Call) -> Result<DialogId, OpenError> { todo!() }
    /// Asks all running tasks of this connection's child-role dialogs to end in the name of `canceller`
    /// (runtime requests such as the actor cancel itself excepted).
    pub fn cancel_children(&mut self, canceller: Canceller) { todo!() }
    /// Ends the connection in order: no new dialogs either way; cancels what we opened and what runs
    /// here (in our own name), waits for the endings and the outbox, at most until `deadline`.
    pub fn close(&mut self, now: Instant, deadline: Instant) { todo!() }
    /// Ends the connection now: all dialogs end `Disconnected`, nothing more is sent than what is queued.
    pub fn abort(&mut self) { todo!() }

    // Verbs of one dialog. The first group is for the child.
    /// Child: lets the requested task run: sends `StartAck(kind)`.
    pub fn accept(&mut self, id: DialogId, kind: Kind) -> Result<(), Misuse> { todo!() }
    /// Child: does not run it: sends `Error` in place of `StartAck`.
    pub fn refuse(&mut self, id: DialogId, report: Report) -> Result<(), Misuse> { todo!() }
    /// Child: sends the first value of a context.
    pub fn started(&mut self, id: DialogId, value: Payload) -> Result<(), Misuse> { todo!() }
    /// Child: the task returned. Sends `[Stop] Return` (generator: `Stop`). If its cancellation was
    /// asked for, or an `Error` was received, it is as `unwound`.
    pub fn finish(&mut self, id: DialogId, value: Payload) -> Result<(), Misuse> { todo!() }
    /// Child: the task failed. Sends `[Stop] Error`.
    pub fn fail(&mut self, id: DialogId, report: Report) -> Result<(), Misuse> { todo!() }
    /// Child: the task failed with an error received on another dialog (of any connection).
    pub fn relay(&mut self, id: DialogId, error: &RemoteError) -> Result<(), Misuse> { todo!() }
    /// Child: the task is over because it was told to end. What told it decides the final frame: a
    /// cancel request or `cancel_children` gives `Error(ContextCancelled)` with that canceller, our own
    /// `cancel` one with ourselves, a received `Error` is relayed. (Generator: `Stop`.)
    pub fn unwound(&mut self, id: DialogId) -> Result<(), Misuse> { todo!() }
    /// Child of an actor cancel: everything is cancelled. Sends `CancelAck(true)` after the final frames
    /// of the other child-role dialogs of this connection.
    pub fn acknowledge(&mut self, id: DialogId) -> Result<(), Misuse> { todo!() }

    // Both roles.
    /// Opens the local end of the stream; sends nothing. Once per dialog; a child only after `started`.
    pub fn open_stream(&mut self, id: DialogId) -> Result<(), Misuse> { todo!() }
    /// Sends one item. The only verb that can find the outbox full.
    pub fn send(&mut self, id: DialogId, item: Payload) -> Result<(), SendError> { todo!() }
    /// The next unread item.
    pub fn take(&mut self, id: DialogId) -> Result<Take, Misuse> { todo!() }
    /// Unread items of a failed or ended dialog, one at a time.
    pub fn take_unread(&mut self, id: DialogId) -> Option<Payload> { todo!() }
    /// Parent: the first value, once.
    pub fn take_first(&mut self, id: DialogId) -> Option<Payload> { todo!() }
    /// Ends the stream. Sends `Stop` unless one went either way (or the dialog failed or ended).
    /// Unread items are dropped and counted.
    pub fn stop(&mut self, id: DialogId) -> Result<(), Misuse> { todo!() }
    /// Parent: asks the remote task to end, once; repeated calls do nothing. Child: asks our own task to
    /// end; call `unwound` when it has.
    pub fn cancel(&mut self, now: Instant, id: DialogId) -> Result<(), Misuse> { todo!() }
    /// Lets go of a dialog. Parent of a live one: cancels it and forgets it when it has ended. Child of
    /// a live one: fails it (`Error(RuntimeError)`), or as `unwound` if it was told to end.
    pub fn release(&mut self, now: Instant, id: DialogId) { todo!() }
    /// Sets the window and the policy of one dialog's inbox.
    pub fn set_inbox(&mut self, id: DialogId, items: usize, policy: crate::config::OverrunPolicy) -> Result<(), Misuse> { todo!() }

    // What is to be done now.
    /// The next event, if any: takes frames until one makes an event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> { todo!() }
    /// Everything there is to write, whole frames only. Report progress by `handle_written`.
    #[must_use = "frames handed out and not written are lost"]
    pub fn poll_transmit(&mut self) -> Option<Bytes> { todo!() }
    /// When to call `handle_timeout`, and why. Never later than the last `now` while events are due.
    pub fn poll_timeout(&self) -> Option<(Instant, crate::error::Deadline)> { todo!() }
}

/// A look at one dialog.
#[derive(Debug, Clone, Copy)]
pub struct DialogRef<'a> { _x: &'a () }

impl<'a> DialogRef<'a> {
    /// Its handle.
    pub fn id(&self) -> DialogId { todo!() }
    /// Its id on the wire.
    pub fn cid(&self) -> &'a str { todo!() }
    /// Our role.
    pub fn role(&self) -> Role { todo!() }
    /// Kind (a child learns it by `accept`).
    pub fn kind(&self) -> Kind { todo!() }
    /// Where it is on the wire.
    pub fn phase(&self) -> Phase { todo!() }
    /// The reference's word for where our side is.
    pub fn state(&self) -> State { todo!() }
    /// Our cancel request (parent).
    pub fn cancel_phase(&self) -> CancelPhase { todo!() }
    /// Child: whether the task was told to end (by a request, by ourselves, or by a received error).
    pub fn must_unwind(&self) -> bool { todo!() }
    /// Who cancelled it, as far as known: child, the requester; parent, what the final error says.
    pub fn canceller(&self) -> Option<&'a crate::identity::Uid> { todo!() }
    /// Why it failed, possibly before it ended.
    pub fn error(&self) -> Option<&'a Failure> { todo!() }
    /// How it ended.
    pub fn outcome(&self) -> Option<&'a Outcome> { todo!() }
    /// Whether it has ended.
    pub fn is_ended(&self) -> bool { todo!() }
    /// Unread items.
    pub fn unread(&self) -> usize { todo!() }
    /// Items dropped unread: by overruns, by `stop`, after the stream's end.
    pub fn dropped(&self) -> u64 { todo!() }
    /// Whether the first value is there.
    pub fn has_first(&self) -> bool { todo!() }
    /// Whether the peer (or the ending) ended the stream's receiving side.
    pub fn is_stopped_by_peer(&self) -> bool { todo!() }
}

/// What a connection counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "filled in below")]
pub struct Counters {
    pub frames_in: u64,
    pub frames_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub malformed: u64,
    pub strays: u64,
    pub late: u64,
    pub crossed: u64,
    pub overruns: u64,
    pub refused: u64,
}
