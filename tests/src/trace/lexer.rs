//! Rust as comments, words and marks. Literals are passed over.

/// A piece of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A comment about what comes next, without its slashes.
    Comment(&'a str),
    /// A comment about what it stands in.
    Inner(&'a str),
    /// A name or a keyword.
    Word(&'a str),
    /// Anything else.
    Mark(char),
}

pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { rest: text };
    std::iter::from_fn(|| lexer.next()).collect()
}

/// Where the first brace of `text` is that opens a block.
pub(crate) fn first_brace(text: &str) -> Option<usize> {
    let mut lexer = Lexer { rest: text };
    while let Some(token) = lexer.next() {
        if token == Token::Mark('{') {
            return Some(text.len() - lexer.rest.len() - 1);
        }
    }
    None
}

struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.rest = self.rest.trim_start();
            let next = self.rest.chars().next()?;
            if let Some(comment) = self.comment() {
                return Some(comment);
            }
            if next == '"' {
                self.string();
            } else if next == '\'' {
                self.quote();
            } else if is_word(next) {
                let word = self.take(self.rest.find(|c| !is_word(c)));
                if !matches!(word, "r" | "br" | "cr") || !self.raw_string() {
                    return Some(Token::Word(word));
                }
            } else {
                self.take(Some(next.len_utf8()));
                return Some(Token::Mark(next));
            }
        }
    }

    fn take(&mut self, len: Option<usize>) -> &'a str {
        let (taken, rest) = self.rest.split_at(len.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn comment(&mut self) -> Option<Token<'a>> {
        let body = if self.rest.starts_with("//") {
            self.take(self.rest.find('\n')).get(2..)?
        } else if self.rest.starts_with("/*") {
            self.take(self.rest.find("*/").map(|at| at + 2)).get(2..)?
        } else {
            return None;
        };
        Some(match body.strip_prefix('!') {
            Some(inner) => Token::Inner(inner),
            None => Token::Comment(body.trim_start_matches('/')),
        })
    }

    /// What begins and ends with a quotation mark.
    fn string(&mut self) {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|&(_, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.take(end.map(|(at, _)| at + 1));
    }

    fn raw_string(&mut self) -> bool {
        let hashes = self.rest.len() - self.rest.trim_start_matches('#').len();
        if !self.rest[hashes..].starts_with('"') {
            return false;
        }
        let end = format!("\"{}", "#".repeat(hashes));
        let at = self.rest[hashes + 1..].find(&end).map(|at| hashes + 1 + at + end.len());
        self.take(at);
        true
    }

    /// A character, or a lifetime.
    fn quote(&mut self) {
        let mut chars = self.rest.char_indices().skip(1);
        let (first, third) = (chars.next(), chars.next());
        let len = match (first, third) {
            (Some((_, '\\')), Some(_)) => chars.find(|&(_, c)| c == '\'').map(|(at, _)| at + 1),
            (_, Some((at, '\''))) => Some(at + 1),
            _ => self.rest[1..].find(|c| !is_word(c)).map(|at| at + 1),
        };
        self.take(len);
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_code_in_a_literal_is_passed_over() {
        let text = r###"fn a<'b>() { ("{\"//", '{', '\'', b'}', r#""{"#, br"{\", 'b: 'c') } //! x
            // y"###;
        let marks: String = tokens(text)
            .iter()
            .filter_map(|token| match token {
                Token::Mark(mark @ ('{' | '}')) => Some(*mark),
                _ => None,
            })
            .collect();
        assert_eq!(marks, "{}");
        let tail = &tokens(text)[tokens(text).len() - 2..];
        assert_eq!(tail, [Token::Inner(" x"), Token::Comment(" y")]);
    }
}
