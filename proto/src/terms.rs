//! What a dialog is bound to: its specs, what is checked, and what happens to what does not conform.

use alloc::{sync::Arc, vec::Vec};

use crate::event::DialogId;
use crate::payload::{Kwargs, Payload};
use crate::spec::{Mismatch, PldSpec, Slot, Slots};
use crate::wire::MsgKind;

/// What happens to a received value that does not conform. It is reported by
/// [`Event::Mistyped`](crate::Event) in any case. (P-20)
///
/// A first value or a result cannot be left out: what is said of items here fails the dialog there, except
/// by `HandOver`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TypePolicy {
    /// Fail the dialog, as the reference does: a parent asks the child to end, a child ends its task and
    /// says why.
    #[default]
    Cancel,
    /// Drop the item and count it.
    Skip,
    /// Deliver it as it is: [`receive`](crate::Connection::receive) tells it from the others, and nothing
    /// else happens to the dialog.
    HandOver,
    /// Drop the item, count it, and send this one back; not where the stream of ours is not open, and not
    /// while the peer does not read. It has to conform at the other end: two ends that reply to each other's
    /// replies go on up to [`Config::max_replies`](crate::Config), beyond which it is as `Cancel`.
    Reply(Payload),
}

/// How much of a value has to survive at the other end. (P-21)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Parity {
    /// What the spec names.
    #[default]
    Allow,
    /// Everything: no field that the spec does not name, no integer where it has a float.
    Strict,
}

/// The terms of an endpoint, in force for a whole dialog. They are local: nothing of them is sent.
///
/// ```
/// use scipp_proto::spec::Slots;
/// use scipp_proto::{Terms, TypePolicy};
///
/// // A feed whose bad quotes are passed over, and which returns nothing.
/// let terms = Terms {
///     slots: Slots {
///         yields: Some("dict[str, float]".parse()?),
///         result: Some("None".parse()?),
///         ..Slots::default()
///     },
///     on_mistyped: TypePolicy::Skip,
///     ..Terms::default()
/// };
/// # Ok::<(), scipp_proto::spec::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Terms {
    /// What values are of which type.
    pub slots: Slots,
    /// What happens to received values of another.
    pub on_mistyped: TypePolicy,
    /// Whether `started` checks before it sends. If not, only the receiver does.
    pub check_started: bool,
    /// Whether `finish` does.
    pub check_return: bool,
    /// What counts as conforming when we send.
    pub parity: Parity,
}

impl Terms {
    /// These specs, everything checked, a violation cancels.
    pub const fn new(slots: Slots) -> Self {
        Self {
            slots,
            on_mistyped: TypePolicy::Cancel,
            check_started: true,
            check_return: true,
            parity: Parity::Allow,
        }
    }

    /// One spec for the first value, the items and the result.
    pub fn one_for_all(spec: PldSpec) -> Self {
        Self::new(Slots::one_for_all(spec))
    }

    /// Checks arguments that are to be sent. (P-21)
    pub(crate) fn check_sent(&self, kwargs: &Kwargs) -> Result<(), Mismatch> {
        let found = first([&self.slots], MsgKind::Start, &kwargs.into(), self.parity);
        found.map_or(Ok(()), |(_, mismatch)| Err(mismatch))
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self::new(Slots::default())
    }
}

/// A narrowing of a dialog's specs, to be given back to [`restore`](crate::Connection::restore).
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Narrowing {
    pub(crate) dialog: DialogId,
    pub(crate) serial: u64,
}

/// What a dialog with terms keeps of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound {
    pub(crate) terms: Arc<Terms>,
    /// Narrowings in force with their serial numbers, the outermost first.
    narrowed: Vec<(u64, Slots)>,
    /// Narrowings so far.
    narrowings: u64,
    /// Values that did not conform.
    pub(crate) mistyped: u64,
    /// Items sent back since one conformed.
    pub(crate) replies: u32,
    /// The specs that the first value and the result did not conform to, if they were handed over.
    pub(crate) handed_over: Vec<(MsgKind, PldSpec)>,
}

impl Bound {
    /// Begins a narrowing; gives its serial number.
    pub(crate) fn narrow(&mut self, slots: Slots) -> u64 {
        let serial = self.narrowings;
        self.narrowings = serial.saturating_add(1);
        self.narrowed.push((serial, slots));
        serial
    }

    /// Ends a narrowing and those inside of it, if it has not ended yet.
    pub(crate) fn restore(&mut self, serial: u64) {
        if let Some(at) = self.narrowed.iter().position(|(of, _)| *of == serial) {
            self.narrowed.truncate(at);
        }
    }

    fn narrowed(&self) -> impl Iterator<Item = &Slots> {
        self.narrowed.iter().map(|(_, slots)| slots)
    }

    /// The first spec that `payload` does not conform to: of the endpoint's and all narrowings.
    pub(crate) fn check(
        &self,
        kind: MsgKind,
        payload: &Payload,
        parity: Parity,
    ) -> Option<(&PldSpec, Mismatch)> {
        first(core::iter::once(&self.terms.slots).chain(self.narrowed()), kind, payload, parity)
    }

    /// The same, for what the endpoint alone takes.
    pub(crate) fn check_terms(&self, kind: MsgKind, payload: &Payload) -> Option<(&PldSpec, Mismatch)> {
        first([&self.terms.slots], kind, payload, Parity::Allow)
    }

    /// The same, for the narrowings alone.
    pub(crate) fn check_narrowed(&self, kind: MsgKind, payload: &Payload) -> Option<(&PldSpec, Mismatch)> {
        first(self.narrowed(), kind, payload, Parity::Allow)
    }

    /// What can influence a later frame, event or verb.
    pub(crate) fn hash(&self, hasher: &mut impl core::hash::Hasher) {
        core::hash::Hash::hash(&(&self.terms, self.replies, &self.handed_over, self.narrowed.len()), hasher);
        self.narrowed().for_each(|slots| core::hash::Hash::hash(slots, hasher));
    }

    /// Bytes of it; the terms are shared by all dialogs of their endpoint.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>()
            .saturating_add(self.narrowed.capacity().saturating_mul(size_of::<(u64, Slots)>()))
            .saturating_add(self.handed_over.capacity().saturating_mul(size_of::<(MsgKind, PldSpec)>()))
    }
}

fn first<'a>(
    slots: impl IntoIterator<Item = &'a Slots>,
    kind: MsgKind,
    payload: &Payload,
    parity: Parity,
) -> Option<(&'a PldSpec, Mismatch)> {
    let slot = Slot::of(kind)?;
    slots.into_iter().filter_map(|slots| slots.get(slot)).find_map(|spec| {
        let checked = match parity {
            Parity::Allow => spec.check(payload),
            Parity::Strict => spec.check_exact(payload),
        };
        checked.err().map(|mismatch| (spec, mismatch))
    })
}
