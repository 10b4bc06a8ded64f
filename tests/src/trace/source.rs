//! Source files: where in them comments cite numbers, and which tests they hold.

use super::lexer::{Token, tokens};
use super::number::Mention;

/// What a file of this path is to the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Libraries, with unit tests in them.
    Code,
    /// Tests, with their helpers.
    Tests,
    /// Harness, examples: its citations have to exist, and count for nothing.
    Aside,
}

impl Class {
    pub(super) fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["tests", "tests", ..] | ["proto", "tests", ..] | ["drivers", _, "tests", ..] => Self::Tests,
            ["proto", "src", rest @ ..] | ["drivers", _, "src", rest @ ..] => {
                let is_test = rest.iter().any(|part| matches!(*part, "tests" | "tests.rs"));
                if is_test { Self::Tests } else { Self::Code }
            }
            _ => Self::Aside,
        }
    }
}

/// What a citation counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// It says what the code does.
    Code,
    /// It says what a test shows.
    Test,
    /// Neither.
    Aside,
}

/// Where a citation stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Path of the file, from the root of the tree.
    pub file: String,
    /// Function, type or constant that it is about; `None` for all of the file.
    pub item: Option<String>,
    /// What it counts as.
    pub role: Role,
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) citations: Vec<(Place, Mention)>,
    /// Names of its tests.
    pub(super) tests: Vec<String>,
}

impl Source {
    pub(super) fn read(file: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let mut reader = Reader {
            file,
            class: Class::of(file),
            tokens: &tokens,
            at: 0,
            depth: 0,
            nest: 0,
            scopes: Vec::new(),
            pending: None,
            mark: Mark::default(),
            block: String::new(),
            found: Self::default(),
        };
        while reader.at < tokens.len() {
            reader.step();
        }
        // What stands at the end of the file is about nothing.
        let (place, rest) = (reader.place(None), std::mem::take(&mut reader.block));
        reader.cite(&place, &rest);
        let mut found = reader.found;
        let has_tests = !found.tests.is_empty();
        for (place, _) in found.citations.iter_mut().filter(|(place, _)| place.item.is_none()) {
            let is_whole = place.role == Role::Test && has_tests;
            place.role = if is_whole { Role::Test } else { Role::Aside };
        }
        found
    }
}

/// What attributes say of the next item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Mark {
    is_case: bool,
    is_test_only: bool,
}

#[derive(Debug, Clone)]
struct Item {
    name: String,
    is_function: bool,
    is_module: bool,
    mark: Mark,
    /// Of brackets, where it was named.
    nest: usize,
}

struct Reader<'a> {
    file: &'a str,
    class: Class,
    tokens: &'a [Token<'a>],
    at: usize,
    /// Of braces.
    depth: usize,
    /// Of other brackets.
    nest: usize,
    scopes: Vec<(usize, Item)>,
    /// Named, not yet opened.
    pending: Option<Item>,
    mark: Mark,
    /// Comments since the last piece of code.
    block: String,
    found: Source,
}

impl<'a> Reader<'a> {
    fn step(&mut self) {
        let token = self.tokens[self.at];
        match token {
            Token::Comment(text) => {
                self.block.push_str(text);
                self.at += 1;
                return;
            }
            Token::Inner(text) => {
                // A run of them is one text.
                let mut whole = text.to_owned();
                self.at += 1;
                while let Some(Token::Inner(more)) = self.tokens.get(self.at) {
                    whole.push_str(more);
                    self.at += 1;
                }
                let place = self.place(None);
                return self.cite(&place, &whole);
            }
            Token::Mark('#') => return self.attribute(),
            Token::Word(_) | Token::Mark(_) => {}
        }
        if !self.block.is_empty() {
            let item = self.item_at(self.at);
            let place = self.place(item.as_ref());
            let block = std::mem::take(&mut self.block);
            self.cite(&place, &block);
        }
        let overrides = token == Token::Word("fn") || self.pending.is_none();
        if let Some(item) = self.item_named_at(self.at).filter(|_| overrides) {
            if item.mark.is_case {
                self.found.tests.push(item.name.clone());
            }
            self.mark = Mark::default();
            self.pending = Some(item);
        }
        self.bracket(token);
        self.at += 1;
    }

    fn bracket(&mut self, token: Token<'_>) {
        match token {
            Token::Mark('(' | '[') => self.nest += 1,
            Token::Mark(')' | ']') => self.nest = self.nest.saturating_sub(1),
            Token::Mark('{') => {
                self.depth += 1;
                if let Some(item) = self.pending.take() {
                    self.scopes.push((self.depth, item));
                }
            }
            Token::Mark('}') => {
                if self.scopes.last().is_some_and(|(depth, _)| *depth == self.depth) {
                    self.scopes.pop();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            Token::Mark(';') if self.pending.as_ref().is_some_and(|item| item.nest == self.nest) => {
                self.pending = None;
            }
            _ => {}
        }
    }

    /// `#[…]` or `#![…]`; its strings are no tokens.
    fn attribute(&mut self) {
        let end = self.end_of_attribute(self.at);
        let words: Vec<&str> = self.tokens[self.at..end]
            .iter()
            .filter_map(|token| if let Token::Word(word) = token { Some(*word) } else { None })
            .collect();
        match words.as_slice() {
            ["test"] => self.mark.is_case = true,
            ["cfg", rest @ ..] if rest.contains(&"test") && !rest.contains(&"not") => {
                self.mark.is_test_only = true;
            }
            _ => {}
        }
        self.at = end;
    }

    fn end_of_attribute(&self, start: usize) -> usize {
        let mut nest = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(start + 1) {
            match token {
                Token::Mark('[') => nest += 1,
                Token::Mark(']') => nest -= 1,
                _ => {}
            }
            if nest == 0 && *token != Token::Mark('!') {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    fn word(&self, at: usize) -> Option<&'a str> {
        match self.tokens.get(at)? {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The item that begins at `at`, whatever stands before its keyword.
    fn item_at(&self, mut at: usize) -> Option<Item> {
        loop {
            if let Some(item) = self.item_named_at(at) {
                return Some(item);
            }
            match (self.word(at)?, self.tokens.get(at + 1)) {
                ("pub", Some(Token::Mark('('))) => at += 4,
                ("pub" | "async" | "unsafe" | "extern" | "const" | "default", _) => at += 1,
                _ => return None,
            }
        }
    }

    /// The item whose keyword stands at `at`.
    fn item_named_at(&self, at: usize) -> Option<Item> {
        let name = match self.word(at)? {
            "fn" | "struct" | "enum" | "trait" | "static" | "type" | "mod" => self.word(at + 1)?,
            "const" => {
                self.word(at + 1).filter(|next| !matches!(*next, "fn" | "unsafe" | "async" | "extern"))?
            }
            "impl" => self.implemented(at + 1)?,
            "macro_rules" => self.word(at + 2)?,
            _ => return None,
        };
        let is_function = self.word(at) == Some("fn");
        let is_module = self.word(at) == Some("mod");
        Some(Item { name: name.to_owned(), is_function, is_module, mark: self.mark, nest: self.nest })
    }

    /// The type of an `impl`: the word after `for`, or the first one outside of angle brackets.
    fn implemented(&self, start: usize) -> Option<&'a str> {
        let head = self.tokens[start..].iter().take_while(|token| **token != Token::Mark('{'));
        let (mut angles, mut first, mut after_for) = (0_i32, None, false);
        for token in head {
            match token {
                Token::Mark('<') => angles += 1,
                Token::Mark('>') => angles -= 1,
                Token::Word("for") if angles == 0 => after_for = true,
                Token::Word(word) if angles == 0 && after_for => return Some(word),
                Token::Word(word) if angles == 0 => first = first.or(Some(*word)),
                _ => {}
            }
        }
        first
    }

    /// Where a comment stands that is about `item`, or about what it stands in.
    fn place(&self, item: Option<&Item>) -> Place {
        let around = self.scopes.iter().map(|(_, item)| item);
        let is_test_only = around.clone().any(|item| item.mark.is_test_only);
        let case = around.clone().chain(item).find(|item| item.mark.is_case);
        let named = item.or_else(|| around.rev().find(|item| !item.is_module));
        let is_test = self.class == Class::Tests || is_test_only;
        let role = match (self.class, case.or(named)) {
            (Class::Aside, _) => Role::Aside,
            (_, None) if is_test => Role::Test,
            _ if case.is_some() => Role::Test,
            _ if is_test || item.is_some_and(|item| item.mark.is_test_only) => Role::Aside,
            // Of code a function has to be named: nothing else carries a rule out.
            (_, Some(item)) if item.is_function => Role::Code,
            _ => Role::Aside,
        };
        let item = case.or(named).map(|item| item.name.clone());
        Place { file: self.file.to_owned(), item, role }
    }

    fn cite(&mut self, place: &Place, text: &str) {
        let mentions = Mention::all(text).into_iter().map(|mention| (place.clone(), mention));
        self.found.citations.extend(mentions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(file: &str, text: &str) -> Vec<String> {
        let citations = Source::read(file, text).citations.into_iter();
        citations
            .map(|(place, mention)| {
                format!("{} {} {:?}", mention.from, place.item.unwrap_or_default(), place.role)
            })
            .collect()
    }

    const CODE: &str = "//! A signpost. (W-1)
        /// About a type. (W-2)
        #[derive(Debug)] pub(crate) struct Name { /* a field, (W-3) */ field: u8 }
        impl<T: Fn()> Trait for Name<T> {
            /// About a function, over
            /// two lines. (W-4 to
            /// W-6)
            pub(super) const fn head(&self, x: [u8; 4]) -> impl Iterator<Item = u8> {
                match x { // within (W-7)
                    _ => { struct Inner; } // \"{\"
                }
            }
        }
        // Of a constant. (W-8)
        const LIMIT: usize = 1;
        #[cfg(test)] mod tests {
            /// A helper. (W-9)
            fn helper() {}
            /// Shows it. (W-10)
            #[test] fn shows() { /* and (W-11) */ let x = 1; }
        }";

    #[test]
    fn a_citation_belongs_to_what_follows_or_surrounds_it() {
        let expected = [
            "W-1  Aside",
            "W-2 Name Aside",
            "W-3 Name Aside",
            "W-4 head Code",
            "W-7 head Code",
            "W-8 LIMIT Aside",
            "W-9 helper Aside",
            "W-10 shows Test",
            "W-11 shows Test",
        ];
        assert_eq!(cited("proto/src/name.rs", CODE), expected);
    }

    #[test]
    fn a_file_of_tests_may_cite_for_all_of_them() {
        let text = "//! All of them. (D-1)\n/// A helper. (D-2)\nfn helper() {}\n#[test]\nfn one() {}";
        assert_eq!(cited("tests/tests/some.rs", text), ["D-1  Test", "D-2 helper Aside"]);
        let helpers = "//! No test here. (D-1)";
        assert_eq!(cited("tests/tests/some/rig.rs", helpers), ["D-1  Aside"]);
        assert_eq!(cited("tests/src/some.rs", text)[0], "D-1  Aside");
    }
}
