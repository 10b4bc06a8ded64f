//! Errors on their way: packed, relayed any number of times, unpacked, shown. (D-24 to D-27)

use std::sync::Arc;

use scipp_conformance::pair::uid_of;
use scipp_conformance::script::{call, error_by};
use scipp_conformance::transcript::{Directory, Line};
use scipp_proto::wire::{ErrorMsg, Message, decode};
use scipp_proto::{
    Config, Connection, DialogId, Event, Failure, Identity, Instant, Kind, Outcome, Payload, RemoteError,
    RemoteErrorKind, Report, Uid,
};
use serde_json::{Value as Json, json};

use crate::rig::payload;

/// What the actor `to` gets when a task of the actor `at` ends as `end` says: over a connection of its own.
fn hop(at: &Uid, to: &Uid, end: impl FnOnce(&mut Connection, DialogId)) -> (RemoteError, ErrorMsg) {
    let now = Instant::EPOCH;
    let core = |us: &Uid, seed| Connection::new(Config::default(), Identity::new(us.clone()), seed, now);
    let (mut child, mut parent) = (core(at, 1), core(to, 2));
    exchange(&mut child, &mut parent);
    let id = parent.open(now, &call(Kind::Context)).unwrap();
    let events = exchange(&mut child, &mut parent).0;
    let Some(Event::Opened { id: task, .. }) = events.into_iter().next() else { panic!() };
    child.accept(task, Kind::Context).unwrap();
    exchange(&mut child, &mut parent);
    end(&mut child, task);
    let frame = child.poll_transmit().unwrap();
    let body = frame.slice(4..);
    let Ok(Message::Error(sent)) = decode(&body, &Config::default().limits()) else { panic!() };
    assert_eq!(parent.handle_input(now, &frame), frame.len());
    exchange(&mut child, &mut parent);
    let Some(Outcome::Failed(Failure::Remote(error))) = parent.dialog(id).unwrap().outcome() else {
        panic!()
    };
    (RemoteError::clone(error), *sent)
}

/// Carries bytes both ways until nothing moves; gives what each reported.
fn exchange(a: &mut Connection, b: &mut Connection) -> (Vec<Event>, Vec<Event>) {
    let mut events = (Vec::new(), Vec::new());
    loop {
        let moved = carry(a, b, &mut events.1) | carry(b, a, &mut events.0);
        if !moved {
            return events;
        }
    }
}

fn carry(from: &mut Connection, to: &mut Connection, events: &mut Vec<Event>) -> bool {
    let mut moved = false;
    while let Some(bytes) = from.poll_transmit() {
        from.handle_written(Instant::EPOCH, bytes.len());
        assert_eq!(to.handle_input(Instant::EPOCH, &bytes), bytes.len());
        moved = true;
    }
    events.extend(std::iter::from_fn(|| to.poll_event()));
    moved
}

const RELAYS: usize = 5;

/// Every kind of error, as its origin sends it.
fn origins() -> Vec<(&'static str, Report)> {
    let bad = payload(b"\x83\xa8msg_type\xa5Yield\xa3cid\xa1c\xa3pld\x01");
    vec![
        ("KeyError", Report::new("KeyError", "k")),
        ("AppSpecific", Report::new("AppSpecific", "x")),
        ("StreamOverrun", Report::new("StreamOverrun", "x")),
        ("TransportClosed", Report::new("TransportClosed", "x")),
        ("RemoteActorError", Report::new("RemoteActorError", "x")),
        ("ContextCancelled", Report::new("ContextCancelled", "x")),
        ("MsgTypeError", Report { bad_msg: Some(bad), ..Report::new("MsgTypeError", "x") }),
    ]
}

/// What must hold for every error that goes out from `at` to `to`. (D-24 to D-27)
fn is_safe(sent: &ErrorMsg, at: &Uid, to: &Uid) {
    assert_eq!(sent.relay_path.last(), Some(at), "{sent:?}");
    assert!(sent.relay_path.len() < 2 || sent.relay_path[..sent.relay_path.len() - 1].last() != Some(at));
    let is_native = sent.boxed_type_str != "RemoteActorError" || sent.src_type_str == "RemoteActorError";
    assert!(!(is_native && sent.src_uid == *to), "native, and from its receiver: {sent:?}");
    let is_relayed = sent.boxed_type_str == "RemoteActorError";
    assert!(sent.boxed_type_str == sent.src_type_str || is_relayed, "{sent:?}");
    assert_eq!(sent.canceller.is_some(), sent.boxed_type_str == "ContextCancelled");
    assert!(sent.cid.is_some());
}

#[test]
fn the_source_survives_every_relay_and_nothing_dangerous_is_sent() {
    for (name, report) in origins() {
        let leaf = uid_of("leaf");
        for relays in 0..=RELAYS {
            let actors: Vec<Uid> = (0..=relays).map(|n| uid_of(&format!("hop{n}"))).collect();
            let fail = report.clone();
            let (mut error, sent) = hop(&leaf, &actors[0], |core, task| core.fail(task, fail).unwrap());
            is_safe(&sent, &leaf, &actors[0]);
            for pair in actors.windows(2) {
                let received = error;
                let (next, sent) = hop(&pair[0], &pair[1], |core, task| core.relay(task, &received).unwrap());
                is_safe(&sent, &pair[0], &pair[1]);
                error = next;
            }
            let hops: Vec<Uid> = std::iter::once(leaf.clone()).chain(actors[..relays].to_vec()).collect();
            assert_eq!(error.relay_path(), hops, "{name} after {relays}");
            assert_eq!(error.source_type(), name);
            let is_cancellation = name == "ContextCancelled";
            let source = if is_cancellation { hops.last().unwrap() } else { &leaf };
            assert_eq!(error.source_uid(), source, "{name} after {relays}");
            assert_eq!(error.canceller(), is_cancellation.then_some(&leaf), "the author stays");
            assert_eq!(error.cancelled_neighbour(), is_cancellation.then_some(source));
            assert_eq!(error.bad_msg(), report.bad_msg.as_ref(), "{name} after {relays}");
            let keeps_class = relays == 0 || is_cancellation || name == "MsgTypeError";
            assert_eq!(error.boxed_type(), if keeps_class { name } else { "RemoteActorError" });
            assert_eq!(error.msg.tb_str, report.tb_str);
        }
    }
}

/// The error comes back to the actor where it arose: nothing that goes there is native and its own.
#[test]
fn an_error_may_come_back_to_its_source() {
    for (name, report) in origins() {
        for relays in 1..=RELAYS {
            let leaf = uid_of("leaf");
            let actors: Vec<Uid> =
                (0..relays).map(|n| uid_of(&format!("hop{n}"))).chain([leaf.clone()]).collect();
            let fail = report.clone();
            let (mut error, _) = hop(&leaf, &actors[0], |core, task| core.fail(task, fail).unwrap());
            for pair in actors.windows(2) {
                let received = error;
                let (next, sent) = hop(&pair[0], &pair[1], |core, task| core.relay(task, &received).unwrap());
                is_safe(&sent, &pair[0], &pair[1]);
                error = next;
            }
            assert_eq!(error.source_type(), name);
            assert_eq!(error.relay_path().first(), Some(&leaf), "the path still names the source");
        }
    }
}

/// A Python receiver makes a message of the map without looking at it first, and ends if it cannot.
#[test]
fn a_loose_message_goes_out_only_if_a_message_can_be_made_of_it() {
    for (bad, is_sent) in [
        (&b"\x82\xa8msg_type\xa4Stop\xa3cid\x05"[..], true),
        (b"\x81\xa8msg_type\xa4Stop", false),
        (b"\x83\xa8msg_type\xa4Stop\xa3cid\xa1c\xa8msg_type\xa4Nope", false),
        (b"\x81\xa8msg_type\xa4Nope", false),
        (b"\x80", false),
    ] {
        let bad = payload(bad);
        let report = Report { bad_msg_as_dict: Some(bad.clone()), ..Report::new("MsgTypeError", "x") };
        let (error, _) = hop(&uid_of("leaf"), &uid_of("mid"), |core, task| core.fail(task, report).unwrap());
        assert_eq!(error.msg.bad_msg_as_dict, is_sent.then_some(bad.clone()));
        let foreign =
            RemoteError { msg: ErrorMsg { bad_msg_as_dict: Some(bad), ..error.msg }, repaired: false };
        let (error, _) =
            hop(&uid_of("mid"), &uid_of("top"), |core, task| core.relay(task, &foreign).unwrap());
        assert_eq!(error.msg.bad_msg_as_dict.is_some(), is_sent);
    }
}

/// The same of an offending message with a payload: its envelope has to be whole.
#[test]
fn an_offending_message_is_relayed_only_if_it_is_one() {
    for (bad, is_sent) in [
        (&b"\x83\xa8msg_type\xa5Yield\xa3cid\xa1c\xa3pld\x01"[..], true),
        (b"\x81\xa8msg_type\xa5Yield", false),
        (b"\x83\xa8msg_type\xa5Yield\xa3cid\x05\xa3pld\x01", false),
    ] {
        let msg = ErrorMsg { bad_msg: Some(payload(bad)), ..native("MsgTypeError") };
        let received = RemoteError { msg, repaired: false };
        let (error, _) =
            hop(&uid_of("mid"), &uid_of("top"), |core, task| core.relay(task, &received).unwrap());
        assert_eq!(error.bad_msg().is_some(), is_sent, "{bad:x?}");
    }
}

fn json_uid(uid: &Uid) -> Json {
    json!([uid.name(), uid.uuid()])
}

/// What the Python implementation told its application of an error, and what we tell of the same frame.
#[test]
fn recorded_errors_of_both_eras_unpack_as_they_did() {
    let directory = Directory::find().unwrap();
    let limits = Config::default().limits();
    let (mut compared, mut relayed) = (0, 0);
    for entry in directory.entries() {
        let transcript = directory.load(entry).unwrap();
        let mut errors: Vec<RemoteError> = Vec::new();
        for line in &transcript.lines {
            match line {
                Line::Frame(frame) if frame.is_whole => {
                    if let Ok(Message::Error(msg)) = decode(&frame.bytes.slice(4..), &limits) {
                        errors.push(RemoteError { msg: *msg, repaired: false });
                    }
                }
                Line::Act(act) if act.action == "result" => {
                    let Some(told) = act.value.get("error").filter(|told| told.get("src_uid").is_some())
                    else {
                        continue;
                    };
                    let path = |error: &RemoteError| Json::from_iter(error.relay_path().iter().map(json_uid));
                    let here: Vec<&RemoteError> =
                        errors.iter().filter(|error| error.cid() == act.dialog.as_deref()).collect();
                    // What arose in this process itself came in no frame.
                    if !here.iter().any(|error| told["relay_path"] == path(error)) {
                        continue;
                    }
                    let text = |key: &str, ours: &str| told[key] == ours || told[key] == "";
                    let uid = |key: &str, ours: Option<&Uid>| {
                        told.get(key).is_none_or(|told| *told == ours.map_or(Json::Null, json_uid))
                    };
                    let found = here.iter().find(|error| {
                        told["relay_path"] == path(error)
                            && told["src_uid"] == json_uid(error.source_uid())
                            // The older one leaves the names of types that it does not know empty.
                            && text("boxed_type", error.boxed_type())
                            && text("src_type", error.source_type())
                            && uid("canceller", error.canceller())
                            && uid("sender", error.sender())
                    });
                    let place = format!("{} line {}", transcript.file, act.n);
                    let error = found.unwrap_or_else(|| panic!("{place}: {told} is none of {here:?}"));
                    compared += 1;
                    relayed += usize::from(error.is_inception());
                }
                _ => {}
            }
        }
    }
    println!("{compared} errors, {relayed} of them from further away");
    assert!(compared >= 20 && relayed >= 1, "{compared} {relayed}");
}

fn shown(msg: ErrorMsg) -> String {
    format!("{:#}", RemoteError { msg, repaired: false })
}

fn native(name: &str) -> ErrorMsg {
    ErrorMsg { message: Some(String::new()), cid: Some("c-1".into()), ..error_by(uid_of("leaf"), name) }
}

#[test]
fn what_has_no_traceback_gets_no_box() {
    assert_eq!(shown(native("KeyError")), "KeyError\n  source: leaf.leaf-uuid\n  dialog: c-1\n");
}

#[test]
fn a_cancellation_names_author_and_neighbour() {
    let msg = ErrorMsg {
        canceller: Some(uid_of("boss")),
        message: Some("task was cancelled".into()),
        ..native("ContextCancelled")
    };
    assert_eq!(
        RemoteError { msg: msg.clone(), repaired: false }.to_string(),
        "ContextCancelled from leaf.leaf-uuid, cancelled by boss.boss-uuid"
    );
    assert_eq!(
        shown(msg),
        "ContextCancelled: task was cancelled\n  source: leaf.leaf-uuid\n  cancelled by: boss.boss-uuid\n  dialog: c-1\n"
    );
}

#[test]
fn an_overrun_names_its_sender() {
    let msg = ErrorMsg { sender: Some(uid_of("us")), ..native("StreamOverrun") };
    assert_eq!(
        shown(msg),
        "StreamOverrun\n  source: leaf.leaf-uuid\n  sent too fast by: us.us-uuid\n  dialog: c-1\n"
    );
}

#[test]
fn a_type_error_shows_the_offending_message() {
    let bad = payload(b"\x83\xa8msg_type\xa5Yield\xa3cid\x07\xa3pld\xa2yo");
    let msg = ErrorMsg {
        bad_msg_as_dict: Some(bad),
        message: Some("first\nsecond".into()),
        tb_str: "it broke\n".into(),
        repaired: true,
        ..native("MsgTypeError")
    };
    assert_eq!(
        shown(msg.clone()),
        "MsgTypeError: first\n  second\n  source: leaf.leaf-uuid\n  dialog: c-1\n  offending message: Yield\n    \
         cid: 7 (int)\n    pld: 'yo' (str)\n    ! cid: expected str, found 7 (int), at byte 20\n  \
         parts of it were defective or too long, and are replaced or left out\n  \
         +-- traceback of leaf.leaf-uuid\n  | it broke\n  +--\n"
    );
    let error = RemoteError { msg, repaired: false };
    assert_eq!(error.report().without_header().to_string().lines().next(), Some("first"));
    assert_eq!(error.kind(), RemoteErrorKind::MsgTypeError);
}

#[test]
fn no_text_of_a_peer_reaches_a_terminal_as_it_is() {
    let evil = "\u{1b}[2J\u{202e}\r\u{7f}";
    let bad =
        Payload::encode(&std::collections::BTreeMap::from([("msg_type", "Yield"), (evil, evil)])).unwrap();
    let evil_uid = || Uid::new(evil, evil);
    let msg = ErrorMsg {
        src_uid: evil_uid(),
        src_type_str: evil.into(),
        boxed_type_str: evil.repeat(2),
        relay_path: vec![evil_uid(), evil_uid()],
        message: Some(evil.into()),
        tb_str: evil.into(),
        canceller: Some(evil_uid()),
        sender: Some(evil_uid()),
        cid: Some(Arc::from(evil)),
        bad_msg: Some(bad),
        bad_msg_as_dict: None,
        repaired: true,
    };
    let error = RemoteError { msg, repaired: true };
    for text in [error.to_string(), format!("{error:#}"), error.report().without_header().to_string()] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r', '\u{7f}']), "{text:?}");
        assert!(text.contains("\\u{1b}"), "{text}");
    }
}
