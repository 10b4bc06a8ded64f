//! Scenarios are tests that name their rules where they are declared: `scenario(16, "title", "D-3 D38", run)`.

use super::number::Mention;
use super::source::{Place, Role};

/// Where the catalogue of scenarios is.
pub(super) const HOME: &str = "tests/tests/scenarios/";

/// What the scenarios declared in a file cite, by their numbers as in the names of their tests.
pub(super) fn citations(file: &str, text: &str) -> Vec<(Place, Mention)> {
    let declared = text.split("scenario(").skip(1).filter_map(declaration);
    let cited = declared.flat_map(|(number, rules)| {
        let item = Some(format!("{number:03}"));
        let place = Place { file: file.to_owned(), item, role: Role::Test };
        Mention::all(rules).into_iter().map(move |mention| (place.clone(), mention))
    });
    cited.collect()
}

/// Number and rules: what begins with a number and two texts.
fn declaration(text: &str) -> Option<(u16, &str)> {
    let (number, texts) = text.split_once(',')?;
    Some((number.trim().parse().ok()?, texts.split('"').nth(3)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_read_on_one_line_or_several() {
        let text = r#"const ALL = &[
            scenario(1, "a title, with W-1", "D-3 to D-5 D38", run),
            scenario(
                116,
                "another",
                "W-2",
                |s| run(s, "D-9"),
            ).fix(),
            python_only(7, "a title", "about W-3"),
        ];
        pub(crate) const fn scenario(number: u16, title: &str) {}"#;
        let cited = citations("some.rs", text).into_iter();
        let cited: Vec<_> = cited.map(|(place, it)| (place.item.unwrap(), it.from.to_string())).collect();
        let expected = [("001", "D-3"), ("001", "D38"), ("116", "W-2")];
        assert_eq!(cited, expected.map(|(item, number)| (item.to_owned(), number.to_owned())));
    }
}
