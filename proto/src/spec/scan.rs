//! The words and marks of a text.

use alloc::string::String;

use super::error::ParseError;

/// A text, and what is left of it.
pub(super) struct Scanner<'a> {
    text: &'a str,
    pub(super) rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, rest: text }
    }

    pub(super) fn expected(&self, expected: &'static str) -> ParseError {
        ParseError::Expected { expected, at: self.text.len().saturating_sub(self.rest.len()) }
    }

    pub(super) fn end(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        if self.rest.is_empty() { Ok(()) } else { Err(self.expected("the end")) }
    }

    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Passes `mark` if it is next.
    pub(super) fn take(&mut self, mark: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn need(&mut self, mark: &'static str) -> Result<(), ParseError> {
        if self.take(mark) { Ok(()) } else { Err(self.expected(mark)) }
    }

    /// A name, with dots in it.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        self.skip_space();
        let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '.';
        let end = self.rest.find(|char| !is_part(char)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end)?;
        if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    pub(super) fn word(&mut self, word: &str) -> bool {
        let before = self.rest;
        if self.name() == Some(word) {
            return true;
        }
        self.rest = before;
        false
    }

    pub(super) fn integer(&mut self) -> Option<i128> {
        self.skip_space();
        let digits = self.rest.strip_prefix('-').unwrap_or(self.rest);
        let sign = self.rest.len().saturating_sub(digits.len());
        let len = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
        let (number, rest) = self.rest.split_at_checked(sign.saturating_add(len))?;
        let number = number.parse().ok()?;
        self.rest = rest;
        Some(number)
    }

    pub(super) fn quoted(&mut self) -> Result<String, ParseError> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        let quote = chars.next().map(|(_, quote)| quote);
        while let Some((at, char)) = chars.next() {
            match char {
                _ if Some(char) == quote => {
                    self.rest = self.rest.get(at.saturating_add(1)..).unwrap_or_default();
                    return Ok(text);
                }
                '\\' => text.push(escaped(&mut chars).ok_or_else(|| self.expected("a known escape"))?),
                char => text.push(char),
            }
        }
        Err(self.expected("the end of a text"))
    }
}

/// The character that an escape stands for, its backslash passed.
fn escaped(chars: &mut core::str::CharIndices<'_>) -> Option<char> {
    Some(match chars.next()?.1 {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        'u' => {
            let digits = chars.as_str().strip_prefix('{')?.split_once('}')?.0;
            chars.nth(digits.chars().count().saturating_add(1))?;
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
        }
        char @ ('\\' | '\'' | '"') => char,
        _ => return None,
    })
}
