//! Many defects in one tree, all asleep but one.
//!
//! Each function with defects gets all its bodies, the broken ones and the right one, and chooses by a number from
//! the environment when it runs. So a tree is compiled once, however many defects are tried.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::{fs, io};

use super::Mutant;
use crate::trace::lexer::first_brace;

/// Names the defect that is awake.
pub(super) const AWAKE: &str = "SCIPP_MUTANT";

/// What every package with defects has to know; it is the core's.
const SWITCH: &str = "
extern crate std as switch;

#[doc(hidden)]
pub fn is_awake(mutant: &str) -> bool {
    static AWAKE: switch::sync::OnceLock<Option<switch::string::String>> = switch::sync::OnceLock::new();
    AWAKE.get_or_init(|| switch::env::var(\"SCIPP_MUTANT\").ok()).as_deref() == Some(mutant)
}
";

/// Where a defect went: lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Woven {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) lines: RangeInclusive<usize>,
}

/// Writes `mutants` into the tree at `root`, whose files are as they were before.
///
/// # Errors
///
/// A file cannot be read or written.
pub(super) fn weave(root: &Path, mutants: &[&Mutant]) -> io::Result<Vec<Woven>> {
    let mut files: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        files.entry(&mutant.file).or_default().push(mutant);
    }
    let mut woven = Vec::new();
    for (file, mutants) in files {
        let path = root.join(file);
        let (text, lines) = woven_text(&fs::read_to_string(&path)?, &mutants);
        woven.extend(lines.into_iter().map(|(name, lines)| Woven { name, file: file.to_owned(), lines }));
        fs::write(path, text)?;
    }
    let core = root.join("proto/src/lib.rs");
    fs::write(&core, fs::read_to_string(&core)? + SWITCH)?;
    Ok(woven)
}

type Lines = Vec<(String, RangeInclusive<usize>)>;

fn woven_text(text: &str, mutants: &[&Mutant]) -> (String, Lines) {
    let mut functions: BTreeMap<_, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        let Some(function) = &mutant.function else { continue };
        functions.entry(function.span).or_default().push(mutant);
    }
    let (mut out, mut lines, mut done) = (String::new(), Lines::new(), 0);
    for (span, mutants) in functions {
        let function = span.bytes(text);
        let Some(brace) = first_brace(&text[function.clone()]) else { continue };
        let body = function.start + brace..function.end;
        out.push_str(&text[done..body.start]);
        out.push('{');
        for mutant in mutants {
            let package = if mutant.package == "scipp-proto" { "crate" } else { "scipp_proto" };
            let changed = mutant.span.bytes(text);
            let first = out.lines().count();
            out += &format!("if {package}::is_awake({:?}) ", mutant.name);
            out += &text[body.start..changed.start];
            out += &mutant.replacement;
            out += &text[changed.end..body.end];
            lines.push((mutant.name.clone(), first..=out.lines().count()));
            out += "\nelse ";
        }
        out += &text[body.clone()];
        out.push('}');
        done = body.end;
    }
    (out + &text[done..], lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_gets_all_its_bodies() {
        let mutant = |name: &str, replacement: &str, (from, to): (usize, usize)| -> Mutant {
            let place = |column| format!(r#"{{"line": 1, "column": {column}}}"#);
            serde_json::from_str(&format!(
                r#"{{"name": {name:?}, "file": "x.rs", "package": "scipp-proto", "replacement": {replacement:?},
                  "span": {{"start": {}, "end": {}}},
                  "function": {{"function_name": "f", "span": {{"start": {}, "end": {}}}}}}}"#,
                place(from),
                place(to),
                place(1),
                place(24)
            ))
            .unwrap()
        };
        let text = "fn f() -> u8 { 1 + 22 } fn g() {}";
        let (woven, lines) = woven_text(text, &[&mutant("a", "0", (16, 22)), &mutant("b", "-", (18, 19))]);
        assert_eq!(
            woven,
            "fn f() -> u8 {if crate::is_awake(\"a\") { 0 }\nelse if crate::is_awake(\"b\") { 1 - 22 }\nelse { 1 + 22 }} fn g() {}"
        );
        assert_eq!(lines, [("a".to_owned(), 1..=1), ("b".to_owned(), 2..=2)]);
    }
}
