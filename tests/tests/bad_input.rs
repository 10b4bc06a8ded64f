//! Bad input at each layer: the typed answer, and who it hits.

use bytes::{BufMut, BytesMut};
use rmpv::Value;
use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::script::{call, cid, inject, int, report};
use scipp_proto::phase::Role;
use scipp_proto::wire::{self, ErrorMsg, Fault, Message, MsgKind, SpawnSpec, Start};
use scipp_proto::{
    CloseReason, Config, Event, Failure, Identity, Kind, Kwargs, Misuse, OpenError, Outcome, Payload,
    PeerViolation, RemoteErrorKind, RuntimeEndpoint, Target, Uid,
};

use MsgKind::{CancelAck, Error, Start as StartKind, StartAck};
use Side::{A, B};

/// The core under test is B; A's side of the link is hand-written.
fn pair() -> Pair {
    Pair::established(Config::default())
}

/// A frame with this body, right or wrong, on its way to B.
fn inject_body(pair: &mut Pair, body: &[u8]) {
    let mut frame = BytesMut::new();
    frame.put_u32_le(body.len().try_into().unwrap());
    frame.put_slice(body);
    pair.end_mut(B).incoming.extend(frame);
}

fn inject_value(pair: &mut Pair, value: &Value) {
    let mut body = Vec::new();
    rmpv::encode::write_value(&mut body, value).unwrap();
    inject_body(pair, &body);
}

/// A map with text keys, `msg_type` first.
fn message(tag: &str, fields: &[(&str, Value)]) -> Value {
    let head = ("msg_type", Value::from(tag));
    let entries = [head].into_iter().chain(fields.iter().cloned());
    Value::Map(entries.map(|(key, value)| (key.into(), value)).collect())
}

fn uid(name: &str) -> Value {
    Value::Array(vec![name.into(), format!("{name}-uuid").into()])
}

/// The fields of a `Start` that is right.
fn start(cid: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("cid", cid.into()),
        ("ns", "demo".into()),
        ("func", "f".into()),
        ("kwargs", Value::Map(vec![])),
        ("uid", uid("alice")),
    ]
}

/// The same with one field changed, or taken out.
fn start_but(cid: &str, field: &str, value: Option<Value>) -> Value {
    let mut fields = start(cid);
    fields.retain(|(key, _)| *key != field || value.is_some());
    for (key, old) in &mut fields {
        if *key == field {
            *old = value.clone().unwrap();
        }
    }
    message("Start", &fields)
}

fn violation(pair: &Pair) -> &PeerViolation {
    match pair.end(B).conn.close_reason() {
        Some(CloseReason::Violation(violation)) => violation,
        other => panic!("{other:?}"),
    }
}

fn fault(pair: &Pair) -> &Fault {
    match violation(pair) {
        PeerViolation::Rejected(rejected) => &rejected.fault,
        other => panic!("{other:?}"),
    }
}

/// All errors on their way to A.
fn errors(pair: &Pair) -> Vec<ErrorMsg> {
    let bytes: Vec<u8> = pair.end(A).incoming.iter().copied().collect();
    let mut bytes = bytes.as_slice();
    let mut errors = Vec::new();
    while let Some(len) = wire::frame::body_len(bytes, usize::MAX).unwrap() {
        let (body, rest) = bytes[wire::frame::PREFIX..].split_at(len);
        let body = bytes::Bytes::copy_from_slice(body);
        if let Message::Error(error) = wire::decode(&body, &Config::default().limits()).unwrap() {
            errors.push(*error);
        }
        bytes = rest;
    }
    errors
}

/// B refused the request `cid` with an error of this class, told nobody, and goes on.
fn assert_refused(pair: &mut Pair, cid: &str, type_name: &str) {
    pair.deliver(B, usize::MAX);
    let errors = errors(pair);
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!((error.cid.as_deref(), error.boxed_type_str.as_str()), (Some(cid), type_name));
    assert_eq!(error.src_uid, pair.end(B).conn.identity().uid);
    assert!(pair.end(B).events.is_empty(), "nothing is run: {:?}", pair.end(B).events);
    assert_eq!(pair.end(B).conn.counters().refused, 1);
    pair.end_mut(A).incoming.clear();
    let (parent, child) = pair.open(A, Kind::Function);
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(Some(int(1)))));
}

#[test]
fn what_is_not_one_value_closes_the_connection() {
    let deep = [vec![0x91; 600], vec![0xc0]].concat();
    let malformed: [&[u8]; 7] =
        [&[], &[0xc1], &[0x81, 0xa1], &[0xc0, 0xc0], &[0xdf, 255, 255, 255, 255], &deep, &[0x81]];
    for body in malformed {
        let mut pair = pair();
        inject_body(&mut pair, body);
        pair.deliver(B, usize::MAX);
        assert_eq!(*fault(&pair), Fault::Malformed, "{body:x?}");
    }
}

#[test]
fn the_reference_forgives_four_malformed_frames() {
    let mut pair = Pair::established(Config::reference());
    for n in 1..=4 {
        inject_body(&mut pair, &[0xc1]);
        pair.deliver(B, usize::MAX);
        assert_eq!(pair.end(B).conn.counters().malformed, n);
        assert!(!pair.end(B).conn.is_closed());
    }
    inject_body(&mut pair, &[0xc1]);
    pair.deliver(B, usize::MAX);
    assert_eq!(*fault(&pair), Fault::Malformed);
}

#[test]
fn what_is_no_message_closes_the_connection() {
    let odd_key = Value::Map(vec![(1.into(), 2.into())]);
    let no_tag = Value::Map(vec![("cid".into(), "c".into())]);
    let values = [
        Value::from(1),
        Value::Array(vec![]),
        odd_key,
        no_tag,
        message("Hello", &[("cid", "c".into())]),
        message("Stop", &[]),
        message("Stop", &[("cid", 5.into())]),
        message("Yield", &[("cid", "c".repeat(257).into()), ("pld", 1.into())]),
        start_but("c", "cid", None),
    ];
    for config in [Config::default(), Config::reference()] {
        for value in &values {
            let mut pair = Pair::established(config.clone());
            inject_value(&mut pair, value);
            pair.deliver(B, usize::MAX);
            assert_eq!(*fault(&pair), Fault::NotAMessage, "{value}");
        }
    }
}

#[test]
fn a_start_with_a_wrong_envelope_is_refused() {
    let doubled = Value::Map(vec![("a".into(), 1.into()), ("a".into(), 2.into())]);
    let odd = Value::Map(vec![(1.into(), 1.into())]);
    let wrong = [
        ("kwargs", None),
        ("kwargs", Some(doubled)),
        ("kwargs", Some(odd)),
        ("kwargs", Some(Value::Array(vec![]))),
        ("func", Some(5.into())),
        ("uid", Some("alice".into())),
        ("ns", Some("n".repeat(1025).into())),
    ];
    for (field, value) in wrong {
        let mut pair = pair();
        inject_value(&mut pair, &start_but("c-1", field, value));
        assert_refused(&mut pair, "c-1", "MsgTypeError");
    }
}

#[test]
fn a_cancel_request_with_bad_arguments_is_refused() {
    let map = |entries: &[(&str, Value)]| {
        Value::Map(entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
    };
    let wrong = [
        map(&[]),
        map(&[("cid", 5.into())]),
        map(&[("cid", "x".into()), ("more", 1.into())]),
        map(&[("Cid", "x".into())]),
        Value::Nil,
    ];
    for kwargs in wrong {
        let mut pair = pair();
        let mut fields = start("creq");
        fields[1].1 = "self".into();
        fields[2].1 = "_cancel_task".into();
        fields[3].1 = kwargs;
        inject_value(&mut pair, &message("Start", &fields));
        assert_refused(&mut pair, "creq", "TypeError");
    }
}

#[test]
fn a_start_in_the_name_of_another_actor_is_refused() {
    for wrong in [uid("carol"), Value::Array(vec!["alice".into(), "other".into()])] {
        let mut pair = pair();
        inject_value(&mut pair, &start_but("c-1", "uid", Some(wrong)));
        assert_refused(&mut pair, "c-1", "RuntimeError");
    }
}

#[test]
fn cancel_requests_are_not_asked_for_their_name() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    let cid = cid(&pair.end(A).conn, parent);
    let kwargs = Value::Map(vec![("cid".into(), cid.as_str().into())]);
    let mut fields = start("creq");
    fields[1].1 = "self".into();
    fields[2].1 = "_cancel_task".into();
    fields[3].1 = kwargs;
    fields[4].1 = uid("carol");
    inject_value(&mut pair, &message("Start", &fields));
    pair.deliver(B, usize::MAX);
    let view = pair.end(B).conn.dialog(child).unwrap();
    assert!(view.must_unwind());
    assert_eq!(view.canceller(), Some(&pair.end(A).conn.identity().uid), "of the connection, not as claimed");
}

#[test]
fn the_runtime_has_a_fixed_table_of_methods() {
    for func in ["__init__", "cancel_rpc_tasks", "_cancel", ""] {
        let mut pair = pair();
        let mut fields = start("c-1");
        fields[1].1 = "self".into();
        fields[2].1 = func.into();
        inject_value(&mut pair, &message("Start", &fields));
        assert_refused(&mut pair, "c-1", "AttributeError");
    }
}

#[test]
fn a_wrong_envelope_fails_the_live_dialog_it_is_about() {
    let mut pair = pair();
    let (parent, child) = pair.open_streaming(A);
    let cid = cid(&pair.end(A).conn, parent);
    inject_value(&mut pair, &message("Yield", &[("cid", cid.as_str().into())]));
    pair.deliver(B, usize::MAX);
    assert!(pair.end(B).conn.dialog(child).unwrap().must_unwind());
    pair.conn(B).unwound(child).unwrap();
    pair.drain(B);
    let error = errors(&pair).remove(0);
    assert_eq!((error.boxed_type_str.as_str(), error.cid.as_deref()), ("MsgTypeError", Some(cid.as_str())));
    assert!(!pair.end(B).conn.is_closed());
}

#[test]
fn a_parent_answers_a_wrong_envelope_by_a_cancel_request() {
    let mut pair = pair();
    let (parent, _) = pair.open_streaming(B);
    let cid = cid(&pair.end(B).conn, parent);
    inject_value(&mut pair, &message("Return", &[("cid", cid.as_str().into())]));
    pair.deliver(B, usize::MAX);
    let error = pair.end(B).conn.dialog(parent).unwrap().error();
    assert!(matches!(error, Some(Failure::Violation(PeerViolation::Rejected(_)))), "{error:?}");
    assert_eq!(pair.in_flight(A), [StartKind], "never an Error");
}

#[test]
fn a_wrong_envelope_about_nothing_is_counted_and_not_answered() {
    let mut pair = pair();
    inject_value(&mut pair, &message("Yield", &[("cid", "never".into())]));
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.end(B).conn.counters().strays, 1);
    assert!(pair.in_flight(A).is_empty() && !pair.end(B).conn.is_closed());
}

#[test]
fn the_id_of_a_live_dialog_cannot_be_used_again() {
    let mut pair = pair();
    let (ours, _) = pair.open(B, Kind::Function);
    let ours = cid(&pair.end(B).conn, ours);
    let (theirs, _) = pair.open(A, Kind::Function);
    let theirs = cid(&pair.end(A).conn, theirs);
    for cid in [&ours, &theirs] {
        for again in [message("Start", &start(cid)), start_but(cid, "kwargs", None)] {
            let mut pair = pair.clone();
            inject_value(&mut pair, &again);
            pair.deliver(B, usize::MAX);
            assert_eq!(*violation(&pair), PeerViolation::CidReuse);
        }
    }
}

#[test]
fn the_id_of_an_ended_dialog_can_be_used_again() {
    let mut pair = pair();
    let (parent, child) = pair.open(A, Kind::Function);
    let cid = cid(&pair.end(A).conn, parent);
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.settle();
    let now = pair.now();
    pair.conn(B).release(now, child);
    inject_value(&mut pair, &message("Start", &start(&cid)));
    pair.deliver(B, usize::MAX);
    assert!(pair.next_opened(B).is_some());
}

#[test]
fn nothing_but_an_aid_comes_first() {
    let mut frames = Pair::new(Config::default());
    let mut pair = pair();
    let (parent, _) = pair.open(A, Kind::Function);
    let cid = cid(&pair.end(A).conn, parent);
    let first = [
        Message::Start(Start {
            cid: &cid,
            ns: "demo",
            func: "f",
            kwargs: Kwargs::EMPTY,
            uid_name: "alice",
            uid_uuid: "alice-uuid",
            pld_spec: "typing.Any",
        }),
        Message::StartAck { cid: &cid, functype: Kind::Function },
        Message::Started { cid: &cid, pld: int(1) },
        Message::Yield { cid: &cid, pld: int(1) },
        Message::Stop { cid: &cid },
        Message::Return { cid: &cid, pld: int(1) },
        Message::CancelAck { cid: &cid, pld: true },
        Message::SpawnSpec(Box::new(spawn_spec())),
        Message::Error(Box::new(error(&cid))),
    ];
    for message in &first {
        let mut pair = frames.clone();
        inject(&mut pair, B, message);
        pair.deliver(B, usize::MAX);
        assert_eq!(*violation(&pair), PeerViolation::ExpectedAid(message.kind()));
    }
    inject_value(&mut frames, &message("Start", &[("cid", "c".into())]));
    frames.deliver(B, usize::MAX);
    assert!(matches!(fault(&frames), Fault::Envelope { .. }));
}

fn spawn_spec() -> SpawnSpec {
    let map = Payload::new(bytes::Bytes::from_static(&[0x80])).unwrap();
    SpawnSpec {
        parent_main_data: map.clone(),
        runtime_vars: map,
        enable_modules: vec![],
        reg_addrs: vec![],
        bind_addrs: None,
    }
}

fn error(cid: &str) -> ErrorMsg {
    let uid = Uid::new("alice", "alice-uuid");
    ErrorMsg {
        src_uid: uid.clone(),
        src_type_str: "ValueError".to_owned(),
        boxed_type_str: "ValueError".to_owned(),
        relay_path: vec![uid],
        message: None,
        tb_str: String::new(),
        canceller: None,
        sender: None,
        cid: Some(cid.into()),
        bad_msg: None,
        bad_msg_as_dict: None,
    }
}

#[test]
fn a_second_handshake_closes_the_connection() {
    let mut spawned = Config::default();
    spawned.spawned = true;
    for config in [Config::default(), spawned] {
        let mut pair = Pair::established(config);
        inject(&mut pair, B, &Message::Aid(Box::new(Identity::new(Uid::new("alice", "alice-uuid")))));
        pair.deliver(B, usize::MAX);
        assert_eq!(*violation(&pair), PeerViolation::Late(MsgKind::Aid));
    }
}

#[test]
fn a_spawn_spec_is_the_second_frame_of_a_parent_process_or_none() {
    let mut spawned = Config::default();
    spawned.spawned = true;
    let mut pair = Pair::with(Config::default(), spawned, 1);
    pair.conn(A).spawn_spec(&spawn_spec()).unwrap();
    assert_eq!(pair.conn(A).spawn_spec(&spawn_spec()), Err(Misuse::LateSpawnSpec));
    pair.settle();
    assert!(matches!(pair.end(B).events.back(), Some(Event::SpawnSpec(_))), "{:?}", pair.end(B).events);
    let (parent, child) = pair.open(B, Kind::Function);
    pair.conn(A).finish(child, int(1)).unwrap();
    pair.settle();
    assert_eq!(
        pair.outcome(B, parent),
        Some(Outcome::Returned(Some(int(1)))),
        "the spawned one may open dialogs"
    );
    inject(&mut pair, B, &Message::SpawnSpec(Box::new(spawn_spec())));
    pair.deliver(B, usize::MAX);
    assert_eq!(*violation(&pair), PeerViolation::Late(MsgKind::SpawnSpec));

    let mut ordinary = self::pair();
    inject(&mut ordinary, B, &Message::SpawnSpec(Box::new(spawn_spec())));
    ordinary.deliver(B, usize::MAX);
    assert_eq!(*violation(&ordinary), PeerViolation::Late(MsgKind::SpawnSpec));
    assert!(!ordinary.end(B).events.iter().any(|event| matches!(event, Event::SpawnSpec(_))));
}

#[test]
fn an_error_without_id_ends_everything_on_its_connection() {
    let mut pair = pair();
    let (ours, _) = pair.open(B, Kind::Context);
    let (_, child) = pair.open_streaming(A);
    inject(&mut pair, B, &Message::Error(Box::new(ErrorMsg { cid: None, ..error("") })));
    pair.deliver(B, usize::MAX);
    for id in [ours, child] {
        let outcome = pair.outcome(B, id);
        assert!(matches!(outcome, Some(Outcome::Disconnected(CloseReason::PeerFailed(_)))), "{outcome:?}");
    }
    assert!(pair.in_flight(A).is_empty(), "nothing is sent");
}

#[test]
fn a_defective_error_still_fails_its_dialog() {
    type Defect = (&'static str, Value, fn(&ErrorMsg) -> bool);
    let bad_text = rmpv::decode::read_value(&mut [0xa3, b'K', 0xff, b'y'].as_slice()).unwrap();
    let defects: [Defect; 6] = [
        ("relay_path", Value::Array(vec![]), |msg| msg.relay_path == [Uid::new("alice", "alice-uuid")]),
        ("boxed_type_str", "ContextCancelled".into(), |msg| msg.canceller.is_some()),
        ("tb_str", "x".repeat(70_000).into(), |msg| msg.tb_str.len() <= 64 << 10),
        ("relay_path", Value::Array(vec![uid("x"); 1000]), |msg| msg.relay_path.len() <= 64),
        ("src_uid", 5.into(), |msg| msg.src_type_str == "ValueError"),
        ("src_type_str", bad_text, |msg| msg.src_type_str.starts_with('K')),
    ];
    for (field, value, is_repaired) in defects {
        for role in [Role::Child, Role::Parent] {
            let mut pair = pair();
            let (parent, child) =
                if role == Role::Child { pair.open_streaming(A) } else { pair.open_streaming(B) };
            let id = if role == Role::Child { child } else { parent };
            let cid = cid(&pair.end(B).conn, id);
            let mut fields = vec![
                ("src_uid", uid("alice")),
                ("src_type_str", "ValueError".into()),
                ("boxed_type_str", "ValueError".into()),
                ("relay_path", Value::Array(vec![uid("alice")])),
                ("tb_str", "".into()),
                ("cid", cid.into()),
            ];
            fields.retain(|(key, _)| *key != field);
            fields.push((field, value.clone()));
            inject_value(&mut pair, &message("Error", &fields));
            pair.deliver(B, usize::MAX);
            let view = pair.end(B).conn.dialog(id).unwrap();
            if field == "boxed_type_str" && role == Role::Child {
                assert!(view.must_unwind() && view.canceller().is_some());
                continue;
            }
            let Some(Failure::Remote(error)) = view.error() else { panic!("{field}: {:?}", view.error()) };
            assert!(is_repaired(&error.msg), "{field}: {error:?}");
            assert!(error.repaired, "{field} at the {role:?} is not marked");
            assert_eq!(view.is_ended(), role == Role::Parent);
            assert!(field != "boxed_type_str" || error.kind() == RemoteErrorKind::ContextCancelled);
        }
    }
}

#[test]
fn another_kind_than_expected_fails_the_open() {
    for (expected, accepted) in [(Kind::Function, Kind::Context), (Kind::Context, Kind::Generator)] {
        let mut pair = pair();
        let now = pair.now();
        let parent = pair.conn(A).open(now, &call(expected)).unwrap();
        pair.settle();
        let child = pair.next_opened(B).unwrap();
        pair.conn(B).accept(child, accepted).unwrap();
        pair.drain(B);
        pair.deliver(A, usize::MAX);
        assert!(matches!(pair.end(A).conn.dialog(parent).unwrap().error(), Some(Failure::Violation(_))));
        assert_eq!(pair.in_flight(B), [StartKind], "a cancel request");
        pair.settle();
        pair.conn(B).unwound(child).unwrap();
        pair.settle();
        assert!(matches!(pair.outcome(A, parent), Some(Outcome::Failed(Failure::Violation(_)))));
        assert!(!pair.end(A).conn.is_closed());
    }
}

#[test]
fn cancelling_what_is_not_there_has_no_effect() {
    let mut pair = pair();
    let (_, child) = pair.open(A, Kind::Function);
    let own = pair.open(B, Kind::Function).0;
    // Unknown, a dialog of ours, and the request itself.
    for target in ["never".to_owned(), cid(&pair.end(B).conn, own), "creq-2".to_owned()] {
        for n in 0..3 {
            let cid = format!("creq-{n}");
            let mut fields = start(&cid);
            fields[1].1 = "self".into();
            fields[2].1 = "_cancel_task".into();
            fields[3].1 = Value::Map(vec![("cid".into(), target.as_str().into())]);
            inject_value(&mut pair, &message("Start", &fields));
            pair.deliver(B, usize::MAX);
            assert_eq!(pair.in_flight(A), [StartAck, CancelAck]);
            pair.end_mut(A).incoming.clear();
        }
    }
    assert!(!pair.end(B).conn.dialog(child).unwrap().must_unwind());
    assert!(!pair.end(B).conn.dialog(own).unwrap().is_ended());
}

#[test]
fn an_actor_cancel_can_be_refused() {
    let mut pair = pair();
    let cancel = scipp_proto::Call {
        target: Target::Runtime(RuntimeEndpoint::Cancel),
        kind: Kind::Function,
        kwargs: Kwargs::EMPTY,
    };
    let now = pair.now();
    let parent = pair.conn(A).open(now, &cancel).unwrap();
    pair.settle();
    let Some(Event::ActorCancelRequested { id }) = pair.end_mut(B).events.pop_front() else { panic!() };
    pair.conn(B).refuse(id, report("PermissionError")).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [Error]);
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Failed(Failure::Remote(_)))));
}

#[test]
fn the_runtime_is_not_addressed_as_a_module() {
    let mut pair = pair();
    let now = pair.now();
    let call = scipp_proto::Call { target: Target::function("self", "cancel"), ..call(Kind::Function) };
    assert_eq!(pair.conn(A).open(now, &call), Err(OpenError::RuntimeName));
}
