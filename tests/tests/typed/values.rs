//! Values of an application's own types, and what is said of specs and messages in advance or in between.

use bytes::Bytes;
use scipp_conformance::pair::Side;
use scipp_conformance::script::{frame, pair};
use scipp_conformance::transcript::{Directory, Line};
use scipp_proto::spec::{PldSpec, Slots};
use scipp_proto::wire::{ErrorMsg, Fault, LooseMsg, MsgKind, decode};
use scipp_proto::{
    Config, EndpointPath, Event, Extension, ExtensionError, Extensions, Failure, Outcome, Payload, Received,
    Report, Terms, Timestamp,
};

use crate::rig::{Rig, payload, terms};

#[derive(Debug, PartialEq)]
struct Celsius(i16);

impl Extension for Celsius {
    const CODE: i8 = 7;

    fn encode(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn decode(content: &[u8]) -> Result<Self, String> {
        content
            .try_into()
            .map(|bytes| Self(i16::from_be_bytes(bytes)))
            .map_err(|_| "two bytes are due".into())
    }
}

/// 135: an extension type that both ends know makes the round trip as first value and as item.
#[test]
fn registered_types_make_the_round_trip() {
    let mut extensions = Extensions::default();
    extensions.register::<Celsius>().unwrap();
    let mut rig = Rig::alike(Side::A, terms("Ext[7]|None"));
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(extensions.encode(&Celsius(-3)).unwrap());
    rig.child_conn().send_checked(child, extensions.encode(&Celsius(21)).unwrap()).unwrap();
    rig.pair.settle();
    for expected in [Celsius(-3), Celsius(21)] {
        let received = rig.parent_conn().receive(parent).unwrap();
        assert_eq!(extensions.decode::<Celsius>(received.value().unwrap()), Ok(expected));
    }
}

/// 136: a type that is not registered is an error of who sends it.
#[test]
fn unregistered_types_do_not_leave() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    let refusal = Extensions::default().encode(&Celsius(1)).unwrap_err();
    assert_eq!(refusal, ExtensionError::Unknown(7));
    rig.child_conn().fail(child, Report { type_name: "TypeError".into(), ..Report::of(&refusal) }).unwrap();
    rig.pair.settle();
    let Some(Outcome::Failed(Failure::Remote(error))) = rig.pair.outcome(Side::A, parent) else { panic!() };
    assert_eq!(error.boxed_type(), "TypeError");
}

/// 137: a decoder without a type makes no sense; a value of another type is refused, not misread.
#[test]
fn a_code_without_a_type_is_refused() {
    let mut extensions = Extensions::default();
    extensions.register::<Celsius>().unwrap();
    let other = payload(b"\xd4\x08x");
    assert_eq!(extensions.decode_any(&other).err(), Some(ExtensionError::Unknown(8)));
    assert!(PldSpec::of::<Timestamp>().unwrap().check(&other).is_err());
}

#[test]
fn a_path_is_a_text_of_a_form_of_its_own() {
    let spec = PldSpec::of::<Option<EndpointPath>>().unwrap();
    assert_eq!(spec.to_string(), "NamespacePath|None");
    let path: EndpointPath = "app.feeds:quotes".parse().unwrap();
    let sent = Payload::encode(&path).unwrap();
    assert_eq!((spec.check(&sent), sent.decode::<EndpointPath>()), (Ok(()), Ok(path)));
    let text = payload(b"\xa3abc");
    assert!(spec.check(&text).is_err() && text.decode::<EndpointPath>().is_err());
}

/// P-8: an absent field and a nil one are two things.
#[test]
fn a_missing_key_is_not_a_nil_key() {
    let spec: PldSpec = "S where S = struct(a: int|None, b?: int, c: int = 0)".parse().unwrap();
    for (bytes, conforms) in [
        (&b"\x81\xa1a\xc0"[..], true),
        (b"\x80", false),
        (b"\x82\xa1a\xc0\xa1b\xc0", false),
        (b"\x82\xa1a\xc0\xa1c\xc0", false),
        (b"\x83\xa1a\x01\xa1b\x02\xa1c\x03", true),
    ] {
        assert_eq!(spec.check_bytes(bytes).is_ok(), conforms, "{bytes:x?}");
    }
}

#[test]
fn an_audit_says_in_advance_what_can_be_sent() {
    let spec: PldSpec = "int|str".parse().unwrap();
    let values = [payload(b"\x01"), payload(b"\xc0"), payload(b"\xa1x")];
    let verdicts: Vec<_> =
        spec.audit(&values).map(|(_, verdict)| verdict.map_err(|no| no.to_string())).collect();
    let no = Err(".: expected int|str, found None, at byte 0".to_owned());
    assert_eq!(verdicts, [Ok(()), no, Ok(())]);
    for (value, verdict) in spec.audit(&values) {
        let mut rig = Rig::alike(Side::A, terms("int|str"));
        let child = rig.child;
        assert_eq!(rig.child_conn().started(child, value.clone()).is_ok(), verdict.is_ok());
    }
}

#[test]
fn slots_show_what_they_hold_and_what_is_doubtful() {
    let slots = Slots {
        params: Some("int".parse().unwrap()),
        result: Some("Item where Item = struct(n: int, 'odd key'?: str|None)".parse().unwrap()),
        ..Slots::default()
    };
    assert_eq!(slots.to_string(), "params  int\nstarted Any\nyields  Any\nreturn  Item\n");
    assert_eq!(
        slots.doubts(),
        [
            "return: Item has no None, which an endpoint without a result returns",
            "params: int is no map, and arguments always are"
        ]
    );
    let table = slots.result.unwrap().spec().table();
    assert_eq!(table, "Item\nItem\n  n                int\n  'odd key'        str|None (may be absent)\n");
    let fine = Slots { params: Some("dict[str, int]".parse().unwrap()), ..Slots::default() };
    assert_eq!(fine.doubts(), [""; 0]);
}

#[test]
fn specs_travel_as_data() {
    let slots = Slots::one_for_all("T|None where T = struct(next: T|None)".parse().unwrap());
    let sent = Payload::encode(&slots).unwrap();
    assert_eq!(sent.decode::<Slots>(), Ok(slots));
    assert!(Payload::encode("list[").unwrap().decode::<PldSpec>().is_err());
}

#[test]
fn a_dialog_knows_the_line_that_made_it() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    for caller in
        [rig.parent_conn().dialog(parent).unwrap().caller(), rig.child_conn().dialog(child).unwrap().caller()]
    {
        assert!(caller.unwrap().file().ends_with("rig.rs"), "{caller:?}");
    }
}

#[test]
fn whatever_is_next_comes_with_its_kind() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Pending));
    rig.child_conn().started(child, payload(b"\x01")).unwrap();
    rig.child_conn().open_stream(child).unwrap();
    rig.child_conn().send(child, payload(b"\x02")).unwrap();
    rig.child_conn().stop(child).unwrap();
    rig.pair.settle();
    let kinds = [Some(MsgKind::Started), Some(MsgKind::Yield), Some(MsgKind::Stop), Some(MsgKind::Stop)];
    for kind in kinds {
        assert_eq!(rig.parent_conn().receive(parent).unwrap().kind(), kind);
    }
    rig.child_conn().finish(child, Payload::NIL).unwrap();
    rig.pair.settle();
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Returned(Some(Payload::NIL))));
    let (parent, child) = rig.pair.open_streaming(Side::A);
    rig.child_conn().fail(child, Report::new("KeyError", "")).unwrap();
    rig.pair.settle();
    assert_eq!(rig.parent_conn().receive(parent), Ok(Received::Failed));
}

/// Every field of every kind of recorded message, replaced by values of other types: what the decoder refuses
/// has errors in its fields, and what it takes has none.
#[test]
fn a_loose_message_names_what_the_decoder_refuses() {
    let limits = Config::default().limits();
    let (mut refused, mut taken) = (0, 0);
    for body in one_of_each_kind() {
        let loose = LooseMsg::read(&body).unwrap();
        assert_eq!(loose.errors(), [], "{body:x?}");
        let names: Vec<String> = loose.fields().map(|(name, _)| name.to_owned()).collect();
        for name in &names {
            for other in [
                &b"\xc0"[..],
                b"\x05",
                b"\xa1x",
                b"\x90",
                b"\x80",
                b"\xc3",
                b"\x92\xa1a\xa1b",
                b"\xca\0\0\0\0",
            ] {
                let spoiled = with(&loose, name, other);
                let again = LooseMsg::read(&spoiled).unwrap();
                match decode(&spoiled, &limits) {
                    Ok(_) => {
                        taken += 1;
                        assert_eq!(again.errors(), [], "{name} {other:x?} in {}", loose.tag());
                    }
                    Err(rejected) => {
                        refused += 1;
                        assert_ne!(rejected.fault, Fault::Malformed);
                        let errors = again.errors();
                        assert!(!errors.is_empty(), "{name} {other:x?} in {}: {rejected}", loose.tag());
                        assert!(
                            errors.iter().all(|error| error.path.starts_with(name.as_str())),
                            "{errors:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(refused > 100 && taken > 50, "{refused} refused, {taken} taken");
}

fn one_of_each_kind() -> Vec<Bytes> {
    let directory = Directory::committed().unwrap();
    let limits = Config::default().limits();
    let mut found: Vec<(MsgKind, Bytes)> = Vec::new();
    for entry in directory.entries() {
        for line in directory.load(entry).unwrap().lines {
            let Line::Frame(frame) = line else { continue };
            let body = frame.bytes.slice(frame.bytes.len().min(4)..);
            let Ok(message) = decode(&body, &limits) else { continue };
            let kind = message.kind();
            if frame.is_whole && !found.iter().any(|(known, _)| *known == kind) {
                found.push((kind, body.clone()));
            }
        }
    }
    assert_eq!(found.len(), MsgKind::ALL.len());
    found.into_iter().map(|(_, body)| body).collect()
}

/// The same message with another value in one field.
fn with(loose: &LooseMsg, name: &str, value: &[u8]) -> Bytes {
    let mut body = Vec::new();
    let tag = loose.kind().unwrap().name();
    body.push(0x80 | (loose.fields().count() + 1) as u8);
    for text in ["msg_type", tag] {
        rmp_text(text, &mut body);
    }
    for (key, old) in loose.fields() {
        rmp_text(key, &mut body);
        body.extend_from_slice(if key == name { value } else { old.as_bytes() });
    }
    body.into()
}

fn rmp_text(text: &str, body: &mut Vec<u8>) {
    body.push(0xa0 | u8::try_from(text.len()).unwrap());
    body.extend_from_slice(text.as_bytes());
}

/// What the core answers to a frame that is no message.
fn answer_to(body: &[u8]) -> ErrorMsg {
    let mut pair = pair();
    pair.end_mut(Side::B).incoming.extend(frame(body));
    pair.deliver(Side::B, usize::MAX);
    assert!(!matches!(pair.end(Side::B).events.back(), Some(Event::Closed { .. })));
    let [error] = pair.errors(Side::A).try_into().expect("one answer");
    error
}

/// D10: a `Start` with a wrong envelope is answered with all that is wrong with it; and with itself, if a
/// Python receiver can make a message of it.
#[test]
fn a_wrong_start_comes_back_with_what_is_wrong() {
    let incomplete = b"\x84\xa8msg_type\xa5Start\xa3cid\xa1c\xa2ns\x05\xa4func\xc0";
    let error = answer_to(incomplete);
    assert_eq!(error.bad_msg_as_dict, None);
    let lines: Vec<&str> = error.tb_str.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "ns: expected str, found 5 (int), at byte 25",
            "func: expected str, found None, at byte 31",
            "kwargs: expected dict[str, Any], found no such field, at byte 0",
            "uid: expected uid, found no such field, at byte 0",
        ]
    );
    let complete = b"\x86\xa8msg_type\xa5Start\xa3cid\xa1c\xa2ns\x05\xa4func\xa1f\xa6kwargs\x80\xa3uid\x90";
    let error = answer_to(complete);
    assert_eq!(error.bad_msg_as_dict.unwrap().as_bytes().as_ref(), complete);
}
