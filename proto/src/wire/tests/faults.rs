//! Each fault with its offset and its class.

use alloc::string::ToString;
use alloc::vec::Vec;
use alloc::{format, vec};

use bytes::Bytes;
use rmpv::Value;

use crate::identity::{Era, Uid};
use crate::payload::{Kwargs, Payload};
use crate::wire::message::{ANY_PLD_SPEC, Message, MsgKind};
use crate::wire::{Fault, What, decode, salvage_error};

use super::{LIMITS, wrong};

/// What is wrong with `body`, where, and how bad it is.
fn refused(body: &[u8]) -> (What, usize, Fault) {
    let rejected = decode(&Bytes::copy_from_slice(body), &LIMITS).unwrap_err();
    (rejected.error.what, rejected.error.offset, rejected.fault)
}

fn about(kind: MsgKind, cid: &str) -> Fault {
    Fault::Envelope { kind, cid: cid.into(), is_cancel_request: false }
}

/// W-2, W-30, W-28.
#[test]
fn what_is_not_one_value_is_malformed() {
    let cases: [(&[u8], What, usize); 10] = [
        (b"", What::Empty, 0),
        (b"\x82\xa3cid", What::Truncated, 5),
        (b"\x81\xa3ci", What::Truncated, 1),
        (b"\xda\x01", What::Truncated, 0),
        (b"\x81\xa3cid\xd9\x03ab", What::Truncated, 5),
        (b"\xc0\xc0\xc0", What::Trailing(2), 1),
        (b"\x81\xa1a\xc1", What::Reserved, 3),
        (b"\x92\xdc\x00\x03\x01", What::Count { declared: 3, left: 1 }, 1),
        (b"\x81\xa1a\xdf\x80\x00\x00\x01", What::Count { declared: 0x8000_0001, left: 0 }, 3),
        (&[0x91; 600], What::TooDeep { limit: 512 }, 512),
    ];
    for (bytes, what, offset) in cases {
        assert_eq!(refused(bytes), (what, offset, Fault::Malformed), "{bytes:x?}");
    }
}

/// W-30.
#[test]
fn a_malformed_body_is_that_even_after_a_wrong_envelope() {
    assert_eq!(refused(b"\x82\xa3cid\x01\xa1x\xc1"), (What::Reserved, 8, Fault::Malformed));
    assert_eq!(refused(b"\x01\x02"), (What::Trailing(1), 1, Fault::Malformed));
    let yielded = b"\x83\xa8msg_type\xa5Yield\xa3cid\xa1c\xa3pld\x01\x02";
    assert_eq!(refused(yielded), (What::Trailing(1), yielded.len() - 1, Fault::Malformed));
}

/// W-2, W-28, W-31, W-41.
#[test]
fn what_names_no_dialog_is_no_message() {
    let cases: [(&[u8], What, usize); 9] = [
        (b"\x01", What::NotAMap("int"), 0),
        (b"\x90", What::NotAMap("array"), 0),
        (b"\x80", What::Missing("msg_type"), 0),
        (b"\x81\xa8msg_type\xa5Hello", What::UnknownTag, 10),
        (b"\x81\xa8msg_type\xc4\x04Stop", wrong("msg_type", "str", "bin"), 10),
        (b"\x81\xa8msg_type\xa4Stop", What::Missing("cid"), 0),
        (b"\x82\xa8msg_type\xa4Stop\xa3cid\x01", wrong("cid", "str", "int"), 19),
        (b"\x82\xa8msg_type\xa4Stop\xa3cid\xa1\xff", What::Utf8 { field: "cid" }, 19),
        (b"\x83\xa8msg_type\xa4Stop\xa3cid\xa1c\x01\x02", What::KeyType("int"), 21),
    ];
    for (bytes, what, offset) in cases {
        assert_eq!(refused(bytes), (what, offset, Fault::NotAMessage), "{bytes:x?}");
    }
    let mut long = b"\x82\xa8msg_type\xa4Stop\xa3cid\xda\x01\x01".to_vec();
    long.resize(long.len() + 257, b'c');
    let what = What::TooLong { field: "cid", len: 257, limit: 256 };
    assert_eq!(refused(&long), (what, 19, Fault::NotAMessage));
    long[21] = 0;
    long.pop();
    assert_eq!(decode(&long.into(), &LIMITS).map(|message| message.kind()), Ok(MsgKind::Stop));
    let twice = b"\x83\xa8msg_type\xa4Stop\xa3cid\xa1c\xa3cid\xa1d";
    assert_eq!(refused(twice), (What::Duplicate("cid"), 21, Fault::NotAMessage), "two ids are none");
}

/// W-31.
#[test]
fn a_wrong_handshake_message_is_no_message() {
    let cases: [(&[u8], What, usize); 5] = [
        (b"\x82\xa8msg_type\xa3Aid\xa4name\xa1n", What::Missing("uuid"), 0),
        (b"\x82\xa8msg_type\xa3Aid\xa4name\xc0", wrong("name", "str", "nil"), 19),
        (b"\x82\xa8msg_type\xa3Aid\xa3pid\xcb\0\0\0\0\0\0\0\0", wrong("pid", PID, "float"), 18),
        (b"\x82\xa8msg_type\xa3Aid\xa3pid\xcf\xff\0\0\0\0\0\0\0", wrong("pid", PID, "int"), 18),
        (b"\x82\xa8msg_type\xa9SpawnSpec\xa9reg_addrs\x91\x91\x01", wrong("reg_addrs", PAIR, "array"), 31),
    ];
    for (bytes, what, offset) in cases {
        assert_eq!(refused(bytes), (what, offset, Fault::NotAMessage), "{bytes:x?}");
    }
}

const PID: &str = "an int of 64 bits with sign";
const PAIR: &str = "a text and a text or port";

/// W-20, W-22, W-23, W-26, W-28, W-32.
#[test]
fn a_wrong_envelope_names_its_dialog() {
    use MsgKind::{CancelAck, Start, StartAck, Stop, Yield};
    let functype = wrong("functype", "asyncfunc, asyncgen or context", "another text");
    let names = What::DuplicateName { field: "kwargs" };
    let cases: [(&[u8], What, usize, MsgKind); 10] = [
        (b"\x82\xa8msg_type\xa5Yield\xa3cid\xa1c", What::Missing("pld"), 0, Yield),
        (b"\x83\xa3cid\xa1c\xa8msg_type\xa4Stop\xa8msg_type\xa4Stop", What::Duplicate("msg_type"), 21, Stop),
        (b"\x83\xa8msg_type\xa4Stop\xa3cid\xa1c\xa8msg_type\xa4Stop", What::Duplicate("msg_type"), 21, Stop),
        (b"\x83\xa8msg_type\xa4Stop\xa3cid\xa1c\xa3cid\xa1c", What::Duplicate("cid"), 21, Stop),
        (b"\x83\xa8msg_type\xa9CancelAck\xa3cid\xa1c\xa3pld\x01", wrong("pld", "bool", "int"), 30, CancelAck),
        (b"\x83\xa8msg_type\xa8StartAck\xa3cid\xa1c\xa8functype\xa2zz", functype, 34, StartAck),
        (b"\x83\xa8msg_type\xa5Start\xa3cid\xa1c\xa3uid\x93", wrong("uid", "", ""), 26, Start),
        (b"\x83\xa8msg_type\xa5Start\xa3cid\xa1c\xa6kwargs\x81\x01\x02", What::KeyType("int"), 30, Start),
        (b"\x83\xa8msg_type\xa5Start\xa3cid\xa1c\xa6kwargs\x81\xa1\xff\x02", UTF8, 30, Start),
        (b"\x83\xa8msg_type\xa5Start\xa3cid\xa1c\xa6kwargs\x82\xa1a\x01\xa1a\x02", names, 33, Start),
    ];
    for (bytes, what, offset, kind) in cases {
        // An array of three elements needs them to be well-formed.
        let mut bytes = bytes.to_vec();
        let mut expected = what;
        if expected == wrong("uid", "", "") {
            bytes.extend_from_slice(b"\xa1a\xa1b\xa1c");
            expected = wrong("uid", "an array of two texts", "array");
        }
        assert_eq!(refused(&bytes), (expected, offset, about(kind, "c")), "{bytes:x?}");
    }
}

const UTF8: What = What::Utf8 { field: "kwargs" };

/// W-24.
#[test]
fn a_duplicate_among_many_names_is_found() {
    let mut kwargs = b"\xde\x00\x14".to_vec();
    for name in (b'a'..b'a' + 19).chain([b'l']) {
        kwargs.extend_from_slice(&[0xa1, name, 0xc0]);
    }
    let offset = kwargs.len() - 3;
    let error = Kwargs::new(Bytes::from(kwargs.clone())).unwrap_err();
    assert_eq!((error.what, error.offset), (What::DuplicateName { field: "kwargs" }, offset));
    kwargs[offset + 1] = b'z';
    let kwargs = Kwargs::new(Bytes::from(kwargs)).unwrap();
    assert_eq!(kwargs.iter().count(), 20);
    assert_eq!(kwargs.value("z"), Some(Payload::NIL));
    assert_eq!(kwargs.value("y"), None);
}

/// A map of `count` names of three letters each, all different.
fn many_names(count: u32) -> Vec<u8> {
    let mut kwargs = vec![0xdf];
    kwargs.extend_from_slice(&count.to_be_bytes());
    let letter = |at: u32| b'A' + u8::try_from(at % 52).unwrap();
    kwargs.extend((0..count).flat_map(|at| [0xa3, letter(at), letter(at / 52), letter(at / 2704), 0xc0]));
    kwargs
}

/// W-40.
#[test]
fn names_are_limited_by_the_bytes_left_alone() {
    let count = 100_000;
    let kwargs = many_names(count);
    assert_eq!(Kwargs::new(kwargs.clone().into()).unwrap().iter().count(), count as usize);
    let last = kwargs.len() - 5;
    for (first, again) in [(5, last), (last - 5, last), (5 + 5 * 50_000, 5 + 5 * 50_001)] {
        let mut kwargs = kwargs.clone();
        kwargs.copy_within(first..first + 4, again);
        let error = Kwargs::new(kwargs.into()).unwrap_err();
        assert_eq!((error.what, error.offset), (What::DuplicateName { field: "kwargs" }, again));
    }
    let mut announced = kwargs;
    announced[1..5].copy_from_slice(&u32::MAX.to_be_bytes());
    let left = announced.len() - 5;
    let error = Kwargs::new(announced.into()).unwrap_err();
    assert_eq!((error.what, error.offset), (What::Count { declared: u32::MAX as usize, left }, 0));
}

/// W-41.
#[test]
fn what_is_kept_of_the_handshake_is_limited() {
    let mut body = b"\x82\xa8msg_type\xa9SpawnSpec\xaeenable_modules".to_vec();
    let at = body.len();
    body.extend(many_names(0x1_0001));
    let what = What::TooLong { field: "enable_modules", len: 0x1_0001, limit: 0x1_0000 };
    assert_eq!(refused(&body), (what, at, Fault::NotAMessage));
    body.truncate(at - 15);
    body.extend_from_slice(b"\xa9reg_addrs\xdd\x00\x01\x00\x01");
    body.resize(body.len() + 0x1_0001, 0xc0);
    let what = What::TooLong { field: "reg_addrs", len: 0x1_0001, limit: 0x1_0000 };
    assert_eq!(refused(&body), (what, at - 5, Fault::NotAMessage));
}

#[test]
fn a_cancel_request_is_told_from_other_starts() {
    let start = |ns: &str, func: &str| {
        let mut bytes = b"\x84\xa8msg_type\xa5Start\xa3cid\xa1c\xa2ns".to_vec();
        rmpv::encode::write_value(&mut bytes, &ns.into()).unwrap();
        bytes.extend_from_slice(b"\xa4func");
        rmpv::encode::write_value(&mut bytes, &func.into()).unwrap();
        refused(&bytes).2
    };
    let fault =
        |is_cancel_request| Fault::Envelope { kind: MsgKind::Start, cid: "c".into(), is_cancel_request };
    assert_eq!(start("self", "_cancel_task"), fault(true));
    assert_eq!(start("self", "cancel"), fault(false));
    assert_eq!(start("mod", "_cancel_task"), fault(false));
}

/// R-8, W-22.
#[test]
fn absent_optional_keys_take_their_defaults() {
    let start = Bytes::from_static(
        b"\x86\xa8msg_type\xa5Start\xa3cid\xa1c\xa2ns\xa1n\xa4func\xa1f\xa6kwargs\x80\xa3uid\x92\xa1a\xa1b",
    );
    let Message::Start(start) = decode(&start, &LIMITS).unwrap() else { panic!("another kind") };
    assert_eq!(start.pld_spec, ANY_PLD_SPEC);
    let error = Bytes::from_static(
        b"\x85\xa8msg_type\xa5Error\xa7src_uid\x92\xa1a\xa1b\xacsrc_type_str\xa1T\xaeboxed_type_str\xa1T\xaarelay_path\x90",
    );
    let Message::Error(error) = decode(&error, &LIMITS).unwrap() else { panic!("another kind") };
    assert_eq!((error.message.as_deref(), error.tb_str.as_str(), error.cid.as_deref()), (None, "", None));
    let aid = |keys: &[u8]| {
        let mut bytes = vec![0x83 + u8::from(!keys.is_empty())];
        bytes.extend_from_slice(b"\xa8msg_type\xa3Aid\xa4name\xa1n\xa4uuid\xa1u");
        bytes.extend_from_slice(keys);
        let bytes = Bytes::from(bytes);
        let Message::Aid(identity) = decode(&bytes, &LIMITS).unwrap() else { panic!("another kind") };
        *identity
    };
    let early = aid(b"");
    assert_eq!((early.era, early.is_registrar, early.is_probe), (Era::March2025, None, false));
    assert_eq!(aid(b"\xa8is_probe\xc3").era, Era::Current);
    assert_eq!(aid(b"\xacis_registrar\xc3").is_registrar, Some(true));
    assert_eq!(aid(b"\xa3pid\xc0").pid, None);
    assert_eq!(aid(b"\xa3pid\xd3\xff\xff\xff\xff\xff\xff\xff\xff").pid, Some(-1));
    assert_eq!(aid(b"\xa3pid\xd3\0\0\0\0\0\0\0\x07").pid, Some(7), "a signed form of a positive number");
}

/// An `Error` whose keys in `changes` have other values.
fn error_with(changes: &[(&str, Value)]) -> Bytes {
    let uid = || Value::Array(vec!["a".into(), "b".into()]);
    let mut entries: Vec<(Value, Value)> = vec![
        ("msg_type".into(), "Error".into()),
        ("src_uid".into(), uid()),
        ("src_type_str".into(), "ValueError".into()),
        ("boxed_type_str".into(), "ValueError".into()),
        ("relay_path".into(), Value::Array(vec![uid()])),
        ("cid".into(), "c".into()),
    ];
    for (key, value) in changes {
        entries.retain(|(name, _)| name.as_str() != Some(key));
        entries.push(((*key).into(), value.clone()));
    }
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &Value::Map(entries)).unwrap();
    Bytes::from(bytes)
}

/// W-41, W-27.
#[test]
fn over_long_texts_and_paths_of_an_error_are_cut() {
    let hop = |at: usize| Value::Array(vec![at.to_string().into(), "u".into()]);
    let body = error_with(&[
        ("message", format!("{}é", "m".repeat(LIMITS.text - 1)).into()),
        ("tb_str", "t".repeat(LIMITS.text + 5).into()),
        ("relay_path", Value::Array((0..100).map(hop).collect())),
    ]);
    let Message::Error(error) = decode(&body, &LIMITS).unwrap() else { panic!("another kind") };
    assert!(error.repaired);
    assert_eq!(error.message.unwrap().len(), LIMITS.text - 1, "not inside a character");
    assert_eq!(error.tb_str.len(), LIMITS.text);
    let kept: Vec<_> = error.relay_path.iter().map(|uid| uid.name().parse::<usize>().unwrap()).collect();
    assert_eq!(kept, (0..32).chain(68..100).collect::<Vec<_>>());
}

/// W-27, W-33, W-41.
#[test]
fn an_error_is_marked_as_repaired_by_each_cut_alone() {
    let path = |hops: usize| Value::Array(vec![Value::Array(vec!["a".into(), "b".into()]); hops]);
    let most = "t".repeat(LIMITS.text);
    for (key, kept, cut) in [
        ("message", Value::from(most.as_str()), Value::from(format!("{most}t"))),
        ("tb_str", Value::from(most.as_str()), Value::from(format!("{most}t"))),
        ("relay_path", path(LIMITS.relay_path), path(LIMITS.relay_path + 1)),
    ] {
        for (value, repaired) in [(kept, false), (cut, true)] {
            let body = error_with(&[(key, value)]);
            let Message::Error(error) = decode(&body, &LIMITS).unwrap() else { panic!("another kind") };
            assert_eq!(error.repaired, repaired, "{key}");
        }
    }
}

#[test]
fn the_offending_message_in_an_error_is_a_payload_message() {
    let map = |tag: &str| Value::Map(vec![("msg_type".into(), tag.into()), ("cid".into(), "c".into())]);
    for tag in ["Started", "Yield", "Return"] {
        assert!(decode(&error_with(&[("_bad_msg", map(tag))]), &LIMITS).is_ok(), "{tag}");
    }
    for (value, what) in [
        (map("Stop"), wrong("_bad_msg", "a Started, Yield or Return message", "Stop")),
        (map("Nope"), What::UnknownTag),
        (Value::from(1), wrong("_bad_msg", "map", "int")),
        (Value::Map(vec![]), What::Missing("msg_type")),
    ] {
        let refused = refused(&error_with(&[("_bad_msg", value)]));
        assert_eq!((refused.0, refused.2), (what, about(MsgKind::Error, "c")));
    }
}

/// W-33.
#[test]
fn a_defective_error_is_salvaged() {
    let whole = error_with(&[
        ("src_uid", Value::from(1)),
        ("src_type_str", Value::from("")),
        ("boxed_type_str", "a~b".into()),
        ("relay_path", Value::Array(vec![Value::Nil, Value::Array(vec!["x".into(), "y".into()])])),
        ("message", "a~b".into()),
        ("tb_str", Value::Nil),
        ("canceller", Value::Array(vec!["n".repeat(2000).into(), "u".into()])),
        ("_bad_msg", Value::from(1)),
        ("_bad_msg_as_dict", Value::Map(vec![])),
    ]);
    let body: Bytes = whole.iter().map(|byte| if *byte == b'~' { 0xff } else { *byte }).collect();
    assert_eq!(refused(&body).2, about(MsgKind::Error, "c"));
    let error = salvage_error(&body, &LIMITS);
    assert!(error.repaired);
    assert_eq!(error.src_uid, Uid::new("", ""));
    assert_eq!((error.src_type_str.as_str(), error.boxed_type_str.as_str()), ("<unknown>", "a\u{fffd}b"));
    assert_eq!(error.relay_path, [Uid::new("x", "y")]);
    assert_eq!((error.message.as_deref(), error.tb_str.as_str()), (Some("a\u{fffd}b"), ""));
    assert_eq!(error.canceller.unwrap().name().len(), LIMITS.name);
    assert_eq!(error.cid.as_deref(), Some("c"));
    assert_eq!(error.bad_msg, None);
    assert_eq!(error.bad_msg_as_dict, Some(Payload::new(Bytes::from_static(b"\x80")).unwrap()));
}
