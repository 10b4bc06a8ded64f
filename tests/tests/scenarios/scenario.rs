//! What a scenario is.

use std::fmt;

use crate::stage::Stage;

/// One numbered situation.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) number: u16,
    /// What happens, in a few words. The name of the test follows from it.
    pub(crate) title: &'static str,
    /// The rules that it shows.
    pub(crate) rules: &'static str,
    /// The reference does otherwise here, and we do not follow it.
    pub(crate) is_fix: bool,
    pub(crate) play: Play,
    /// The same under `Config::reference()`, where a switch gives the reference's behaviour.
    pub(crate) as_reference: Option<fn(&mut Stage)>,
    /// Tests of `tests/suite` that show it over sockets, with each driver.
    pub(crate) drivers: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub(crate) enum Play {
    /// Plays it and asserts every frame and every outcome.
    On(fn(&mut Stage)),
    /// It is about Python and not about the protocol, for this reason.
    PythonOnly(&'static str),
}

/// A scenario that `play` plays.
pub(crate) const fn scenario(
    number: u16,
    title: &'static str,
    rules: &'static str,
    play: fn(&mut Stage),
) -> Scenario {
    let play = Play::On(play);
    Scenario { number, title, rules, is_fix: false, play, as_reference: None, drivers: &[] }
}

/// A scenario that says nothing about the protocol.
pub(crate) const fn python_only(number: u16, title: &'static str, why: &'static str) -> Scenario {
    let play = Play::PythonOnly(why);
    Scenario { number, title, rules: "", is_fix: false, play, as_reference: None, drivers: &[] }
}

impl Scenario {
    /// Where we do not follow the reference.
    pub(crate) const fn fix(self) -> Self {
        Self { is_fix: true, ..self }
    }

    /// What comes of it with the reference's choices.
    pub(crate) const fn as_reference(self, play: fn(&mut Stage)) -> Self {
        Self { as_reference: Some(play), ..self }
    }

    /// Where it is played over sockets: `module::test` of `tests/suite`.
    pub(crate) const fn drivers(self, tests: &'static [&'static str]) -> Self {
        Self { drivers: tests, ..self }
    }
}

/// The name of its test.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.number)?;
        let words = self.title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.into_iter().try_for_each(|word| write!(f, "_{}", word.to_ascii_lowercase()))
    }
}
