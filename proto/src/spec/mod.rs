//! What values a dialog may carry: types of payloads as data. (P-3 to P-16)
//!
//! A [`Spec`] says it, a [`PldSpec`] is one made ready for checking. It is written as Python writes
//! types, can be built, printed, parsed, compared and sent, and checks the bytes of a payload without
//! building a value: one pass, no recursion, bounded.
//!
//! ```
//! use scipp_proto::Payload;
//! use scipp_proto::spec::{PldSpec, Spec};
//!
//! let spec = PldSpec::new(Spec::list(Spec::INT).or_nil())?;
//! assert_eq!(spec.to_string(), "list[int]|None");
//! assert_eq!("list[int]|None".parse(), Ok(spec.clone()));
//!
//! let payload = Payload::new(vec![0x92, 1, 0xa1, b'x'].into())?;
//! let wrong = spec.check(&payload).unwrap_err();
//! assert_eq!(wrong.to_string(), "[1]: expected int, found 'x' (str), at byte 2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod compile;
mod error;
mod found;
mod limits;
mod mismatch;
mod node;
mod parse;
mod place;
mod pld_type;
mod scalar;
mod scan;
mod shape;
mod slots;
mod subset;
#[cfg(test)]
mod tests;
mod text;
mod union;

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;
use core::hash::{Hash, Hasher};

use node::{Node, Nodes};

pub(crate) use found::{describe, ext};

pub use error::{ParseError, SpecError};
pub use limits::Limits;
pub use mismatch::Mismatch;
pub use pld_type::{Names, PldType};
pub use shape::{Field, Literal, Presence, Spec, Struct};
pub use slots::{Slot, Slots};
pub use subset::Difference;

use crate::payload::{Kwargs, Payload};

/// A [`Spec`] made ready for checking. Cloning is cheap.
#[derive(Clone)]
pub struct PldSpec(Arc<Ready>);

struct Ready {
    source: Spec,
    nodes: Nodes,
}

impl PldSpec {
    /// Makes `spec` ready.
    ///
    /// # Errors
    ///
    /// If it contradicts itself, names what it does not define, or leaves open which alternative of a
    /// union a value belongs to.
    pub fn new(spec: Spec) -> Result<Self, SpecError> {
        Self::new_within(spec, &Limits::default())
    }

    /// The same within other limits than the usual ones.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn new_within(spec: Spec, limits: &Limits) -> Result<Self, SpecError> {
        let nodes = compile::nodes(&spec, limits)?;
        Ok(Self(Arc::new(Ready { source: spec, nodes })))
    }

    /// Reads a complete text, as from a peer.
    ///
    /// # Errors
    ///
    /// As [`Spec::parse_with`] and [`new`](Self::new).
    pub fn parse_within(text: &str, limits: &Limits) -> Result<Self, ParseError> {
        Ok(Self::new_within(Spec::parse_within(text, &[], limits)?, limits)?)
    }

    /// Everything conforms.
    pub fn any() -> Self {
        Self(Arc::new(Ready { source: Spec::Any, nodes: Nodes::default() }))
    }

    /// The values of the Rust type `T`.
    ///
    /// # Errors
    ///
    /// If its description is none, see [`new`](Self::new).
    pub fn of<T: PldType + ?Sized>() -> Result<Self, SpecError> {
        Self::new(T::describe(&mut Names::default()))
    }

    /// What it was made from.
    pub fn spec(&self) -> &Spec {
        &self.0.source
    }

    /// How it is written, shortened: for reports.
    pub(crate) fn label(&self) -> String {
        text::label(&self.0.source)
    }

    /// Whether everything conforms.
    pub fn is_any(&self) -> bool {
        matches!(self.0.nodes.get(0), Node::Any)
    }

    /// Checks that a payload conforms. Nothing is decoded, and the time it takes is linear in its bytes.
    ///
    /// # Errors
    ///
    /// The first part that does not.
    pub fn check(&self, payload: &Payload) -> Result<(), Mismatch> {
        self.check_bytes(payload.as_bytes())
    }

    /// Checks keyword arguments, as a map.
    ///
    /// # Errors
    ///
    /// The first argument that does not conform.
    pub fn check_kwargs(&self, kwargs: &Kwargs) -> Result<(), Mismatch> {
        self.check_bytes(kwargs.as_bytes())
    }

    /// Checks that `bytes` are one value that conforms.
    ///
    /// # Errors
    ///
    /// The first part that does not, or the byte at which they are no value.
    pub fn check_bytes(&self, bytes: &[u8]) -> Result<(), Mismatch> {
        self.first(bytes, false)
    }

    /// Checks that a payload conforms, and that the type loses nothing of it: fields that it does not name
    /// would be dropped by a receiver, integers would become floats.
    ///
    /// # Errors
    ///
    /// The first part that would not come back as it was sent.
    pub fn check_exact(&self, payload: &Payload) -> Result<(), Mismatch> {
        self.first(payload.as_bytes(), true)
    }

    fn first(&self, bytes: &[u8], exact: bool) -> Result<(), Mismatch> {
        match check::check(&self.0.nodes, bytes, 1, exact).pop() {
            Some(mismatch) => Err(mismatch),
            None => Ok(()),
        }
    }

    /// Everything in `bytes` that does not conform, at most `most` parts; nothing if all does.
    pub fn mismatches(&self, bytes: &[u8], most: usize) -> Vec<Mismatch> {
        check::check(&self.0.nodes, bytes, most.max(1), false)
    }

    /// Says in advance which of these values can be sent where this spec is in force, and why others can not.
    pub fn audit<'a>(
        &self,
        values: impl IntoIterator<Item = &'a Payload>,
    ) -> impl Iterator<Item = (&'a Payload, Result<(), Mismatch>)> {
        values.into_iter().map(|value| (value, self.check(value)))
    }

    /// Whether every value that conforms to this one also conforms to `other`; false where that cannot
    /// be told, as of specs that take too long to compare. (P-16)
    pub fn is_subset_of(&self, other: &Self) -> bool {
        subset::differences(&self.0.nodes, &other.0.nodes, 1).is_empty()
    }

    /// Where a value that conforms to this one might not conform to `other`; nothing if all do, and at most 64.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        subset::differences(&self.0.nodes, &other.0.nodes, limits::DIFFERENCES)
    }
}

impl PartialEq for PldSpec {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.source == other.0.source
    }
}

impl Eq for PldSpec {}

impl Hash for PldSpec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.source.hash(state);
    }
}

impl fmt::Debug for PldSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PldSpec({:#})", self.0.source)
    }
}

/// As Python writes the type; in the alternate form with the definition of every name.
impl fmt::Display for PldSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.source, f)
    }
}

impl core::str::FromStr for PldSpec {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse_within(text, &Limits::default())
    }
}

impl TryFrom<Spec> for PldSpec {
    type Error = SpecError;

    fn try_from(spec: Spec) -> Result<Self, SpecError> {
        Self::new(spec)
    }
}

/// As its complete text.
#[cfg(feature = "serde")]
impl serde::Serialize for PldSpec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:#}"))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for PldSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
