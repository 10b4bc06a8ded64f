//! Every rule is carried out by code and shown by a test, and the specification says by which.

use std::path::Path;

use scipp_conformance::trace::{self, Texts, Trace};

#[test]
fn every_rule_has_code_and_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let trace = Trace::of(&trace::read(&root).unwrap());
    let complaints: Vec<&str> = trace.complaints().collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));

    let path = root.join("spec/traceability.md");
    let page = trace.page();
    if std::env::var_os("SCIPP_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "spec/traceability.md is out of date: run this test with SCIPP_BLESS=1");
}

const SPEC: &str =
    "# Page\n\nMUST is that of RFC 2119; see W-2.\n\n* **W-1** One.\n* **W-2** Two MUST\n  be.\n";
const CODE: &str = "/// One. (W-1)\nfn one() {}\n/// (W-2)\nfn two() {}";
const TESTS: &str = "/// W-1 and W-2.\n#[test]\nfn both() {}";
const DIFFERENCES: &str = "## D1 Other\n\n**Test:** `tests/tests/`: `both`\n";

/// The complaints about a small tree, in which the text at `path` is another one.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let files = [
        ("spec/wire.md", SPEC),
        ("spec/deviations.md", DIFFERENCES),
        ("proto/src/lib.rs", CODE),
        ("tests/tests/some.rs", TESTS),
    ];
    let mut texts: Texts = files.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    texts.insert(path.to_owned(), text.to_owned());
    Trace::of(&texts).complaints().map(str::to_owned).collect()
}

#[test]
fn what_is_missing_doubled_or_invented_is_noticed() {
    assert!(complaints("spec/wire.md", SPEC).is_empty());
    let without = |text: &str, part: &str| text.replace(part, "");
    let broken = [
        ("proto/src/lib.rs", without(CODE, "(W-2)"), "W-2 is cited by no code"),
        ("proto/src/lib.rs", CODE.replace("fn two() {}", "struct Two;"), "W-2 is cited by no code"),
        ("tests/tests/some.rs", without(TESTS, "W-1 and "), "W-1 is cited by no test"),
        ("tests/tests/some.rs", without(TESTS, "#[test]\n"), "W-1 is cited by no test"),
        ("proto/src/more.rs", "// (W-1 to W-3)".into(), "proto/src/more.rs cites W-3, which does not exist"),
        ("spec/more.md", "See D2.".into(), "spec/more.md cites D2, which does not exist"),
        ("spec/more.md", "* **W-1** Again.".into(), "W-1 is defined twice, the second time in spec/wire.md"),
        ("spec/more.md", "It SHOULD.".into(), "spec/more.md requires something under no number: It SHOULD."),
        (
            "spec/deviations.md",
            DIFFERENCES.replace("both", "none"),
            "D1 names the test none of tests/tests/, which does not exist",
        ),
        ("spec/deviations.md", DIFFERENCES.replace("`tests/tests/`: `both`", "—"), "D1 is cited by no test"),
    ];
    for (path, text, expected) in broken {
        let found = complaints(path, &text);
        assert!(found.iter().any(|complaint| complaint == expected), "{expected}: {found:?}");
    }
}
