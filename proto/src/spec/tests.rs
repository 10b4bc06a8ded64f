//! What the check finds, and where.

use super::PldSpec;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

fn all(spec: &str, bytes: &[u8]) -> Vec<String> {
    let spec: PldSpec = spec.parse().unwrap();
    spec.mismatches(bytes, 9).iter().map(ToString::to_string).collect()
}

const ITEM: &str = "Item|None where Item = struct(type='Item', label: str, qty: int = 1)";
const EITHER: &str = "A|B where A = struct(type='A', n: int); B = struct(type='B', s: str)";

/// P-12.
#[test]
fn a_mismatch_says_where_what_is_due_and_what_stands_there() {
    let cases: [(&str, &[u8], &[&str]); 20] = [
        ("int", b"\xc3", &[".: expected int, found True (bool), at byte 0"]),
        ("float", b"\x01", &[]),
        ("int", b"\xca\x3f\x80\0\0", &[".: expected int, found 1.0 (float), at byte 0"]),
        ("str", b"\xa2\xff\xfe", &[".: expected str, found text that is not UTF-8 (str), at byte 0"]),
        ("int[0..=9]|None", b"\xff", &[".: expected int[0..=9]|None, found -1 (int), at byte 0"]),
        (
            "list[int]",
            b"\x93\x01\xa1a\xc0",
            &["[1]: expected int, found 'a' (str), at byte 2", "[2]: expected int, found None, at byte 4"],
        ),
        ("tuple[int, str]", b"\x91\x01", &[".: expected tuple[int, str], found a list of 1, at byte 0"]),
        (
            "dict[str, list[bool]]",
            b"\x82\xa1k\x91\x01\x05\x90",
            &[
                "k[0]: expected bool, found 1 (int), at byte 4",
                "<key 1>: expected str, found 5 (int), at byte 5",
            ],
        ),
        ("dict[tuple[int, int], int]", b"\x81\x92\x01\x02\x03", &[]),
        (
            "dict[tuple[int, int], int]",
            b"\x81\x92\x01\xc0\x03",
            &["<key 0>[1]: expected int, found None, at byte 3"],
        ),
        (ITEM, b"\xc0", &[]),
        (ITEM, b"\x82\xa5label\xa1x\xa4type\xa4Item", &[]),
        (ITEM, b"\x81\xa4type\xa4Item", &["label: expected str, found no such field, at byte 0"]),
        (
            ITEM,
            b"\x83\xa4type\xa1X\xa5label\xc0\xa5other\x90",
            &[
                "type: expected Literal['Item'], found 'X' (str), at byte 6",
                "label: expected str, found None, at byte 14",
            ],
        ),
        (
            "S where S = struct(a?: int)!",
            b"\x83\xa1a\x01\xa1a\x02\xa1b\xc0",
            &[
                "a: expected each field once, found 'a', at byte 4",
                "b: expected a field of S, found 'b', at byte 7",
            ],
        ),
        (EITHER, b"\x82\xa1n\xc0\xa4type\xa1A", &["n: expected int, found None, at byte 3"]),
        (EITHER, b"\x81\xa4type\xa1C", &["type: expected Literal['A', 'B'], found 'C' (str), at byte 6"]),
        (
            EITHER,
            b"\x83\x92\xa4type\xa1A\xc0\xa1n\x01\xa4type\xa1A",
            &[".: expected a field's name as key, found a list of 2, at byte 1"],
        ),
        (EITHER, b"\x80", &["type: expected Literal['A', 'B'], found no such field, at byte 0"]),
        (
            "Any",
            b"\x92\x01",
            &[
                ".: expected one well-formed value, found 2 elements declared, but only 1 bytes are left, at byte 0",
            ],
        ),
    ];
    for (spec, bytes, expected) in cases {
        assert_eq!(all(spec, bytes), expected, "{spec}");
    }
}

/// P-12.
#[test]
fn a_long_path_is_cut() {
    let path = |levels: usize| {
        let bytes = [b"\x81\xa4next".repeat(levels).as_slice(), b"\x01"].concat();
        let found = all("Node where Node = struct(next: Node|None)", &bytes).remove(0);
        found.split_once(": ").unwrap().0.to_owned()
    };
    let whole = |levels: usize| alloc::vec!["next"; levels].join(".");
    let most = super::limits::PATH.div_ceil("next.".len());
    assert_eq!(whole(most).len(), super::limits::PATH);
    assert_eq!(path(most), whole(most));
    assert_eq!(path(most + 9), whole(most + 1) + "…");
}

#[test]
fn texts_of_a_peer_are_escaped_and_shortened() {
    let bytes = [&[0xd9, 60][..], &[b'\n'; 60]].concat();
    let found = all("int", &bytes).remove(0);
    assert_eq!(found, ".: expected int, found '".to_owned() + &"\\n".repeat(40) + "…' (str), at byte 0");
}

/// Whatever a type and its fields are called, what is said of them has its limits.
#[test]
fn long_names_are_cut() {
    const MOST: usize = super::limits::LABEL + '…'.len_utf8();
    let long = "x".repeat(10_000);
    let is_short = |text: &str| text.len() <= MOST && text.ends_with('…');
    let closed: PldSpec = alloc::format!("{long} where {long} = struct({long}: int)!").parse().unwrap();
    let found = closed.mismatches(b"\x81\xa1a\x01", 9);
    let [other, missing] = &found[..] else { panic!("{found:?}") };
    assert!(is_short(&other.expected), "{}", other.expected.len());
    assert!(missing.path.len() < 64, "{}", missing.path.len());
    assert!(is_short(&closed.check_bytes(b"\xc0").unwrap_err().expected));
    let other: PldSpec = "A where A = struct(b: int)".parse().unwrap();
    for found in other.differences(&closed).iter().chain(&closed.differences(&other)) {
        assert!([&found.path, &found.ours, &found.theirs].iter().all(|text| text.len() <= MOST), "{found}");
    }
    for text in [
        alloc::format!("A|{long}"),
        alloc::format!("{long} where {long} = {long}"),
        alloc::format!("int where {long} = int"),
        alloc::format!("{long} where {long} = struct({long}: int, {long}: int)"),
        alloc::format!("A where A = struct({long}: int = None)"),
        alloc::format!("A|{long} where A = struct(t=1); {long} = struct(t=1)"),
    ] {
        assert!(text.parse::<PldSpec>().unwrap_err().to_string().len() < 3 * MOST);
    }
    let wide = "é".repeat(30_000);
    let literal: PldSpec = alloc::format!("Literal['{wide}']").parse().unwrap();
    assert!(is_short(&literal.label()) && literal.label().starts_with("Literal['éé"));
}

/// P-13.
#[test]
fn the_first_mismatch_ends_the_check() {
    let spec: PldSpec = "list[int]".parse().unwrap();
    assert_eq!(spec.check_bytes(b"\x93\xc0\xc0\xc1").unwrap_err().path, "[0]");
    assert_eq!(spec.mismatches(b"\x93\xc0\xc0\xc0", 2).len(), 2);
}

/// P-14.
#[test]
fn depth_is_bounded_without_recursion() {
    let spec: PldSpec = "T where T = list[T]".parse().unwrap();
    let nested = |levels: usize| [&alloc::vec![0x91; levels - 1][..], &[0x90]].concat();
    assert_eq!(spec.check_bytes(&nested(511)), Ok(()));
    assert!(spec.check_bytes(&nested(512)).unwrap_err().found.contains("nested deeper"));
    assert!(spec.check_bytes(&nested(1 << 20)).is_err());
}

/// Tags at the ends of maps that hold each other: each level is looked over once more. (P-10)
#[test]
fn a_tag_is_not_looked_for_without_end() {
    let spec: PldSpec = "A|B where A = struct(t='A', a: A|B|None); B = struct(t='B')".parse().unwrap();
    let nested = |levels: usize| {
        (0..levels).fold(b"\xc0".to_vec(), |inner, _| [b"\x82\xa1a", &inner[..], b"\xa1t\xa1A"].concat())
    };
    assert_eq!(spec.check_bytes(&nested(8)), Ok(()));
    assert_eq!(spec.check_bytes(&nested(200)).unwrap_err().found, "it too late");
}

/// Its tag is as late alone as it is in a union: what fits in what would be wrong otherwise.
#[test]
fn a_late_tag_is_late_everywhere() {
    let alone: PldSpec = "A|None where A = struct(t='A', a: A|None)".parse().unwrap();
    let union: PldSpec = "A|B|None where A = struct(t='A', a: A|B|None); B = struct(t='B')".parse().unwrap();
    assert!(alone.is_subset_of(&union));
    let mut late = 0;
    for levels in 0..40 {
        let bytes =
            (0..levels).fold(b"\xc0".to_vec(), |inner, _| [b"\x82\xa1a", &inner[..], b"\xa1t\xa1A"].concat());
        assert_eq!(alone.check_bytes(&bytes).is_ok(), union.check_bytes(&bytes).is_ok(), "{levels} levels");
        late += usize::from(alone.check_bytes(&bytes).is_err());
    }
    assert!((1..40).contains(&late), "{late}");
}

/// P-8.
#[test]
fn what_is_required_and_absent_is_missing_and_nothing_else() {
    let spec = "T where T = struct(a: int, b: int, c: int)";
    assert_eq!(all(spec, b"\x82\xa1a\x01\xa1b\x02"), ["c: expected int, found no such field, at byte 0"]);
    assert_eq!(all(spec, b"\x83\xa1a\x01\xa1b\x02\xa1c\x03"), [""; 0]);
}
