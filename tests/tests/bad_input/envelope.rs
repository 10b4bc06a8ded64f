//! Frames that are no messages, messages with wrong envelopes, and requests that are refused.

use rmpv::Value;
use scipp_conformance::pair::Pair;
use scipp_conformance::pair::Side::{A, B};
use scipp_conformance::script::{actor_cancel, cid, int, pair};
use scipp_proto::wire::{Fault, MsgKind};
use scipp_proto::{Config, Connection, Failure, Kind, Outcome, Payload, PeerViolation};

use crate::raw::{fault, inject_body, inject_value, message, start, start_but, uid, violation};

/// B refused the request `cid` with an error of this class, told nobody, and goes on.
fn assert_refused(pair: &mut Pair, cid: &str, type_name: &str) {
    pair.deliver(B, usize::MAX);
    let errors = pair.errors(A);
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!((error.cid.as_deref(), error.boxed_type_str.as_str()), (Some(cid), type_name));
    assert_eq!(error.src_uid, *pair.uid(B));
    assert!(pair.end(B).events.is_empty(), "nothing is run: {:?}", pair.end(B).events);
    assert_eq!(pair.end(B).conn.counters().refused, 1);
    pair.end_mut(A).incoming.clear();
    let (parent, child) = pair.open(A, Kind::Function);
    pair.conn(B).finish(child, int(1)).unwrap();
    pair.settle();
    assert_eq!(pair.outcome(A, parent), Some(Outcome::Returned(Some(int(1)))));
}

/// W-30, D-30.
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

/// W-30.
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

/// W-31, D-30.
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

/// Before the handshake there is no dialog that a wrong envelope could be about. (W-30, W-31)
#[test]
fn before_the_handshake_a_wrong_envelope_closes_the_connection() {
    let mut pair = Pair::new(Config::default());
    let wrong = message("Yield", &[("cid", "c".into())]);
    inject_value(&mut pair, &wrong);
    pair.deliver(B, usize::MAX);
    assert!(matches!(fault(&pair), Fault::Envelope { kind: MsgKind::Yield, .. }));

    let mut pair = Pair::established(Config::default());
    inject_value(&mut pair, &wrong);
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.end(B).conn.close_reason(), None);
    assert_eq!(pair.end(B).conn.counters().strays, 1);
}

/// W-23, W-24, W-32.
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

/// W-32, D-33.
#[test]
fn a_wrong_start_under_an_id_in_use_closes_the_connection() {
    let mut pair = pair();
    let (parent, _child) = pair.open(A, Kind::Function);
    let cid = cid(&pair.end(A).conn, parent);
    inject_value(&mut pair, &start_but(&cid, "func", Some(5.into())));
    pair.deliver(B, usize::MAX);
    assert_eq!(*violation(&pair), PeerViolation::CidReuse);
}

/// D-15.
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

/// D-32.
#[test]
fn a_start_in_the_name_of_another_actor_is_refused() {
    for wrong in [uid("carol"), Value::Array(vec!["alice".into(), "other".into()])] {
        let mut pair = pair();
        inject_value(&mut pair, &start_but("c-1", "uid", Some(wrong)));
        assert_refused(&mut pair, "c-1", "RuntimeError");
    }
}

/// D-32, D-16.
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
    assert_eq!(view.canceller(), Some(pair.uid(A)), "of the connection, not as claimed");
}

/// D-31.
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

/// D-21, W-32.
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
    let error = pair.errors(A).remove(0);
    assert_eq!((error.boxed_type_str.as_str(), error.cid.as_deref()), ("MsgTypeError", Some(cid.as_str())));
    assert!(error.tb_str.contains("\npld: expected Any, found no such field"), "{}", error.tb_str);
    assert_eq!(error.bad_msg_as_dict, None, "a Python receiver dies of a message without all its fields");
    assert!(!pair.end(B).conn.is_closed());
}

/// To anything else it is as wrong as any. (W-32, D-17)
#[test]
fn a_wrong_ack_answers_the_cancel_that_it_is_for() {
    let mut pair = pair();
    let now = pair.now();
    let wrong =
        |conn: &Connection, id| message("CancelAck", &[("cid", cid(conn, id).into()), ("pld", 5.into())]);

    let (parent, _child) = pair.open_streaming(B);
    let ack = wrong(&pair.end(B).conn, parent);
    inject_value(&mut pair, &ack);
    pair.deliver(B, usize::MAX);
    let dialog = pair.end(B).conn.dialog(parent).unwrap();
    assert!(matches!(dialog.error(), Some(Failure::Violation(PeerViolation::Rejected(_)))));

    let cancel = pair.conn(B).open(now, &actor_cancel()).unwrap();
    let started = [("cid", cid(&pair.end(B).conn, cancel).into()), ("functype", "asyncfunc".into())];
    let ack = wrong(&pair.end(B).conn, cancel);
    inject_value(&mut pair, &message("StartAck", &started));
    inject_value(&mut pair, &ack);
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.outcome(B, cancel), Some(Outcome::Returned(Some(Payload::bool(false)))));
    assert_eq!(pair.end(B).conn.close_reason(), None);
}

/// D36
#[test]
fn a_wrong_envelope_of_a_live_dialog_comes_back() {
    for (config, comes_back) in [(Config::default(), true), (crowded(), false)] {
        let mut pair = Pair::established(config);
        let (parent, child) = pair.open_streaming(A);
        let cid = cid(&pair.end(A).conn, parent);
        let wrong = message("StartAck", &[("cid", cid.as_str().into()), ("functype", 5.into())]);
        inject_value(&mut pair, &wrong);
        // What comes after the first does not count.
        inject_value(&mut pair, &message("Yield", &[("cid", cid.as_str().into())]));
        pair.deliver(B, usize::MAX);
        pair.conn(B).unwound(child).unwrap();
        pair.settle();
        let Some(Outcome::Failed(Failure::Remote(error))) = pair.outcome(A, parent) else { panic!() };
        let loose = error.bad_msg_loose();
        assert_eq!(loose.as_ref().map(|loose| loose.kind()), comes_back.then_some(Some(MsgKind::StartAck)));
        if let Some(loose) = loose {
            assert_eq!(loose.value("functype").unwrap().as_bytes().as_ref(), [5]);
            let [mismatch] = loose.errors() else { panic!("{loose:?}") };
            assert!(error.msg.tb_str.ends_with(&format!("\n{mismatch}")), "{}", error.msg.tb_str);
        }
    }
}

/// No room for what errors bring.
fn crowded() -> Config {
    let mut config = Config::default();
    config.error_bytes = 0;
    config
}

/// D-21.
#[test]
fn a_parent_answers_a_wrong_envelope_by_a_cancel_request() {
    let mut pair = pair();
    let (parent, _) = pair.open_streaming(B);
    let cid = cid(&pair.end(B).conn, parent);
    inject_value(&mut pair, &message("Return", &[("cid", cid.as_str().into())]));
    pair.deliver(B, usize::MAX);
    let error = pair.end(B).conn.dialog(parent).unwrap().error();
    assert!(matches!(error, Some(Failure::Violation(PeerViolation::Rejected(_)))), "{error:?}");
    assert_eq!(pair.in_flight(A), [MsgKind::Start], "never an Error");
}

/// D-23.
#[test]
fn a_wrong_envelope_about_nothing_is_counted_and_not_answered() {
    let mut pair = pair();
    inject_value(&mut pair, &message("Yield", &[("cid", "never".into())]));
    pair.deliver(B, usize::MAX);
    assert_eq!(pair.end(B).conn.counters().strays, 1);
    assert!(pair.in_flight(A).is_empty() && !pair.end(B).conn.is_closed());
}
