//! The defects that there are, and which of them are about a rule.

use serde::Deserialize;

use crate::trace::{Mention, Number};

/// One defect, as `cargo mutants --list --json` describes it.
#[derive(Debug, Clone, Deserialize)]
pub struct Mutant {
    /// Its place, what is changed, and the function.
    pub name: String,
    file: String,
    package: String,
    function: Option<Function>,
    span: Span,
}

#[derive(Debug, Clone, Deserialize)]
struct Function {
    function_name: String,
    span: Span,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Span {
    start: Position,
    end: Position,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Position {
    line: usize,
}

impl Mutant {
    /// The package it is in.
    pub fn package(&self) -> &str {
        &self.package
    }

    /// The file it is in.
    pub fn file(&self) -> &str {
        &self.file
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
        let name = of.function_name.rsplit("::").next();
        let lines = cited_lines(text, of.span, rule);
        let is_near = |&(from, to): &(usize, usize)| (from..=to).contains(&mutant.span.start.line);
        mutant.file == file && name == Some(function) && (lines.is_empty() || lines.iter().any(is_near))
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
        let span = Span { start: Position { line: 1 }, end: Position { line: 10 } };
        let lines = |rule: &str| cited_lines(text, span, Number::at_start(rule).unwrap().0);
        assert_eq!(lines("D-1"), [(3, 5)]);
        assert_eq!(lines("D-2"), [], "all of it");
        let all: Vec<Mutant> = serde_json::from_str(
            r#"[{"name": "n", "file": "x.rs", "package": "p", "span": {"start": {"line": 6}, "end": {"line": 6}},
              "function": {"function_name": "X::f", "span": {"start": {"line": 1}, "end": {"line": 10}}}}]"#,
        )
        .unwrap();
        let found =
            |file, rule: &str| mutants_of(&all, file, "f", text, Number::at_start(rule).unwrap().0).len();
        assert_eq!((found("x.rs", "D-2"), found("x.rs", "D-1"), found("y.rs", "D-2")), (1, 0, 0));
    }
}
