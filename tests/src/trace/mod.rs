//! Which functions carry out each rule of the specification, and which tests show it.
//!
//! A rule is cited by its number in a comment: above or inside of the function that carries it out, and of the test
//! that shows it; a file of tests may cite for all of them in its head. Scenarios cite in their declarations.

pub(crate) mod lexer;
mod number;
mod page;
mod scenario;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

pub use number::{Mention, Number, Series};
pub use source::{Place, Role};

use page::{Named, Page};
use source::Source;

/// Texts by their paths, which are relative to the root of the tree and separated by slashes.
pub type Texts = BTreeMap<String, String>;

/// Pages that are printed from others, or from the code.
const GENERATED: [&str; 3] = ["spec/traceability.md", "spec/diagrams.md", "spec/scenarios.md"];

/// The pages and the sources of the tree at `root`.
///
/// # Errors
///
/// A file cannot be read.
pub fn read(root: &Path) -> io::Result<Texts> {
    let mut texts = Texts::new();
    for part in ["spec", "proto", "drivers", "tests"] {
        collect(root, part, &mut texts)?;
    }
    Ok(texts)
}

fn collect(root: &Path, part: &str, texts: &mut Texts) -> io::Result<()> {
    for entry in fs::read_dir(root.join(part))? {
        let entry = entry?;
        let path = format!("{part}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                collect(root, &path, texts)?;
            }
        } else if path.ends_with(".rs") || (path.ends_with(".md") && part == "spec") {
            texts.insert(path, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

/// What is known of each number, and what is wrong.
#[derive(Debug, Default)]
pub struct Trace {
    rules: BTreeMap<Number, Cited>,
    tests: BTreeMap<String, Vec<String>>,
    complaints: BTreeSet<String>,
}

/// Where one number is cited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cited {
    /// What carries it out.
    pub code: BTreeSet<Place>,
    /// What shows it.
    pub tests: BTreeSet<Place>,
}

impl Trace {
    /// Traces the numbers in `texts`.
    pub fn of(texts: &Texts) -> Self {
        let mut trace = Self::default();
        let is_page = |path: &str| path.ends_with(".md") && !GENERATED.contains(&path);
        let pages: Vec<(&str, Page)> = texts
            .iter()
            .filter(|(path, _)| is_page(path))
            .map(|(path, text)| (path.as_str(), Page::read(text)))
            .collect();
        let sources: Vec<(&str, Source)> = texts
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path.as_str(), Source::read(path, text)))
            .collect();
        for (path, page) in &pages {
            trace.define(path, page);
        }
        for (path, page) in &pages {
            page.mentions.iter().for_each(|&mention| trace.check_mention(mention, path));
            for (number, tests) in &page.tests {
                tests.iter().for_each(|test| trace.take_named(*number, test, &sources));
            }
        }
        let catalogue = texts.iter().filter(|(path, _)| path.starts_with(scenario::HOME));
        let declared: Vec<_> = catalogue.flat_map(|(path, text)| scenario::citations(path, text)).collect();
        let cited = sources.iter().flat_map(|(_, source)| &source.citations);
        for (place, mention) in cited.chain(&declared) {
            trace.check_mention(*mention, &place.file);
            trace.cite(place, *mention);
        }
        trace.check_rules();
        trace.tests = sources.into_iter().map(|(path, source)| (path.to_owned(), source.tests)).collect();
        trace
    }

    fn define(&mut self, path: &str, page: &Page) {
        for &number in &page.defined {
            if self.rules.insert(number, Cited::default()).is_some() {
                self.complain(format!("{number} is defined twice, the second time in {path}"));
            }
        }
        for line in &page.unnumbered {
            self.complain(format!("{path} requires something under no number: {line}"));
        }
    }

    fn check_mention(&mut self, mention: Mention, path: &str) {
        for number in BTreeSet::from([mention.from, mention.to]) {
            if !self.rules.contains_key(&number) {
                self.complain(format!("{path} cites {number}, which does not exist"));
            }
        }
    }

    fn cite(&mut self, place: &Place, mention: Mention) {
        for (_, cited) in self.rules.iter_mut().filter(|(number, _)| mention.includes(**number)) {
            match place.role {
                Role::Code => cited.code.insert(place.clone()),
                Role::Test => cited.tests.insert(place.clone()),
                Role::Aside => false,
            };
        }
    }

    /// A test that a difference names.
    fn take_named(&mut self, number: Number, named: &Named, sources: &[(&str, Source)]) {
        let Named { path, name } = named;
        let is_there = |file: &str| if path.ends_with('/') { file.starts_with(path) } else { file == path };
        let has_it = |source: &Source| match name {
            Some(name) => source.tests.contains(name),
            None => !source.tests.is_empty(),
        };
        let found = sources.iter().find(|(file, source)| is_there(file) && has_it(source));
        let Some((file, _)) = found else {
            let name = name.as_deref().unwrap_or("any");
            return self.complain(format!("{number} names the test {name} of {path}, which does not exist"));
        };
        let place = Place { file: (*file).to_owned(), item: name.clone(), role: Role::Test };
        if let Some(cited) = self.rules.get_mut(&number) {
            cited.tests.insert(place);
        }
    }

    fn check_rules(&mut self) {
        let rules = std::mem::take(&mut self.rules);
        for (number, cited) in &rules {
            if cited.code.is_empty() && number.series != Series::Difference {
                self.complain(format!("{number} is cited by no code"));
            }
            if cited.tests.is_empty() {
                self.complain(format!("{number} is cited by no test"));
            }
        }
        self.rules = rules;
    }

    fn complain(&mut self, text: String) {
        self.complaints.insert(text);
    }

    /// What is wrong.
    pub fn complaints(&self) -> impl Iterator<Item = &str> {
        self.complaints.iter().map(String::as_str)
    }

    /// Every number, and where it is cited.
    pub fn rules(&self) -> impl Iterator<Item = (Number, &Cited)> {
        self.rules.iter().map(|(number, cited)| (*number, cited))
    }

    /// The names of the tests in a file.
    pub fn tests_in(&self, file: &str) -> &[String] {
        self.tests.get(file).map_or(&[], Vec::as_slice)
    }

    /// The page that shows all this.
    pub fn page(&self) -> String {
        let mut page = String::from(
            "# Rules, code, tests\n\n\
             Generated from comments that cite a number, and from the tests that `deviations.md` names; see\n\
             `tests/tests/traceability.rs`. A file without names is cited in its head, for all tests in it. Numbers\n\
             are those of [`scenarios.md`](scenarios.md).\n\
             Differences from the Python implementation (`D1`) need no code of their own: the rules that differ name them.\n",
        );
        let mut series = None;
        for (number, cited) in &self.rules {
            if series.replace(number.series) != Some(number.series) {
                let _ = write!(
                    page,
                    "\n## {}\n\n| number | code | tests |\n|---|---|---|\n",
                    title(number.series)
                );
            }
            let _ = writeln!(page, "| {number} | {} | {} |", cell(&cited.code), cell(&cited.tests));
        }
        page
    }
}

const fn title(series: Series) -> &'static str {
    match series {
        Series::Wire => "Bytes and messages",
        Series::Runtime => "Connections and actors",
        Series::Dialog => "Dialogs",
        Series::Payload => "Payloads",
        Series::Difference => "Differences",
    }
}

fn cell(places: &BTreeSet<Place>) -> String {
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for place in places {
        let names = files.entry(&place.file).or_default();
        names.extend(place.item.iter().map(|item| format!("`{item}`")));
    }
    let lines = files.into_iter().map(|(file, names)| {
        let colon = if names.is_empty() { "" } else { ": " };
        format!("`{file}`{colon}{}", names.join(", "))
    });
    lines.collect::<Vec<_>>().join("<br>")
}
