//! Differences in what an application sees.

use scipp_proto::{CloseReason, Era, Outcome, PeerViolation};

use super::{Instead, Recorded, Rule};
use crate::replay::acts::{is_about, type_name};
use crate::replay::lines::is_unresolved;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D1",
        when: "Return arrived before the parent closed its stream",
        holds: |s| s.is_parent() && s.facts.sent_stop && s.facts.ended,
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| {
            let raw = s.line.and_then(|line| line.value.get("value")).and_then(|value| value.get("$bin"));
            match (raw, s.outcome()) {
                (Some(raw), Some(Outcome::Returned(Some(value)))) => {
                    let bytes: String = value.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
                    *raw == bytes
                }
                _ => false,
            }
        }),
    },
    Rule {
        id: "D1",
        when: "Return arrived before the parent closed its stream, and the reference lost it",
        holds: |s| s.is_parent() && s.facts.sent_stop && s.facts.ended && s.is_local_cancel(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.is_returned()),
    },
    Rule {
        id: "D2",
        when: "the caller left its stream while items came in, and the reference stopped waiting",
        holds: |s| s.facts.opened_stream,
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.line.is_some_and(is_unresolved)),
    },
    Rule {
        id: "D3",
        when: "Return arrived while the parent's stream was open, and the reference takes it for an item",
        holds: |s| s.facts.opened_stream && s.sees_result(),
        recorded: Recorded::Line("receive"),
        instead: Instead::Seen(|s| s.is_returned()),
    },
    Rule {
        id: "D3",
        when: "Return arrived before Started, and the reference takes it for the first value",
        holds: |s| s.facts.ended && !s.facts.started,
        recorded: Recorded::Line("opened"),
        instead: Instead::Seen(|s| s.is_violated()),
    },
    Rule {
        id: "D3",
        when: "Return arrived before Started, and the reference waits for another one",
        holds: |s| s.facts.ended && !s.facts.started && s.is_local_error(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.is_violated()),
    },
    Rule {
        id: "D3",
        when: "the peer broke a rule of the dialog, and the reference takes its message for an item",
        holds: |s| s.is_child(),
        recorded: Recorded::Line("receive"),
        instead: Instead::Seen(|s| s.is_violated()),
    },
    Rule {
        id: "D4",
        when: "the connection was lost, and the reference waits",
        holds: |s| s.is_local_error(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.is_disconnected()),
    },
    Rule {
        id: "D6",
        when: "the caller's wait for a dialog that goes on is cancelled, and the reference leaves it alone",
        holds: |s| s.is_parent() && !s.is_ended() && s.is_local_cancel() && !s.ending_arrived(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.outcome().is_none()),
    },
    Rule {
        id: "D16",
        when: "a control frame was dropped by the reference, which waits for it",
        holds: |s| s.is_parent() && s.facts.sent_notice && s.is_local_cancel(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.is_ended()),
    },
    Rule {
        id: "D16",
        when: "the sender was told that it sends too fast, and the reference takes later items again",
        holds: |s| s.facts.sent_notice,
        recorded: Recorded::Line("receive"),
        instead: Instead::Seen(|s| s.view.is_some_and(|view| view.dropped() > 0)),
    },
    Rule {
        id: "D19",
        when: "both ends cancelled at once",
        holds: |s| s.is_parent() && s.facts.sent_cancel,
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| {
            let Some(Outcome::Cancelled { error: Some(error), .. }) = s.outcome() else { return false };
            error.canceller() == Some(&s.seat.peer)
                && s.seen_error().is_some_and(|seen| is_about(seen, &error.msg))
        }),
    },
    Rule {
        id: "D25",
        when: "the peer reported that it failed as a whole, and the reference waits",
        holds: |s| matches!(s.closed, Some(CloseReason::PeerFailed(_))),
        recorded: Recorded::AnyLine,
        instead: Instead::Seen(|s| s.is_disconnected()),
    },
    Rule {
        id: "D29",
        when: "an error of another dialog passes through the caller's block while the dialog goes on",
        holds: |s| s.is_parent() && !s.is_ended() && s.is_foreign_error(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.outcome().is_none()),
    },
    Rule {
        id: "D30",
        when: "the caller found a value of the wrong type while the dialog goes on",
        holds: |s| s.is_parent() && !s.is_ended() && s.is_own_type_error(),
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.outcome().is_none()),
    },
    Rule {
        id: "D33",
        when: "a frame arrived that is not one well-formed value, which ended the connection",
        holds: |s| s.is_closed_by_malformed(),
        recorded: Recorded::AnyLine,
        instead: Instead::Seen(|s| s.view.is_none() || s.is_disconnected()),
    },
    Rule {
        id: "D34",
        when: "the id of a live dialog was used again, which ended the connection",
        holds: |s| matches!(s.violation(), Some(PeerViolation::CidReuse)),
        recorded: Recorded::AnyLine,
        instead: Instead::Seen(|s| s.view.is_none() || s.is_disconnected()),
    },
    Rule {
        id: "D11",
        when: "the peer broke a rule of the connection, which ended it",
        holds: |s| s.violation().is_some(),
        recorded: Recorded::AnyLine,
        instead: Instead::Seen(|s| s.view.is_none() || s.is_disconnected()),
    },
    Rule {
        id: "D40",
        when: "a Start named another caller than the handshake and was refused",
        holds: |s| s.is_spoofed(),
        recorded: Recorded::AnyLine,
        instead: Instead::Seen(|s| s.view.is_none() || s.is_ended()),
    },
    Rule {
        id: "D41",
        when: "the connection was lost, and the task of the reference ran on",
        holds: |s| s.is_child(),
        recorded: Recorded::AnyLine,
        instead: Instead::Seen(|s| s.is_disconnected()),
    },
    Rule {
        id: "D42",
        when: "our Stop was sent, and the reference opened a second stream",
        holds: |s| s.facts.sent_stop,
        recorded: Recorded::Line("receive"),
        instead: Instead::Seen(|s| s.view.is_some_and(|view| view.dropped() > 0)),
    },
    Rule {
        id: "D48",
        when: "the wait of the 2025 reference fails by itself",
        holds: |s| {
            s.seat.identity.era == Era::March2025
                && s.seen_error()
                    .is_some_and(|error| matches!(type_name(error), "AssertionError" | "AttributeError"))
        },
        recorded: Recorded::Line("result"),
        instead: Instead::Seen(|s| s.is_returned()),
    },
];
