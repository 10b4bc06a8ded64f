//! Types of payloads, as data.

use alloc::{boxed::Box, string::String, vec, vec::Vec};
use core::ops::RangeInclusive;

/// A type of payloads: which MessagePack values belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spec {
    /// Every value.
    Any,
    /// Nil.
    Nil,
    /// A truth value; no number stands for one. (P-3)
    Bool,
    /// An integer from `min` to `max`, of any width; no truth value and no float is one.
    Int {
        /// The least.
        min: i128,
        /// The greatest.
        max: i128,
    },
    /// A float of either width, or an integer.
    Float,
    /// A text in UTF-8.
    Str,
    /// Binary data.
    Bytes,
    /// A point in time: the extension -1 in any of its three widths.
    Timestamp,
    /// The text `module:name`, see [`EndpointPath`](crate::EndpointPath).
    Path,
    /// An extension value with this code.
    Ext(i8),
    /// Exactly this value.
    Literal(Literal),
    /// An array of any length, elements alike.
    List(Box<Self>),
    /// An array of exactly these elements.
    Tuple(Vec<Self>),
    /// A map, keys alike and values alike.
    Map(Box<Self>, Box<Self>),
    /// A map with named fields. Its name can be used elsewhere in the same spec.
    Struct(Struct),
    /// A value of any of these. At most one of them may be an array, and at most one a map unless all
    /// maps are structs with one tag and different values of it. (P-9)
    Union(Vec<Self>),
    /// A type with a name, which can be used elsewhere in the same spec, also inside of itself.
    Named(String, Box<Self>),
    /// The struct or type of this name.
    Ref(String),
}

/// A value that is written out in a type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the value of its type")]
pub enum Literal {
    Nil,
    Bool(bool),
    Int(i128),
    Str(String),
}

/// A map with named fields. Fields that it does not name are ignored, unless it is closed. (P-7)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Struct {
    /// The name of the type.
    pub name: String,
    /// A field and the value that it must have, by which the structs of a union are told apart.
    pub tag: Option<(String, Literal)>,
    /// The fields.
    pub fields: Vec<Field>,
    /// Whether there must be no other fields.
    pub closed: bool,
}

/// A named field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its key.
    pub name: String,
    /// What it holds.
    pub spec: Spec,
    /// Whether it may be absent. (P-8)
    pub presence: Presence,
}

/// Whether a field may be absent. A field that is there holds a value of its type: nil is a value, not
/// an absent field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It must be there.
    Required,
    /// It may be absent.
    Optional,
    /// It may be absent, which means this value.
    Default(Literal),
}

impl Spec {
    /// Every integer that MessagePack can write.
    pub const INT: Self = Self::Int { min: i64::MIN as i128, max: u64::MAX as i128 };

    /// The integers of a range.
    pub fn int(range: RangeInclusive<i128>) -> Self {
        Self::Int { min: *range.start(), max: *range.end() }
    }

    /// An array of any length.
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// A map from keys to values.
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Box::new(key), Box::new(value))
    }

    /// Exactly one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Literal(Literal::Str(text.into()))
    }

    /// A type with a name.
    pub fn named(name: impl Into<String>, spec: Self) -> Self {
        Self::Named(name.into(), Box::new(spec))
    }

    /// This or `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if let Self::Union(mut alternatives) = self {
            alternatives.push(other);
            return Self::Union(alternatives);
        }
        Self::Union(vec![self, other])
    }

    /// This or nil.
    #[must_use]
    pub fn or_nil(self) -> Self {
        self.or(Self::Nil)
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "what is not listed has no parts")]
impl Spec {
    /// What it consists of, one level down.
    pub(super) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::List(inner) | Self::Named(_, inner) => vec![inner],
            Self::Map(key, value) => vec![key, value],
            Self::Tuple(parts) | Self::Union(parts) => parts.iter().collect(),
            Self::Struct(definition) => definition.fields.iter().map(|field| &field.spec).collect(),
            _ => vec![],
        }
    }

    /// The same, to be changed.
    pub(super) fn parts_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::List(inner) | Self::Named(_, inner) => vec![inner],
            Self::Map(key, value) => vec![key, value],
            Self::Tuple(parts) | Self::Union(parts) => parts.iter_mut().collect(),
            Self::Struct(definition) => definition.fields.iter_mut().map(|field| &mut field.spec).collect(),
            _ => vec![],
        }
    }

    /// The name that it defines, and what it stands for.
    pub(super) fn definition(&self) -> Option<(&str, &Self)> {
        match self {
            Self::Struct(definition) => Some((&definition.name, self)),
            Self::Named(name, inner) => Some((name, inner)),
            _ => None,
        }
    }
}

impl Struct {
    /// A struct without fields.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), tag: None, fields: Vec::new(), closed: false }
    }

    /// With a field that must have this value. The reference's usual one is `type`, with the name of the
    /// struct.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tag = Some((key.into(), Literal::Str(value.into())));
        self
    }

    /// With a field that must be there.
    #[must_use]
    pub fn field(self, name: impl Into<String>, spec: Spec) -> Self {
        self.with(name, spec, Presence::Required)
    }

    /// With a field that may be absent.
    #[must_use]
    pub fn optional(self, name: impl Into<String>, spec: Spec) -> Self {
        self.with(name, spec, Presence::Optional)
    }

    /// With a field that has this value where it is absent.
    #[must_use]
    pub fn default(self, name: impl Into<String>, spec: Spec, value: Literal) -> Self {
        self.with(name, spec, Presence::Default(value))
    }

    /// With a field.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, spec: Spec, presence: Presence) -> Self {
        self.fields.push(Field { name: name.into(), spec, presence });
        self
    }

    /// With no fields but these.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.closed = true;
        self
    }
}

impl From<Struct> for Spec {
    fn from(value: Struct) -> Self {
        Self::Struct(value)
    }
}
