//! Frames, outcomes and errors in a few words: those of `spec/dialog.md`.

use std::collections::HashMap;

use scipp_common::Error;
use scipp_conformance::pair::uid_of;
use scipp_conformance::script::is_notice;
use scipp_proto::wire::{ErrorMsg, Message};
use scipp_proto::{DialogRef, Failure, Misuse, Outcome, Payload, PeerViolation, Uid};

/// What is known of the ids on the wire: which dialog, by number, and of which dialog a request to cancel.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    known: HashMap<(usize, String), Id>,
    dialogs: usize,
}

#[derive(Debug, Clone, Copy)]
enum Id {
    Dialog(usize),
    /// A creq for this dialog; for one that there never was.
    Request(Option<usize>),
}

impl Ids {
    /// A frame on this link, as `kind(value)` and the number of its dialog unless it is the first.
    pub(crate) fn frame(&mut self, link: usize, message: &Message<'_>, hop: [&str; 2]) -> String {
        let cid = message.cid().unwrap_or_default().to_owned();
        if let Message::Start(start) = message {
            self.learn(link, &cid, start.kwargs.value("cid").filter(|_| start.func == "_cancel_task"));
        }
        let id = self.known.get(&(link, cid)).copied();
        let (number, is_request) = match id {
            Some(Id::Dialog(number)) => (Some(number), false),
            Some(Id::Request(of)) => (of, true),
            None => (None, false),
        };
        let word = match message {
            Message::Start(start) if start.func == "_cancel_task" => "creq".to_owned(),
            Message::Start(start) if start.ns == "self" => format!("Start(self:{})", start.func.as_str()),
            Message::Start(_) => "Start".to_owned(),
            Message::StartAck { .. } if is_request => "StartAck(creq)".to_owned(),
            Message::StartAck { functype, .. } => format!("StartAck({})", functype.functype()),
            Message::Error(msg) => match error(msg, hop) {
                text if text == "notice" || text.starts_with("ctxc(") => text,
                text => format!("Error({text})"),
            },
            Message::Started { pld, .. } | Message::Yield { pld, .. } | Message::Return { pld, .. } => {
                format!("{}({})", message.kind(), value(pld))
            }
            other => other.kind().to_string(),
        };
        match number {
            Some(1) => word,
            Some(number) => format!("{word}#{number}"),
            None => format!("{word}#?"),
        }
    }

    fn learn(&mut self, link: usize, cid: &str, target: Option<Payload>) {
        let id = match target {
            None => {
                self.dialogs += 1;
                Id::Dialog(self.dialogs)
            }
            Some(target) => {
                let target = target.decode::<String>().unwrap_or_default();
                match self.known.get(&(link, target)) {
                    Some(&Id::Dialog(number)) => Id::Request(Some(number)),
                    Some(Id::Request(_)) | None => Id::Request(None),
                }
            }
        };
        self.known.entry((link, cid.to_owned())).or_insert(id);
    }

    /// The number of a dialog, as a mark behind a word; none for the first.
    pub(crate) fn mark(&self, link: usize, cid: &str) -> String {
        match self.known.get(&(link, cid.to_owned())) {
            Some(Id::Dialog(1)) => String::new(),
            Some(Id::Dialog(number)) => format!("#{number}"),
            Some(Id::Request(_)) | None => "#?".to_owned(),
        }
    }
}

/// A value, texts in single quotes.
pub(crate) fn value(value: &Payload) -> String {
    match value.decode::<serde_json::Value>() {
        Ok(serde_json::Value::Null) => "nil".to_owned(),
        Ok(serde_json::Value::String(text)) => format!("'{text}'"),
        Ok(serde_json::Value::Object(fields)) if fields.contains_key("msg_type") => terminal(&fields),
        Ok(value) => value.to_string(),
        Err(_) => format!("{} bytes", value.as_bytes().len()),
    }
}

/// What is said about the terminal of a tree of actors: whose it is, and whether it is locked.
fn terminal(fields: &serde_json::Map<String, serde_json::Value>) -> String {
    let tag = fields["msg_type"].as_str().unwrap_or_default();
    let actor = fields.get("subactor_uid").and_then(|uid| uid[0].as_str()).unwrap_or_default();
    match fields.get("locked").and_then(serde_json::Value::as_bool) {
        Some(true) => format!("{tag}({actor}, locked)"),
        Some(false) => format!("{tag}({actor}, unlocked)"),
        None => format!("{tag}({actor})"),
    }
}

/// An error that came from the neighbour `from`: its class, its source if that is another, where it arose if
/// that was elsewhere, its hops if there are several.
fn error(msg: &ErrorMsg, [from, to]: [&str; 2]) -> String {
    let mut text = match (&*msg.boxed_type_str, &msg.canceller) {
        ("ContextCancelled", Some(canceller)) => format!("ctxc({})", canceller.name()),
        _ if is_notice(msg, &uid_of(to)) => "notice".to_owned(),
        (boxed, _) => boxed.to_owned(),
    };
    if msg.src_type_str != msg.boxed_type_str {
        text += &format!(" of {}", msg.src_type_str);
    }
    if msg.src_uid.name() != from {
        text += &format!(" from {}", msg.src_uid.name());
    }
    if msg.relay_path.len() > 1 {
        let hops: Vec<_> = msg.relay_path.iter().map(Uid::name).collect();
        text += &format!(" via {}", hops.join(">"));
    }
    text
}

fn violation(violation: &PeerViolation) -> String {
    match violation {
        PeerViolation::OutOfPhase(violation) => format!("broken rule, {:?}", violation.signal),
        PeerViolation::Rejected(_) => "broken rule, wrong envelope".to_owned(),
        PeerViolation::Mistyped(mistyped) => format!("mistyped {}", mistyped.kind),
        other => format!("broken rule, {other}"),
    }
}

/// How one end of a dialog has ended, what came to it going from whom to whom.
pub(crate) fn outcome(dialog: &DialogRef<'_>, hop: [&str; 2]) -> String {
    match dialog.outcome() {
        None => "running".to_owned(),
        Some(Outcome::Returned(None)) => "returned".to_owned(),
        Some(Outcome::Returned(Some(result))) => format!("returned {}", value(result)),
        Some(Outcome::Failed(Failure::Remote(remote))) => format!("failed: {}", error(&remote.msg, hop)),
        Some(Outcome::Failed(Failure::Violation(broken))) => format!("failed: {}", violation(broken)),
        Some(Outcome::Failed(Failure::Reported(class))) => format!("failed: own {class}"),
        Some(Outcome::Cancelled { confirmed: false, .. }) => "cancelled, unconfirmed".to_owned(),
        Some(Outcome::Cancelled { .. }) => match dialog.canceller() {
            Some(canceller) => format!("cancelled by {}", canceller.name()),
            None => "cancelled".to_owned(),
        },
        Some(Outcome::Disconnected(reason)) => format!("disconnected: {reason}"),
        Some(other) => format!("{other:?}"),
    }
}

/// What a call of a driver's handle fails with.
pub(crate) fn failure(failure: &Error, hop: [&str; 2]) -> String {
    match failure {
        Error::Remote(remote) => error(&remote.msg, hop),
        Error::Violation(broken) => violation(broken),
        Error::Cancelled { by: Some(uid) } => format!("cancelled by {}", uid.name()),
        Error::Misuse(misuse) => refusal(misuse),
        other => other.to_string(),
    }
}

/// Why a verb was refused.
pub(crate) fn refusal(misuse: &Misuse) -> String {
    match misuse {
        Misuse::OutOfPhase { verb, .. } => format!("{verb:?} is out of phase"),
        other => other.to_string(),
    }
}
