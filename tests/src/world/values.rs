//! The values that applications send, and the terms under which they take them.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use scipp_proto::{Payload, Terms, TypePolicy};

use super::May;
use crate::script::int;

/// What an application has chosen for values of the wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named like the policy of the core")]
pub enum Policy {
    Cancel,
    Skip,
    HandOver,
    Reply,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cancel, Self::Skip, Self::HandOver, Self::Reply];

    /// Its terms: integers only; what is sent is not checked.
    pub(super) fn terms(self) -> &'static Arc<Terms> {
        static TERMS: LazyLock<[Arc<Terms>; 4]> = LazyLock::new(|| {
            Policy::ALL.map(|policy| {
                let mut terms = Terms::one_for_all("int".parse().expect("a type"));
                (terms.check_started, terms.check_return) = (false, false);
                terms.on_mistyped = match policy {
                    Policy::Cancel => TypePolicy::Cancel,
                    Policy::Skip => TypePolicy::Skip,
                    Policy::HandOver => TypePolicy::HandOver,
                    Policy::Reply => TypePolicy::Reply(Payload::NIL),
                };
                Arc::new(terms)
            })
        });
        &TERMS[self as usize]
    }
}

/// The value with this number, of the right type or not.
fn value(number: u8, is_mistyped: bool) -> Payload {
    if !is_mistyped {
        return int(number);
    }
    Payload::new(Bytes::copy_from_slice(&[0x91, number])).expect("a list of one")
}

/// The numbers of all items fit in a byte.
fn low(number: usize) -> u8 {
    u8::try_from(number % 100).unwrap_or(0)
}

impl May {
    /// The first value.
    pub(super) fn first(self) -> Payload {
        value(0, self.errs_first)
    }

    /// The item with this number; every third may be wrong.
    pub(super) fn item(self, number: u32) -> Payload {
        value(low(number as usize), self.errs_items && number % 3 == 1)
    }

    /// The result of the dialog with this number.
    pub(super) fn result(self, at: usize) -> Payload {
        value(low(at), self.errs_result)
    }
}

/// The number of an item; none of one that was sent back.
pub(super) fn number(item: &Payload) -> Option<u32> {
    (*item != Payload::NIL).then(|| item.as_bytes().last().copied().unwrap_or_default().into())
}

/// Whether a value does not conform to the terms.
pub(super) fn is_mistyped(value: &Payload) -> bool {
    !matches!(value.as_bytes()[..], [0..=0x7f])
}
