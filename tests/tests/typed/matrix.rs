//! Every spec with every value, in each phase, both ways, checked by the sender and not, against an oracle
//! that shares nothing with the checker: `rmpv` for what a value is, `serde` for structs. (P-3 to P-10, P-19 to
//! P-23)

use rmpv::Value;
use scipp_conformance::pair::Side;
use scipp_proto::phase::Role;
use scipp_proto::wire::MsgKind;
use scipp_proto::{
    Event, Failure, Misuse, Outcome, Payload, PeerViolation, RemoteErrorKind, Report, SendError, Terms,
};
use serde::Deserialize;

use crate::rig::{Rig, payload, terms};

#[derive(Deserialize)]
#[serde(tag = "type")]
#[allow(dead_code, reason = "only whether it can be read counts")]
enum Message {
    Item { label: String, qty: Option<i64> },
    Done { reason: String },
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only whether it can be read counts")]
struct Point {
    x: f64,
    y: Option<f64>,
}

type Oracle = fn(&[u8]) -> bool;

fn value(bytes: &[u8]) -> Value {
    rmpv::decode::read_value(&mut &*bytes).expect("a value")
}

fn reads<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> bool {
    rmp_serde::from_slice::<T>(bytes).is_ok()
}

fn is_time(bytes: &[u8]) -> bool {
    let Value::Ext(-1, content) = value(bytes) else { return false };
    let nanos = match content.len() {
        4 => 0,
        8 => u64::from_be_bytes(content.try_into().unwrap()) >> 34,
        12 => u32::from_be_bytes(content[..4].try_into().unwrap()).into(),
        _ => return false,
    };
    nanos < 1_000_000_000
}

const MESSAGE: &str = "Item|Done where Item = struct(type='Item', label: str, qty?: int|None); Done = struct(type='Done', reason: str)";

const SPECS: [(&str, Oracle); 19] = [
    ("Any", |_| true),
    ("None", |bytes| value(bytes).is_nil()),
    ("bool", |bytes| value(bytes).is_bool()),
    ("int", |bytes| matches!(value(bytes), Value::Integer(_))),
    ("int[0..=255]", |bytes| value(bytes).as_u64().is_some_and(|n| n <= 255)),
    ("float", |bytes| value(bytes).is_number()),
    ("str", |bytes| matches!(value(bytes), Value::String(text) if text.is_str())),
    ("bytes", |bytes| matches!(value(bytes), Value::Binary(_))),
    ("datetime", is_time),
    ("Ext[5]", |bytes| matches!(value(bytes), Value::Ext(5, _))),
    ("NamespacePath", |bytes| {
        let text = value(bytes);
        let parts: Vec<&str> = text.as_str().unwrap_or_default().split(':').collect();
        parts.len() == 2 && parts.iter().all(|part| !part.is_empty())
    }),
    ("Literal['a', -1, None]", |bytes| {
        let value = value(bytes);
        value.is_nil() || value.as_i64() == Some(-1) || value.as_str() == Some("a")
    }),
    ("int|None", |bytes| value(bytes).is_nil() || matches!(value(bytes), Value::Integer(_))),
    ("list[int]", |bytes| {
        matches!(value(bytes), Value::Array(all)
            if all.iter().all(|one| matches!(one, Value::Integer(_))))
    }),
    ("tuple[int, str]", |bytes| {
        matches!(value(bytes), Value::Array(parts)
            if matches!(&parts[..], [Value::Integer(_), Value::String(_)]))
    }),
    ("dict[str, int|str]", |bytes| {
        matches!(value(bytes), Value::Map(entries) if entries.iter().all(|(key, value)| {
            key.is_str() && (value.is_str() || matches!(value, Value::Integer(_)))
        }))
    }),
    ("Point|None where Point = struct(x: float, y?: float|None)", |bytes| {
        // An array is a struct to serde, and no map.
        value(bytes).is_nil() || value(bytes).is_map() && reads::<Point>(bytes)
    }),
    ("Closed where Closed = struct(x: float)!", |bytes| {
        matches!(value(bytes), Value::Map(entries)
            if matches!(&entries[..], [(key, x)] if key.as_str() == Some("x") && x.is_number()))
    }),
    (MESSAGE, |bytes| value(bytes).is_map() && reads::<Message>(bytes)),
];

const VALUES: [&[u8]; 33] = [
    b"\xc0",
    b"\xc3",
    b"\x00",
    b"\xff",
    b"\xcc\xff",
    b"\xcd\x01\x00",
    b"\xd1\x00\x07",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
    b"\xca\x3f\xc0\x00\x00",
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"\xa0",
    b"\xa1a",
    b"\xd9\x05mod:f",
    b"\xa2\xff\xfe",
    b"\xa3a:\xff",
    b"\xc4\x01a",
    b"\x90",
    b"\x92\x01\x02",
    b"\x92\x01\xa1x",
    b"\xdc\x00\x01\xc0",
    b"\x80",
    b"\x81\xa1k\x01",
    b"\x81\x01\x02",
    b"\x81\xa1x\x01",
    b"\x82\xa1x\x01\xa1y\xc0",
    b"\x82\xa1x\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa1z\x90",
    b"\x82\xa4type\xa4Item\xa5label\xa1l",
    b"\x82\xa5label\xa1l\xa4type\xa4Item",
    b"\x82\xa4type\xa4Done\xa5label\xa1l",
    b"\xd6\xff\x00\x00\x00\x01",
    b"\xd7\xff\xff\xff\xff\xff\x00\x00\x00\x01",
    b"\xd5\x05ab",
];

#[test]
fn every_value_meets_every_spec_as_the_oracle_says() {
    let mut counts = [0; 2];
    for (text, oracle) in SPECS {
        for bytes in VALUES {
            let conforms = oracle(bytes);
            counts[usize::from(conforms)] += 1;
            assert_eq!(
                terms(text).slots.check(MsgKind::Yield, &payload(bytes)).is_ok(),
                conforms,
                "{text} {bytes:x?}"
            );
            for opener in Side::BOTH {
                for is_checked in [true, false] {
                    let case = Case { text, value: payload(bytes), conforms, opener, is_checked };
                    case.started();
                    case.returned();
                    case.yielded(Role::Child);
                    case.yielded(Role::Parent);
                }
            }
        }
    }
    assert!(counts.iter().all(|&count| count >= 60), "both answers are met often: {counts:?}");
}

struct Case {
    text: &'static str,
    value: Payload,
    conforms: bool,
    opener: Side,
    is_checked: bool,
}

impl Case {
    fn terms(&self) -> Terms {
        Terms { check_started: self.is_checked, check_return: self.is_checked, ..terms(self.text) }
    }

    /// As `terms`, for one kind of message only.
    fn rig(&self, kind: MsgKind) -> Rig {
        let mut terms = self.terms();
        let slots = &mut terms.slots;
        let spec = slots.started.take();
        (slots.yields, slots.result) = (None, None);
        match kind {
            MsgKind::Started => slots.started = spec,
            MsgKind::Yield => slots.yields = spec,
            _ => slots.result = spec,
        }
        let mut rig = Rig::alike(self.opener, terms);
        if kind != MsgKind::Started {
            rig.stream(Payload::NIL);
        }
        rig
    }

    fn context(&self, what: &str) -> String {
        format!("{what} {:x?} as {}, opened by {:?}", self.value.as_bytes(), self.text, self.opener)
    }

    fn started(&self) {
        let mut rig = self.rig(MsgKind::Started);
        let (parent, child) = (rig.parent, rig.child);
        let sent = rig.child_conn().started(child, self.value.clone());
        if self.is_refused(&mut rig, MsgKind::Started, &sent) {
            return self.ends_as_reported(&mut rig, sent.unwrap_err());
        }
        assert_eq!(sent, Ok(()), "{}", self.context("started"));
        rig.pair.settle();
        if self.conforms {
            assert_eq!(rig.parent_conn().take_first(parent).as_ref(), Some(&self.value));
        } else {
            assert!(!rig.pair.end(self.opener).conn.dialog(parent).unwrap().has_first());
            self.parent_ends_it(&mut rig, MsgKind::Started);
        }
    }

    fn returned(&self) {
        let mut rig = self.rig(MsgKind::Return);
        let (parent, child) = (rig.parent, rig.child);
        let sent = rig.child_conn().finish(child, self.value.clone());
        if self.is_refused(&mut rig, MsgKind::Return, &sent) {
            return self.ends_as_reported(&mut rig, sent.unwrap_err());
        }
        assert_eq!(sent, Ok(()), "{}", self.context("return"));
        rig.pair.settle();
        let outcome = rig.pair.outcome(self.opener, parent);
        if self.conforms {
            assert_eq!(outcome, Some(Outcome::Returned(Some(self.value.clone()))));
        } else {
            self.is_violation(&mut rig, MsgKind::Return, outcome);
            assert_eq!(rig.pair.conn(self.opener.other()).counters().frames_in, 2, "no cancel request");
        }
    }

    fn yielded(&self, from: Role) {
        let mut rig = self.rig(MsgKind::Yield);
        let (parent, child) = (rig.parent, rig.child);
        let (side, id, other) = match from {
            Role::Parent => (self.opener, parent, child),
            Role::Child => (self.opener.other(), child, parent),
        };
        let conn = rig.pair.conn(side);
        let item = self.value.clone();
        let sent = if self.is_checked { conn.send_checked(id, item) } else { conn.send(id, item) };
        let sent = sent.map_err(|error| match error {
            SendError::Misuse(misuse) => misuse,
            other => panic!("{other}"),
        });
        if self.is_refused(&mut rig, MsgKind::Yield, &sent) {
            return;
        }
        assert_eq!(sent, Ok(()), "{}", self.context("send"));
        rig.pair.settle();
        let conn = rig.pair.conn(side.other());
        if self.conforms {
            let item = scipp_proto::Take::Item(self.value.clone());
            assert_eq!(conn.take(other), Ok(item));
        } else if from == Role::Child {
            self.parent_ends_it(&mut rig, MsgKind::Yield);
        } else {
            self.child_ends_it(&mut rig);
        }
    }

    /// Whether the sender refused, which it does exactly when it checks what does not conform; then nothing
    /// went out.
    fn is_refused(&self, rig: &mut Rig, kind: MsgKind, sent: &Result<(), Misuse>) -> bool {
        let is_due = self.is_checked && !self.conforms;
        let Err(Misuse::Mistyped(error)) = sent else {
            assert!(!is_due, "{}", self.context("not refused"));
            return false;
        };
        assert!(is_due, "{}: {error}", self.context("refused"));
        assert_eq!((error.kind, error.value.as_ref()), (kind, Some(&self.value)));
        for side in Side::BOTH {
            rig.pair.drain(side);
            assert_eq!(rig.pair.in_flight(side), [], "a failed verb sends nothing");
        }
        true
    }

    /// The child reports what it was not allowed to send.
    fn ends_as_reported(&self, rig: &mut Rig, misuse: Misuse) {
        let Misuse::Mistyped(error) = misuse else { panic!("{misuse}") };
        let (parent, child) = (rig.parent, rig.child);
        rig.child_conn().fail(child, Report::from(&*error)).unwrap();
        rig.pair.settle();
        self.remote_is_type_error(rig.pair.outcome(self.opener, parent), &error.bad_msg());
    }

    fn remote_is_type_error(&self, outcome: Option<Outcome>, bad_msg: &Option<Payload>) {
        let Some(Outcome::Failed(Failure::Remote(error))) = &outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind(), RemoteErrorKind::MsgTypeError);
        assert!(bad_msg.is_some() && error.msg.bad_msg == *bad_msg, "{}", self.context("bad message"));
    }

    fn is_violation(&self, rig: &mut Rig, kind: MsgKind, outcome: Option<Outcome>) {
        let error = rig.mistyped(self.opener);
        assert_eq!((error.culprit, error.kind), (Role::Child, kind));
        assert_eq!(error.value.as_ref(), Some(&self.value));
        let failure = Failure::Violation(PeerViolation::Mistyped(error));
        assert_eq!(outcome, Some(Outcome::Failed(failure)), "{}", self.context("outcome"));
    }

    /// The child broke the rule: the parent fails the dialog and asks for its end, and sends no error.
    fn parent_ends_it(&self, rig: &mut Rig, kind: MsgKind) {
        let (parent, child) = (rig.parent, rig.child);
        assert!(rig.child_conn().dialog(child).unwrap().must_unwind(), "{}", self.context("asked to end"));
        rig.child_conn().unwound(child).unwrap();
        rig.pair.settle();
        let outcome = rig.pair.outcome(self.opener, parent);
        self.is_violation(rig, kind, outcome);
    }

    /// The parent broke the rule: the child ends its task and says why, in its own name.
    fn child_ends_it(&self, rig: &mut Rig) {
        let (parent, child) = (rig.parent, rig.child);
        let error = rig.mistyped(self.opener.other());
        assert_eq!((error.culprit, error.kind), (Role::Parent, MsgKind::Yield));
        assert!(rig.child_conn().dialog(child).unwrap().must_unwind());
        rig.child_conn().unwound(child).unwrap();
        rig.pair.settle();
        let outcome = rig.pair.outcome(self.opener, parent);
        self.remote_is_type_error(outcome.clone(), &error.bad_msg());
        let Some(Outcome::Failed(Failure::Remote(remote))) = outcome else { panic!() };
        let reporter = &rig.pair.end(self.opener.other()).conn.identity().uid;
        assert_eq!((&remote.msg.src_uid, &*remote.msg.relay_path), (reporter, &[reporter.clone()][..]));
        let culprit = rig.pair.end(self.opener).conn.identity().uid.to_string();
        assert!(remote.msg.tb_str.starts_with(&culprit), "the culprit is named: {}", remote.msg.tb_str);
        let events = rig.events(self.opener);
        assert!(!events.iter().any(|event| matches!(event, Event::Mistyped { .. })), "{events:?}");
    }
}
