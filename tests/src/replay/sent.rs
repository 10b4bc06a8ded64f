//! Frames as values of their own, so that they can be kept, compared and corrupted.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use scipp_proto::wire::{self, ErrorMsg, Kind, Limits, Message, MsgKind, SpawnSpec, frame};
use scipp_proto::{Config, Identity, Kwargs, Payload, Uid};

/// `ns` of the runtime's own methods.
pub const RUNTIME: &str = "self";
/// Name of the runtime method that cancels one task.
pub const CANCEL_TASK: &str = "_cancel_task";

/// One message, with everything it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Dialog id, of the kinds that have one.
    pub cid: Option<Arc<str>>,
    /// The rest.
    pub body: Body,
}

/// What a message says besides its dialog id.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// See [`MsgKind::Aid`].
    Aid(Box<Identity>),
    /// See [`MsgKind::SpawnSpec`].
    SpawnSpec(Box<SpawnSpec>),
    /// See [`MsgKind::Start`].
    Start(Box<Opening>),
    /// See [`MsgKind::StartAck`].
    StartAck(Kind),
    /// See [`MsgKind::Started`].
    Started(Payload),
    /// See [`MsgKind::Yield`].
    Yield(Payload),
    /// See [`MsgKind::Stop`].
    Stop,
    /// See [`MsgKind::Return`].
    Return(Payload),
    /// See [`MsgKind::CancelAck`].
    CancelAck(bool),
    /// See [`MsgKind::Error`]. Its own `cid` is empty here.
    Error(Box<ErrorMsg>),
}

/// What a `Start` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Module path, or `self`.
    pub ns: String,
    /// Function name.
    pub func: String,
    /// Arguments.
    pub kwargs: Kwargs,
    /// Who calls.
    pub uid: Uid,
    /// Payload type.
    pub pld_spec: String,
}

impl Opening {
    /// Whether this asks the runtime to cancel one task.
    pub fn is_cancel_request(&self) -> bool {
        self.ns == RUNTIME && self.func == CANCEL_TASK
    }

    /// Whether this asks the runtime to cancel the whole actor.
    pub fn is_actor_cancel(&self) -> bool {
        self.ns == RUNTIME && self.func == "cancel"
    }

    /// Whether this is between runtimes, and of no application: their own methods and the debugger's lock.
    pub fn is_runtime(&self) -> bool {
        self.ns == RUNTIME || self.func == "lock_stdio_for_peer"
    }

    /// The dialog that a cancel request is about.
    pub fn cancelled(&self) -> Option<Arc<str>> {
        if !self.is_cancel_request() {
            return None;
        }
        let cid = self.kwargs.value("cid")?;
        match crate::value::to_json(cid.as_bytes()) {
            Ok(serde_json::Value::String(cid)) => Some(cid.into()),
            _ => None,
        }
    }
}

impl Sent {
    /// Reads the first whole frame of `bytes`, if there is one and it is a message.
    pub fn read(bytes: &Bytes) -> Option<Self> {
        let len = frame::body_len(bytes, usize::MAX).ok()??;
        if bytes.len() != frame::PREFIX + len {
            return None;
        }
        let body = bytes.slice(frame::PREFIX..);
        let limits = Limits { depth: 4096, ..Config::reference().limits() };
        wire::decode(&body, &limits).ok().map(|message| Self::of(&message))
    }

    fn of(message: &Message<'_>) -> Self {
        let body = match message {
            Message::Aid(identity) => Body::Aid(identity.clone()),
            Message::SpawnSpec(spec) => Body::SpawnSpec(spec.clone()),
            Message::Start(start) => Body::Start(Box::new(Opening {
                ns: start.ns.to_string(),
                func: start.func.to_string(),
                kwargs: start.kwargs.clone(),
                uid: Uid::new(start.uid_name.as_str(), start.uid_uuid.as_str()),
                pld_spec: start.pld_spec.to_string(),
            })),
            Message::StartAck { functype, .. } => Body::StartAck(*functype),
            Message::Started { pld, .. } => Body::Started(pld.clone()),
            Message::Yield { pld, .. } => Body::Yield(pld.clone()),
            Message::Stop { .. } => Body::Stop,
            Message::Return { pld, .. } => Body::Return(pld.clone()),
            Message::CancelAck { pld, .. } => Body::CancelAck(*pld),
            Message::Error(error) => Body::Error(Box::new(ErrorMsg { cid: None, ..(**error).clone() })),
        };
        Self { cid: message.cid().map(Arc::from), body }
    }

    /// Its kind.
    pub const fn kind(&self) -> MsgKind {
        match self.body {
            Body::Aid(_) => MsgKind::Aid,
            Body::SpawnSpec(_) => MsgKind::SpawnSpec,
            Body::Start(_) => MsgKind::Start,
            Body::StartAck(_) => MsgKind::StartAck,
            Body::Started(_) => MsgKind::Started,
            Body::Yield(_) => MsgKind::Yield,
            Body::Stop => MsgKind::Stop,
            Body::Return(_) => MsgKind::Return,
            Body::CancelAck(_) => MsgKind::CancelAck,
            Body::Error(_) => MsgKind::Error,
        }
    }

    /// What it opens, if it is a `Start`.
    pub const fn opening(&self) -> Option<&Opening> {
        match &self.body {
            Body::Start(opening) => Some(opening),
            _ => None,
        }
    }

    /// The error it carries.
    pub const fn error(&self) -> Option<&ErrorMsg> {
        match &self.body {
            Body::Error(error) => Some(error),
            _ => None,
        }
    }

    /// The payload it carries.
    pub const fn payload(&self) -> Option<&Payload> {
        match &self.body {
            Body::Started(payload) | Body::Yield(payload) | Body::Return(payload) => Some(payload),
            _ => None,
        }
    }

    /// The same without the two texts that are for people only.
    #[must_use]
    pub fn without_texts(mut self) -> Self {
        if let Body::Error(error) = &mut self.body {
            error.message = None;
            error.tb_str = String::new();
        }
        self
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind())?;
        if let Some(cid) = &self.cid {
            write!(f, " {:.8}", cid)?;
        }
        match &self.body {
            Body::Start(opening) => write!(f, " {}:{}", opening.ns, opening.func),
            Body::StartAck(kind) => write!(f, " {kind:?}"),
            Body::Started(payload) | Body::Yield(payload) | Body::Return(payload) => {
                let bytes = payload.as_bytes();
                write!(f, " {:02x?}", &bytes[..bytes.len().min(16)])
            }
            Body::Error(error) => {
                let path: Vec<&str> = error.relay_path.iter().map(Uid::name).collect();
                write!(
                    f,
                    " {}({}) of {} by {path:?}, canceller {:?}, sender {:?}",
                    error.boxed_type_str,
                    error.src_type_str,
                    error.src_uid.name(),
                    error.canceller.as_ref().map(Uid::name),
                    error.sender.as_ref().map(Uid::name),
                )
            }
            Body::Aid(identity) => write!(f, " {identity:?}"),
            Body::SpawnSpec(_) | Body::Stop | Body::CancelAck(_) => Ok(()),
        }
    }
}
