//! Types of values that are no containers: of bytes, of literals, and of each other.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::error::SpecError;
use super::found::{ext, is_timestamp};
use super::shape::{Literal, Spec};
use crate::path::EndpointPath;
use crate::wire::cursor::Token;

/// A type of values that are no containers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Nil,
    Bool,
    Int(i128, i128),
    Float,
    Str,
    Path,
    Bytes,
    Timestamp,
    Ext(i8),
    Literal(Literal),
}

impl Scalar {
    /// Whether the value that begins with `token` and has the bytes `raw` belongs to it. (P-3 to P-6)
    #[inline]
    pub(super) fn admits(&self, token: Token<'_>, raw: &[u8]) -> bool {
        match (self, token) {
            (Self::Nil, Token::Nil)
            | (Self::Bool, Token::Bool(_))
            | (Self::Float, Token::Float | Token::Unsigned(_) | Token::Negative(_))
            | (Self::Bytes, Token::Bin) => true,
            (Self::Int(min, max), Token::Unsigned(value)) => (*min..=*max).contains(&i128::from(value)),
            (Self::Int(min, max), Token::Negative(value)) => (*min..=*max).contains(&i128::from(value)),
            (Self::Str, Token::Str(bytes)) => core::str::from_utf8(bytes).is_ok(),
            (Self::Path, Token::Str(bytes)) => core::str::from_utf8(bytes).is_ok_and(EndpointPath::is_one),
            (Self::Timestamp, Token::Ext) => is_timestamp(raw),
            (Self::Ext(code), Token::Ext) => ext(raw).is_some_and(|(found, _)| found == *code),
            (Self::Literal(literal), token) => literal.is(token),
            _ => false,
        }
    }

    /// It as a type of its own.
    pub(super) fn spec(&self) -> Spec {
        match self {
            Self::Nil => Spec::Nil,
            Self::Bool => Spec::Bool,
            Self::Int(min, max) => Spec::Int { min: *min, max: *max },
            Self::Float => Spec::Float,
            Self::Str => Spec::Str,
            Self::Path => Spec::Path,
            Self::Bytes => Spec::Bytes,
            Self::Timestamp => Spec::Timestamp,
            Self::Ext(code) => Spec::Ext(*code),
            Self::Literal(literal) => Spec::Literal(literal.clone()),
        }
    }
}

/// The scalar that a type is, if it is one.
pub(super) fn scalar(spec: &Spec) -> Result<Option<Scalar>, SpecError> {
    Ok(Some(match spec {
        Spec::Nil => Scalar::Nil,
        Spec::Bool => Scalar::Bool,
        Spec::Int { min, max } => {
            let least = i128::from(i64::MIN);
            let most = i128::from(u64::MAX);
            if min > max || *max < least || *min > most {
                return Err(SpecError::Empty(spec.to_string()));
            }
            Scalar::Int(*min, *max)
        }
        Spec::Float => Scalar::Float,
        Spec::Str => Scalar::Str,
        Spec::Bytes => Scalar::Bytes,
        Spec::Timestamp => Scalar::Timestamp,
        Spec::Path => Scalar::Path,
        Spec::Ext(code) => Scalar::Ext(*code),
        Spec::Literal(literal) => Scalar::Literal(literal.clone()),
        Spec::Any
        | Spec::List(_)
        | Spec::Tuple(_)
        | Spec::Map(..)
        | Spec::Struct(_)
        | Spec::Union(_)
        | Spec::Named(..)
        | Spec::Ref(_) => return Ok(None),
    }))
}

impl Literal {
    /// Bytes of its text.
    pub(super) fn len(&self) -> usize {
        if let Self::Str(text) = self { text.len() } else { 0 }
    }

    /// Whether this value belongs to a type.
    pub(super) fn conforms(&self, scalar: &Scalar) -> bool {
        match (self, scalar) {
            (Self::Nil, Scalar::Nil)
            | (Self::Bool(_), Scalar::Bool)
            | (Self::Int(_), Scalar::Float)
            | (Self::Str(_), Scalar::Str) => true,
            (Self::Int(value), Scalar::Int(min, max)) => (min..=max).contains(&value),
            (Self::Str(value), Scalar::Path) => EndpointPath::is_one(value),
            (_, Scalar::Literal(other)) => self == other,
            _ => false,
        }
    }

    /// Whether the value that begins with `token` is this one.
    #[inline]
    pub(super) fn is(&self, token: Token<'_>) -> bool {
        match (self, token) {
            (Self::Nil, Token::Nil) => true,
            (Self::Bool(literal), Token::Bool(value)) => *literal == value,
            (Self::Int(literal), Token::Unsigned(value)) => *literal == i128::from(value),
            (Self::Int(literal), Token::Negative(value)) => *literal == i128::from(value),
            (Self::Str(literal), Token::Str(value)) => literal.as_bytes() == value,
            _ => false,
        }
    }
}

/// Whether every value of `scalar` belongs to one of `others`.
pub(super) fn covers(others: &[&Scalar], scalar: &Scalar) -> bool {
    let has = |wanted: &Scalar| others.contains(&wanted);
    match scalar {
        Scalar::Literal(literal) => others.iter().any(|other| literal.conforms(other)),
        Scalar::Int(min, max) => has(&Scalar::Float) || covers_range(others, *min, *max),
        Scalar::Bool => {
            let both = [true, false].map(|value| Scalar::Literal(Literal::Bool(value)));
            has(scalar) || both.iter().all(has)
        }
        Scalar::Nil => has(scalar) || has(&Scalar::Literal(Literal::Nil)),
        Scalar::Path => has(scalar) || has(&Scalar::Str),
        Scalar::Timestamp => has(scalar) || has(&Scalar::Ext(-1)),
        Scalar::Float | Scalar::Str | Scalar::Bytes | Scalar::Ext(_) => has(scalar),
    }
}

/// Whether ranges and single integers together leave no gap from `min` to `max`.
fn covers_range(others: &[&Scalar], min: i128, max: i128) -> bool {
    let mut ranges: Vec<(i128, i128)> = others
        .iter()
        .filter_map(|other| {
            if let Scalar::Int(min, max) = other {
                return Some((*min, *max));
            }
            let Scalar::Literal(Literal::Int(value)) = other else { return None };
            Some((*value, *value))
        })
        .collect();
    ranges.sort_unstable();
    // What cannot be written needs no counterpart.
    let (mut next, max) = (min.max(i64::MIN.into()), max.min(u64::MAX.into()));
    for (low, high) in ranges {
        if low > next {
            break;
        }
        next = next.max(high.saturating_add(1));
    }
    next > max
}
