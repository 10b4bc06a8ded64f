//! Comparing specs: whether all that conforms to one conforms to another. (P-16)

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::{vec, vec::Vec};
use core::fmt::{self, Write as _};

use super::limits::{COMPARISONS, PAIRS, PATH};
use super::node::{Fields, Id, Node, Nodes, Union};
use super::place::push_name;
use super::scalar::{Scalar, covers};
use super::shape::Literal;
use super::text::{label, shortened};

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
    let mut compare = Compare {
        a,
        b,
        steps: vec![],
        due: vec![],
        seen: BTreeSet::new(),
        found: vec![],
        most,
        work: Some(COMPARISONS),
    };
    compare.go(0, Segment::Whole, 0, 0);
    while let Some(at) = compare.due.pop() {
        if compare.found.len() >= most {
            break;
        }
        compare.pair(at);
        if compare.steps.len() > PAIRS || compare.work.is_none() {
            compare.note(0, None, "a type too large to be compared", b.label(0).into());
            break;
        }
    }
    compare.found
}

struct Compare<'a> {
    a: &'a Nodes,
    b: &'a Nodes,
    /// All pairs met, each after the one that led to it.
    steps: Vec<Step<'a>>,
    /// Those not yet looked at, by their places in `steps`.
    due: Vec<usize>,
    seen: BTreeSet<(Id, Id)>,
    found: Vec<Difference>,
    most: usize,
    /// What is left of [`COMPARISONS`], while there is enough.
    work: Option<usize>,
}

/// A pair of parts, and how it was come to.
struct Step<'a> {
    from: usize,
    segment: Segment<'a>,
    ours: Id,
    theirs: Id,
}

/// One step of a path.
#[derive(Clone, Copy)]
enum Segment<'a> {
    Whole,
    Element,
    Part(usize),
    Key,
    Value,
    Field(&'a str),
}

impl Segment<'_> {
    fn write(self, path: &mut String) {
        // Writing to memory cannot fail.
        let _ = match self {
            Self::Whole => Ok(()),
            Self::Element => path.write_str("[]"),
            Self::Part(at) => write!(path, "[{at}]"),
            Self::Key => path.write_str("<key>"),
            Self::Value => path.write_str("{}"),
            Self::Field(name) => {
                push_name(path, name.as_bytes());
                Ok(())
            }
        };
    }
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

impl<'a> Compare<'a> {
    /// Puts the parts that a segment leads to on the list, once.
    fn go(&mut self, from: usize, segment: Segment<'a>, ours: Id, theirs: Id) {
        if self.steps.len() <= PAIRS && self.seen.insert((ours, theirs)) {
            self.due.push(self.steps.len());
            self.steps.push(Step { from, segment, ours, theirs });
        }
    }

    /// Whether as many as `ours` times `theirs` parts may still be held against each other.
    fn may_spend(&mut self, ours: usize, theirs: usize) -> bool {
        self.work = self.work.and_then(|left| left.checked_sub(ours.saturating_mul(theirs)));
        self.work.is_some()
    }

    fn pair(&mut self, at: usize) {
        let Some(&Step { ours, theirs, .. }) = self.steps.get(at) else { return };
        if matches!(self.b.get(theirs), Node::Any) {
            return;
        }
        if matches!(self.a.get(ours), Node::Any) {
            return self.differ(ours, theirs, at);
        }
        let (a, b) = (Alternatives::of(self.a, ours), Alternatives::of(self.b, theirs));
        let (mine, others) = (a.scalars.len().max(a.tagged.len()), b.scalars.len().max(b.tagged.len()));
        if !self.may_spend(mine, others) {
            return;
        }
        for scalar in &a.scalars {
            if !covers(&b.scalars, scalar) {
                self.note(at, None, &label(&scalar.spec()), self.b.label(theirs).into());
            }
        }
        if let Some(array) = a.array {
            match b.array {
                Some(other) => self.arrays(array, other, at),
                None => self.differ(array, theirs, at),
            }
        }
        for map in a.map.into_iter().chain(a.tagged.iter().map(|(_, id)| *id)) {
            match self.counterpart(map, &b) {
                Some(other) => self.maps(map, other, at),
                None => self.differ(map, theirs, at),
            }
        }
    }

    fn differ(&mut self, ours: Id, theirs: Id, at: usize) {
        self.note(at, None, self.a.label(ours), self.b.label(theirs).into());
    }

    fn arrays(&mut self, ours: Id, theirs: Id, at: usize) {
        match (self.a.get(ours), self.b.get(theirs)) {
            (Node::List(one), Node::List(other)) => self.go(at, Segment::Element, *one, *other),
            (Node::Tuple(parts), Node::List(other)) => {
                for (place, part) in parts.iter().enumerate() {
                    self.go(at, Segment::Part(place), *part, *other);
                }
            }
            (Node::Tuple(parts), Node::Tuple(others)) if parts.len() == others.len() => {
                for (place, (one, other)) in parts.iter().zip(others.iter()).enumerate() {
                    self.go(at, Segment::Part(place), *one, *other);
                }
            }
            _ => self.differ(ours, theirs, at),
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

    fn maps(&mut self, ours: Id, theirs: Id, at: usize) {
        match (self.a.get(ours), self.b.get(theirs)) {
            (Node::Map(key, value), Node::Map(other_key, other_value)) => {
                self.go(at, Segment::Key, *key, *other_key);
                self.go(at, Segment::Value, *value, *other_value);
            }
            (Node::Struct(fields), Node::Map(key, value)) => {
                let is_text = covers(&Alternatives::of(self.b, *key).scalars, &Scalar::Str)
                    || matches!(self.b.get(*key), Node::Any);
                let is_open = !fields.closed && !matches!(self.b.get(*value), Node::Any);
                if !is_text || is_open {
                    return self.differ(ours, theirs, at);
                }
                for field in &fields.fields {
                    self.go(at, Segment::Field(&field.name), field.node, *value);
                }
            }
            (Node::Struct(fields), Node::Struct(others)) => {
                if self.may_spend(fields.fields.len(), others.fields.len()) {
                    self.structs(fields, others, at);
                }
            }
            _ => self.differ(ours, theirs, at),
        }
    }

    fn structs(&mut self, fields: &'a Fields, others: &'a Fields, at: usize) {
        for (place, other) in others.fields.iter().enumerate() {
            let is_required = others.is_required(place);
            let due = self.b.label(other.node);
            let mine = fields.fields.iter().position(|field| field.name == other.name);
            let Some((mine, field)) = mine.and_then(|mine| Some((mine, fields.fields.get(mine)?))) else {
                let is_anything = matches!(self.b.get(other.node), Node::Any);
                if is_required {
                    self.note(at, Some(&other.name), "a field that may be absent", due.into());
                } else if !fields.closed && !is_anything {
                    self.note(at, Some(&other.name), "a field that may be anything", due.into());
                }
                continue;
            };
            // A tag is found where no other field is looked for. (P-10)
            let is_tag = |fields: &Fields, at: usize| fields.tag.is_some() && at == 0;
            if is_tag(others, place) && !is_tag(fields, mine) {
                self.note(at, Some(&other.name), "a field that is no tag", due.into());
            }

            if is_required && !fields.is_required(mine) {
                self.note(at, Some(&other.name), "a field that may be absent", due.into());
            }
            self.go(at, Segment::Field(&other.name), field.node, other.node);
        }
        if !others.closed {
            return;
        }
        if !fields.closed {
            self.note(
                at,
                None,
                "a struct with any other fields",
                shortened(format_args!("a closed {}", others.name)),
            );
        }
        for field in &fields.fields {
            if !others.fields.iter().any(|other| other.name == field.name) {
                self.note(
                    at,
                    Some(&field.name),
                    "a field",
                    shortened(format_args!("a field of {}", others.name)),
                );
            }
        }
    }

    /// Notes a difference in the pair at `at`, or in a field of it.
    fn note(&mut self, at: usize, field: Option<&str>, ours: &str, theirs: String) {
        if self.found.len() >= self.most {
            return;
        }
        let path = self.path(at, field.map(Segment::Field));
        self.found.push(Difference { path, ours: ours.into(), theirs });
    }

    fn path(&self, mut at: usize, last: Option<Segment<'_>>) -> String {
        let mut back = Vec::new();
        while let Some(step) = self.steps.get(at).filter(|_| at > 0) {
            back.push(step.segment);
            at = step.from;
        }
        let mut path = String::new();
        for segment in back.into_iter().rev().chain(last) {
            segment.write(&mut path);
            if path.len() > PATH {
                path.push('…');
                break;
            }
        }
        if path.is_empty() { String::from(".") } else { path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{PldSpec, Spec, Struct};
    use alloc::{format, string::ToString};

    fn spec(text: &str) -> PldSpec {
        text.parse().unwrap()
    }

    /// P-10, P-16.
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

    /// P-10, P-16.
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
                "A where A = struct(type: Literal['A'])",
                "A where A = struct(type='A')",
                "type: a field that is no tag is not always Literal['A']",
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

    /// `len` structs in a ring; the first holds the others, which are defined there.
    fn ring(len: usize, end: Spec) -> PldSpec {
        let of = |at: usize| {
            let next = Spec::Ref(format!("S{}", (at + 1) % len));
            Struct::new(format!("S{at}")).field("a_rather_long_name", next.or_nil()).field("b", end.clone())
        };
        let others = (1..len).map(|at| of(at).into()).collect();
        PldSpec::new(of(0).field("others", Spec::Tuple(others)).into()).unwrap()
    }

    #[test]
    fn a_path_is_cut() {
        let differences = ring(101, Spec::INT).differences(&ring(103, Spec::Str));
        assert_eq!(differences.len(), 64);
        assert!(differences.iter().all(|found| found.path.len() < PATH + 80), "{differences:?}");
        assert!(differences.iter().any(|found| found.path.ends_with('…')));
    }

    /// Rings of 300 and 301 have a pair for each pairing of their structs.
    #[test]
    fn what_takes_too_long_cannot_be_told() {
        let (a, b) = (ring(300, Spec::INT), ring(301, Spec::INT));
        let found = differences(&a.0.nodes, &b.0.nodes, usize::MAX);
        let last = found.last().map(ToString::to_string);
        assert_eq!(last.as_deref(), Some(".: a type too large to be compared is not always S0"));
        assert!(ring(300, Spec::INT).is_subset_of(&ring(300, Spec::INT)));
    }

    #[test]
    fn a_union_of_too_many_literals_cannot_be_told() {
        let literals = |count: u64| {
            let all: Vec<_> = (0..count).map(|n| alloc::format!("{n}")).collect();
            let text = alloc::format!("Literal[{}]", all.join(", "));
            text.parse::<PldSpec>().unwrap()
        };
        assert!(literals(4096).is_subset_of(&literals(4096)));
        assert!(!literals(4097).is_subset_of(&literals(4097)));
        assert!(literals(4097).is_subset_of(&"int".parse().unwrap()));
    }
}
