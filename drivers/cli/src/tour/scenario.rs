//! What the tour holds, and how each dialog has to end.

use serde::{Deserialize, Serialize};

use scipp_blocking::{Ending, Error};

/// One dialog of the tour.
pub(crate) struct Scenario {
    pub(crate) act: Act,
    pub(crate) title: &'static str,
    /// The outcome that the protocol specifies.
    pub(crate) expected: &'static str,
}

/// What the parent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Call,
    FailingCall,
    Generator,
    Context,
    ErrorBeforeStarted,
    ErrorAfterStarted,
    CancelByParent,
    CancelByChild,
    CancelByBoth,
    Overrun,
    KilledPeer,
}

/// All of them. Only the last costs the peer its life.
pub(crate) static SCENARIOS: [Scenario; 11] = [
    scenario(Act::Call, "a call", "returned 5"),
    scenario(Act::FailingCall, "a failing call", "failed: ZeroDivisionError"),
    scenario(Act::Generator, "a generator", "yielded [1, 2, 3]"),
    scenario(
        Act::Context,
        "a context: first value, stream both ways, result",
        "received [1, 3, 6], returned 6",
    ),
    scenario(Act::ErrorBeforeStarted, "an error before Started", "failed: ValueError"),
    scenario(Act::ErrorAfterStarted, "an error after Started", "failed: KeyError"),
    scenario(Act::CancelByParent, "a cancel by the parent", "cancelled, confirmed"),
    scenario(Act::CancelByChild, "a cancel by the child", "failed: ContextCancelled by peer"),
    scenario(Act::CancelByBoth, "both cancel at once", "cancelled, confirmed"),
    scenario(Act::Overrun, "an overrun: more items than the receiver's window", "failed: StreamOverrun"),
    scenario(Act::KilledPeer, "a killed peer", "disconnected"),
];

const fn scenario(act: Act, title: &'static str, expected: &'static str) -> Scenario {
    Scenario { act, title, expected }
}

/// The arguments of `add` and `divide`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

/// The arguments of `count`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) to: u32,
}

/// The end of a context of which nothing else counts.
pub(crate) fn ended(ending: &Ending) -> String {
    match ending {
        Ending::Returned(_) => "returned",
        Ending::Cancelled { confirmed: true } => "cancelled, confirmed",
        Ending::Cancelled { confirmed: false } => "cancelled, unconfirmed",
    }
    .to_owned()
}

/// How a dialog ended, in few words.
pub(crate) fn describe(result: Result<String, Error>) -> String {
    match result {
        Ok(text) => text,
        Err(Error::Remote(error)) => {
            let by = error.canceller().map(|uid| format!(" by {}", uid.name().escape_debug()));
            format!("failed: {}{}", error.msg.src_type_str.escape_debug(), by.unwrap_or_default())
        }
        Err(Error::Disconnected(_)) => "disconnected".to_owned(),
        Err(error) => error.to_string(),
    }
}
