//! The ten messages, one type each.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::text::Text;
use crate::identity::{Identity, Uid};
use crate::payload::{Kwargs, Payload};

/// The kind of a message: its tag on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MsgKind {
    /// First frame each way: who we are.
    Aid,
    /// Second frame from a spawning parent to its child process.
    SpawnSpec,
    /// Opens a dialog.
    Start,
    /// Accepts a dialog.
    StartAck,
    /// First value of a context.
    Started,
    /// One item of a stream.
    Yield,
    /// End of a stream.
    Stop,
    /// Result of a dialog.
    Return,
    /// Answer to a cancel request.
    CancelAck,
    /// Failure of a dialog.
    Error,
}

impl MsgKind {
    /// All kinds, in the order in which a dialog uses them.
    pub const ALL: [Self; 10] = [
        Self::Aid,
        Self::SpawnSpec,
        Self::Start,
        Self::StartAck,
        Self::Started,
        Self::Yield,
        Self::Stop,
        Self::Return,
        Self::CancelAck,
        Self::Error,
    ];

    /// The tag as written on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aid => "Aid",
            Self::SpawnSpec => "SpawnSpec",
            Self::Start => "Start",
            Self::StartAck => "StartAck",
            Self::Started => "Started",
            Self::Yield => "Yield",
            Self::Stop => "Stop",
            Self::Return => "Return",
            Self::CancelAck => "CancelAck",
            Self::Error => "Error",
        }
    }

    /// The kind with this tag.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_tag(name.as_bytes())
    }

    /// The kind with these bytes as tag.
    pub(crate) fn from_tag(tag: &[u8]) -> Option<Self> {
        // The most frequent comes first.
        Some(match tag {
            b"Yield" => Self::Yield,
            b"Aid" => Self::Aid,
            b"SpawnSpec" => Self::SpawnSpec,
            b"Start" => Self::Start,
            b"StartAck" => Self::StartAck,
            b"Started" => Self::Started,
            b"Stop" => Self::Stop,
            b"Return" => Self::Return,
            b"CancelAck" => Self::CancelAck,
            b"Error" => Self::Error,
            _ => return None,
        })
    }

    /// Whether messages of this kind carry an application payload.
    pub const fn is_payload(self) -> bool {
        matches!(self, Self::Started | Self::Yield | Self::Return)
    }
}

impl fmt::Display for MsgKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kind of a remote function, and with it the shape of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `StartAck Return`: one result.
    Function,
    /// `StartAck Yield* Stop`: items one way.
    Generator,
    /// `StartAck Started (Yield|Stop)* Return`: a first value, a stream both ways, a result.
    Context,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Function, Self::Generator, Self::Context];

    /// The `functype` text of `StartAck`.
    pub const fn functype(self) -> &'static str {
        match self {
            Self::Function => "asyncfunc",
            Self::Generator => "asyncgen",
            Self::Context => "context",
        }
    }

    /// The kind with this `functype` text.
    pub fn from_functype(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.functype() == text)
    }
}

/// One message. Texts of the hot kinds are borrowed from the frame, payloads are slices of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Message<'a> {
    /// See [`MsgKind::Aid`].
    Aid(Box<Identity>),
    /// See [`MsgKind::SpawnSpec`].
    SpawnSpec(Box<SpawnSpec>),
    /// See [`MsgKind::Start`].
    Start(Start<'a>),
    /// See [`MsgKind::StartAck`].
    StartAck {
        /// Dialog id.
        cid: Text<'a>,
        /// Kind of the remote function.
        functype: Kind,
    },
    /// See [`MsgKind::Started`].
    Started {
        /// Dialog id.
        cid: Text<'a>,
        /// First value.
        pld: Payload,
    },
    /// See [`MsgKind::Yield`].
    Yield {
        /// Dialog id.
        cid: Text<'a>,
        /// Item.
        pld: Payload,
    },
    /// See [`MsgKind::Stop`].
    Stop {
        /// Dialog id.
        cid: Text<'a>,
    },
    /// See [`MsgKind::Return`].
    Return {
        /// Dialog id.
        cid: Text<'a>,
        /// Result.
        pld: Payload,
    },
    /// See [`MsgKind::CancelAck`].
    CancelAck {
        /// Dialog id of the request.
        cid: Text<'a>,
        /// Always true in practice.
        pld: bool,
    },
    /// See [`MsgKind::Error`].
    Error(Box<ErrorMsg>),
}

impl Message<'_> {
    /// The kind of this message.
    pub const fn kind(&self) -> MsgKind {
        match self {
            Self::Aid(_) => MsgKind::Aid,
            Self::SpawnSpec(_) => MsgKind::SpawnSpec,
            Self::Start(_) => MsgKind::Start,
            Self::StartAck { .. } => MsgKind::StartAck,
            Self::Started { .. } => MsgKind::Started,
            Self::Yield { .. } => MsgKind::Yield,
            Self::Stop { .. } => MsgKind::Stop,
            Self::Return { .. } => MsgKind::Return,
            Self::CancelAck { .. } => MsgKind::CancelAck,
            Self::Error(_) => MsgKind::Error,
        }
    }

    /// The dialog id, of the kinds that have one.
    pub fn cid(&self) -> Option<&str> {
        match self {
            Self::Aid(_) | Self::SpawnSpec(_) => None,
            Self::Start(start) => Some(start.cid.as_str()),
            Self::StartAck { cid, .. }
            | Self::Started { cid, .. }
            | Self::Yield { cid, .. }
            | Self::Stop { cid }
            | Self::Return { cid, .. }
            | Self::CancelAck { cid, .. } => Some(cid.as_str()),
            Self::Error(error) => error.cid.as_deref(),
        }
    }
}

/// `Start`: opens a dialog.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Start<'a> {
    /// Dialog id, unique among all dialogs of the two actors.
    pub cid: Text<'a>,
    /// Module path, or `self` for the runtime.
    pub ns: Text<'a>,
    /// Bare function name.
    pub func: Text<'a>,
    /// Keyword arguments, values unread.
    pub kwargs: Kwargs,
    /// Name half of the caller's uid.
    pub uid_name: Text<'a>,
    /// Uuid half of the caller's uid.
    pub uid_uuid: Text<'a>,
    /// Always `typing.Any` in practice; receivers ignore it.
    pub pld_spec: Text<'a>,
}

/// `pld_spec` of every `Start` the reference writes, and its default.
pub const ANY_PLD_SPEC: &str = "typing.Any";

/// `Error`: failure of a dialog, as data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ErrorMsg {
    /// Where the error arose.
    pub src_uid: Uid,
    /// Bare class name of the original error.
    pub src_type_str: String,
    /// Class name of what the last hop boxed.
    pub boxed_type_str: String,
    /// Actors that packed the error, oldest first; the sender is the last.
    pub relay_path: Vec<Uid>,
    /// Free text, for people only.
    pub message: Option<String>,
    /// Traceback text of the last packer, for people only.
    pub tb_str: String,
    /// Who asked for the cancellation (`ContextCancelled` only).
    pub canceller: Option<Uid>,
    /// Who sent too fast (`StreamOverrun` only).
    pub sender: Option<Uid>,
    /// Dialog id.
    pub cid: Option<Arc<str>>,
    /// The offending payload message as one map, unread (`MsgTypeError` only).
    pub bad_msg: Option<Payload>,
    /// The offending message as a plain map, unread (`MsgTypeError` only).
    pub bad_msg_as_dict: Option<Payload>,
    /// Whether something in it was defective or over a limit when it was received, and was replaced, cut
    /// or left out. Not on the wire. (W-33)
    pub repaired: bool,
}

/// `SpawnSpec`: what a spawning parent tells its child process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpawnSpec {
    /// How to import the parent's main module; a map, unread.
    pub parent_main_data: Payload,
    /// Runtime settings; a map with text keys, unread.
    pub runtime_vars: Payload,
    /// Importable module name and file path, in order.
    pub enable_modules: Vec<(String, String)>,
    /// Addresses of the registrars.
    pub reg_addrs: Vec<WireAddr>,
    /// Addresses to bind; `None` lets the child choose.
    pub bind_addrs: Option<Vec<WireAddr>>,
}

/// An address as written inside messages: a pair told apart by the type of its second element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WireAddr {
    /// Host and port.
    Tcp(String, u64),
    /// Directory and file name.
    Unix(String, String),
}
