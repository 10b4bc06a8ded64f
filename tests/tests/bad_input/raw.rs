//! What a hand-written peer says: frames right and wrong, on their way to B, the core under test.

use rmpv::Value;
use scipp_conformance::pair::Side::B;
use scipp_conformance::pair::{Pair, uid_of};
use scipp_conformance::script::{error_by, frame};
use scipp_proto::wire::{ErrorMsg, Fault};
use scipp_proto::{CloseReason, PeerViolation};

/// A frame with this body, right or wrong, on its way to B.
pub(crate) fn inject_body(pair: &mut Pair, body: &[u8]) {
    pair.end_mut(B).incoming.extend(frame(body));
}

pub(crate) fn inject_value(pair: &mut Pair, value: &Value) {
    let mut body = Vec::new();
    rmpv::encode::write_value(&mut body, value).unwrap();
    inject_body(pair, &body);
}

/// A map with text keys, `msg_type` first.
pub(crate) fn message(tag: &str, fields: &[(&str, Value)]) -> Value {
    let head = ("msg_type", Value::from(tag));
    let entries = [head].into_iter().chain(fields.iter().cloned());
    Value::Map(entries.map(|(key, value)| (key.into(), value)).collect())
}

pub(crate) fn uid(name: &str) -> Value {
    let uid = uid_of(name);
    Value::Array(vec![uid.name().into(), uid.uuid().into()])
}

/// The fields of a `Start` that is right.
pub(crate) fn start(cid: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("cid", cid.into()),
        ("ns", "demo".into()),
        ("func", "f".into()),
        ("kwargs", Value::Map(vec![])),
        ("uid", uid("alice")),
    ]
}

/// The same with one field changed, or taken out.
pub(crate) fn start_but(cid: &str, field: &str, value: Option<Value>) -> Value {
    let mut fields = start(cid);
    fields.retain(|(key, _)| *key != field || value.is_some());
    for (key, old) in &mut fields {
        if *key == field {
            *old = value.clone().unwrap();
        }
    }
    message("Start", &fields)
}

pub(crate) fn violation(pair: &Pair) -> &PeerViolation {
    match pair.end(B).conn.close_reason() {
        Some(CloseReason::Violation(violation)) => violation,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn fault(pair: &Pair) -> &Fault {
    match violation(pair) {
        PeerViolation::Rejected(rejected) => &rejected.fault,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn error(cid: &str) -> ErrorMsg {
    ErrorMsg { cid: Some(cid.into()), ..error_by(uid_of("alice"), "ValueError") }
}
