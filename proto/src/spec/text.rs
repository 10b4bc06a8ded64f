//! Specs as Python writes types.

use alloc::string::{String, ToString};
use alloc::{format, vec::Vec};
use core::fmt::{self, Write as _};

use super::limits::LABEL;
use super::shape::{Field, Literal, Presence, Spec, Struct};
use crate::wire::cut;

/// Names of types that mean something by themselves.
pub(super) const BUILT_IN: [&str; 21] = [
    "Any",
    "None",
    "NoneType",
    "bool",
    "int",
    "float",
    "str",
    "bytes",
    "datetime",
    "NamespacePath",
    "Ext",
    "Literal",
    "Optional",
    "Union",
    "list",
    "tuple",
    "dict",
    "struct",
    "where",
    "True",
    "False",
];

/// Whether `text` can stand without quotes.
pub(super) fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

/// Whether `text` can be the name of a type; a path of modules may stand before it.
pub(super) fn is_name(text: &str) -> bool {
    !BUILT_IN.contains(&text) && text != "typing.Any" && text.split('.').all(is_identifier)
}

/// How `spec` is written, shortened: for reports.
pub(super) fn label(spec: &Spec) -> String {
    shortened(format_args!("{spec}"))
}

/// A name, shortened.
pub(super) fn short(name: &str) -> String {
    shortened(format_args!("{name}"))
}

/// What is written, up to [`LABEL`] and a mark that something is missing.
pub(super) fn shortened(text: fmt::Arguments<'_>) -> String {
    struct Short(String);
    impl fmt::Write for Short {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let taken = cut(text, LABEL.saturating_sub(self.0.len()));
            self.0.push_str(taken);
            if taken.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
        }
    }
    let mut short = Short(String::new());
    if short.write_fmt(text).is_err() {
        short.0.push('…');
    }
    short.0
}

/// As Python writes the type, structs and named types by their names. The alternate form adds what the
/// names stand for; both can be parsed, the former where the names are known. (P-15)
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_spec(self, f)?;
        if f.alternate() {
            let mut before = " where ";
            define(self, &mut Vec::new(), &mut |name, definition| {
                f.write_str(before)?;
                before = "; ";
                write!(f, "{name} = ")?;
                if let Self::Struct(fields) = definition {
                    if fields.name == name {
                        return write_struct(fields, f);
                    }
                }
                write_spec(definition, f)
            })?;
        }
        Ok(())
    }
}

/// Calls `write` with every name that `spec` defines, once, and with what it stands for. Recurses as
/// deep as `spec` does.
fn define<'a>(
    spec: &'a Spec,
    written: &mut Vec<&'a str>,
    write: &mut impl FnMut(&'a str, &'a Spec) -> fmt::Result,
) -> fmt::Result {
    if let Some((name, definition)) = spec.definition() {
        if written.contains(&name) {
            return Ok(());
        }
        written.push(name);
        write(name, definition)?;
    }
    spec.parts().into_iter().try_for_each(|part| define(part, written, write))
}

fn write_spec(spec: &Spec, f: &mut dyn fmt::Write) -> fmt::Result {
    match spec {
        Spec::Any => f.write_str("Any"),
        Spec::Nil => f.write_str("None"),
        Spec::Bool => f.write_str("bool"),
        Spec::Int { min, max } => write_int(*min, *max, f),
        Spec::Float => f.write_str("float"),
        Spec::Str => f.write_str("str"),
        Spec::Bytes => f.write_str("bytes"),
        Spec::Timestamp => f.write_str("datetime"),
        Spec::Path => f.write_str("NamespacePath"),
        Spec::Ext(code) => write!(f, "Ext[{code}]"),
        Spec::Literal(literal) => write!(f, "Literal[{literal}]"),
        Spec::List(element) => {
            f.write_str("list[")?;
            write_spec(element, f)?;
            f.write_str("]")
        }
        Spec::Tuple(parts) => {
            f.write_str("tuple[")?;
            write_parts(parts, ", ", f)?;
            f.write_str(if parts.is_empty() { "()]" } else { "]" })
        }
        Spec::Map(key, value) => {
            f.write_str("dict[")?;
            write_spec(key, f)?;
            f.write_str(", ")?;
            write_spec(value, f)?;
            f.write_str("]")
        }
        Spec::Struct(Struct { name, .. }) | Spec::Named(name, _) | Spec::Ref(name) => f.write_str(name),
        Spec::Union(parts) => write_union(parts, f),
    }
}

fn write_parts(parts: &[Spec], between: &str, f: &mut dyn fmt::Write) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write_spec(part, f)?;
    }
    Ok(())
}

/// Alternatives in order, literals beside each other as one.
fn write_union(parts: &[Spec], f: &mut dyn fmt::Write) -> fmt::Result {
    let mut before: Option<&Spec> = None;
    for part in parts {
        match (before, part) {
            (Some(Spec::Literal(_)), Spec::Literal(literal)) => write!(f, ", {literal}")?,
            (_, Spec::Literal(literal)) => {
                f.write_str(if before.is_some() { "|Literal[" } else { "Literal[" })?;
                write!(f, "{literal}")?;
            }
            (Some(Spec::Literal(_)), _) => {
                f.write_str("]|")?;
                write_spec(part, f)?;
            }
            (before, _) => {
                f.write_str(if before.is_some() { "|" } else { "" })?;
                write_spec(part, f)?;
            }
        }
        before = Some(part);
    }
    f.write_str(if matches!(before, Some(Spec::Literal(_))) { "]" } else { "" })
}

fn write_int(min: i128, max: i128, f: &mut dyn fmt::Write) -> fmt::Result {
    match (min > i128::from(i64::MIN), max < i128::from(u64::MAX)) {
        (false, false) => f.write_str("int"),
        (true, false) => write!(f, "int[{min}..]"),
        (false, true) => write!(f, "int[..={max}]"),
        (true, true) => write!(f, "int[{min}..={max}]"),
    }
}

impl Struct {
    /// A line for each field: name, type, and whether it may be absent.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for Field { name, spec, presence } in &self.fields {
            // Writing to memory cannot fail.
            let _ = match presence {
                Presence::Required => writeln!(table, "  {:<16} {spec}", Key(name).to_string()),
                Presence::Optional => {
                    writeln!(table, "  {:<16} {spec} (may be absent)", Key(name).to_string())
                }
                Presence::Default(value) => {
                    writeln!(table, "  {:<16} {spec} = {value}", Key(name).to_string())
                }
            };
        }
        table
    }
}

impl Spec {
    /// It as a table: the type, and a section for each name.
    pub fn table(&self) -> String {
        let mut table = format!("{self}\n");
        let _ = define(self, &mut Vec::new(), &mut |name, definition| {
            let Self::Struct(fields) = definition else { return writeln!(table, "{name} = {definition}") };
            if fields.name != name {
                return writeln!(table, "{name} = {definition}");
            }
            match &fields.tag {
                Some((key, value)) => writeln!(table, "{name} (tag {}={value})", Key(key))?,
                None => writeln!(table, "{name}")?,
            }
            table.push_str(&fields.table());
            Ok(())
        });
        table
    }
}

fn write_struct(definition: &Struct, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("struct(")?;
    let mut before = "";
    if let Some((key, value)) = &definition.tag {
        write!(f, "{}={value}", Key(key))?;
        before = ", ";
    }
    for field in &definition.fields {
        let mark = if field.presence == Presence::Optional { "?" } else { "" };
        write!(f, "{before}{}{mark}: ", Key(&field.name))?;
        write_spec(&field.spec, f)?;
        if let Presence::Default(value) = &field.presence {
            write!(f, " = {value}")?;
        }
        before = ", ";
    }
    f.write_str(if definition.closed { ")!" } else { ")" })
}

/// The key of a field, in quotes unless it is an identifier.
struct Key<'a>(&'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_identifier(self.0) { f.write_str(self.0) } else { write_quoted(self.0, f) }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Str(text) => write_quoted(text, f),
        }
    }
}

fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('\'')?;
    for char in text.chars() {
        match char {
            // Not special between single quotes.
            '"' => f.write_char('"')?,
            char => write!(f, "{}", char.escape_debug())?,
        }
    }
    f.write_char('\'')
}
