//! From a spec as written to nodes that can be checked, or why it is no spec.

use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::{boxed::Box, string::String, vec::Vec};

use super::error::SpecError;
use super::limits::{FIELDS, LEVELS, Limits};
use super::node::{FieldNode, Fields, Id, Node, Nodes, bit};
use super::scalar::{Scalar, scalar};
use super::shape::{Field, Presence, Spec, Struct};
use super::text::{is_name, label, short};

/// The nodes of a spec, the whole first.
pub(super) fn nodes(spec: &Spec, limits: &Limits) -> Result<Nodes, SpecError> {
    Ok(Compiler::compile(spec, limits)?.nodes)
}

pub(super) struct Compiler<'a> {
    nodes: Nodes,
    names: BTreeMap<&'a str, Named<'a>>,
    /// Nodes that are reserved and not yet filled.
    due: Vec<(Id, &'a Spec)>,
    /// Parts that there may be.
    parts: usize,
    /// What is left of [`Limits::work`].
    work: usize,
}

#[derive(Clone, Copy)]
struct Named<'a> {
    spec: &'a Spec,
    node: Option<Id>,
}

impl<'a> Compiler<'a> {
    /// Names lead anywhere, so nothing here follows them by recursion.
    fn compile(spec: &'a Spec, limits: &Limits) -> Result<Self, SpecError> {
        let Limits { parts, work, .. } = *limits;
        let mut compiler =
            Self { nodes: Nodes::default(), names: BTreeMap::new(), due: Vec::new(), parts, work };
        compiler.collect(spec, 0)?;
        compiler.add(spec)?;
        while let Some((id, spec)) = compiler.due.pop() {
            let node = compiler.lower(spec)?;
            compiler.nodes.set(id, node);
        }
        Ok(compiler)
    }

    pub(super) fn spend(&mut self, work: usize) -> Result<(), SpecError> {
        self.work = self.work.checked_sub(work).ok_or(SpecError::TooLarge)?;
        Ok(())
    }

    /// Collects what is defined, and sees that nothing nests too deep.
    fn collect(&mut self, spec: &'a Spec, level: usize) -> Result<(), SpecError> {
        if level >= LEVELS {
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
    pub(super) fn add(&mut self, spec: &'a Spec) -> Result<Id, SpecError> {
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
        if self.nodes.len() >= self.parts {
            return Err(SpecError::TooLarge);
        }
        self.nodes.reserve(label).ok_or(SpecError::TooLarge)
    }

    /// What a name stands for, through any number of names.
    pub(super) fn follow(&mut self, mut spec: &'a Spec) -> Result<(Option<&'a str>, &'a Spec), SpecError> {
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
        if definition.fields.len().saturating_add(tags) > FIELDS {
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

    /// The node of a type that is no container.
    pub(super) fn scalar(&mut self, spec: &Spec) -> Result<Option<Scalar>, SpecError> {
        if let Spec::Literal(literal) = spec {
            self.spend(literal.len())?;
        }
        scalar(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Literal, ParseError, PldSpec};
    use alloc::{string::ToString, vec};

    fn refusal(spec: impl Into<Spec>) -> String {
        PldSpec::new(spec.into()).unwrap_err().to_string()
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
        let deep = (0..LEVELS).fold(Spec::Nil, |inner, _| Spec::list(inner));
        assert_eq!(PldSpec::new(deep), Err(SpecError::TooLarge));
        let wide = (0..=FIELDS).fold(Struct::new("S"), |s, n| s.field(n.to_string(), Spec::Nil));
        assert_eq!(PldSpec::new(wide.into()), Err(SpecError::TooLarge));
    }

    #[test]
    fn what_a_spec_may_cost_can_be_said() {
        let text = "A|None where A = struct(a: list[int], b: str)";
        let parsed = |change: fn(&mut Limits, usize), value: usize| {
            let mut limits = Limits::default();
            change(&mut limits, value);
            PldSpec::parse_within(text, &limits).err()
        };
        let too_large = Some(ParseError::Spec(SpecError::TooLarge));
        for (change, least, refusal) in [
            ((|limits, value| limits.text = value) as fn(&mut Limits, usize), 45, Some(ParseError::TooLong)),
            (|limits, value| limits.parts = value, 5, too_large.clone()),
            (|limits, value| limits.work = value, 8, too_large),
        ] {
            assert_eq!((parsed(change, least), parsed(change, least - 1)), (None, refusal));
        }
    }
}
