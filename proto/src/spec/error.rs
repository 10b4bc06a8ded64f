//! Why a spec is none, and why a text is no spec.

use alloc::string::String;

/// Why a spec is none. Names are cut to 200 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A name that it does not define.
    #[error("{0} is not defined")]
    Undefined(String),
    /// Two different types have one name.
    #[error("{0} is defined twice")]
    Redefined(String),
    /// A name that the text defines and nothing leads to.
    #[error("{0} is defined and not used")]
    Unused(String),
    /// A name that cannot be one: the names of built-in types, and what is no identifier.
    #[error("{0:?} cannot be the name of a type")]
    Name(String),
    /// A type that is nothing but itself.
    #[error("{0} is defined by itself alone")]
    Endless(String),
    /// Two alternatives of a union of which only one can be told from the value.
    #[error("which alternative a value belongs to cannot be told: {0}")]
    Ambiguous(String),
    /// Two fields of a struct have one name.
    #[error("{name} has two fields {field}")]
    RepeatedField {
        /// The struct.
        name: String,
        /// The field.
        field: String,
    },
    /// A default that does not conform to its own field.
    #[error("{name}: the default of {field} is not of its type")]
    Default {
        /// The struct.
        name: String,
        /// The field.
        field: String,
    },
    /// A union of nothing, or a range with its ends crossed or beyond what can be written.
    #[error("nothing conforms to {0}")]
    Empty(String),
    /// More parts than its [`Limits`](super::Limits) or unions that take longer to resolve, a struct of more
    /// than 128 fields, or more than 64 levels.
    #[error(
        "too large: of more parts, fields or levels than it may have, or with unions too long to resolve"
    )]
    TooLarge,
}

/// Why a text is no spec.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Something else stands there than is due.
    #[error("expected {expected} at byte {at}")]
    Expected {
        /// What is due.
        expected: &'static str,
        /// Where, in bytes.
        at: usize,
    },
    /// More bytes than its [`Limits`](super::Limits), or more than 64 levels of brackets.
    #[error("the text is too long or nested too deep")]
    TooLong,
    /// It reads well and makes no sense.
    #[error(transparent)]
    Spec(#[from] SpecError),
}
