//! Right messages at the wrong time or about the wrong dialog, and errors with defects.

use rmpv::Value;
use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::pair::{Pair, uid_of};
use scipp_conformance::script::{self, call, cid, inject, int, pair, report};
use scipp_proto::phase::Role;
use scipp_proto::wire::{ErrorMsg, Fault, Message, MsgKind, SpawnSpec, WireAddr};
use scipp_proto::{
    Call, CloseReason, Config, Event, Failure, Kind, Kwargs, Misuse, OpenError, Outcome, Payload,
    PeerViolation, RemoteErrorKind, Target, Verb,
};

use crate::raw::{error, fault, inject_value, message, start, start_but, uid, violation};

/// D-33.
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

/// D-33.
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

///
#[test]
fn nothing_but_an_aid_comes_first() {
    let mut frames = Pair::new(Config::default());
    let mut pair = pair();
    let (parent, _) = pair.open(A, Kind::Function);
    let cid = cid(&pair.end(A).conn, parent);
    let first = [
        script::start(&cid, ("demo", "f"), Kwargs::EMPTY, pair.uid(A)),
        Message::StartAck { cid: (&cid).into(), functype: Kind::Function },
        Message::Started { cid: (&cid).into(), pld: int(1) },
        Message::Yield { cid: (&cid).into(), pld: int(1) },
        Message::Stop { cid: (&cid).into() },
        Message::Return { cid: (&cid).into(), pld: int(1) },
        Message::CancelAck { cid: (&cid).into(), pld: true },
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

/// R-6, D-30.
#[test]
fn a_second_handshake_closes_the_connection() {
    let mut spawned = Config::default();
    spawned.spawned = true;
    for config in [Config::default(), spawned] {
        let mut pair = Pair::established(config);
        let aid = Message::Aid(Box::new(pair.end(A).conn.identity().clone()));
        inject(&mut pair, B, &aid);
        pair.deliver(B, usize::MAX);
        assert_eq!(*violation(&pair), PeerViolation::Late(MsgKind::Aid));
    }
}

///
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

    let mut ordinary = script::pair();
    inject(&mut ordinary, B, &Message::SpawnSpec(Box::new(spawn_spec())));
    ordinary.deliver(B, usize::MAX);
    assert_eq!(*violation(&ordinary), PeerViolation::Late(MsgKind::SpawnSpec));
    assert!(!ordinary.end(B).events.iter().any(|event| matches!(event, Event::SpawnSpec(_))));
}

///
#[test]
fn the_second_element_of_an_address_says_what_it_is() {
    let mut config = Config::default();
    config.spawned = true;
    let address = |second: Value| Value::Array(vec!["not.an.address".into(), second]);
    let spawn_spec = |addresses: Vec<Value>| {
        let map = Value::Map(vec![]);
        let fields = [
            ("_parent_main_data", map.clone()),
            ("_runtime_vars", map.clone()),
            ("enable_modules", map),
            ("reg_addrs", Value::Array(addresses)),
            ("bind_addrs", Value::Nil),
        ];
        message("SpawnSpec", &fields)
    };
    let mut spawned = Pair::established(config);
    for second in [Value::Nil, (-1).into(), Value::Boolean(true), Value::Array(vec![])] {
        let mut pair = spawned.clone();
        inject_value(&mut pair, &spawn_spec(vec![address(second)]));
        pair.deliver(B, usize::MAX);
        assert_eq!(*fault(&pair), Fault::NotAMessage);
    }
    inject_value(&mut spawned, &spawn_spec(vec![address(70_000.into()), address("70000".into())]));
    spawned.deliver(B, usize::MAX);
    let Some(Event::SpawnSpec(spec)) = spawned.end(B).events.back() else { panic!() };
    let host = String::from("not.an.address");
    let expected = [WireAddr::Tcp(host.clone(), 70_000), WireAddr::Unix(host, "70000".into())];
    assert_eq!(spec.reg_addrs, expected, "as it came");
    assert!(spawned.in_flight(A).is_empty());
}

/// D-22.
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

/// W-33, W-41.
#[test]
fn a_defective_error_still_fails_its_dialog() {
    type Defect = (&'static str, Value, fn(&ErrorMsg) -> bool);
    let bad_text = rmpv::decode::read_value(&mut [0xa3, b'K', 0xff, b'y'].as_slice()).unwrap();
    let defects: [Defect; 6] = [
        ("relay_path", Value::Array(vec![]), |msg| msg.relay_path == [uid_of("alice")]),
        ("boxed_type_str", "ContextCancelled".into(), |msg| msg.canceller.is_some()),
        ("tb_str", "x".repeat(70_000).into(), |msg| msg.tb_str.len() <= 64 << 10),
        ("relay_path", Value::Array(vec![uid("x"); 1000]), |msg| msg.relay_path.len() <= 64),
        ("src_uid", 5.into(), |msg| msg.src_type_str == "ValueError"),
        ("src_type_str", bad_text, |msg| !msg.src_type_str.is_empty()),
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

/// D-2, D-21.
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
        assert_eq!(pair.in_flight(B), [MsgKind::Start], "a cancel request");
        pair.settle();
        pair.conn(B).unwound(child).unwrap();
        pair.settle();
        assert!(matches!(pair.outcome(A, parent), Some(Outcome::Failed(Failure::Violation(_)))));
        assert!(!pair.end(A).conn.is_closed());
    }
}

/// D-17.
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
            assert_eq!(pair.in_flight(A), [MsgKind::StartAck, MsgKind::CancelAck]);
            pair.end_mut(A).incoming.clear();
        }
    }
    assert!(!pair.end(B).conn.dialog(child).unwrap().must_unwind());
    assert!(!pair.end(B).conn.dialog(own).unwrap().is_ended());
}

///
#[test]
fn an_actor_cancel_can_be_refused() {
    let mut pair = pair();
    let (parent, child) = pair.cancel_actor(A);
    pair.conn(B).refuse(child, report("PermissionError")).unwrap();
    pair.drain(B);
    assert_eq!(pair.in_flight(A), [MsgKind::Error]);
    pair.settle();
    assert!(matches!(pair.outcome(A, parent), Some(Outcome::Failed(Failure::Remote(_)))));

    let (_, running) = pair.open(A, Kind::Function);
    let late = pair.conn(B).refuse(running, report("PermissionError"));
    assert_eq!(late, Err(Misuse::WrongTarget(Verb::Refuse)), "anything else only before it is accepted");
}

///
#[test]
fn the_runtime_is_not_addressed_as_a_module() {
    let mut pair = pair();
    let now = pair.now();
    let call = Call { target: Target::function("self", "cancel"), ..call(Kind::Function) };
    assert_eq!(pair.conn(A).open(now, &call), Err(OpenError::RuntimeName));
}
