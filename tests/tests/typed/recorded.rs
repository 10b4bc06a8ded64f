//! The recorded dialogs about payload types, played into a core whose specs are on: it finds what the Python
//! implementation found, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use scipp_conformance::replay::sent::{Body, Sent};
use scipp_conformance::transcript::{Directory, Frame, Line, Transcript};
use scipp_proto::wire::{Kind, Message, MsgKind, Text, encode};
use scipp_proto::{
    Config, Connection, DialogId, Event, Failure, Identity, Instant, Misuse, Outcome, PeerViolation,
    RemoteErrorKind, Report, Terms, Uid,
};
use serde_json::Value as Json;

use crate::rig::terms;

const ITEM: &str = "Item|Other|None where Item = struct(type='Item', label: str, qty: int = 0); \
    Other = struct(type='Other', flag: bool)";

const VALUE: &str = "V where V = None|bool|float|str|bytes|datetime|E|list[V]|dict[K, V]; \
    K = None|bool|float|str|bytes|tuple[float, float]; \
    E = Ext[-128]|Ext[-2]|Ext[0]|Ext[1]|Ext[2]|Ext[3]|Ext[4]|Ext[5]|Ext[6]|Ext[7]|Ext[8]|Ext[9]|Ext[127]";

/// The specs of the recorded endpoints. Those about all types have none of their own: any value will do.
fn spec(file: &str) -> Option<&'static str> {
    let class = file.split(['/', '.']).nth(1)?.split("__").next()?;
    match class {
        "typed_int" => Some("int"),
        _ if class.starts_with("typed_") => Some(ITEM),
        "types_as_args" => Some("Any"),
        "types_bins" => Some("bytes|dict[str, Any]|list[Any]"),
        _ if class.starts_with("types_") => Some(VALUE),
        _ => None,
    }
}

/// One recorded dialog of an application.
struct Dialog<'a> {
    file: &'a str,
    cid: Arc<str>,
    parent: Uid,
    child: Uid,
    /// The frames of each end, in order of time.
    frames: Vec<(Uid, &'a Frame, Sent)>,
    result: Option<&'a Json>,
    raised: Option<&'a Json>,
}

fn dialogs(transcript: &Transcript) -> Vec<Dialog<'_>> {
    let actors: BTreeMap<&str, Uid> = transcript
        .header
        .actors
        .iter()
        .map(|actor| (actor.label(), Uid::new(&*actor.uid.0, actor.uid.1.as_deref().unwrap_or_default())))
        .collect();
    let links = transcript.links();
    let mut dialogs: BTreeMap<Arc<str>, Dialog<'_>> = BTreeMap::new();
    for line in &transcript.lines {
        let Line::Frame(frame) = line else { continue };
        let Some(sent) = Sent::read(&frame.bytes) else { continue };
        let (Some(cid), Some(from)) = (sent.cid.clone(), actors.get(&*frame.from)) else { continue };
        if matches!(&sent.body, Body::Start(opening) if !opening.is_runtime()) {
            let link = &links[&frame.conn];
            let to = if frame.from == link.by { &link.to } else { &link.by };
            let (parent, child) = (from.clone(), actors[&**to].clone());
            let dialog = Dialog {
                file: &transcript.file,
                cid: cid.clone(),
                parent,
                child,
                frames: Vec::new(),
                result: None,
                raised: None,
            };
            dialogs.insert(cid.clone(), dialog);
        }
        if let Some(dialog) = dialogs.get_mut(&cid) {
            dialog.frames.push((from.clone(), frame, sent));
        }
    }
    for line in &transcript.lines {
        let Line::Act(act) = line else { continue };
        let Some(dialog) = act.dialog.as_ref().and_then(|cid| dialogs.get_mut(cid)) else { continue };
        match act.action.as_str() {
            "result" => dialog.result = Some(&act.value),
            "raise" => dialog.raised = Some(&act.value),
            _ => {}
        }
    }
    dialogs.into_values().collect()
}

/// A core after its handshake with `peer`.
fn core(us: &Uid, peer: &Uid) -> Connection {
    let now = Instant::EPOCH;
    let mut core = Connection::new(Config::default(), Identity::new(us.clone()), 7, now);
    feed(&mut core, &Message::Aid(Box::new(Identity::new(peer.clone()))));
    core
}

fn feed(core: &mut Connection, message: &Message<'_>) -> Vec<Event> {
    let mut bytes = BytesMut::new();
    encode(message, &mut bytes);
    feed_bytes(core, &bytes)
}

fn feed_bytes(core: &mut Connection, mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        bytes = &bytes[core.handle_input(Instant::EPOCH, bytes)..];
        while let Some(event) = core.poll_event() {
            events.push(event);
        }
    }
    while core.poll_transmit().is_some() {}
    events
}

fn mistyped(events: &[Event]) -> impl Iterator<Item = MsgKind> {
    events.iter().filter_map(|event| match event {
        Event::Mistyped { error, .. } => Some(error.kind),
        _ => None,
    })
}

/// What the two cores found.
#[derive(Debug, Default, PartialEq)]
struct Found {
    parent: Vec<MsgKind>,
    child: Vec<MsgKind>,
    refused: bool,
    outcome: Option<Outcome>,
}

impl Dialog<'_> {
    fn play(&self, terms: &Arc<Terms>) -> Found {
        let (parent, outcome) = self.play_parent(terms);
        let (child, refused) = self.play_child(terms);
        Found { parent, child, refused, outcome }
    }

    fn play_parent(&self, terms: &Arc<Terms>) -> (Vec<MsgKind>, Option<Outcome>) {
        let mut core = core(&self.parent, &self.child);
        let kind = self.frames.iter().find_map(|(_, _, sent)| match sent.body {
            Body::StartAck(kind) => Some(kind),
            _ => None,
        });
        let call = scipp_conformance::script::call(kind.unwrap_or(Kind::Context));
        let id = core.open_limited(Instant::EPOCH, &call, terms).unwrap();
        let cid = core.dialog(id).unwrap().cid().to_owned();
        let mut found = Vec::new();
        for (_, _, sent) in self.frames.iter().filter(|(from, ..)| *from == self.child) {
            let Some(message) = message(sent, Text::from(&cid)) else { continue };
            found.extend(mistyped(&feed(&mut core, &message)));
            while let Ok(scipp_proto::Take::Item(_)) = core.take(id) {}
        }
        (found, core.dialog(id).unwrap().outcome().cloned())
    }

    fn play_child(&self, terms: &Arc<Terms>) -> (Vec<MsgKind>, bool) {
        let mut core = core(&self.child, &self.parent);
        let mut found = Vec::new();
        let mut refused = false;
        let mut task = None;
        for (from, frame, sent) in &self.frames {
            if *from == self.parent {
                let events = feed_bytes(&mut core, &frame.bytes);
                found.extend(mistyped(&events));
                for event in events {
                    if let Event::Opened { id, request } = event {
                        let kind = self.kind();
                        assert_eq!(core.accept_limited(id, kind, &request, terms), Ok(true));
                        task = Some(id);
                    }
                }
            } else if let Some(id) = task {
                refused |= do_as(&mut core, id, sent);
                while let Ok(scipp_proto::Take::Item(_)) = core.take(id) {}
                while core.poll_transmit().is_some() {}
            }
        }
        (found, refused)
    }

    fn kind(&self) -> Kind {
        let kinds = self.frames.iter().filter_map(|(_, _, sent)| match sent.body {
            Body::StartAck(kind) => Some(kind),
            _ => None,
        });
        kinds.last().unwrap_or(Kind::Context)
    }

    /// Whether the application got a type error, and whether the parent's own check made it.
    fn recorded(&self) -> (bool, bool) {
        let error = self.result.and_then(|result| result.get("error"));
        let is_type_error = error.is_some_and(|error| error["boxed_type"] == "MsgTypeError");
        let own = serde_json::json!([[self.parent.name(), self.parent.uuid()]]);
        (is_type_error, error.is_some_and(|error| error["relay_path"] == own))
    }
}

/// The child does what made this frame; whether its own check forbade it.
fn do_as(core: &mut Connection, id: DialogId, sent: &Sent) -> bool {
    match &sent.body {
        Body::Started(value) => {
            // Recorded as sent: unchecked where it does not conform.
            if let Err(Misuse::Mistyped(_)) = core.started(id, value.clone()) {
                let lax = Terms { check_started: false, ..core.dialog(id).unwrap().terms().unwrap().clone() };
                core.limit(id, &Arc::new(lax)).unwrap();
                core.started(id, value.clone()).unwrap();
            }
            core.open_stream(id).unwrap();
            false
        }
        Body::Error(error) => {
            let Some(bad) = &error.bad_msg else { return false };
            let limits = core.config().limits();
            let Ok(Message::Started { pld, .. }) = scipp_proto::wire::decode(bad.as_bytes(), &limits) else {
                return false;
            };
            let Err(Misuse::Mistyped(refusal)) = core.started(id, pld) else { return false };
            core.fail(id, Report::from(&*refusal)).unwrap();
            true
        }
        _ => false,
    }
}

fn message<'a>(sent: &Sent, cid: Text<'a>) -> Option<Message<'a>> {
    Some(match &sent.body {
        Body::StartAck(functype) => Message::StartAck { cid, functype: *functype },
        Body::Started(pld) => Message::Started { cid, pld: pld.clone() },
        Body::Yield(pld) => Message::Yield { cid, pld: pld.clone() },
        Body::Return(pld) => Message::Return { cid, pld: pld.clone() },
        Body::Stop => Message::Stop { cid },
        Body::Error(error) => {
            let mut error = error.clone();
            error.cid = Some(cid.as_str().into());
            Message::Error(error)
        }
        _ => return None,
    })
}

#[test]
fn recorded_type_errors_are_found_and_no_others() {
    let directory = Directory::find().unwrap();
    let mut counts = BTreeMap::<&str, usize>::new();
    for entry in directory.entries() {
        let Some(spec) = spec(&entry.file) else { continue };
        let transcript = directory.load(entry).unwrap();
        let terms = Arc::new(terms(spec));
        for dialog in dialogs(&transcript) {
            let Found { parent, child, refused, outcome } = dialog.play(&terms);
            let place = format!("{} {}", dialog.file, dialog.cid);
            let (is_type_error, is_own) = dialog.recorded();
            let raised = dialog.raised.map(|raised| &raised["type"]);
            let failed = match &outcome {
                Some(Outcome::Failed(Failure::Violation(PeerViolation::Mistyped(_)))) => (true, true),
                Some(Outcome::Failed(Failure::Remote(error))) => {
                    (error.kind() == RemoteErrorKind::MsgTypeError, false)
                }
                // The child was cancelled over it before it could end otherwise.
                _ => (!parent.is_empty(), !parent.is_empty()),
            };
            assert_eq!(failed, (is_type_error, is_own), "{place}: {outcome:?}");
            assert_eq!(parent.len(), usize::from(is_own), "{place}: {parent:?}");
            let is_childs = raised.is_some_and(|raised| raised == "MsgTypeError");
            assert_eq!(!child.is_empty() || refused, is_childs, "{place}: {child:?}");
            let kind = match (parent.first(), child.first(), refused) {
                (Some(MsgKind::Started), ..) => "first value, by the parent",
                (Some(MsgKind::Yield), ..) => "item, by the parent",
                (Some(_), ..) => "result, by the parent",
                (None, Some(_), _) => "item, by the child",
                (None, None, true) => "first value, by the child itself",
                (None, None, false) => "nothing",
            };
            *counts.entry(kind).or_default() += 1;
        }
    }
    println!("{counts:?}");
    for kind in
        ["item, by the parent", "result, by the parent", "first value, by the child itself", "nothing"]
    {
        assert!(counts.contains_key(kind), "{kind}: {counts:?}");
    }
}

/// The check above can fail: with specs that forbid all values, something is found in every dialog.
#[test]
fn other_specs_find_something_in_every_recording() {
    let directory = Directory::find().unwrap();
    let never = Arc::new(terms("Literal['no recording has this']"));
    for entry in directory.entries().iter().filter(|entry| spec(&entry.file).is_some()) {
        let transcript = directory.load(entry).unwrap();
        for dialog in dialogs(&transcript) {
            let found = dialog.play(&never);
            let has_values = dialog
                .frames
                .iter()
                .any(|(_, _, sent)| matches!(sent.body, Body::Started(_) | Body::Yield(_) | Body::Return(_)));
            let is_found = !found.parent.is_empty() || !found.child.is_empty();
            assert_eq!(is_found, has_values, "{} {}", dialog.file, dialog.cid);
        }
    }
}

/// Every recorded message conforms to the spec of its kind, and each value that the reference wrote is told
/// from a value of another kind.
#[test]
fn recorded_messages_conform_to_the_specs_of_their_kinds() {
    let directory = Directory::find().unwrap();
    let specs = MsgKind::ALL.map(|kind| (kind, kind.spec()));
    let limits = Config::default().limits();
    let mut count = 0;
    for entry in directory.entries().iter().filter(|entry| !entry.file.contains("/raw_")) {
        for line in directory.load(entry).unwrap().lines {
            let Line::Frame(Frame { bytes, is_whole: true, n, .. }) = line else { continue };
            let body: Bytes = bytes.slice(4..);
            let Ok(message) = scipp_proto::wire::decode(&body, &limits) else { continue };
            count += 1;
            for (kind, spec) in &specs {
                let found = spec.check_bytes(&body);
                assert_eq!(found.is_ok(), *kind == message.kind(), "{} {n} as {kind}: {found:?}", entry.file);
            }
        }
    }
    assert!(count > 500, "{count} messages");
}
