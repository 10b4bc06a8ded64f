//! Pages of the specification: the numbers they define, and the tests that differences name.

use super::number::{Mention, Number, Series};

/// What one page says.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The numbers it defines, in order, repetitions included.
    pub(super) defined: Vec<Number>,
    /// The numbers it refers to.
    pub(super) mentions: Vec<Mention>,
    /// Beginnings of paragraphs that require something under no number.
    pub(super) unnumbered: Vec<String>,
    /// What differences name as their tests.
    pub(super) tests: Vec<(Number, Vec<Named>)>,
}

/// A test named in a page: a file, or a directory, and a name if one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: String,
    pub(super) name: Option<String>,
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut is_code = false;
        let mut blocks: Vec<String> = Vec::new();
        for line in text.lines() {
            let is_fence = line.starts_with("```");
            is_code ^= is_fence;
            if is_code || is_fence || line.is_empty() || line.starts_with('|') {
                blocks.push(String::new());
                continue;
            }
            let begins = line.starts_with("* ") || line.starts_with('#');
            match blocks.last_mut().filter(|block| !begins && !block.is_empty()) {
                Some(block) => *block = format!("{block}\n{line}"),
                None => blocks.push(line.to_owned()),
            }
        }
        page.mentions = Mention::all(text);
        blocks.iter().filter(|block| !block.is_empty()).for_each(|block| page.take(block));
        page
    }

    fn take(&mut self, block: &str) {
        let rule = block.strip_prefix("* **").or_else(|| block.strip_prefix("## "));
        if let Some((number, _)) = rule.and_then(Number::at_start) {
            return self.defined.push(number);
        }
        if let (Some(tests), Some(number)) = (block.strip_prefix("**Test:**"), self.last_difference()) {
            return self.tests.push((number, named(tests)));
        }
        let requires =
            block.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "MUST" | "SHOULD"));
        // Under a rule, indented, is still that rule.
        let goes_on = block.starts_with("  ");
        if requires && !goes_on && !block.contains("RFC 2119") {
            self.unnumbered.push(block.lines().next().unwrap_or_default().to_owned());
        }
    }

    fn last_difference(&self) -> Option<Number> {
        self.defined.last().copied().filter(|number| number.series == Series::Difference)
    }
}

/// Of `` `path`: `name`, `name`; `path` ``: a path without a name is all of it.
fn named(text: &str) -> Vec<Named> {
    let mut tests: Vec<Named> = Vec::new();
    for word in text.split('`').skip(1).step_by(2) {
        match tests.last_mut() {
            _ if word.contains('/') => tests.push(Named { path: word.to_owned(), name: None }),
            Some(last) if last.name.is_none() => last.name = Some(word.to_owned()),
            Some(last) => {
                let path = last.path.clone();
                tests.push(Named { path, name: Some(word.to_owned()) });
            }
            None => tests.push(Named { path: String::new(), name: Some(word.to_owned()) }),
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_named_with_their_files() {
        let named: Vec<_> = named(" `a/b.rs`: `x`,\n`y`; `c/`: the whole; `d/e.rs`: `z`")
            .into_iter()
            .map(|test| (test.path, test.name.unwrap_or_default()))
            .collect();
        let expected = [("a/b.rs", "x"), ("a/b.rs", "y"), ("c/", ""), ("d/e.rs", "z")];
        assert_eq!(named, expected.map(|(path, name)| (path.to_owned(), name.to_owned())));
    }
}
