//! The text of a spec, read back. Bounded, because a peer may send one. (P-15)

use alloc::collections::BTreeMap;
use alloc::{boxed::Box, string::String, vec, vec::Vec};

use super::error::{ParseError, SpecError};
use super::limits::{LEVELS, Limits};
use super::scan::Scanner;
use super::shape::{Field, Literal, Presence, Spec, Struct};
use super::text::{is_name, short};

/// A type with, after the word `where`, what its names stand for.
impl core::str::FromStr for Spec {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, &[])
    }
}

impl Spec {
    /// Reads a type whose names are defined in its own text or in `known`, within the usual limits. (P-15)
    ///
    /// # Errors
    ///
    /// If it is no type, or defines a name twice or without using it; undefined names are found when it is
    /// made ready for use.
    pub fn parse_with(text: &str, known: &[Self]) -> Result<Self, ParseError> {
        Self::parse_within(text, known, &Limits::default())
    }

    /// The same within other limits.
    ///
    /// # Errors
    ///
    /// As [`parse_with`](Self::parse_with).
    pub fn parse_within(text: &str, known: &[Self], limits: &Limits) -> Result<Self, ParseError> {
        if text.len() > limits.text {
            return Err(ParseError::TooLong);
        }
        let mut scanner = Scanner::new(text);
        let mut spec = scanner.spec(0)?;
        let mut definitions = scanner.definitions()?;
        let mut known: BTreeMap<_, _> =
            known.iter().rev().filter_map(|spec| Some((spec.definition()?.0, spec))).collect();
        // Each name becomes what it stands for where it stands first; elsewhere it stays a name.
        define(&mut spec, &mut definitions, &mut known, 0)?;
        match definitions.pop_first() {
            Some((name, _)) => Err(SpecError::Unused(short(&name)).into()),
            None => Ok(spec),
        }
    }
}

/// Puts the definitions in the places where their names stand first, in the order of printing; those of
/// the text before those known.
fn define(
    spec: &mut Spec,
    definitions: &mut BTreeMap<String, Spec>,
    known: &mut BTreeMap<&str, &Spec>,
    level: usize,
) -> Result<(), ParseError> {
    if level > LEVELS {
        return Err(ParseError::TooLong);
    }
    let level = level.saturating_add(1);
    if let Spec::Ref(name) = spec {
        let elsewhere = known.remove(name.as_str());
        match definitions.remove(name).or_else(|| elsewhere.cloned()) {
            Some(definition) => *spec = definition,
            None => return Ok(()),
        }
    }
    spec.parts_mut().into_iter().try_for_each(|part| define(part, definitions, known, level))
}

impl Scanner<'_> {
    /// A union of types, or one.
    fn spec(&mut self, level: usize) -> Result<Spec, ParseError> {
        let level = level.saturating_add(1);
        if level > LEVELS {
            return Err(ParseError::TooLong);
        }
        let mut alternatives = self.alternative(level)?;
        while self.take("|") {
            alternatives.append(&mut self.alternative(level)?);
        }
        Ok(one_of(alternatives))
    }

    /// One type; literals are several.
    fn alternative(&mut self, level: usize) -> Result<Vec<Spec>, ParseError> {
        let before = self.rest;
        let Some(name) = self.name() else { return Err(self.expected("a type")) };
        Ok(vec![match name {
            "Any" | "typing.Any" => Spec::Any,
            "None" | "NoneType" => Spec::Nil,
            "bool" => Spec::Bool,
            "int" => self.int()?,
            "float" => Spec::Float,
            "str" => Spec::Str,
            "bytes" => Spec::Bytes,
            "datetime" => Spec::Timestamp,
            "NamespacePath" => Spec::Path,
            "Ext" => self.ext()?,
            "Literal" => return self.literals(),
            "Union" => return self.arguments(level),
            "Optional" => self.one_argument(level)?.or_nil(),
            "list" => Spec::list(self.one_argument(level)?),
            "tuple" => self.tuple(level)?,
            "dict" => self.dict(level)?,
            name if is_name(name) => Spec::Ref(name.into()),
            _ => {
                self.rest = before;
                return Err(self.expected("a type"));
            }
        }])
    }

    fn arguments(&mut self, level: usize) -> Result<Vec<Spec>, ParseError> {
        self.need("[")?;
        let mut arguments = vec![self.spec(level)?];
        while self.take(",") {
            arguments.push(self.spec(level)?);
        }
        self.need("]")?;
        Ok(arguments)
    }

    fn one_argument(&mut self, level: usize) -> Result<Spec, ParseError> {
        self.need("[")?;
        let argument = self.spec(level)?;
        self.need("]")?;
        Ok(argument)
    }

    fn tuple(&mut self, level: usize) -> Result<Spec, ParseError> {
        self.need("[")?;
        let mut parts = Vec::new();
        if self.take("()") {
            self.need("]")?;
            return Ok(Spec::Tuple(parts));
        }
        loop {
            parts.push(self.spec(level)?);
            if !self.take(",") {
                break;
            }
            if self.take("...") {
                self.need("]")?;
                return Ok(Spec::list(one_of(parts)));
            }
        }
        self.need("]")?;
        Ok(Spec::Tuple(parts))
    }

    fn dict(&mut self, level: usize) -> Result<Spec, ParseError> {
        self.need("[")?;
        let key = self.spec(level)?;
        self.need(",")?;
        let value = self.spec(level)?;
        self.need("]")?;
        Ok(Spec::map(key, value))
    }

    /// All integers, or with `[min..=max]` some.
    fn int(&mut self) -> Result<Spec, ParseError> {
        let Spec::Int { mut min, mut max } = Spec::INT else { return Ok(Spec::INT) };
        if !self.take("[") {
            return Ok(Spec::INT);
        }
        if let Some(value) = self.integer() {
            min = value.max(min);
        }
        self.need("..")?;
        if self.take("=") {
            max = max.min(self.integer().ok_or_else(|| self.expected("an integer"))?);
        }
        self.need("]")?;
        Ok(Spec::Int { min, max })
    }

    fn ext(&mut self) -> Result<Spec, ParseError> {
        self.need("[")?;
        let code = self.integer().and_then(|code| i8::try_from(code).ok());
        let code = code.ok_or_else(|| self.expected("a code from -128 to 127"))?;
        self.need("]")?;
        Ok(Spec::Ext(code))
    }

    fn literals(&mut self) -> Result<Vec<Spec>, ParseError> {
        self.need("[")?;
        let mut literals = Vec::new();
        loop {
            literals.push(Spec::Literal(self.literal()?));
            if !self.take(",") {
                break;
            }
        }
        self.need("]")?;
        Ok(literals)
    }

    fn literal(&mut self) -> Result<Literal, ParseError> {
        self.skip_space();
        if self.rest.starts_with(['\'', '"']) {
            return self.quoted().map(Literal::Str);
        }
        if let Some(value) = self.integer() {
            return Ok(Literal::Int(value));
        }
        let before = self.rest;
        match self.name() {
            Some("None") => Ok(Literal::Nil),
            Some("True") => Ok(Literal::Bool(true)),
            Some("False") => Ok(Literal::Bool(false)),
            _ => {
                self.rest = before;
                Err(self.expected("a literal"))
            }
        }
    }

    /// What the names stand for, and the end of the text.
    fn definitions(&mut self) -> Result<BTreeMap<String, Spec>, ParseError> {
        let mut definitions = BTreeMap::new();
        let mut more = self.word("where");
        while more {
            let (name, definition) = self.definition()?;
            if definitions.insert(name.clone(), definition).is_some() {
                return Err(SpecError::Redefined(short(&name)).into());
            }
            more = self.take(";");
        }
        self.end().map(|()| definitions)
    }

    fn definition(&mut self) -> Result<(String, Spec), ParseError> {
        let name = self.name().filter(|name| is_name(name));
        let name = String::from(name.ok_or_else(|| self.expected("the name of a type"))?);
        self.need("=")?;
        let spec = if self.word("struct") {
            Spec::Struct(self.structure(name.clone())?)
        } else {
            Spec::Named(name.clone(), Box::new(self.spec(0)?))
        };
        Ok((name, spec))
    }

    fn structure(&mut self, name: String) -> Result<Struct, ParseError> {
        let mut definition = Struct::new(name);
        self.need("(")?;
        while !self.take(")") {
            let key = self.key()?;
            if definition.tag.is_none() && definition.fields.is_empty() && self.take("=") {
                definition.tag = Some((key, self.literal()?));
            } else {
                definition.fields.push(self.field(key)?);
            }
            if !self.take(",") {
                self.need(")")?;
                break;
            }
        }
        definition.closed = self.take("!");
        Ok(definition)
    }

    fn field(&mut self, name: String) -> Result<Field, ParseError> {
        let mut presence = if self.take("?") { Presence::Optional } else { Presence::Required };
        self.need(":")?;
        let spec = self.spec(0)?;
        if presence == Presence::Required && self.take("=") {
            presence = Presence::Default(self.literal()?);
        }
        Ok(Field { name, spec, presence })
    }

    fn key(&mut self) -> Result<String, ParseError> {
        self.skip_space();
        if self.rest.starts_with('\'') {
            return self.quoted();
        }
        self.name().map(String::from).ok_or_else(|| self.expected("a field"))
    }
}

/// The union of alternatives, of which unions are taken apart, or the only one.
fn one_of(alternatives: Vec<Spec>) -> Spec {
    let mut flat = Vec::new();
    for alternative in alternatives {
        if let Spec::Union(inner) = alternative {
            flat.extend(inner);
        } else {
            flat.push(alternative);
        }
    }
    match flat.pop() {
        Some(only) if flat.is_empty() => only,
        last => {
            flat.extend(last);
            Spec::Union(flat)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PldSpec;
    use alloc::string::ToString;

    #[test]
    fn what_is_printed_is_parsed() {
        for text in [
            "int|None",
            "list[str]",
            "dict[str, Any]",
            "NamespacePath",
            "tuple[int, float]|None",
            "tuple[()]",
            "int[0..=255]|int[-5..=-1]|int[18446744073709551615..]",
            "Literal['a', 1, None, True]|datetime",
            "Ext[-7]|bytes|bool",
            "Item|None where Item = struct(type='Item', label: str, qty: int = 1, 'odd key'?: float)!",
            "Tree where Tree = struct(left: Tree|None, right?: list[Tree])",
            "Json where Json = None|bool|float|str|list[Json]|dict[str, Json]",
            "Literal['it\\'s', '\\n\\u{1b}é\"']",
        ] {
            let spec: PldSpec = text.parse().unwrap();
            assert_eq!(alloc::format!("{spec:#}"), text);
            assert_eq!(spec.to_string(), text.split(" where ").next().unwrap());
        }
    }

    #[test]
    fn other_spellings_mean_the_same() {
        for (spelled, plain) in [
            ("Optional[ int ]", "int|None"),
            ("Union[int, None]", "int|None"),
            ("Union[int|None, Union[str, bytes]]", "int|None|str|bytes"),
            ("tuple[int|None, str, ...]", "list[int|None|str]"),
            ("int[-99999999999999999999..=99999999999999999999]", "int"),
            ("Literal['\\u{0041}\\u{00000041}']", "Literal['AA']"),
            ("tuple[str, ...]", "list[str]"),
            ("typing.Any", "Any"),
            ("NoneType | Literal[\"a\"]", "None|Literal['a']"),
        ] {
            assert_eq!(spelled.parse::<Spec>(), plain.parse(), "{spelled}");
        }
    }

    #[test]
    fn a_name_may_be_known_from_elsewhere() {
        let item = Spec::from(Struct::new("Item").field("n", Spec::INT));
        let spec = Spec::parse_with("list[Item]|None", core::slice::from_ref(&item)).unwrap();
        assert_eq!(spec, Spec::list(item).or_nil());
        let undefined = "list[Item]".parse::<PldSpec>();
        assert_eq!(undefined, Err(ParseError::Spec(SpecError::Undefined("Item".into()))));
    }

    #[test]
    fn each_definition_is_used_once() {
        for (text, expected) in [
            ("A where A = int; A = str", SpecError::Redefined("A".into())),
            ("int where A = int; A = list[Gone]", SpecError::Redefined("A".into())),
            ("int where A = list[Gone]", SpecError::Unused("A".into())),
            ("int where A = list[B]; B = A|None", SpecError::Unused("A".into())),
        ] {
            assert_eq!(text.parse::<Spec>(), Err(ParseError::Spec(expected)), "{text}");
        }
        let known = [Spec::named("A", Spec::Str), Spec::named("B", Spec::Nil)];
        let spec = Spec::parse_with("A|B|B where A = int", &known).unwrap();
        let [_, b] = known;
        assert_eq!(spec, Spec::named("A", Spec::INT).or(b).or(Spec::Ref("B".into())));
    }

    #[test]
    fn what_is_no_spec_says_where() {
        for (text, expected, at) in [
            ("", "a type", 0),
            ("int|", "a type", 4),
            ("list[int", "]", 8),
            ("int[5]", "..", 5),
            ("Ext[128]", "a code from -128 to 127", 7),
            ("int int", "the end", 4),
            ("Literal['a", "the end of a text", 8),
            ("X where X = struct(a)", ":", 20),
            ("int where int = str", "the name of a type", 13),
        ] {
            assert_eq!(text.parse::<Spec>(), Err(ParseError::Expected { expected, at }), "{text}");
        }
        let deep = "list[".repeat(LEVELS) + "int" + &"]".repeat(LEVELS);
        assert_eq!(deep.parse::<Spec>(), Err(ParseError::TooLong));
        assert_eq!("x".repeat(Limits::default().text + 1).parse::<Spec>(), Err(ParseError::TooLong));
    }
}
