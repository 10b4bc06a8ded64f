//! Colours, where they are welcome.

use std::fmt::Display;
use std::io::IsTerminal;
use std::sync::OnceLock;

/// How a piece of text is set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Title,
    Dim,
    Good,
    Bad,
    Sent,
    Received,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Title => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Sent => "36",
            Self::Received => "33",
        }
    }

    /// `text` in this style, if standard output is a terminal and colours are not unwanted.
    pub(crate) fn paint(self, text: impl Display) -> String {
        if is_welcome() { format!("\x1b[{}m{text}\x1b[0m", self.code()) } else { text.to_string() }
    }
}

fn is_welcome() -> bool {
    static WELCOME: OnceLock<bool> = OnceLock::new();
    *WELCOME.get_or_init(|| {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        !unwanted && std::io::stdout().is_terminal()
    })
}
