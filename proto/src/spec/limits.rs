//! Bounds of specs, each with its reason.

/// What a spec may cost to read and to make ready. It may come from a peer.
///
/// They stand here and not in [`Config`](crate::Config), because a spec is made without a connection and
/// serves many. What is made within them can be checked and compared without further ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of its text. 64 KiB: a hundred structs of twenty fields.
    pub text: usize,
    /// Parts that are checked by themselves, each name once. 4,096: twice those hundred structs.
    pub parts: usize,
    /// Parts looked at and bytes of literals copied while it is made ready. 512 Ki, eight times the longest text:
    /// unions that hold each other by name cost more than they are long.
    pub work: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text: 64 << 10, parts: 4096, work: 512 << 10 }
    }
}

/// Levels of a spec; beyond them it would have to name its parts. Reading and printing recurse so deep.
pub(super) const LEVELS: usize = 64;

/// Fields of a struct: those that were met are remembered as bits.
pub(super) const FIELDS: usize = 128;

/// Bytes that may be looked at ahead of their turn, as a multiple of the payload: tags that come late
/// in maps that hold each other are looked for again and again. Both ends have to agree on it. (P-10)
pub(super) const LOOK_AHEAD: usize = 8;

/// Pairs of parts that are compared: a spec against one much like it has one for each of its parts. Beyond
/// it, as beyond the next, whether one fits in the other cannot be told.
pub(super) const PAIRS: usize = 1 << 16;

/// Fields and alternatives that are held against each other: those of the largest union of structs
/// against itself. A union of more literals cannot be compared.
pub(super) const COMPARISONS: usize = 1 << 24;

/// Bytes of a path in a message.
pub(super) const PATH: usize = 1024;

/// Bytes of a name or a type in a message.
pub(super) const LABEL: usize = 200;

/// Bytes of a name that stands in a path as it is; longer ones are quoted and cut.
pub(super) const NAME: usize = 64;

/// Characters shown of a text that somebody else wrote.
pub(super) const SHOWN: usize = 40;

/// Differences between two specs that are told.
pub(super) const DIFFERENCES: usize = 64;
