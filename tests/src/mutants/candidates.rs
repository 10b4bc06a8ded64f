//! The defects that there are, and which of them are about a rule.

use std::ops::Range;

use serde::Deserialize;

use crate::trace::{Mention, Number};

/// One defect, as `cargo mutants --list --json` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mutant {
    /// Its place, what is changed, and the function.
    pub name: String,
    /// The package it is in.
    pub package: String,
    /// The file it is in.
    pub file: String,
    /// What stands there instead.
    pub(super) replacement: String,
    pub(super) function: Option<Function>,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Function {
    function_name: String,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Span {
    start: Position,
    end: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Position {
    line: usize,
    column: usize,
}

impl Span {
    /// The bytes of `text` that it covers.
    pub(super) fn bytes(self, text: &str) -> Range<usize> {
        let at = |position: Position| {
            let before: usize = text.split_inclusive('\n').take(position.line - 1).map(str::len).sum();
            let line = &text[before..];
            before + line.char_indices().nth(position.column - 1).map_or(line.len(), |(at, _)| at)
        };
        at(self.start)..at(self.end)
    }
}

/// The defects of a function that carries out `rule`: all of them, or if a comment inside of it cites the rule, those in
/// the lines that follow, up to an empty one or the next comment.
pub fn mutants_of<'a>(
    all: &'a [Mutant],
    file: &str,
    function: &str,
    text: &str,
    rule: Number,
) -> Vec<&'a Mutant> {
    let is_in = |mutant: &&Mutant| {
        let Some(of) = &mutant.function else { return false };
        if mutant.file != file || of.function_name.rsplit("::").next() != Some(function) {
            return false;
        }
        let lines = cited_lines(text, of.span, rule);
        let is_near = |&(from, to): &(usize, usize)| (from..=to).contains(&mutant.span.start.line);
        lines.is_empty() || lines.iter().any(is_near)
    };
    all.iter().filter(is_in).collect()
}

/// First and last lines of what comments inside of a function cite `rule` for.
fn cited_lines(text: &str, span: Span, rule: Number) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let within = |line: &usize| (span.start.line..=span.end.line).contains(line);
    let is_comment = |line: usize| {
        lines.get(line - 1).is_some_and(|text| text.starts_with("//") && !text.starts_with("///"))
    };
    let cites = |line: usize| Mention::all(lines[line - 1]).iter().any(|mention| mention.includes(rule));
    (1..=lines.len())
        .filter(within)
        .filter(|&line| is_comment(line) && cites(line))
        .map(|first| {
            let ends = |&line: &usize| line > first && (is_comment(line) || lines[line - 1].is_empty());
            let begun = (first + 1..=span.end.line).find(|&line| !is_comment(line)).unwrap_or(first);
            let last = (begun..=span.end.line).find(ends).unwrap_or(span.end.line);
            (first, last)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_within_a_function_is_about_what_follows() {
        let text =
            "/// Doc. (D-2)\nfn f() {\n  // About a. (D-1)\n  a;\n\n  b;\n  // (D-3 to\n  // D-4)\n  c;\n}\n";
        let all: Vec<Mutant> = serde_json::from_str(
            r#"[{"name": "n", "file": "x.rs", "package": "p", "replacement": "d",
              "span": {"start": {"line": 6, "column": 3}, "end": {"line": 6, "column": 4}},
              "function": {"function_name": "X::f",
              "span": {"start": {"line": 1, "column": 1}, "end": {"line": 10, "column": 2}}}}]"#,
        )
        .unwrap();
        let span = all[0].function.as_ref().unwrap().span;
        let lines = |rule: &str| cited_lines(text, span, Number::at_start(rule).unwrap().0);
        assert_eq!(lines("D-1"), [(3, 5)]);
        assert_eq!(lines("D-3"), [(7, 10)]);
        assert_eq!(lines("D-2"), [], "all of it");
        let found =
            |file, rule: &str| mutants_of(&all, file, "f", text, Number::at_start(rule).unwrap().0).len();
        assert_eq!((found("x.rs", "D-2"), found("x.rs", "D-1"), found("y.rs", "D-2")), (1, 0, 0));
        let shorter = "// (D-1)\n";
        assert!(mutants_of(&all, "y.rs", "f", shorter, Number::at_start("D-1").unwrap().0).is_empty());
        assert_eq!(&text[all[0].span.bytes(text)], "b");
        assert_eq!(&text[span.bytes(text)], text.trim_end());
    }
}
