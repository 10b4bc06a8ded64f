//! A value of the wrong type: whose, where, and what was due instead.

use alloc::{format, string::String, sync::Arc};
use core::panic::Location;

use bytes::BytesMut;

use crate::dialog::Dialog;
use crate::event::Report;
use crate::payload::Payload;
use crate::phase::Role;
use crate::report::MSG_TYPE_ERROR;
use crate::spec::{Mismatch, PldSpec};
use crate::wire::{Message, MsgKind, Text, encode, frame};

/// A value that does not conform to the spec of its dialog. (P-19)
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{kind} of the {}: {mismatch} (spec: {spec})", role_name(*.culprit))]
pub struct Mistyped {
    /// The side of the dialog that sent it, or was about to.
    pub culprit: Role,
    /// The kind of its message: `Start` if it is about the arguments.
    pub kind: MsgKind,
    /// The dialog's id on the wire.
    pub cid: Arc<str>,
    /// The line of our own code that the dialog is of, see [`DialogRef::caller`](crate::DialogRef::caller).
    pub caller: Option<&'static Location<'static>>,
    /// The spec in force, as it is written, shortened.
    pub spec: String,
    /// The first part that does not conform.
    #[source]
    pub mismatch: Mismatch,
    /// The whole value; `None` if it is over [`Config::max_text`](crate::Config), or if all dialogs
    /// together keep more than [`Config::error_bytes`](crate::Config).
    pub value: Option<Payload>,
    /// The whole `Start` as one map, if it is about one.
    pub(crate) start: Option<Payload>,
}

impl Mistyped {
    /// The offending message as one map, as it goes into reports.
    pub fn bad_msg(&self) -> Option<Payload> {
        let (cid, pld) = (Text::from(&self.cid), self.value.clone()?);
        let message = match self.kind {
            MsgKind::Started => Message::Started { cid, pld },
            MsgKind::Yield => Message::Yield { cid, pld },
            MsgKind::Return => Message::Return { cid, pld },
            MsgKind::Start => return self.start.clone(),
            MsgKind::Aid
            | MsgKind::SpawnSpec
            | MsgKind::StartAck
            | MsgKind::Stop
            | MsgKind::CancelAck
            | MsgKind::Error => return None,
        };
        map_of(&message)
    }

    /// The error that reports it.
    pub(crate) fn report(&self, text: String) -> Report {
        let bad = self.bad_msg();
        let (bad_msg, bad_msg_as_dict) = if self.kind.is_payload() { (bad, None) } else { (None, bad) };
        Report { bad_msg, bad_msg_as_dict, ..Report::new(MSG_TYPE_ERROR, text) }
    }
}

/// What a check found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) culprit: Role,
    pub(crate) kind: MsgKind,
    pub(crate) spec: PldSpec,
    mismatch: Mismatch,
}

impl Found {
    pub(crate) fn new(culprit: Role, kind: MsgKind, (spec, mismatch): (&PldSpec, Mismatch)) -> Self {
        Self { culprit, kind, spec: spec.clone(), mismatch }
    }

    /// What is told of it; `value` is what was found wanting, if it is to be kept.
    pub(crate) fn of(&self, dialog: &Dialog, value: Option<Payload>) -> Mistyped {
        Mistyped {
            culprit: self.culprit,
            kind: self.kind,
            cid: Arc::clone(&dialog.cid),
            caller: dialog.caller,
            spec: self.spec.label(),
            mismatch: self.mismatch.clone(),
            value,
            start: None,
        }
    }
}

/// A message as one map, if it is not nested too deep for a value.
pub(crate) fn map_of(message: &Message<'_>) -> Option<Payload> {
    let mut bytes = BytesMut::new();
    encode(message, &mut bytes);
    Payload::new(bytes.freeze().slice(frame::PREFIX..)).ok()
}

pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Parent => "parent",
        Role::Child => "child",
    }
}

/// The failure of a task that was about to send it, with the offending message.
impl From<&Mistyped> for Report {
    fn from(mistyped: &Mistyped) -> Self {
        mistyped.report(format!("{mistyped}"))
    }
}
