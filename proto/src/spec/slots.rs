//! The specs of an endpoint: one for its arguments, and one for each kind of message with a payload.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use super::{Mismatch, PldSpec, PldType, SpecError};
use crate::payload::{Kwargs, Payload};
use crate::wire::MsgKind;

/// A place for a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The arguments of `Start`.
    Params,
    /// The first value, of `Started`.
    Started,
    /// The items of `Yield`, of both directions.
    Yields,
    /// The result, of `Return`.
    Return,
}

impl Slot {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Params, Self::Started, Self::Yields, Self::Return];

    /// The slot for messages of a kind. None has one that carries no values of the application:
    /// `CancelAck` never is subject to a spec. (P-18)
    pub const fn of(kind: MsgKind) -> Option<Self> {
        match kind {
            MsgKind::Start => Some(Self::Params),
            MsgKind::Started => Some(Self::Started),
            MsgKind::Yield => Some(Self::Yields),
            MsgKind::Return => Some(Self::Return),
            MsgKind::Aid
            | MsgKind::SpawnSpec
            | MsgKind::StartAck
            | MsgKind::Stop
            | MsgKind::CancelAck
            | MsgKind::Error => None,
        }
    }

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Params => "params",
            Self::Started => "started",
            Self::Yields => "yields",
            Self::Return => "return",
        }
    }
}

/// The specs of an endpoint. A slot without one takes everything. (P-17)
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Slots {
    /// Of the arguments, as a map.
    pub params: Option<PldSpec>,
    /// Of the first value.
    pub started: Option<PldSpec>,
    /// Of the items, both ways.
    pub yields: Option<PldSpec>,
    /// Of the result.
    pub result: Option<PldSpec>,
}

impl Slots {
    /// One spec for the first value, the items and the result, as the reference has it.
    pub fn one_for_all(spec: PldSpec) -> Self {
        Self { params: None, started: Some(spec.clone()), yields: Some(spec.clone()), result: Some(spec) }
    }

    /// The specs of Rust types: of the arguments `P`, the first value `S`, the items `Y` and the result `R`.
    /// [`Payload`] stands for everything.
    ///
    /// ```
    /// use scipp_proto::Payload;
    /// use scipp_proto::spec::Slots;
    ///
    /// let slots = Slots::typed::<Payload, Option<String>, (u64, f64), ()>()?;
    /// assert_eq!(slots.started.as_ref().map(ToString::to_string).as_deref(), Some("str|None"));
    /// assert_eq!(slots.params, None);
    /// # Ok::<(), scipp_proto::spec::SpecError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the description of one of them is none, see [`PldSpec::new`].
    pub fn typed<P, S, Y, R>() -> Result<Self, SpecError>
    where
        P: PldType + ?Sized,
        S: PldType + ?Sized,
        Y: PldType + ?Sized,
        R: PldType + ?Sized,
    {
        let limiting = |spec: PldSpec| (!spec.is_any()).then_some(spec);
        Ok(Self {
            params: limiting(PldSpec::of::<P>()?),
            started: limiting(PldSpec::of::<S>()?),
            yields: limiting(PldSpec::of::<Y>()?),
            result: limiting(PldSpec::of::<R>()?),
        })
    }

    /// The spec in a slot. (P-17)
    pub const fn get(&self, slot: Slot) -> Option<&PldSpec> {
        match slot {
            Slot::Params => self.params.as_ref(),
            Slot::Started => self.started.as_ref(),
            Slot::Yields => self.yields.as_ref(),
            Slot::Return => self.result.as_ref(),
        }
    }

    /// Checks the payload of a message.
    ///
    /// # Errors
    ///
    /// The first part that does not conform.
    pub fn check(&self, kind: MsgKind, payload: &Payload) -> Result<(), Mismatch> {
        match Slot::of(kind).and_then(|slot| self.get(slot)) {
            Some(spec) => spec.check(payload),
            None => Ok(()),
        }
    }

    /// Checks arguments.
    ///
    /// # Errors
    ///
    /// The first one that does not conform.
    pub fn check_kwargs(&self, kwargs: &Kwargs) -> Result<(), Mismatch> {
        self.params.as_ref().map_or(Ok(()), |spec| spec.check_kwargs(kwargs))
    }

    /// What is likely to be a mistake: a result that cannot be nil, which is what an endpoint without a
    /// result returns; arguments that are no map.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if let Some(spec) = self.result.as_ref().filter(|spec| spec.check(&Payload::NIL).is_err()) {
            let spec = spec.label();
            doubts.push(format!("return: {spec} has no None, which an endpoint without a result returns"));
        }
        if let Some(spec) =
            self.params.as_ref().filter(|spec| spec.mismatches(&[0x80], 1).iter().any(is_whole))
        {
            let spec = spec.label();
            doubts.push(format!("params: {spec} is no map, and arguments always are"));
        }
        doubts
    }
}

/// Whether it is about the value as a whole, not about a part.
fn is_whole(mismatch: &Mismatch) -> bool {
    mismatch.path == "."
}

/// A line for each slot.
impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for slot in Slot::ALL {
            let name = slot.name();
            match self.get(slot) {
                Some(spec) if f.alternate() => writeln!(f, "{name:<8}{spec:#}")?,
                Some(spec) => writeln!(f, "{name:<8}{spec}")?,
                None => writeln!(f, "{name:<8}Any")?,
            }
        }
        Ok(())
    }
}
