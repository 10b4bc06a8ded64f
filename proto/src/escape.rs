//! Texts of a peer on their way to a terminal or a log.

use core::fmt::{self, Write as _};

/// `text` with everything that could move a cursor, change a colour or hide other text written out.
pub(crate) const fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

pub(crate) struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            if is_harmless(char) { f.write_char(char)? } else { write!(f, "{}", char.escape_default())? }
        }
        Ok(())
    }
}

/// Neither a control character, nor one that ends a line or changes the direction of writing.
fn is_harmless(char: char) -> bool {
    let is_layout = matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    !char.is_control() && !is_layout
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        let shown = escaped("é'\"\\ \u{1b}[31m\r\u{9b}\u{202e}\t").to_string();
        assert_eq!(shown, "é'\"\\ \\u{1b}[31m\\r\\u{9b}\\u{202e}\\t");
    }
}
