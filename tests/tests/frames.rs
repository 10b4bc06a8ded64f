//! Every recorded frame through the codec: accepted or refused as its content demands, read to the
//! recorded value, and written back in the bytes of the reference.
//!
//! What a frame should give is worked out here a second time, from independent MessagePack decoders
//! and the table of messages below.

use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use rmpv::Value;
use scipp_conformance::hostile;
use scipp_conformance::transcript::Directory;
use scipp_proto::Config;
use scipp_proto::wire::{Fault, Limits, Message, MsgKind, What, decode, encode, frame};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Default)]
struct Tally {
    files: usize,
    canonical: usize,
    other: usize,
    malformed: usize,
    incomplete: usize,
}

/// W-10 to W-13, W-16.
#[test]
fn every_recorded_frame_is_read_and_written_as_recorded() {
    let mut tally = Tally::default();
    for file in recordings() {
        tally.files += 1;
        for (at, line) in text(&file).lines().enumerate() {
            let record = json(line);
            let Some(hex) = record.get("hex").and_then(Json::as_str) else { continue };
            let Some(msg) = record.get("msg").or_else(|| record.get("decoded")) else { continue };
            let place = format!("{}:{}", file.display(), at + 1);
            check(&unhex(hex), msg, &place, &mut tally);
        }
    }
    let Tally { files, canonical, other, malformed, incomplete } = tally;
    let frames = canonical + other + malformed + incomplete;
    println!(
        "frames: {files} files, {frames} frames: {canonical} canonical, {other} non-canonical, \
         {malformed} malformed, {incomplete} incomplete"
    );
    assert!(canonical > 0, "no frame was read");
}

fn check(bytes: &[u8], recorded: &Json, place: &str, tally: &mut Tally) {
    let Some(announced) = frame::body_len(bytes, u32::MAX as usize).unwrap() else {
        assert!(recorded.is_null(), "{place}: a message without a whole prefix");
        tally.incomplete += 1;
        return;
    };
    let body = Bytes::copy_from_slice(&bytes[frame::PREFIX..]);
    let decoded = decode(&body, &limits());
    if announced > body.len() {
        let fault = decoded.expect_err(place).fault;
        assert_eq!((fault, recorded), (Fault::Malformed, &Json::Null), "{place}: incomplete");
        tally.incomplete += 1;
        return;
    }
    assert_eq!(announced, body.len(), "{place}: recorded with bytes after the frame");
    let expected = match expectation(&body) {
        Ok(expected) => expected,
        Err(expected) => {
            let rejected = decoded.expect_err(place);
            assert_eq!(rejected.fault, expected, "{place}: {rejected}");
            assert!(expected != Fault::Malformed || recorded.is_null(), "{place}: {rejected}");
            assert_eq!(rejected.error.what == What::Empty, body.is_empty(), "{place}");
            tally.malformed += 1;
            return;
        }
    };
    let message = decoded.unwrap_or_else(|rejected| panic!("{place}: {rejected}"));
    assert!(covers(recorded, &expected), "{place}: {recorded} is not {expected}");
    let written = reencode(&message, place);
    if canonical(&expected) == body {
        assert_eq!(written, body, "{place}: not written as the reference writes it");
        tally.canonical += 1;
    } else {
        assert_eq!(parse(&written).as_ref(), Some(&expected), "{place}: read to another value");
        let again = decode(&written, &limits()).expect(place);
        assert_eq!(reencode(&again, place), written, "{place}: the second writing differs");
        tally.other += 1;
    }
}

/// The body that is written for `message`.
fn reencode(message: &Message<'_>, place: &str) -> Bytes {
    let mut out = BytesMut::new();
    encode(message, &mut out);
    let written = out.freeze();
    let announced = frame::body_len(&written, u32::MAX as usize).unwrap();
    assert_eq!(announced, written.len().checked_sub(frame::PREFIX), "{place}: wrong length prefix");
    written.slice(frame::PREFIX..)
}

/// What the body should be read to: a whole message with its keys in the declared order and absent ones
/// at their defaults; or how bad it should be found.
fn expectation(body: &[u8]) -> Result<Value, Fault> {
    let value = parse(body).ok_or(Fault::Malformed)?;
    let entries = value.as_map().ok_or(Fault::NotAMessage)?;
    let all = |name: &str| -> Vec<&Value> {
        let hits = entries.iter().filter(|(key, _)| key.as_str() == Some(name));
        hits.map(|(_, value)| value).collect()
    };
    let text = |name: &str| all(name).first().and_then(|value| value.as_str());
    let kind = text("msg_type").and_then(MsgKind::from_name).ok_or(Fault::NotAMessage)?;
    let text_keys = entries.iter().all(|(key, _)| matches!(key, Value::String(_)));
    let is_present_aid = ["pid", "is_registrar", "is_probe"].iter().any(|name| !all(name).is_empty());
    let mut sound = text_keys && all("msg_type").len() == 1;
    let mut keys = vec![(Value::from("msg_type"), Value::from(kind.name()))];
    for (name, accepts, default) in fields(kind, is_present_aid) {
        let value = match all(name).as_slice() {
            [] => default,
            [value] => Some((*value).clone()),
            _ => None,
        };
        match value {
            Some(value) if accepts(&value) => keys.push((Value::from(name), value)),
            _ => sound = false,
        }
    }
    match text("cid") {
        _ if sound => Ok(Value::Map(keys)),
        Some(cid) if text_keys && !matches!(kind, MsgKind::Aid | MsgKind::SpawnSpec) => {
            Err(Fault::Envelope {
                kind,
                cid: cid.into(),
                is_cancel_request: kind == MsgKind::Start
                    && (text("ns"), text("func")) == (Some("self"), Some("_cancel_task")),
            })
        }
        _ => Err(Fault::NotAMessage),
    }
}

type Field = (&'static str, fn(&Value) -> bool, Option<Value>);

/// The keys of a message in order, what each takes and its default.
fn fields(kind: MsgKind, is_present_aid: bool) -> Vec<Field> {
    let nil = || Some(Value::Nil);
    let cid: Field = ("cid", Value::is_str, None);
    match kind {
        MsgKind::Aid if !is_present_aid => vec![("name", Value::is_str, None), ("uuid", Value::is_str, None)],
        MsgKind::Aid => vec![
            ("name", Value::is_str, None),
            ("uuid", Value::is_str, None),
            ("pid", |v| v.is_nil() || v.is_i64(), nil()),
            ("is_registrar", |v| v.is_nil() || v.is_bool(), nil()),
            ("is_probe", Value::is_bool, Some(Value::from(false))),
        ],
        MsgKind::SpawnSpec => vec![
            ("_parent_main_data", is_names, None),
            ("_runtime_vars", is_names, None),
            ("enable_modules", is_modules, None),
            ("reg_addrs", is_addrs, None),
            ("bind_addrs", |v| v.is_nil() || is_addrs(v), None),
        ],
        MsgKind::Start => vec![
            cid,
            ("ns", Value::is_str, None),
            ("func", Value::is_str, None),
            ("kwargs", is_names, None),
            ("uid", is_uid, None),
            ("pld_spec", Value::is_str, Some(Value::from("typing.Any"))),
        ],
        MsgKind::StartAck => vec![cid, ("functype", is_function_kind, None)],
        MsgKind::Started | MsgKind::Yield | MsgKind::Return => vec![cid, ("pld", |_| true, None)],
        MsgKind::Stop => vec![cid],
        MsgKind::CancelAck => vec![cid, ("pld", Value::is_bool, None)],
        MsgKind::Error => vec![
            ("src_uid", is_uid, None),
            ("src_type_str", Value::is_str, None),
            ("boxed_type_str", Value::is_str, None),
            ("relay_path", |v| v.as_array().is_some_and(|hops| hops.iter().all(is_uid)), None),
            ("message", |v| v.is_nil() || v.is_str(), nil()),
            ("tb_str", Value::is_str, Some(Value::from(""))),
            ("canceller", |v| v.is_nil() || is_uid(v), nil()),
            ("sender", |v| v.is_nil() || is_uid(v), nil()),
            ("cid", |v| v.is_nil() || v.is_str(), nil()),
            ("_bad_msg", |v| v.is_nil() || is_payload_message(v), nil()),
            ("_bad_msg_as_dict", |v| v.is_nil() || v.is_map(), nil()),
        ],
    }
}

fn is_names(value: &Value) -> bool {
    value.as_map().is_some_and(|entries| {
        let mut names: Vec<_> = entries.iter().filter_map(|(key, _)| key.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.len() == entries.len()
    })
}

fn is_modules(value: &Value) -> bool {
    is_names(value) && value.as_map().is_some_and(|modules| modules.iter().all(|(_, path)| path.is_str()))
}

fn is_uid(value: &Value) -> bool {
    value.as_array().is_some_and(|pair| pair.len() == 2 && pair.iter().all(Value::is_str))
}

fn is_addrs(value: &Value) -> bool {
    let is_addr = |addr: &Value| match addr.as_array().map(Vec::as_slice) {
        Some([host, port]) => host.is_str() && (port.is_str() || port.is_u64()),
        _ => false,
    };
    value.as_array().is_some_and(|addrs| addrs.iter().all(is_addr))
}

fn is_function_kind(value: &Value) -> bool {
    matches!(value.as_str(), Some("asyncfunc" | "asyncgen" | "context"))
}

fn is_payload_message(value: &Value) -> bool {
    matches!(value["msg_type"].as_str(), Some("Started" | "Yield" | "Return"))
}

/// `bytes` as exactly one value. One decoder builds it; the other knows the reserved byte.
fn parse(mut bytes: &[u8]) -> Option<Value> {
    rmp_serde::from_slice::<serde::de::IgnoredAny>(bytes).ok()?;
    let value = rmpv::decode::read_value(&mut bytes).ok()?;
    bytes.is_empty().then_some(value)
}

/// The shortest form of `value`, by an independent encoder.
fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    rmpv::encode::write_value(&mut out, value).unwrap();
    out
}

/// Whether the recorded message has each key of `expected` with its value, absent defaults excepted.
fn covers(recorded: &Json, expected: &Value) -> bool {
    let defaults = [Value::Nil, Value::from(false), Value::from(""), Value::from("typing.Any")];
    expected.as_map().is_some_and(|keys| {
        keys.iter().all(|(key, value)| match key.as_str().and_then(|key| recorded.get(key)) {
            Some(recorded) => same(recorded, value),
            None => defaults.contains(value),
        })
    })
}

/// Whether the JSON of a recording stands for `value`.
fn same(json: &Json, value: &Value) -> bool {
    match (json, value) {
        (Json::Null, Value::Nil) => true,
        (Json::Bool(json), Value::Boolean(value)) => json == value,
        (Json::Number(json), Value::Integer(value)) => {
            (json.as_i64(), json.as_u64()) == (value.as_i64(), value.as_u64())
        }
        (Json::Number(json), Value::F64(value)) => json.as_f64() == Some(*value),
        (Json::Number(json), Value::F32(value)) => json.as_f64() == Some(f64::from(*value)),
        (Json::String(json), Value::String(value)) => value.as_str() == Some(json),
        (Json::Array(json), Value::Array(value)) => {
            json.len() == value.len() && json.iter().zip(value).all(|(json, value)| same(json, value))
        }
        (Json::Object(object), value) => match object.iter().next() {
            Some((form, _)) if form.starts_with('$') => same_form(form, json, value),
            _ => value.as_map().is_some_and(|entries| {
                let equal = |(key, value): &(Value, Value)| {
                    key.as_str().and_then(|key| object.get(key)).is_some_and(|json| same(json, value))
                };
                object.len() == entries.len() && entries.iter().all(equal)
            }),
        },
        _ => false,
    }
}

/// The same for what plain JSON has no form for. Digests are left to the comparison of bytes.
fn same_form(form: &str, json: &Json, value: &Value) -> bool {
    let is_hex = |json: &Json, bytes: &[u8]| json.as_str().is_some_and(|hex| unhex(hex) == bytes);
    let is_len = |key: &str, len: usize| json[key].as_u64() == u64::try_from(len).ok();
    match (form, value) {
        ("$bin", Value::Binary(bytes)) => is_hex(&json["$bin"], bytes),
        ("$bin_len" | "$bin_sha256", Value::Binary(bytes)) => is_len("$bin_len", bytes.len()),
        ("$str_len" | "$str_sha256", Value::String(text)) => is_len("$str_len", text.as_bytes().len()),
        ("$ext", Value::Ext(code, bytes)) => {
            let content =
                json.get("hex").map_or_else(|| is_len("len", bytes.len()), |hex| is_hex(hex, bytes));
            json["$ext"].as_i64() == Some(i64::from(*code)) && content
        }
        ("$float", Value::F64(value)) => match json["$float"].as_str() {
            Some("nan") => value.is_nan(),
            Some("inf") => *value == f64::INFINITY,
            Some("-inf") => *value == f64::NEG_INFINITY,
            _ => false,
        },
        ("$map", Value::Map(entries)) => json["$map"].as_array().is_some_and(|pairs| {
            let equal = |(pair, entry): (&Json, &(Value, Value))| {
                same(&pair[0], &entry.0) && same(&pair[1], &entry.1)
            };
            pairs.len() == entries.len() && pairs.iter().zip(entries).all(equal)
        }),
        _ => false,
    }
}

/// The default depth; texts uncut, so that recorded ones come back whole.
fn limits() -> Limits {
    let depth = Config::default().max_depth;
    Limits { depth, cid: usize::MAX, name: usize::MAX, text: usize::MAX, relay_path: usize::MAX }
}

fn recordings() -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(Directory::find().unwrap().root(), &mut files);
    files
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.to_string_lossy();
        if path.is_dir() {
            collect(&path, files);
        } else if name.ends_with(".jsonl") || name.ends_with(".jsonl.gz") {
            files.push(path);
        }
    }
}

fn text(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap();
    if file.extension().is_some_and(|ext| ext == "gz") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        return text;
    }
    String::from_utf8(bytes).unwrap()
}

/// Recorded values nest up to the limit of the reference.
fn json(line: &str) -> Json {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    deserializer.disable_recursion_limit();
    Json::deserialize(&mut deserializer).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap();
    hex.as_bytes().chunks(2).map(|pair| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap()).collect()
}

/// Hostile byte streams, cut into bodies as far as their prefixes allow: nothing panics, and what is
/// accepted can be written and read again. (W-30 to W-32)
#[test]
fn hostile_bodies_are_judged_without_panic() {
    let (mut accepted, mut refused) = (0, 0);
    for case in hostile::Directory::all().unwrap().iter().flat_map(hostile::Directory::cases) {
        let case = case.unwrap();
        let mut rest = Bytes::from(case.bytes);
        while let Ok(Some(len)) = frame::body_len(&rest, Config::default().max_frame) {
            let mut body = rest.split_off(frame::PREFIX);
            rest = body.split_off(len.min(body.len()));
            if let Ok(message) = decode(&body, &Config::default().limits()) {
                decode(&reencode(&message, &case.id), &limits()).expect(&case.id);
                accepted += 1;
            } else {
                refused += 1;
            }
        }
    }
    println!("hostile bodies: {accepted} accepted, {refused} refused");
    assert!(accepted > 0 && refused > 0);
}
