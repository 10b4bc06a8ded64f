//! Numbers of rules, and where a text mentions them.

use std::fmt;

/// What a rule is about, by the page it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Series {
    /// `W-1`: bytes and messages.
    Wire,
    /// `R-1`: connections and actors.
    Runtime,
    /// `D-1`: dialogs.
    Dialog,
    /// `P-1`: payloads.
    Payload,
    /// `D1`: a difference from the reference, no rule.
    Difference,
}

impl Series {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Wire => "W-",
            Self::Runtime => "R-",
            Self::Dialog => "D-",
            Self::Payload => "P-",
            Self::Difference => "D",
        }
    }

    const ALL: [Self; 5] = [Self::Wire, Self::Runtime, Self::Dialog, Self::Payload, Self::Difference];
}

/// The number of a rule, or of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number {
    /// Its series.
    pub series: Series,
    /// Its place there.
    pub n: u32,
}

impl Number {
    /// The number that `text` begins with, and what follows it.
    pub fn at_start(text: &str) -> Option<(Self, &str)> {
        Series::ALL.into_iter().find_map(|series| {
            let rest = text.strip_prefix(series.prefix())?;
            let len = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, rest) = rest.split_at(len);
            let n = digits.parse().ok()?;
            let goes_on = rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
            (!goes_on).then_some((Self { series, n }, rest))
        })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.series.prefix(), self.n)
    }
}

/// One number, or all from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mention {
    /// The first.
    pub from: Number,
    /// The last, of the same series.
    pub to: Number,
}

impl Mention {
    /// All mentions in `text`, in order.
    pub fn all(text: &str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut rest = text;
        let mut before = ' ';
        while let Some(next) = rest.chars().next() {
            let begins = !before.is_alphanumeric() && !matches!(before, '_' | '-');
            let (mention, after) = match Self::at_start(rest).filter(|_| begins) {
                Some((mention, after)) => (Some(mention), after),
                None => (None, &rest[next.len_utf8()..]),
            };
            found.extend(mention);
            before = rest[..rest.len() - after.len()].chars().last().unwrap_or(' ');
            rest = after;
        }
        found
    }

    fn at_start(text: &str) -> Option<(Self, &str)> {
        let (from, after) = Number::at_start(text)?;
        let range = after.strip_prefix(" to ").and_then(Number::at_start);
        Some(match range.filter(|(to, _)| to.series == from.series && to.n > from.n) {
            Some((to, after)) => (Self { from, to }, after),
            None => (Self { from, to: from }, after),
        })
    }

    /// Whether it includes `number`.
    pub fn includes(&self, number: Number) -> bool {
        (self.from..=self.to).contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_alone_and_in_ranges() {
        let mentions = |text| {
            Mention::all(text)
                .iter()
                .map(|mention| {
                    if mention.from == mention.to {
                        mention.from.to_string()
                    } else {
                        format!("{}..{}", mention.from, mention.to)
                    }
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(mentions("One. (D-40 to D-47, W-3, D17) See R-1 to R-3."), "D-40..D-47 W-3 D17 R-1..R-3");
        assert_eq!(mentions("(P-3 to W-6; D-9 to D-2; D1 to D-2)"), "P-3 W-6 D-9 D-2 D1 D-2");
        assert_eq!(mentions("0xD3, \\xd3, XD-1, U-D-1, D-, W-x, D3e, `P-1`: a"), "P-1");
    }
}
