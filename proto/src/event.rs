//! What `poll_event` reports: edges, to be followed by a look at the dialog.

use alloc::{boxed::Box, string::String, sync::Arc};

use crate::error::{CloseReason, Deadline, Failure};
use crate::identity::{Identity, Uid};
use crate::mistyped::Mistyped;
use crate::payload::{Kwargs, Payload};
use crate::remote::RemoteError;
use crate::wire::{Kind, SpawnSpec};

/// A dialog of one connection. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// The peer's `Aid` was taken; dialogs can be opened.
    Established {
        /// What the peer says of itself.
        peer: Box<Identity>,
    },
    /// The spawning parent's instructions (only with [`Config::spawned`](crate::Config)).
    SpawnSpec(Box<SpawnSpec>),
    /// The peer opened a dialog: `accept` it (then it runs) or `refuse` it.
    Opened {
        /// The new dialog; our role is child.
        id: DialogId,
        /// What is asked for.
        request: Box<Request>,
    },
    /// The peer asks this whole actor to cancel (`self:cancel`). It was told that the request arrived.
    /// `cancel_children` what is to be cancelled, then `acknowledge`; or `refuse`.
    ActorCancelRequested {
        /// The request.
        id: DialogId,
    },
    /// Something happened to a dialog.
    Dialog {
        /// Which.
        id: DialogId,
        /// What.
        event: DialogEvent,
    },
    /// A value that was received does not conform to the spec of its dialog. What follows from it is
    /// reported next.
    Mistyped {
        /// The dialog.
        id: DialogId,
        /// Whose value, where, and what was due.
        error: Arc<Mistyped>,
    },
    /// The connection is over and every dialog on it has ended. Always last, exactly once.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Something happened to a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DialogEvent {
    /// Parent: the task runs.
    Accepted(Kind),
    /// Parent: the first value is there, see `take_first`.
    Started,
    /// An item is there, see `take`.
    Readable,
    /// The peer ended the stream.
    Stopped,
    /// Child: the task shall end; unwind it, then call `unwound` (or `fail`).
    CancelRequested,
    /// The dialog failed but has not ended, see `error`. Child: unwind, then `unwound`. Parent: an
    /// overrun or a broken rule; the cancel request is on its way.
    Failed,
    /// Our inbox overran: the peer was told, and all later items are dropped. Policies that drop without
    /// a word only count.
    Overrun,
    /// Our cancel request was answered.
    CancelAcked,
    /// A deadline that only reports ran out.
    Overdue(Deadline),
    /// It ended, see `outcome`.
    Ended,
}

/// What a peer asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Dialog id as the peer wrote it.
    pub cid: Arc<str>,
    /// What shall run.
    pub target: Target,
    /// With which arguments.
    pub kwargs: Kwargs,
    /// Payload type the caller named; of no effect.
    pub pld_spec: String,
}

/// What a dialog runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// An application function.
    Function {
        /// Module path.
        ns: String,
        /// Bare function name.
        func: String,
    },
    /// A method of the actor runtime (`ns = "self"`).
    Runtime(RuntimeEndpoint),
}

impl Target {
    /// The function `func` in the module `ns`.
    pub fn function(ns: impl Into<String>, func: impl Into<String>) -> Self {
        Self::Function { ns: ns.into(), func: func.into() }
    }

    /// Its two names on the wire.
    pub(crate) fn names(&self) -> (&str, &str) {
        match self {
            Self::Function { ns, func } => (ns, func),
            Self::Runtime(endpoint) => ("self", endpoint.name()),
        }
    }
}

impl From<(&str, &str)> for Target {
    /// Module path and bare name.
    fn from((ns, func): (&str, &str)) -> Self {
        Self::function(ns, func)
    }
}

impl From<RuntimeEndpoint> for Target {
    fn from(endpoint: RuntimeEndpoint) -> Self {
        Self::Runtime(endpoint)
    }
}

/// The methods of an actor runtime: a closed table of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuntimeEndpoint {
    /// `cancel`: the whole actor.
    Cancel,
    /// `register_actor`.
    RegisterActor,
    /// `unregister_actor`.
    UnregisterActor,
    /// `find_actor`.
    FindActor,
    /// `wait_for_actor`.
    WaitForActor,
    /// `get_registry`.
    GetRegistry,
    /// `delete_addr`.
    DeleteAddr,
}

impl RuntimeEndpoint {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Cancel,
        Self::RegisterActor,
        Self::UnregisterActor,
        Self::FindActor,
        Self::WaitForActor,
        Self::GetRegistry,
        Self::DeleteAddr,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::RegisterActor => "register_actor",
            Self::UnregisterActor => "unregister_actor",
            Self::FindActor => "find_actor",
            Self::WaitForActor => "wait_for_actor",
            Self::GetRegistry => "get_registry",
            Self::DeleteAddr => "delete_addr",
        }
    }

    /// The endpoint of this name. (D-31)
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.name() == name)
    }
}

/// What to open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// What shall run over there. `Runtime(Cancel)` cancels the whole peer; its kind is `Function`.
    pub target: Target,
    /// Which kind of function it is. Another kind in the answer fails the dialog.
    pub kind: Kind,
    /// Keyword arguments.
    pub kwargs: Kwargs,
}

/// How a dialog ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// With a result (none for generators; on the child's side the result is not kept).
    Returned(Option<Payload>),
    /// With an error, or after a broken rule.
    Failed(Failure),
    /// By cancellation. Parent: our own cancel. Child: its cancellation was reported.
    Cancelled {
        /// Whether the other end's task said so; false if only the acknowledgement came, or none.
        confirmed: bool,
        /// What the other end said.
        error: Option<Arc<RemoteError>>,
    },
    /// With the connection.
    Disconnected(CloseReason),
}

/// What `take` gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Take {
    /// The next item.
    Item(Payload),
    /// Nothing yet.
    Pending,
    /// The stream has ended and all its items were taken.
    End,
    /// The dialog failed, was cancelled or was cut off, see `error` and `outcome`; unread items that are
    /// left go to `take_unread`.
    Failed,
}

/// A failure of our own, to be reported to the parent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Report {
    /// Bare class name, resolved by Python peers in builtins and a few modules.
    pub type_name: String,
    /// Free text.
    pub message: Option<String>,
    /// Longer free text, shown as traceback.
    pub tb_str: String,
    /// The offending payload message as one map (type errors only).
    pub bad_msg: Option<Payload>,
    /// The offending message as a plain map (type errors only); left out unless it has the fields of its kind
    /// and no others.
    pub bad_msg_as_dict: Option<Payload>,
}

impl Report {
    /// An error of this class with this text.
    pub fn new(type_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { type_name: type_name.into(), tb_str: text.into(), ..Self::default() }
    }
}

/// Who ended a child's task, as its final frame will say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Canceller {
    /// This actor.
    Us,
    /// Another actor, directly or through the peer.
    Actor(Uid),
}
