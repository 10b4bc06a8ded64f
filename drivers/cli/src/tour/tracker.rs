//! Where each dialog is, judged from its frames alone.

use std::collections::HashMap;

use scipp_proto::phase::{End, Half, Phase, Role, Signal, Verdict, step};
use scipp_proto::wire::{Kind, Message};

/// The dialogs of one connection, as an observer sees them.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    dialogs: HashMap<String, Dialog>,
}

/// What a request is about.
#[derive(Debug)]
enum Dialog {
    /// A task.
    Task { kind: Option<Kind>, phase: Phase, parent: Side },
    /// A request to cancel one.
    CancelRequest { is_answered: bool },
}

/// An end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Us,
    Peer,
}

impl Tracker {
    /// Follows one message. Returns where its dialog is now.
    pub(crate) fn follow(&mut self, from: Side, message: &Message<'_>) -> String {
        if let Message::Start(start) = message {
            return self.open(from, start.cid.as_str(), (start.ns.as_str(), start.func.as_str()));
        }
        match message.cid().and_then(|cid| self.dialogs.get_mut(cid)) {
            None => String::new(),
            Some(Dialog::CancelRequest { is_answered }) => {
                *is_answered |= matches!(message, Message::CancelAck { .. });
                (if *is_answered { "cancel: acked" } else { "cancel: requested" }).to_owned()
            }
            Some(Dialog::Task { kind, phase, parent }) => {
                let role = if from == *parent { Role::Parent } else { Role::Child };
                if let Message::StartAck { functype, .. } = message {
                    *kind = Some(*functype);
                }
                let signal = signal(role, message);
                match signal.map(|signal| step(kind.unwrap_or(Kind::Context), *phase, role, signal)) {
                    Some(Verdict::To(next)) => *phase = next,
                    Some(Verdict::Crossed) => return format!("{} (crossed)", name(*phase)),
                    Some(Verdict::Illegal(_)) | None => return "not legal".to_owned(),
                }
                name(*phase)
            }
        }
    }

    fn open(&mut self, parent: Side, cid: &str, (ns, func): (&str, &str)) -> String {
        let (dialog, text) = if (ns, func) == ("self", "_cancel_task") {
            (Dialog::CancelRequest { is_answered: false }, "cancel: requested".to_owned())
        } else {
            let phase = Phase::Requested;
            (Dialog::Task { kind: None, phase, parent }, name(phase))
        };
        self.dialogs.insert(cid.to_owned(), dialog);
        text
    }

    /// Whether nothing is to come: every task has ended, every request is answered.
    pub(crate) fn is_quiet(&self) -> bool {
        self.dialogs.values().all(|dialog| match dialog {
            Dialog::Task { phase, .. } => phase.is_ended(),
            Dialog::CancelRequest { is_answered } => *is_answered,
        })
    }
}

/// What `message` means for the phase of its dialog.
fn signal(from: Role, message: &Message<'_>) -> Option<Signal> {
    Some(match message {
        Message::StartAck { functype, .. } => Signal::StartAck(*functype),
        Message::Started { .. } => Signal::Started,
        Message::Yield { .. } => Signal::Yield,
        Message::Stop { .. } => Signal::Stop,
        Message::Return { .. } => Signal::Return,
        Message::CancelAck { .. } => Signal::CancelAck,
        Message::Error(error) if from == Role::Parent && error.sender.is_some() => Signal::Notice,
        Message::Error(_) => Signal::Error,
        Message::Aid(_) | Message::SpawnSpec(_) | Message::Start(_) => return None,
    })
}

fn name(phase: Phase) -> String {
    match phase {
        Phase::Requested => "Requested",
        Phase::Accepted => "Accepted",
        Phase::Started { parent: Half::Open, child: Half::Open } => "Started",
        Phase::Started { .. } => "Started, stopped",
        Phase::Ended(End::Returned) => "Ended: returned",
        Phase::Ended(End::Failed) => "Ended: failed",
        Phase::Ended(End::Unconfirmed) => "Ended: unconfirmed",
        Phase::Ended(End::Disconnected) => "Ended: disconnected",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use scipp_proto::Payload;

    #[test]
    fn a_dialog_is_followed_to_its_end() {
        let mut tracker = Tracker::default();
        let start = scipp_proto::wire::Start {
            cid: "c".into(),
            ns: "app".into(),
            func: "f".into(),
            kwargs: scipp_proto::Kwargs::EMPTY,
            uid_name: "a".into(),
            uid_uuid: "b".into(),
            pld_spec: "".into(),
        };
        assert_eq!(tracker.follow(Side::Us, &Message::Start(start)), "Requested");
        assert!(!tracker.is_quiet());
        let ack = Message::StartAck { cid: "c".into(), functype: Kind::Function };
        assert_eq!(tracker.follow(Side::Peer, &ack), "Accepted");
        let illegal = Message::Yield { cid: "c".into(), pld: Payload::NIL };
        assert_eq!(tracker.follow(Side::Peer, &illegal), "not legal");
        let result = Message::Return { cid: "c".into(), pld: Payload::NIL };
        assert_eq!(tracker.follow(Side::Peer, &result), "Ended: returned");
        assert_eq!(tracker.follow(Side::Peer, &result), "Ended: returned (crossed)");
        assert!(tracker.is_quiet());
    }
}
