//! Unions: taken apart into alternatives that can be told from each other. (P-9)

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{boxed::Box, string::String, vec, vec::Vec};

use super::compile::Compiler;
use super::error::SpecError;
use super::node::{Node, Tagged, Union};
use super::shape::{Spec, Struct};
use super::text::{short, shortened};

/// A step of taking a union apart.
enum Step<'a> {
    Enter(&'a Spec),
    /// All alternatives of the union with this name were met.
    Leave(&'a str),
}

impl<'a> Compiler<'a> {
    /// The alternatives of a union, names and unions in it resolved, each name once.
    pub(super) fn flatten(&mut self, spec: &'a Spec) -> Result<Vec<&'a Spec>, SpecError> {
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
    pub(super) fn union(&mut self, spec: &'a Spec) -> Result<Node, SpecError> {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Limits, PldSpec};

    fn item() -> Struct {
        Struct::new("Item").tag("type", "Item").field("label", Spec::Str)
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
        let limits = Limits { work: 20 * text.len(), ..Limits::default() };
        assert!(PldSpec::parse_within(&text, &limits).is_ok());
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
