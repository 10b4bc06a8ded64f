//! Texts of types, and bytes that are held against them.

use std::cell::Cell;
use std::collections::HashMap;

use bytes::Bytes;
use rmpv::Value;
use scipp_proto::Payload;
use scipp_proto::spec::{Limits, Literal, PldSpec, Presence, Spec, Struct};

/// Longest text of a report: a path, a type, a value.
const REPORT: usize = 3000;

/// Two texts and a value, with a zero byte between them. A text that is read is written as it is read again;
/// a value conforms if the naive reading of the rules says so; and what fits in what is so for this value.
///
/// # Panics
///
/// If a promise is broken.
pub fn specs(input: &[u8]) {
    let mut parts = input.splitn(3, |byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (texts, bytes) = ([next(), next()], next());
    let specs: Vec<PldSpec> = texts.into_iter().filter_map(read).collect();
    for spec in &specs {
        check(spec, bytes);
        for other in &specs {
            compare(spec, other, bytes);
        }
    }
}

fn read(text: &[u8]) -> Option<PldSpec> {
    let text = std::str::from_utf8(text).ok()?;
    let spec = match text.parse::<Spec>() {
        Ok(spec) => spec,
        Err(error) => {
            assert!(error.to_string().len() < REPORT);
            return None;
        }
    };
    let mut limits = Limits::default();
    limits.text = usize::MAX;
    let written = format!("{spec:#}");
    assert_eq!(Spec::parse_within(&written, &[], &limits), Ok(spec.clone()), "{written}");
    PldSpec::new(spec).map_err(|error| assert!(error.to_string().len() < REPORT)).ok()
}

fn check(spec: &PldSpec, bytes: &[u8]) {
    let all = spec.mismatches(bytes, usize::MAX);
    assert_eq!(all.first(), spec.check_bytes(bytes).err().as_ref());
    for mismatch in &all {
        let text = mismatch.to_string();
        assert!(mismatch.offset <= bytes.len() && text.len() < REPORT, "{text}");
        assert!(!text.chars().any(char::is_control), "{text}");
    }
    let payload = Payload::new(Bytes::copy_from_slice(bytes));
    let is_malformed = all.last().is_some_and(|mismatch| mismatch.expected == "one well-formed value");
    assert_eq!(is_malformed, payload.is_err(), "the check and the walk end alike: {spec:#}");
    let Ok(payload) = payload else { return };
    assert!(spec.check_bytes(&[bytes, b"\xc0"].concat()).is_err(), "more than one value");
    if spec.check_exact(&payload).is_ok() {
        assert!(all.is_empty(), "what loses nothing conforms");
    }
    let Ok(value) = rmpv::decode::read_value(&mut &*bytes) else { return };
    let naive = Naive::of(spec.spec());
    if let Some(expected) = naive.conforms(spec.spec(), &value) {
        let is_late = all.iter().any(|mismatch| mismatch.found == "it too late");
        assert!(is_late || all.is_empty() == expected, "{spec:#} and {value}: {all:?}");
    }
}

fn compare(ours: &PldSpec, theirs: &PldSpec, bytes: &[u8]) {
    let differences = ours.differences(theirs);
    assert!(differences.iter().all(|difference| difference.to_string().len() < REPORT));
    assert_eq!(ours.is_subset_of(theirs), differences.is_empty());
    let is_told = differences.iter().all(|difference| !difference.ours.contains("too large to be compared"));
    assert!(ours != theirs || differences.is_empty() || !is_told, "{ours:#} fits in itself");
    if differences.is_empty() && ours.check_bytes(bytes).is_ok() {
        assert_eq!(theirs.check_bytes(bytes), Ok(()), "{ours:#} fits in {theirs:#}");
    }
}

/// The rules as they are written: by recursion over a decoded value, each alternative tried.
struct Naive<'a> {
    names: HashMap<&'a str, &'a Spec>,
    /// Steps that are left, lest it takes for ever.
    steps: Cell<usize>,
}

impl<'a> Naive<'a> {
    fn of(spec: &'a Spec) -> Self {
        let mut names = HashMap::new();
        let mut due = vec![spec];
        while let Some(spec) = due.pop() {
            match spec {
                Spec::List(inner) => due.push(inner),
                Spec::Map(key, value) => due.extend([&**key, &**value]),
                Spec::Tuple(parts) | Spec::Union(parts) => due.extend(parts),
                Spec::Named(name, inner) => {
                    names.insert(&**name, &**inner);
                    due.push(inner);
                }
                Spec::Struct(definition) => {
                    names.insert(&*definition.name, spec);
                    due.extend(definition.fields.iter().map(|field| &field.spec));
                }
                _ => {}
            }
        }
        Self { names, steps: Cell::new(100_000) }
    }

    /// Whether the value conforms; `None` if that takes too long.
    fn conforms(&self, spec: &Spec, value: &Value) -> Option<bool> {
        self.steps.set(self.steps.get().checked_sub(1)?);
        Some(match (spec, value) {
            (Spec::Any, _)
            | (Spec::Nil, Value::Nil)
            | (Spec::Bool, Value::Boolean(_))
            | (Spec::Float, Value::Integer(_) | Value::F32(_) | Value::F64(_))
            | (Spec::Bytes, Value::Binary(_)) => true,
            (Spec::Int { min, max }, Value::Integer(_)) => {
                integer(value).is_some_and(|value| (*min..=*max).contains(&value))
            }
            (Spec::Str, Value::String(text)) => text.is_str(),
            (Spec::Path, Value::String(text)) => text.as_str().is_some_and(is_path),
            (Spec::Timestamp, Value::Ext(-1, content)) => is_time(content),
            (Spec::Ext(code), Value::Ext(found, _)) => code == found,
            (Spec::Literal(literal), value) => is_literal(literal, value),
            (Spec::List(element), Value::Array(all)) => self.all(all.iter().map(|one| (&**element, one)))?,
            (Spec::Tuple(parts), Value::Array(all)) => {
                parts.len() == all.len() && self.all(parts.iter().zip(all))?
            }
            (Spec::Map(key, value), Value::Map(entries)) => {
                let parts = entries.iter().flat_map(|(one, other)| [(&**key, one), (&**value, other)]);
                self.all(parts)?
            }
            (Spec::Struct(definition), Value::Map(entries)) => self.has_fields(definition, entries)?,
            (Spec::Union(alternatives), value) => {
                for alternative in alternatives {
                    if self.conforms(alternative, value)? {
                        return Some(true);
                    }
                }
                false
            }
            (Spec::Named(_, inner), value) => self.conforms(inner, value)?,
            (Spec::Ref(name), value) => self.conforms(self.names.get(&**name)?, value)?,
            _ => false,
        })
    }

    fn all<'s, 'v>(&self, mut parts: impl Iterator<Item = (&'s Spec, &'v Value)>) -> Option<bool> {
        let found = parts.find_map(|(spec, value)| match self.conforms(spec, value) {
            Some(true) => None,
            other => Some(other),
        });
        found.unwrap_or(Some(true))
    }

    fn has_fields(&self, definition: &Struct, entries: &[(Value, Value)]) -> Option<bool> {
        let tag = definition.tag.as_ref().map(|(key, value)| (key, Spec::Literal(value.clone()), true));
        let fields = definition
            .fields
            .iter()
            .map(|field| (&field.name, field.spec.clone(), field.presence == Presence::Required));
        let mut named = 0;
        for (name, spec, is_required) in tag.into_iter().chain(fields) {
            let is_it =
                |key: &Value| matches!(key, Value::String(text) if text.as_bytes() == name.as_bytes());
            let mut found = entries.iter().filter(|(key, _)| is_it(key));
            match (found.next(), found.next()) {
                (None, _) if is_required => return Some(false),
                (Some(_), Some(_)) => return Some(false),
                (Some((_, value)), None) if !self.conforms(&spec, value)? => return Some(false),
                (Some(_), None) => named += 1,
                (None, _) => {}
            }
        }
        let are_texts = entries.iter().all(|(key, _)| matches!(key, Value::String(_)));
        Some(are_texts && (!definition.closed || named == entries.len()))
    }
}

fn integer(value: &Value) -> Option<i128> {
    value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from))
}

fn is_literal(literal: &Literal, value: &Value) -> bool {
    match literal {
        Literal::Nil => value.is_nil(),
        Literal::Bool(expected) => value.as_bool() == Some(*expected),
        Literal::Int(expected) => integer(value) == Some(*expected),
        Literal::Str(expected) => {
            matches!(value, Value::String(text) if text.as_bytes() == expected.as_bytes())
        }
    }
}

fn is_path(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 2 && parts.iter().all(|part| !part.is_empty())
}

fn is_time(content: &[u8]) -> bool {
    let nanos = match content.len() {
        4 => 0,
        8 => u64::from_be_bytes(content.try_into().unwrap_or_default()) >> 34,
        12 => u32::from_be_bytes([content[0], content[1], content[2], content[3]]).into(),
        _ => return false,
    };
    nanos < 1_000_000_000
}
