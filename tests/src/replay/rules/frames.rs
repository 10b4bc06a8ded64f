//! Differences in what is sent.

use scipp_proto::wire::MsgKind;
use scipp_proto::{CloseReason, PeerViolation};

use super::{Instead, Recorded, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D3",
        when: "the peer broke a rule of the dialog, and the task of the reference goes on",
        holds: |s| s.is_child() && s.is_violated(),
        recorded: Recorded::Frame(MsgKind::Return),
        instead: Instead::This(|s| s.error("MessagingError")),
    },
    Rule {
        id: "D3",
        when: "the peer broke a rule of the dialog, and the task of the reference goes on",
        holds: |s| s.is_child() && s.is_violated(),
        recorded: Recorded::Frame(MsgKind::Yield),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D5",
        when: "the child's final frame was sent, and the reference sends another one",
        holds: |s| s.is_child() && s.facts.ended && s.ended_in_recording(),
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D5",
        when: "a task ends with its actor, which nobody asked to cancel, and the reference says nothing",
        holds: |s| {
            s.is_child()
                && s.facts.accepted
                && !s.facts.took_cancel
                && !s.facts.took_error
                && !s.ends_in_recording()
        },
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.cancellation()),
    },
    Rule {
        id: "D6",
        when: "the caller let go of a dialog that goes on",
        holds: |s| s.facts.released && !s.facts.ended && !s.facts.sent_cancel,
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.cancel_request()),
    },
    Rule {
        id: "D10",
        when: "a cancel request has other arguments than the dialog id",
        holds: |s| {
            s.opening()
                .is_some_and(|opening| opening.is_cancel_request() && opening.kwargs.iter().count() != 1)
        },
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error("TypeError")),
    },
    Rule {
        id: "D11",
        when: "a runtime method that does not exist was asked for",
        holds: |s| s.is_child() && s.is_unknown_method(),
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error("AttributeError")),
    },
    Rule {
        id: "D11",
        when: "a runtime method that does not exist is to be asked for",
        holds: |s| s.is_parent() && s.is_unknown_method(),
        recorded: Recorded::Frame(MsgKind::Start),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D11",
        when: "a result or an error holds what cannot be encoded, and the reference says nothing",
        holds: |s| s.is_child() && !s.facts.ended && !s.has_final_frame(),
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error("MsgTypeError")),
    },
    Rule {
        id: "D11",
        when: "the peer broke a rule of the connection, which ended it",
        holds: |s| {
            let has_own_rule = s.is_closed_by_malformed() || s.violation() == Some(&PeerViolation::CidReuse);
            s.violation().is_some() && !has_own_rule
        },
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D12",
        when: "an error is passed on whose source the reference loses",
        holds: |s| s.is_child() && s.loses_source(),
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::This(|s| s.relay_of_received()),
    },
    Rule {
        id: "D12",
        when: "the child found a value of the wrong type",
        holds: |s| {
            let path = s.recorded_error().map(|error| &error.relay_path[..]);
            path == Some(&[s.us().clone(), s.us().clone()])
        },
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::This(|s| s.single_hop()),
    },
    Rule {
        id: "D16",
        when: "the sender was told that it sends too fast",
        holds: |s| s.facts.sent_notice && s.recorded.is_some_and(|sent| s.seat.is_notice(sent)),
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D16",
        when: "no item overran the window, but a control frame did that of the reference",
        holds: |s| {
            let is_full = s.view.is_some_and(|view| view.unread() >= s.window || view.is_ended());
            is_full
                && (s.facts.took_stop || s.facts.ended)
                && s.recorded.is_some_and(|sent| s.seat.is_notice(sent))
        },
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D20",
        when: "the dialog has ended",
        holds: |s| s.facts.ended,
        recorded: Recorded::CancelRequest,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D20",
        when: "a cancel request for the dialog was sent",
        holds: |s| s.facts.sent_cancel,
        recorded: Recorded::CancelRequest,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D25",
        when: "our actor failed as a whole",
        holds: |s| s.recorded.is_some_and(|sent| sent.cid.is_none()),
        recorded: Recorded::Frame(MsgKind::Error),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D25",
        when: "the peer reported that it failed as a whole, which ended the connection",
        holds: |s| matches!(s.closed, Some(CloseReason::PeerFailed(_))),
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D31",
        when: "a context child returns that never opened its stream, and neither sent nor took a Stop",
        holds: |s| {
            s.is_context_child()
                && s.facts.started
                && !s.facts.sent_stop
                && !s.facts.took_stop
                && !s.facts.opened_stream
        },
        recorded: Recorded::Frame(MsgKind::Return),
        instead: Instead::First(|s| s.stop()),
    },
    Rule {
        id: "D32",
        when: "the child's Stop or ending was taken",
        holds: |s| s.is_parent() && (s.facts.took_stop || s.facts.ended),
        recorded: Recorded::Frame(MsgKind::Stop),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D32",
        when: "the parent's Stop was taken",
        holds: |s| s.is_child() && s.facts.took_stop,
        recorded: Recorded::Frame(MsgKind::Stop),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D33",
        when: "a frame arrived that is not one well-formed value, which ended the connection",
        holds: |s| s.is_closed_by_malformed(),
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D34",
        when: "the id of a live dialog was used again, which ended the connection",
        holds: |s| matches!(s.violation(), Some(PeerViolation::CidReuse)),
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D36",
        when: "a Start with a readable id and a wrong field arrived",
        holds: |s| s.plan.is_none() && s.has_unreadable_arrival(),
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error_about_arrival()),
    },
    Rule {
        id: "D36",
        when: "a message with a wrong field arrived for the dialog, and the task of the reference goes on",
        holds: |s| s.is_child() && s.is_violated() && s.has_unreadable_arrival(),
        recorded: Recorded::Frame(MsgKind::Return),
        instead: Instead::This(|s| s.error("MsgTypeError")),
    },
    Rule {
        id: "D38",
        when: "a context child returns that sent no first value",
        holds: |s| s.is_context_child() && !s.facts.started,
        recorded: Recorded::Frame(MsgKind::Return),
        instead: Instead::This(|s| s.error("RuntimeError")),
    },
    Rule {
        id: "D40",
        when: "a Start names another caller than the handshake",
        holds: |s| s.is_spoofed() && !s.facts.ended,
        recorded: Recorded::Nothing,
        instead: Instead::This(|s| s.error("RuntimeError")),
    },
    Rule {
        id: "D40",
        when: "a Start named another caller than the handshake and was refused",
        holds: |s| s.is_spoofed() && s.facts.ended,
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D41",
        when: "the connection was lost",
        holds: |s| s.is_lost(),
        recorded: Recorded::Anything,
        instead: Instead::Nothing,
    },
    Rule {
        id: "D42",
        when: "a Stop went either way, and the reference opened a second stream",
        holds: |s| s.facts.sent_stop || s.facts.took_stop,
        recorded: Recorded::Frame(MsgKind::Yield),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D42",
        when: "our Stop was sent, and the reference opened a second stream",
        holds: |s| s.facts.sent_stop,
        recorded: Recorded::Frame(MsgKind::Stop),
        instead: Instead::Nothing,
    },
    Rule {
        id: "D47",
        when: "a cancel request names a dialog that was never opened on this connection",
        holds: |s| s.plan.is_none(),
        recorded: Recorded::CancelRequest,
        instead: Instead::Nothing,
    },
];
