//! Comparing specs: whether all that conforms to one conforms to another. (P-16)

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::{format, vec, vec::Vec};
use core::fmt;

use super::node::{Fields, Id, Node, Nodes, Scalar, Union};
use super::shape::Literal;

/// A place where a value of one spec might not conform to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Difference {
    /// The part, as `field.items[]`; `.` for the whole.
    pub path: String,
    /// What the first spec allows there.
    pub ours: String,
    /// What the second does.
    pub theirs: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} is not always {}", self.path, self.ours, self.theirs)
    }
}

/// Where a value of `a` might not conform to `b`, at most `most` places.
///
/// Containers of a union can be told apart, so each alternative has at most one counterpart: the answer is
/// a conjunction of pairs, each looked at once.
pub(super) fn differences(a: &Nodes, b: &Nodes, most: usize) -> Vec<Difference> {
    let mut compare =
        Compare { a, b, due: vec![(0, 0, String::new())], seen: BTreeSet::new(), found: vec![] };
    while let Some((ours, theirs, path)) = compare.due.pop() {
        if compare.found.len() >= most {
            break;
        }
        if compare.seen.insert((ours, theirs)) {
            compare.pair(ours, theirs, &path);
        }
    }
    compare.found.truncate(most);
    compare.found
}

struct Compare<'a> {
    a: &'a Nodes,
    b: &'a Nodes,
    due: Vec<(Id, Id, String)>,
    seen: BTreeSet<(Id, Id)>,
    found: Vec<Difference>,
}

/// The alternatives of any node: one, unless it is a union.
struct Alternatives<'a> {
    scalars: Vec<&'a Scalar>,
    array: Option<Id>,
    map: Option<Id>,
    tagged: Vec<(&'a Literal, Id)>,
    tag: &'a str,
}

impl<'a> Alternatives<'a> {
    fn of(nodes: &'a Nodes, id: Id) -> Self {
        let mut all = Self { scalars: vec![], array: None, map: None, tagged: vec![], tag: "" };
        match nodes.get(id) {
            Node::Any => {}
            Node::Scalar(scalar) => all.scalars.push(scalar),
            Node::List(_) | Node::Tuple(_) => all.array = Some(id),
            Node::Map(..) | Node::Struct(_) => all.map = Some(id),
            Node::Union(union) => {
                let Union { scalars, array, map, tagged } = &**union;
                all.scalars.extend(scalars);
                (all.array, all.map) = (*array, *map);
                if let Some(tagged) = tagged {
                    all.tag = &tagged.key;
                    all.tagged.extend(tagged.choices.iter().map(|(value, id)| (value, *id)));
                }
            }
        }
        all
    }
}

impl Compare<'_> {
    fn pair(&mut self, ours: Id, theirs: Id, path: &str) {
        if matches!(self.b.get(theirs), Node::Any) {
            return;
        }
        if matches!(self.a.get(ours), Node::Any) {
            return self.differ(ours, theirs, path);
        }
        let (a, b) = (Alternatives::of(self.a, ours), Alternatives::of(self.b, theirs));
        for scalar in &a.scalars {
            if !covers(&b.scalars, scalar) {
                self.found.push(Difference {
                    path: shown(path),
                    ours: scalar.to_string(),
                    theirs: self.b.label(theirs).into(),
                });
            }
        }
        if let Some(array) = a.array {
            match b.array {
                Some(other) => self.arrays(array, other, path),
                None => self.differ(array, theirs, path),
            }
        }
        for map in a.map.into_iter().chain(a.tagged.iter().map(|(_, id)| *id)) {
            match self.counterpart(map, &b) {
                Some(other) => self.maps(map, other, path),
                None => self.differ(map, theirs, path),
            }
        }
    }

    fn differ(&mut self, ours: Id, theirs: Id, path: &str) {
        let (ours, theirs) = (self.a.label(ours).into(), self.b.label(theirs).into());
        self.found.push(Difference { path: shown(path), ours, theirs });
    }

    fn arrays(&mut self, ours: Id, theirs: Id, path: &str) {
        match (self.a.get(ours), self.b.get(theirs)) {
            (Node::List(one), Node::List(other)) => self.due.push((*one, *other, format!("{path}[]"))),
            (Node::Tuple(parts), Node::List(other)) => {
                let parts = parts.iter().enumerate();
                self.due.extend(parts.map(|(at, part)| (*part, *other, format!("{path}[{at}]"))));
            }
            (Node::Tuple(parts), Node::Tuple(others)) if parts.len() == others.len() => {
                let pairs = parts.iter().zip(others.iter()).enumerate();
                self.due.extend(pairs.map(|(at, (one, other))| (*one, *other, format!("{path}[{at}]"))));
            }
            _ => self.differ(ours, theirs, path),
        }
    }

    /// The alternative that a map of ours would be taken for.
    fn counterpart(&self, map: Id, b: &Alternatives<'_>) -> Option<Id> {
        if b.tagged.is_empty() {
            return b.map;
        }
        let Node::Struct(fields) = self.a.get(map) else { return None };
        let (_, value) = fields.tag.as_ref().filter(|(key, _)| key == b.tag)?;
        b.tagged.iter().find(|(other, _)| *other == value).map(|(_, id)| *id)
    }

    fn maps(&mut self, ours: Id, theirs: Id, path: &str) {
        match (self.a.get(ours), self.b.get(theirs)) {
            (Node::Map(key, value), Node::Map(other_key, other_value)) => {
                self.due.push((*key, *other_key, format!("{path}<key>")));
                self.due.push((*value, *other_value, format!("{path}{{}}")));
            }
            (Node::Struct(fields), Node::Map(key, value)) => {
                let is_text = covers(&Alternatives::of(self.b, *key).scalars, &Scalar::Str)
                    || matches!(self.b.get(*key), Node::Any);
                let is_open = !fields.closed && !matches!(self.b.get(*value), Node::Any);
                if !is_text || is_open {
                    return self.differ(ours, theirs, path);
                }
                let all = fields.fields.iter().map(|field| (field.node, *value, join(path, &field.name)));
                self.due.extend(all);
            }
            (Node::Struct(fields), Node::Struct(others)) => {
                let (fields, others) = ((**fields).clone(), (**others).clone());
                self.structs(&fields, &others, path);
            }
            _ => self.differ(ours, theirs, path),
        }
    }

    fn structs(&mut self, fields: &Fields, others: &Fields, path: &str) {
        for (at, other) in others.fields.iter().enumerate() {
            let path = join(path, &other.name);
            let mine = fields.fields.iter().position(|field| field.name == other.name);
            let Some((mine, field)) = mine.and_then(|mine| Some((mine, fields.fields.get(mine)?))) else {
                let is_anything = matches!(self.b.get(other.node), Node::Any);
                if others.is_required(at) {
                    self.note(path, "a field that may be absent", self.b.label(other.node).into());
                } else if !fields.closed && !is_anything {
                    self.note(path, "a field that may be anything", self.b.label(other.node).into());
                }
                continue;
            };
            if others.is_required(at) && !fields.is_required(mine) {
                let theirs = self.b.label(other.node).into();
                self.note(path.clone(), "a field that may be absent", theirs);
            }
            self.due.push((field.node, other.node, path));
        }
        if !others.closed {
            return;
        }
        if !fields.closed {
            self.note(shown(path), "a struct with any other fields", format!("a closed {}", others.name));
        }
        for field in &fields.fields {
            if !others.fields.iter().any(|other| other.name == field.name) {
                self.note(join(path, &field.name), "a field", format!("a field of {}", others.name));
            }
        }
    }

    fn note(&mut self, path: String, ours: &str, theirs: String) {
        self.found.push(Difference { path, ours: ours.into(), theirs });
    }
}

fn shown(path: &str) -> String {
    if path.is_empty() { String::from(".") } else { path.into() }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

/// Whether every value of `scalar` belongs to one of `others`.
fn covers(others: &[&Scalar], scalar: &Scalar) -> bool {
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

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::shape::Spec;
        let spec = match self {
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
        };
        spec.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PldSpec;

    fn spec(text: &str) -> PldSpec {
        text.parse().unwrap()
    }

    #[test]
    fn what_fits_in_what() {
        for (a, b) in [
            ("int", "int|None"),
            ("int", "Any"),
            ("int", "float"),
            ("int[0..=3]", "int[..=0]|Literal[1]|int[2..=9]"),
            ("bool", "Literal[True]|Literal[False]"),
            ("NamespacePath|Literal['x']", "str"),
            ("datetime", "Ext[-1]"),
            ("list[int]|None", "None|list[float]"),
            ("tuple[int, None]", "list[int|None]"),
            ("dict[str, int]", "dict[str, Any]"),
            ("A where A = struct(type='A', n: int)", "A|B where A = struct(type='A'); B = struct(type='B')"),
            ("A where A = struct(n: int)!", "dict[str, int]"),
            ("T where T = struct(next: T|None, n: int)", "T where T = struct(next: T|None)"),
            ("A where A = struct(n: int)!", "A where A = struct(n: int|None, m?: int)"),
        ] {
            assert_eq!(spec(a).differences(&spec(b)), [], "{a} in {b}");
            assert!(spec(a).is_subset_of(&spec(b)));
        }
    }

    #[test]
    fn a_difference_says_where_and_what() {
        for (a, b, expected) in [
            ("int|None", "int", ".: None is not always int"),
            ("Any", "int", ".: Any is not always int"),
            ("int[0..=9]", "int[0..=3]|int[5..=9]", ".: int[0..=9] is not always int[0..=3]|int[5..=9]"),
            ("bool", "Literal[True]|int", ".: bool is not always Literal[True]|int"),
            ("float", "int", ".: float is not always int"),
            ("str", "NamespacePath|Literal['x']", ".: str is not always NamespacePath|Literal['x']"),
            ("Ext[-1]", "datetime", ".: Ext[-1] is not always datetime"),
            ("list[str]", "list[int]", "[]: str is not always int"),
            ("tuple[int, str]", "tuple[int]", ".: tuple[int, str] is not always tuple[int]"),
            ("dict[str, str]", "dict[str, int]", "{}: str is not always int"),
            (
                "A where A = struct(n: int)",
                "A where A = struct(n: int, m?: int)",
                "m: a field that may be anything is not always int",
            ),
            (
                "A where A = struct(n?: int)",
                "A where A = struct(n: int)",
                "n: a field that may be absent is not always int",
            ),
            (
                "A where A = struct(n: int, m: int)!",
                "A where A = struct(n: int)!",
                "m: a field is not always a field of A",
            ),
            (
                "A where A = struct(type='C')",
                "A|B where A = struct(type='A'); B = struct(type='B')",
                ".: A is not always A|B",
            ),
        ] {
            let found: Vec<_> = spec(a).differences(&spec(b)).iter().map(ToString::to_string).collect();
            assert_eq!(found, [expected], "{a} in {b}");
            assert!(!spec(a).is_subset_of(&spec(b)));
        }
    }
}
