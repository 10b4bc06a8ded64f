//! From a spec as written to nodes that can be checked, or why it is no spec.

use alloc::collections::BTreeSet;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::string::{String, ToString};
use alloc::{boxed::Box, vec, vec::Vec};

use super::node::{FieldNode, Fields, Id, MAX_FIELDS, Node, Nodes, Scalar, Tagged, Union, bit};
use super::shape::{Field, Literal, Presence, Spec, Struct};
use super::text::{is_name, label, short, shortened};

/// Levels of a spec; beyond them it would have to name its parts.
pub(super) const MAX_LEVELS: usize = 64;

/// Parts of a spec. A spec may come from a peer.
const MAX_NODES: usize = 4096;

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
    /// More fields, parts or levels than a spec may have, or unions of unions that take too long to resolve.
    #[error("too large: at most 128 fields of a struct, 4096 parts, 64 levels, and unions within bounds")]
    TooLarge,
}

/// What a spec may cost to compile, in parts looked at and bytes of literals copied: eight times the longest
/// text. Unions that hold each other by name cost more than they are long.
const MAX_WORK: usize = 8 * super::parse::MAX_TEXT;

/// The nodes of a spec, the whole first.
pub(super) fn nodes(spec: &Spec) -> Result<Nodes, SpecError> {
    Ok(Compiler::compile(spec)?.nodes)
}

struct Compiler<'a> {
    nodes: Nodes,
    names: BTreeMap<&'a str, Named<'a>>,
    /// Nodes that are reserved and not yet filled.
    due: Vec<(Id, &'a Spec)>,
    /// What is left of [`MAX_WORK`].
    work: usize,
}

#[derive(Clone, Copy)]
struct Named<'a> {
    spec: &'a Spec,
    node: Option<Id>,
}

/// A step of taking a union apart.
enum Step<'a> {
    Enter(&'a Spec),
    /// All alternatives of the union with this name were met.
    Leave(&'a str),
}

impl<'a> Compiler<'a> {
    /// Names lead anywhere, so nothing here follows them by recursion.
    fn compile(spec: &'a Spec) -> Result<Self, SpecError> {
        let mut compiler =
            Self { nodes: Nodes::default(), names: BTreeMap::new(), due: Vec::new(), work: MAX_WORK };
        compiler.collect(spec, 0)?;
        compiler.add(spec)?;
        while let Some((id, spec)) = compiler.due.pop() {
            let node = compiler.lower(spec)?;
            compiler.nodes.set(id, node);
        }
        Ok(compiler)
    }

    fn spend(&mut self, work: usize) -> Result<(), SpecError> {
        self.work = self.work.checked_sub(work).ok_or(SpecError::TooLarge)?;
        Ok(())
    }

    /// Collects what is defined, and sees that nothing nests too deep.
    fn collect(&mut self, spec: &'a Spec, level: usize) -> Result<(), SpecError> {
        if level >= MAX_LEVELS {
            return Err(SpecError::TooLarge);
        }
        if let Some((name, definition)) = spec.definition() {
            self.define(name, definition)?;
        }
        spec.parts().into_iter().try_for_each(|part| self.collect(part, level.saturating_add(1)))
    }

    fn define(&mut self, name: &'a str, spec: &'a Spec) -> Result<(), SpecError> {
        if !is_name(name) {
            return Err(SpecError::Name(short(name)));
        }
        match self.names.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(Named { spec, node: None });
                Ok(())
            }
            Entry::Occupied(entry) if entry.get().spec == spec => Ok(()),
            Entry::Occupied(_) => Err(SpecError::Redefined(short(name))),
        }
    }

    /// The node of `spec`, to be filled in its turn; that of a name is made once.
    fn add(&mut self, spec: &'a Spec) -> Result<Id, SpecError> {
        let (name, resolved) = self.follow(spec)?;
        if let Some(id) = name.and_then(|name| self.names.get(name)).and_then(|named| named.node) {
            return Ok(id);
        }
        let id = self.reserve(label(spec))?;
        if let Some(named) = name.and_then(|name| self.names.get_mut(name)) {
            named.node = Some(id);
        }
        self.due.push((id, resolved));
        Ok(id)
    }

    fn reserve(&mut self, label: String) -> Result<Id, SpecError> {
        if self.nodes.len() >= MAX_NODES {
            return Err(SpecError::TooLarge);
        }
        self.nodes.reserve(label).ok_or(SpecError::TooLarge)
    }

    /// What a name stands for, through any number of names.
    fn follow(&mut self, mut spec: &'a Spec) -> Result<(Option<&'a str>, &'a Spec), SpecError> {
        let mut last = None;
        for _ in 0..=self.names.len() {
            self.spend(1)?;
            if let Spec::Struct(definition) = spec {
                return Ok((Some(&definition.name), spec));
            }
            let (Spec::Ref(name) | Spec::Named(name, _)) = spec else { return Ok((last, spec)) };
            let named = self.names.get(name.as_str()).ok_or_else(|| SpecError::Undefined(short(name)))?;
            (last, spec) = (Some(name.as_str()), named.spec);
        }
        Err(SpecError::Endless(short(last.unwrap_or_default())))
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "scalars have a table of their own")]
    fn lower(&mut self, spec: &'a Spec) -> Result<Node, SpecError> {
        Ok(match spec {
            Spec::Any => Node::Any,
            Spec::Union(_) => return self.union(spec),
            Spec::List(element) => Node::List(self.add(element)?),
            Spec::Map(key, value) => Node::Map(self.add(key)?, self.add(value)?),
            Spec::Tuple(parts) => {
                Node::Tuple(parts.iter().map(|part| self.add(part)).collect::<Result<_, _>>()?)
            }
            Spec::Struct(definition) => Node::Struct(Box::new(self.fields(definition)?)),
            other => Node::Scalar(self.scalar(other)?.ok_or(SpecError::TooLarge)?),
        })
    }

    fn fields(&mut self, definition: &'a Struct) -> Result<Fields, SpecError> {
        let tags = usize::from(definition.tag.is_some());
        if definition.fields.len().saturating_add(tags) > MAX_FIELDS {
            return Err(SpecError::TooLarge);
        }
        let mut fields: Vec<FieldNode> = Vec::new();
        let mut required = 0;
        if let Some((key, value)) = &definition.tag {
            let id = self.reserve(label(&Spec::Literal(value.clone())))?;
            self.nodes.set(id, Node::Scalar(Scalar::Literal(value.clone())));
            fields.push(FieldNode { name: key.clone(), node: id });
            required = bit(0);
        }
        for field in &definition.fields {
            if fields.iter().any(|earlier| earlier.name == field.name) {
                let (name, field) = (short(&definition.name), short(&field.name));
                return Err(SpecError::RepeatedField { name, field });
            }
            if field.presence == Presence::Required {
                required |= bit(fields.len());
            }
            self.check_default(definition, field)?;
            fields.push(FieldNode { name: field.name.clone(), node: self.add(&field.spec)? });
        }
        let (name, tag) = (definition.name.clone(), definition.tag.clone());
        Ok(Fields { name, fields: fields.into(), required, closed: definition.closed, tag })
    }

    fn check_default(&mut self, definition: &Struct, field: &'a Field) -> Result<(), SpecError> {
        let Presence::Default(value) = &field.presence else { return Ok(()) };
        for alternative in self.flatten(&field.spec)? {
            let conforms = match self.scalar(alternative)? {
                Some(scalar) => value.conforms(&scalar),
                None => *alternative == Spec::Any,
            };
            if conforms {
                return Ok(());
            }
        }
        Err(SpecError::Default { name: short(&definition.name), field: short(&field.name) })
    }

    /// The alternatives of a union, names and unions in it resolved, each name once.
    fn flatten(&mut self, spec: &'a Spec) -> Result<Vec<&'a Spec>, SpecError> {
        let mut found = Vec::new();
        // Whether all of a name was met.
        let mut met: BTreeMap<&'a str, bool> = BTreeMap::new();
        let mut due = vec![Step::Enter(spec)];
        while let Some(step) = due.pop() {
            let spec = match step {
                Step::Enter(spec) => spec,
                Step::Leave(name) => {
                    met.insert(name, true);
                    continue;
                }
            };
            let (name, resolved) = self.follow(spec)?;
            match name.and_then(|name| Some((name, *met.get(name)?))) {
                Some((_, true)) => continue,
                Some((name, false)) => return Err(SpecError::Endless(short(name))),
                None => {}
            }
            let Spec::Union(alternatives) = resolved else {
                met.extend(name.map(|name| (name, true)));
                found.push(resolved);
                continue;
            };
            if let Some(name) = name {
                met.insert(name, false);
                due.push(Step::Leave(name));
            }
            due.extend(alternatives.iter().rev().map(Step::Enter));
        }
        Ok(found)
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "scalars have a table of their own")]
    fn union(&mut self, spec: &'a Spec) -> Result<Node, SpecError> {
        let alternatives = self.flatten(spec)?;
        if alternatives.iter().any(|alternative| matches!(alternative, Spec::Any)) {
            return Ok(Node::Any);
        }
        if alternatives.is_empty() {
            return Err(SpecError::Empty("a union without alternatives".into()));
        }
        let mut union = Union::default();
        let mut maps: Vec<&Spec> = Vec::new();
        for alternative in alternatives {
            match alternative {
                Spec::List(_) | Spec::Tuple(_) => {
                    let id = self.add(alternative)?;
                    if union.array.replace(id).is_some_and(|other| other != id) {
                        return Err(SpecError::Ambiguous("two arrays".into()));
                    }
                }
                Spec::Map(..) | Spec::Struct(_) => maps.push(alternative),
                other => union.scalars.extend(self.scalar(other)?),
            }
        }
        match maps[..] {
            [] => {}
            [only] => union.map = Some(self.add(only)?),
            _ => union.tagged = Some(self.tagged(&maps)?),
        }
        Ok(Node::Union(Box::new(union)))
    }

    fn tagged(&mut self, maps: &[&'a Spec]) -> Result<Tagged, SpecError> {
        let mut tagged = Tagged { key: String::new(), choices: Vec::new() };
        let mut values = BTreeSet::new();
        for map in maps {
            let Spec::Struct(Struct { name, tag: Some((key, value)), .. }) = map else {
                return Err(SpecError::Ambiguous("two maps, not all of them structs with a tag".into()));
            };
            if !values.is_empty() && tagged.key != *key {
                return Err(SpecError::Ambiguous("structs with tags of different names".into()));
            }
            if !values.insert(value) {
                return Err(SpecError::Ambiguous(shortened(format_args!("the tag of {name}"))));
            }
            self.spend(value.len())?;
            tagged.key.clone_from(key);
            tagged.choices.push((value.clone(), self.add(map)?));
        }
        Ok(tagged)
    }

    /// The node of a type that is no container.
    fn scalar(&mut self, spec: &Spec) -> Result<Option<Scalar>, SpecError> {
        if let Spec::Literal(literal) = spec {
            self.spend(literal.len())?;
        }
        scalar(spec)
    }
}

fn scalar(spec: &Spec) -> Result<Option<Scalar>, SpecError> {
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
    fn len(&self) -> usize {
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
            (Self::Str(value), Scalar::Path) => crate::path::EndpointPath::is_one(value),
            (_, Scalar::Literal(other)) => self == other,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PldSpec;
    use alloc::string::ToString;

    fn refusal(spec: impl Into<Spec>) -> String {
        PldSpec::new(spec.into()).unwrap_err().to_string()
    }

    fn item() -> Struct {
        Struct::new("Item").tag("type", "Item").field("label", Spec::Str)
    }

    #[test]
    fn a_spec_says_why_it_is_none() {
        let twice = Spec::from(Struct::new("S")).or(Struct::new("S").field("a", Spec::Nil).into());
        let wrong_default = Struct::new("S").default("n", Spec::INT, Literal::Nil);
        for (spec, expected) in [
            (Spec::Ref("Gone".into()), "Gone is not defined"),
            (twice, "S is defined twice"),
            (Spec::named("int", Spec::Nil), "\"int\" cannot be the name of a type"),
            (Spec::named("A", Spec::Ref("A".into())), "A is defined by itself alone"),
            (Spec::named("A", Spec::Ref("A".into()).or_nil()), "A is defined by itself alone"),
            (
                Spec::list(Spec::INT).or(Spec::list(Spec::Str)),
                "which alternative a value belongs to cannot be told: two arrays",
            ),
            (Spec::Union(vec![]), "nothing conforms to a union without alternatives"),
            (Spec::Int { min: 2, max: 1 }, "nothing conforms to int[2..=1]"),
            (Struct::new("S").field("a", Spec::Nil).field("a", Spec::Nil).into(), "S has two fields a"),
            (wrong_default.into(), "S: the default of n is not of its type"),
        ] {
            assert_eq!(refusal(spec), expected);
        }
        let deep = (0..MAX_LEVELS).fold(Spec::Nil, |inner, _| Spec::list(inner));
        assert_eq!(PldSpec::new(deep), Err(SpecError::TooLarge));
        let wide = (0..=MAX_FIELDS).fold(Struct::new("S"), |s, n| s.field(n.to_string(), Spec::Nil));
        assert_eq!(PldSpec::new(wide.into()), Err(SpecError::TooLarge));
    }

    #[test]
    fn maps_of_a_union_are_told_apart_by_one_tag() {
        let other = |key: &str, value: &str| Struct::new("Other").tag(key, value);
        let union = |other: Struct| PldSpec::new(Spec::from(item()).or(other.into()).or_nil());
        assert!(union(other("type", "Other")).is_ok());
        for spoiled in [other("kind", "Other"), other("type", "Item"), Struct::new("Other")] {
            assert!(matches!(union(spoiled), Err(SpecError::Ambiguous(_))));
        }
        assert!(PldSpec::new(Spec::from(item()).or(item().into())).is_ok(), "the same one twice is one");
    }

    fn repeated(part: &str, between: &str, times: usize) -> String {
        vec![part; times].join(between)
    }

    /// A name counts once in a union, however often it stands there and in what it stands for.
    #[test]
    fn unions_of_unions_cost_what_they_are_long() {
        let text = alloc::format!(
            "tuple[{}] where U = {}; V = {}; A = struct(a: tuple[{}])",
            repeated("U|None", ", ", 200),
            repeated("V", "|", 63),
            repeated("A", "|", 63),
            repeated("int", ", ", 1000),
        );
        let spec: Spec = text.parse().unwrap();
        let spent = MAX_WORK - Compiler::compile(&spec).ok().unwrap().work;
        assert!(spent < 20 * text.len(), "{spent} steps for {} bytes", text.len());
    }

    #[test]
    fn work_without_end_is_refused() {
        let parts = repeated("U|int", ", ", 1000);
        let none = repeated("None", "|", 4000);
        let chain: String = (1..2000).map(|n| alloc::format!("; N{n} = N{}", n - 1)).collect();
        let names: String = (0..2000).map(|n| alloc::format!("N{n}, ")).collect();
        for text in [
            alloc::format!("tuple[{parts}] where U = {none}"),
            alloc::format!("tuple[{parts}] where U = Literal['{}']", "x".repeat(9000)),
            alloc::format!("tuple[{names}{}] where N0 = int{chain}", repeated("N1999", ", ", 1000)),
        ] {
            assert_eq!(text.parse::<PldSpec>(), Err(SpecError::TooLarge.into()), "{:.40}", text);
        }
    }

    /// The list is met first, and leads through all structs backwards.
    #[test]
    fn names_are_not_followed_by_recursion() {
        let chain: String =
            (1..1500).map(|n| alloc::format!("; S{n} = struct(t='{n}', s: S{})", n - 1)).collect();
        let names: String = (0..1500).map(|n| alloc::format!("S{n}|")).collect();
        let text = alloc::format!("{names}list[S1499] where S0 = struct(t='0'){chain}");
        let small = std::thread::Builder::new().stack_size(512 << 10);
        let parsed = small.spawn(move || text.parse::<PldSpec>()).unwrap().join().unwrap();
        assert!(parsed.is_ok());
    }
}
