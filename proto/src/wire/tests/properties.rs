//! Round trips, order of keys, damage: on messages of every kind.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult};
use rmpv::Value;

use crate::identity::{Era, Identity, Uid};
use crate::payload::{Kwargs, Payload};
use crate::wire::decode::any_order;
use crate::wire::message::{ANY_PLD_SPEC, ErrorMsg, Kind, Message, MsgKind, SpawnSpec, Start, WireAddr};
use crate::wire::walk::one_value;
use crate::wire::{Fault, Text, What, decode, fast, salvage_error};

use super::{LIMITS, body, wrong};

fn text(g: &mut Gen) -> String {
    String::arbitrary(g).chars().take(60).collect()
}

fn value(g: &mut Gen, levels: usize) -> Value {
    let len = usize::arbitrary(g) % 20;
    match u8::arbitrary(g) % if levels == 0 { 8 } else { 12 } {
        0 => Value::Nil,
        1 => Value::from(bool::arbitrary(g)),
        2 => Value::from(u64::arbitrary(g) >> (u32::arbitrary(g) % 64)),
        3 => Value::from(i64::arbitrary(g) >> (u32::arbitrary(g) % 64)),
        4 => Value::F64(f64::arbitrary(g)),
        5 => Value::F32(f32::arbitrary(g)),
        6 => Value::Binary(Vec::arbitrary(g)),
        7 => Value::Ext(i8::arbitrary(g), Vec::arbitrary(g)),
        8 => Value::from(text(g)),
        9 | 10 => Value::Array((0..len).map(|_| value(g, levels - 1)).collect()),
        _ => Value::Map((0..len).map(|_| (value(g, 0), value(g, levels - 1))).collect()),
    }
}

fn encoded(value: &Value) -> Bytes {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).unwrap();
    Bytes::from(bytes)
}

fn payload(g: &mut Gen) -> Payload {
    Payload::new(encoded(&value(g, 3))).unwrap()
}

fn names(g: &mut Gen) -> Value {
    let mut names: Vec<String> = (0..usize::arbitrary(g) % 20).map(|_| text(g)).collect();
    names.sort();
    names.dedup();
    Value::Map(names.into_iter().map(|name| (name.into(), value(g, 2))).collect())
}

fn names_payload(g: &mut Gen) -> Payload {
    Payload::new(encoded(&names(g))).unwrap()
}

fn uid(g: &mut Gen) -> Uid {
    Uid::new(text(g), text(g))
}

fn maybe<T>(g: &mut Gen, make: impl FnOnce(&mut Gen) -> T) -> Option<T> {
    bool::arbitrary(g).then(|| make(g))
}

fn addresses(g: &mut Gen) -> Vec<WireAddr> {
    let address = |g: &mut Gen| match bool::arbitrary(g) {
        true => WireAddr::Tcp(text(g), u64::arbitrary(g)),
        false => WireAddr::Unix(text(g), text(g)),
    };
    (0..usize::arbitrary(g) % 20).map(|_| address(g)).collect()
}

fn identity(g: &mut Gen) -> Identity {
    let early = Identity { is_registrar: None, era: Era::March2025, ..Identity::new(uid(g)) };
    if bool::arbitrary(g) {
        return early;
    }
    let pid = maybe(g, |g| i64::arbitrary(g) >> (u32::arbitrary(g) % 64));
    let is_registrar = maybe(g, bool::arbitrary);
    Identity { pid, is_registrar, is_probe: bool::arbitrary(g), era: Era::Current, ..early }
}

fn spawn_spec(g: &mut Gen) -> SpawnSpec {
    let modules = names(g);
    let modules = modules.as_map().unwrap().iter();
    SpawnSpec {
        parent_main_data: names_payload(g),
        runtime_vars: names_payload(g),
        enable_modules: modules.map(|(name, _)| (name.as_str().unwrap().into(), text(g))).collect(),
        reg_addrs: addresses(g),
        bind_addrs: maybe(g, addresses),
    }
}

fn error_msg(g: &mut Gen) -> ErrorMsg {
    let (bad_cid, pld) = (text(g), payload(g));
    let bad = Message::Yield { cid: (&bad_cid).into(), pld };
    ErrorMsg {
        src_uid: uid(g),
        src_type_str: text(g),
        boxed_type_str: text(g),
        relay_path: (0..usize::arbitrary(g) % 20).map(|_| uid(g)).collect(),
        message: maybe(g, text),
        tb_str: String::arbitrary(g).repeat(10),
        canceller: maybe(g, uid),
        sender: maybe(g, uid),
        cid: maybe(g, |g| text(g).into()),
        bad_msg: maybe(g, |_| Payload::new(body(&bad)).unwrap()),
        bad_msg_as_dict: maybe(g, names_payload),
        repaired: false,
    }
}

/// The body of any message, as the encoder writes it.
#[derive(Debug, Clone)]
struct Written(Bytes);

impl Arbitrary for Written {
    fn arbitrary(g: &mut Gen) -> Self {
        let (cid, pld) = (text(g), payload(g));
        let cid = Text::from(&cid);
        let texts = [text(g), text(g), text(g), text(g), text(g)];
        let [ns, func, uid_name, uid_uuid, pld_spec] = texts.each_ref().map(Text::from);
        let kwargs = Kwargs::new(encoded(&names(g))).unwrap();
        let message = match *g.choose(&MsgKind::ALL).unwrap() {
            MsgKind::Aid => Message::Aid(Box::new(identity(g))),
            MsgKind::SpawnSpec => Message::SpawnSpec(Box::new(spawn_spec(g))),
            MsgKind::Start => Message::Start(Start { cid, ns, func, kwargs, uid_name, uid_uuid, pld_spec }),
            MsgKind::StartAck => Message::StartAck { cid, functype: *g.choose(&Kind::ALL).unwrap() },
            MsgKind::Started => Message::Started { cid, pld },
            MsgKind::Yield => Message::Yield { cid, pld },
            MsgKind::Stop => Message::Stop { cid },
            MsgKind::Return => Message::Return { cid, pld },
            MsgKind::CancelAck => Message::CancelAck { cid, pld: bool::arbitrary(g) },
            MsgKind::Error => Message::Error(Box::new(error_msg(g))),
        };
        // The message itself must come back, not only its bytes.
        let body = body(&message);
        assert_eq!(decode(&body, &LIMITS).as_ref(), Ok(&message));
        Self(body)
    }
}

/// W-1, W-13.
#[test]
fn what_is_written_is_read_back_and_written_alike() {
    fn property(Written(bytes): Written) -> bool {
        let message = decode(&bytes, &LIMITS).unwrap();
        // The independent encoder agrees that these are the shortest forms.
        let value = rmpv::decode::read_value(&mut &bytes[..]).unwrap();
        body(&message) == bytes && encoded(&value) == bytes
    }
    QuickCheck::new().tests(500).quickcheck(property as fn(Written) -> bool);
}

/// W-20, W-21.
#[test]
fn order_and_unknown_keys_do_not_matter() {
    fn property(Written(bytes): Written, rotation: usize, wide: bool) -> bool {
        let Value::Map(mut entries) = rmpv::decode::read_value(&mut &bytes[..]).unwrap() else {
            return false;
        };
        entries.push(("unknown".into(), Value::Array(vec![Value::Nil])));
        let len = entries.len();
        entries.rotate_left(rotation % len);
        let mut other = encoded(&Value::Map(entries)).to_vec();
        if wide {
            other.splice(..1, [0xde, 0, other[0] & 15]);
        }
        let other = Bytes::from(other);
        decode(&other, &LIMITS).as_ref() == decode(&bytes, &LIMITS).as_ref()
    }
    QuickCheck::new().tests(500).quickcheck(property as fn(Written, usize, bool) -> bool);
}

/// What the readers of constant shapes make of `body`.
fn constant(body: &Bytes) -> Option<Message<'_>> {
    fast::item(body, &LIMITS)
        .map(|(cid, pld)| Message::Yield { cid, pld })
        .or_else(|| fast::start(body, &LIMITS).map(Message::Start))
        .or_else(|| fast::other(body, &LIMITS))
}

#[test]
fn the_constant_shapes_give_what_any_order_gives() {
    fn property(Written(bytes): Written, at: usize, byte: u8) -> TestResult {
        let mut bytes = bytes.to_vec();
        // Half of the bodies are damaged, most of these in the envelope.
        if byte < 128 {
            let at = at % bytes.len().min(70);
            bytes[at] = bytes[at].wrapping_add(byte);
        }
        let bytes = Bytes::from(bytes);
        let Some(message) = constant(&bytes) else { return TestResult::discard() };
        TestResult::from_bool(any_order(&bytes, &LIMITS).as_ref() == Ok(&message))
    }
    QuickCheck::new()
        .tests(500)
        .max_tests(20_000)
        .quickcheck(property as fn(Written, usize, u8) -> TestResult);
}

#[test]
fn three_keys_in_any_order_give_what_the_general_decoder_gives() {
    fn property(
        Written(bytes): Written,
        rotation: usize,
        is_swapped: bool,
        at: usize,
        byte: u8,
    ) -> TestResult {
        let Value::Map(mut entries) = rmpv::decode::read_value(&mut &bytes[..]).unwrap() else {
            return TestResult::failed();
        };
        let len = entries.len();
        entries.rotate_left(rotation % len);
        if is_swapped {
            entries.swap(0, 1);
        }
        let mut other = encoded(&Value::Map(entries)).to_vec();
        if byte < 128 {
            let at = at % other.len().min(70);
            other[at] = other[at].wrapping_add(byte);
        }
        let other = Bytes::from(other);
        let Some(message) = fast::shuffled(&other, &LIMITS) else { return TestResult::discard() };
        TestResult::from_bool(any_order(&other, &LIMITS).as_ref() == Ok(&message))
    }
    QuickCheck::new()
        .tests(500)
        .max_tests(20_000)
        .quickcheck(property as fn(Written, usize, bool, usize, u8) -> TestResult);
}

#[test]
fn every_order_of_the_three_keys_is_read() {
    let keys: [&[u8]; 3] = [b"\xa8msg_type\xa5Yield", b"\xa3cid\xa1c", b"\xa3pld\xc0"];
    for (first, second, third) in [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)] {
        let body = Bytes::from([b"\x83", keys[first], keys[second], keys[third]].concat());
        let expected = Message::Yield { cid: "c".into(), pld: Payload::NIL };
        assert_eq!(decode(&body, &LIMITS).as_ref(), Ok(&expected));
        let again = Bytes::from([b"\x83", keys[first], keys[second], keys[second]].concat());
        assert!(decode(&again, &LIMITS).is_err(), "{again:x?}");
    }
}

#[test]
fn hot_messages_take_the_constant_shape() {
    let cid = Text::new("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
    let pld = Payload::NIL;
    let mut hot = vec![
        Message::Yield { cid, pld: pld.clone() },
        Message::Return { cid, pld: pld.clone() },
        Message::Started { cid, pld },
        Message::Stop { cid },
        Message::Start(Start {
            cid,
            ns: "n".into(),
            func: "f".into(),
            kwargs: Kwargs::new(Bytes::from_static(b"\x81\xa1a\x01")).unwrap(),
            uid_name: "a".into(),
            uid_uuid: cid,
            pld_spec: ANY_PLD_SPEC.into(),
        }),
        Message::CancelAck { cid, pld: true },
        Message::CancelAck { cid, pld: false },
    ];
    hot.extend(Kind::ALL.map(|functype| Message::StartAck { cid, functype }));
    for message in hot {
        assert_eq!(constant(&body(&message)).as_ref(), Some(&message));
    }
}

/// W-25, W-30.
#[test]
fn the_walk_ends_where_an_independent_decoder_ends() {
    fn property(bytes: Vec<u8>, damage: Option<(usize, u8)>, seed: Written) -> bool {
        let mut bytes = if damage.is_some() { seed.0.to_vec() } else { bytes };
        if let Some((at, byte)) = damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let mut rest = bytes.as_slice();
        let theirs = rmpv::decode::read_value(&mut rest).is_ok().then(|| bytes.len() - rest.len());
        let mut cursor = crate::wire::cursor::Cursor::new(&bytes);
        match cursor.skip(512) {
            Ok(()) => theirs == Some(cursor.offset()),
            // That decoder takes the reserved byte for nil.
            Err(error) => theirs.is_none() || error.what == What::Reserved,
        }
    }
    QuickCheck::new().tests(5_000).quickcheck(property as fn(Vec<u8>, Option<(usize, u8)>, Written) -> bool);
}

/// W-33.
#[test]
fn all_that_can_be_read_of_an_error_is_salvaged() {
    fn property(Written(bytes): Written) -> TestResult {
        let Ok(Message::Error(error)) = decode(&bytes, &LIMITS) else { return TestResult::discard() };
        let is_nameless = error.src_type_str.is_empty() || error.boxed_type_str.is_empty();
        let salvaged = salvage_error(&bytes, &LIMITS);
        TestResult::from_bool(is_nameless || salvaged == ErrorMsg { repaired: true, ..*error })
    }
    QuickCheck::new().tests(200).quickcheck(property as fn(Written) -> TestResult);
}

/// W-30.
#[test]
fn any_bytes_are_judged_and_truncation_is_malformed() {
    fn property(bytes: Vec<u8>, Written(whole): Written, cut: usize) -> bool {
        let random = Bytes::from(bytes);
        let judged = decode(&random, &LIMITS);
        let is_malformed = matches!(&judged, Err(rejected) if rejected.fault == Fault::Malformed);
        salvage_error(&random, &LIMITS);
        let part = whole.slice(..cut % whole.len());
        let truncated = decode(&part, &LIMITS).unwrap_err();
        is_malformed == one_value(&random, 512).is_err() && truncated.fault == Fault::Malformed
    }
    QuickCheck::new().tests(2_000).quickcheck(property as fn(Vec<u8>, Written, usize) -> bool);
}

/// P-1, W-24.
#[test]
fn payloads_and_arguments_are_checked_when_made() {
    let refused = |bytes: &'static [u8]| Payload::new(Bytes::from_static(bytes)).unwrap_err();
    assert_eq!((refused(b"").what, refused(b"").offset), (What::Empty, 0));
    assert_eq!((refused(b"\x01\x02").what, refused(b"\x01\x02").offset), (What::Trailing(1), 1));
    assert!(Payload::new(Bytes::from_static(b"\xa1\xff")).is_ok(), "texts inside are not read");
    let deepest = |levels| [vec![0x91; levels], vec![0xc0]].concat();
    assert!(Payload::new(deepest(Payload::MAX_DEPTH).into()).is_ok());
    let error = Payload::new(deepest(Payload::MAX_DEPTH + 1).into()).unwrap_err();
    assert_eq!((error.what, error.offset), (What::TooDeep { limit: 511 }, 511));
    let deep = Payload::new(deepest(Payload::MAX_DEPTH).into()).unwrap();
    let message = Message::Yield { cid: "c".into(), pld: deep };
    assert_eq!(decode(&body(&message), &LIMITS).as_ref(), Ok(&message), "what may be sent may be received");
    assert_eq!(Kwargs::new(Bytes::from_static(b"\x90")).unwrap_err().what, wrong("kwargs", "map", "array"));
    let kwargs = Kwargs::new(Bytes::from_static(b"\x82\xa1a\x01\xa1b\x92\x02\x03")).unwrap();
    let pairs: Vec<_> = kwargs.iter().map(|(name, value)| (name, value.as_bytes().to_vec())).collect();
    assert_eq!(pairs, [("a", vec![1]), ("b", vec![0x92, 2, 3])]);
}
