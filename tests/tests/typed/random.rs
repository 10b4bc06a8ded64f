//! Properties of specs over random ones: checking agrees with decoding, printing with parsing, comparing
//! with checking, and nothing that arrives is too much. (P-11 to P-16)

use std::collections::BTreeMap;

use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult, Testable};
use scipp_conformance::chance::seed;
use scipp_proto::spec::{Field, Literal, PldSpec, Presence, Spec, Struct};
use scipp_proto::{Payload, pld_struct};
use serde::{Deserialize, Serialize};

pld_struct! {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Order {
        symbol: String,
        price: f64,
        size: u16,
        live: bool,
        note: Option<String>,
        legs: Vec<Leg>,
        marks: BTreeMap<String, i64>,
        span: (i8, Option<u64>),
    }
}

pld_struct! {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Leg {
        ratio: i32,
        inner: Option<Box<Leg>>,
    }
}

impl Arbitrary for Leg {
    fn arbitrary(g: &mut Gen) -> Self {
        let inner = (g.size() > 1 && bool::arbitrary(g)).then(|| Box::new(Self::arbitrary(&mut half(g))));
        Self { ratio: i32::arbitrary(g), inner }
    }
}

impl Arbitrary for Order {
    fn arbitrary(g: &mut Gen) -> Self {
        let price = f64::arbitrary(g);
        Self {
            symbol: String::arbitrary(g),
            price: if price.is_nan() { 0.0 } else { price },
            size: u16::arbitrary(g),
            live: bool::arbitrary(g),
            note: Option::arbitrary(g),
            legs: Vec::arbitrary(&mut half(g)),
            marks: BTreeMap::arbitrary(&mut half(g)),
            span: Arbitrary::arbitrary(g),
        }
    }
}

fn half(g: &mut Gen) -> Gen {
    Gen::new(g.size() / 2)
}

/// Any MessagePack value, or any bytes.
#[derive(Debug, Clone)]
struct Bytes(Vec<u8>);

const SMALL: [&[u8]; 24] = [
    b"\xc0",
    b"\xc2",
    b"\xc3",
    b"\x00",
    b"\x07",
    b"\x7f",
    b"\xe0",
    b"\xff",
    b"\xcc\xff",
    b"\xcd\xff\xff",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
    b"\xca\x3f\x80\x00\x00",
    b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",
    b"\xa0",
    b"\xa1a",
    b"\xa1b",
    b"\xa4type",
    b"\xa3m:f",
    b"\xa1\xff",
    b"\xc4\x01a",
    b"\xd6\xff\x00\x00\x00\x01",
    b"\xd4\x05a",
    b"\xd9\x01a",
];

const KEYS: [&str; 14] = [
    "a", "b", "c", "type", "symbol", "price", "size", "live", "note", "legs", "marks", "span", "ratio",
    "inner",
];

fn value(g: &mut Gen, level: usize, out: &mut Vec<u8>) {
    let len = usize::arbitrary(g) % 5;
    match u8::arbitrary(g) % 8 {
        0 if level > 0 => {
            out.push(0x90 | len as u8);
            (0..len).for_each(|_| value(g, level - 1, out));
        }
        1..=2 if level > 0 => {
            out.push(0x80 | len as u8);
            for _ in 0..len {
                if u8::arbitrary(g) % 8 == 0 {
                    value(g, 0, out);
                } else {
                    let key = g.choose(&KEYS).unwrap();
                    out.push(0xa0 | key.len() as u8);
                    out.extend_from_slice(key.as_bytes());
                }
                value(g, level - 1, out);
            }
        }
        _ => out.extend_from_slice(g.choose(&SMALL).unwrap()),
    }
}

impl Arbitrary for Bytes {
    fn arbitrary(g: &mut Gen) -> Self {
        if u8::arbitrary(g) % 8 == 0 {
            return Self(Vec::arbitrary(g));
        }
        let mut out = Vec::new();
        value(g, 4, &mut out);
        Self(out)
    }
}

/// A spec that makes sense.
#[derive(Debug, Clone)]
struct AnySpec(PldSpec);

fn literal(g: &mut Gen) -> Literal {
    match u8::arbitrary(g) % 4 {
        0 => Literal::Nil,
        1 => Literal::Bool(bool::arbitrary(g)),
        2 => Literal::Int(i8::arbitrary(g).into()),
        _ => Literal::Str(g.choose(&["a", "b", "m:f", "it's\n\u{1b}\"é"]).unwrap().to_string()),
    }
}

fn spec(g: &mut Gen, level: usize) -> Spec {
    let inner = |g: &mut Gen| spec(g, level.saturating_sub(1));
    let parts = usize::arbitrary(g) % 4;
    match u8::arbitrary(g) % if level > 0 { 20 } else { 12 } {
        0 => Spec::Any,
        1 => Spec::Nil,
        2 => Spec::Bool,
        3 => Spec::INT,
        4 => Spec::int(i128::from(i8::arbitrary(g).min(0))..=i128::from(u8::arbitrary(g))),
        5 => Spec::Float,
        6 => Spec::Str,
        7 => Spec::Bytes,
        8 => Spec::Timestamp,
        9 => Spec::Path,
        10 => Spec::Ext(5),
        11 => Spec::Literal(literal(g)),
        12..=13 => Spec::list(inner(g)),
        14 => Spec::Tuple((0..parts).map(|_| inner(g)).collect()),
        15 => Spec::map(inner(g), inner(g)),
        16..=17 => structure(g, level).into(),
        18 => Spec::named(format!("N{}", u16::arbitrary(g)), inner(g)),
        _ => Spec::Union((0..parts + 1).map(|_| inner(g)).collect()),
    }
}

fn structure(g: &mut Gen, level: usize) -> Struct {
    let name = format!("S{}", u16::arbitrary(g));
    let mut definition = Struct::new(name.clone());
    definition.closed = bool::arbitrary(g);
    if bool::arbitrary(g) {
        definition = definition.tag("type", g.choose(&["a", "b"]).unwrap().to_owned());
    }
    for key in KEYS.iter().take(3) {
        let is_own = u8::arbitrary(g) % 4 == 0;
        let spec = if is_own { Spec::Ref(name.clone()).or_nil() } else { spec(g, level - 1) };
        let presence = match u8::arbitrary(g) % 3 {
            0 => Presence::Required,
            1 => Presence::Optional,
            _ => Presence::Default(literal(g)),
        };
        if bool::arbitrary(g) {
            definition.fields.push(Field { name: (*key).to_owned(), spec, presence });
        }
    }
    definition
}

impl Arbitrary for AnySpec {
    fn arbitrary(g: &mut Gen) -> Self {
        loop {
            if let Ok(spec) = PldSpec::new(spec(g, 3)) {
                return Self(spec);
            }
        }
    }
}

/// Tries `property` on so many inputs that are not discarded.
fn check(tests: u64, property: impl Testable) {
    let rng = Gen::from_size_and_seed(20, seed());
    match QuickCheck::new().rng(rng).tests(tests).max_tests(tests * 1_000).quicktest(property) {
        Ok(tried) => assert_eq!(tried, tests, "too many inputs were discarded"),
        Err(failure) => panic!("{failure:?}"),
    }
}

#[test]
fn every_value_of_a_type_conforms_to_its_spec() {
    fn conforms(order: Order) -> bool {
        let payload = Payload::encode(&order).unwrap();
        PldSpec::of::<Order>().unwrap().check(&payload) == Ok(()) && payload.decode::<Order>() == Ok(order)
    }
    check(500, conforms as fn(Order) -> bool);
}

/// A value of the type, with one byte changed: what still conforms can be read.
#[test]
fn what_conforms_can_be_read() {
    fn agrees(order: Order, at: usize, byte: u8) -> TestResult {
        let mut bytes = Payload::encode(&order).unwrap().as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let conforms = PldSpec::of::<Order>().unwrap().check_bytes(&bytes).is_ok();
        if !conforms {
            return TestResult::discard();
        }
        TestResult::from_bool(rmp_serde::from_slice::<Order>(&bytes).is_ok())
    }
    check(500, agrees as fn(Order, usize, u8) -> TestResult);
}

/// The other way: what can be read, and is written again as it was, conforms. Serde reads more than that
/// (arrays as structs, binary data as text), but does not write it back so.
#[test]
fn what_is_read_without_a_change_conforms() {
    fn agrees<T: Serialize + for<'de> Deserialize<'de> + scipp_proto::spec::PldType>(
        bytes: Bytes,
    ) -> TestResult {
        let Ok(value) = rmp_serde::from_slice::<T>(&bytes.0) else { return TestResult::discard() };
        let Ok(payload) = Payload::new(bytes.0.into()) else { return TestResult::discard() };
        if Payload::encode(&value).ok().as_ref() != Some(&payload) {
            return TestResult::discard();
        }
        TestResult::from_bool(PldSpec::of::<T>().unwrap().check(&payload).is_ok())
    }
    check(100, agrees::<Option<i64>> as fn(Bytes) -> TestResult);
    check(100, agrees::<u8> as fn(Bytes) -> TestResult);
    check(100, agrees::<f64> as fn(Bytes) -> TestResult);
    check(100, agrees::<String> as fn(Bytes) -> TestResult);
    check(100, agrees::<BTreeMap<String, Option<bool>>> as fn(Bytes) -> TestResult);
    check(100, agrees::<Vec<BTreeMap<String, String>>> as fn(Bytes) -> TestResult);
}

/// Whatever the spec and the bytes: what conforms is one whole value, and what does not is named by a
/// place in the bytes.
#[test]
fn no_bytes_are_too_much_for_any_spec() {
    fn holds(spec: AnySpec, bytes: Bytes, more: Vec<u8>) -> bool {
        let is_one = Payload::new(bytes.0.clone().into()).is_ok();
        let all = spec.0.mismatches(&bytes.0, 100);
        let first = spec.0.check_bytes(&bytes.0);
        let longer = [bytes.0.clone(), more.clone()].concat();
        all.is_empty() == first.is_ok()
            && all.first() == first.as_ref().err()
            && (is_one || !all.is_empty())
            && all.iter().all(|mismatch| mismatch.offset <= bytes.0.len())
            && (more.is_empty() || !is_one || spec.0.check_bytes(&longer).is_err())
            && all.iter().all(|mismatch| mismatch.to_string().chars().all(|char| !char.is_control()))
    }
    check(5_000, holds as fn(AnySpec, Bytes, Vec<u8>) -> bool);
}

#[test]
fn what_conforms_exactly_conforms() {
    fn holds(spec: AnySpec, bytes: Bytes) -> TestResult {
        let Ok(payload) = Payload::new(bytes.0.into()) else { return TestResult::discard() };
        TestResult::from_bool(spec.0.check_exact(&payload).is_err() || spec.0.check(&payload).is_ok())
    }
    check(2_000, holds as fn(AnySpec, Bytes) -> TestResult);
}

#[test]
fn every_spec_is_read_back_as_it_is_written() {
    fn same(spec: AnySpec) -> bool {
        let text = format!("{:#}", spec.0);
        let sent = Payload::encode(&spec.0).unwrap();
        let back: PldSpec = text.parse().unwrap();
        format!("{back:#}") == text && sent.decode::<PldSpec>() == Ok(back)
    }
    check(2_000, same as fn(AnySpec) -> bool);
}

/// What was written and read back may be built otherwise, but nothing conforms to one and not to the other.
#[test]
fn a_spec_means_the_same_after_it_was_sent() {
    fn same(spec: AnySpec, values: Vec<Bytes>) -> bool {
        let back: PldSpec = format!("{:#}", spec.0).parse().unwrap();
        values.iter().all(|value| back.check_bytes(&value.0) == spec.0.check_bytes(&value.0))
            && spec.0.is_subset_of(&back) == back.is_subset_of(&spec.0)
    }
    check(1_000, same as fn(AnySpec, Vec<Bytes>) -> bool);
}

#[test]
fn what_conforms_to_a_subset_conforms_to_the_whole() {
    fn holds(a: AnySpec, b: AnySpec, values: Vec<Bytes>) -> TestResult {
        if !a.0.is_subset_of(&b.0) {
            return TestResult::discard();
        }
        let both = |value: &Bytes| a.0.check_bytes(&value.0).is_err() || b.0.check_bytes(&value.0).is_ok();
        TestResult::from_bool(values.iter().chain(SMALL.map(|value| Bytes(value.to_vec())).iter()).all(both))
    }
    check(300, holds as fn(AnySpec, AnySpec, Vec<Bytes>) -> TestResult);
}

#[test]
fn a_spec_is_a_subset_of_itself_and_of_any() {
    fn holds(spec: AnySpec) -> bool {
        let any: PldSpec = "Any".parse().unwrap();
        spec.0.is_subset_of(&spec.0) && spec.0.is_subset_of(&any)
    }
    check(1_000, holds as fn(AnySpec) -> bool);
}
