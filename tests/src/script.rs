//! Shorthand for scripted dialogs: what tests say to a pair of cores, and what they read of them.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use scipp_proto::wire::frame::{PREFIX, body_len};
use scipp_proto::wire::{self, ANY_PLD_SPEC, ErrorMsg, Limits, Message, MsgKind, Start};
use scipp_proto::{
    Call, Config, Connection, DialogId, Event, Kind, Kwargs, Outcome, Payload, Report, RuntimeEndpoint,
    Target, Uid,
};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use crate::pair::{Pair, Side};

/// A small integer as payload.
///
/// # Panics
///
/// From 128 on.
pub fn int(n: u8) -> Payload {
    assert!(n < 128);
    Payload::new(Bytes::copy_from_slice(&[n])).expect("a fixint is a value")
}

/// A value that cannot be sent.
#[derive(Debug)]
pub struct Unsendable;

impl Serialize for Unsendable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("it has no form"))
    }
}

/// An error that arose at this actor, of no dialog yet.
pub fn error_by(uid: Uid, class: &str) -> ErrorMsg {
    ErrorMsg {
        src_uid: uid.clone(),
        src_type_str: class.to_owned(),
        boxed_type_str: class.to_owned(),
        relay_path: vec![uid],
        message: None,
        tb_str: String::new(),
        canceller: None,
        sender: None,
        cid: None,
        bad_msg: None,
        bad_msg_as_dict: None,
        repaired: false,
    }
}

/// A call of `demo:f`.
pub fn call(kind: Kind) -> Call {
    Call { target: Target::function("demo", "f"), kind, kwargs: Kwargs::EMPTY }
}

/// A call that asks for the end of the whole actor.
pub fn actor_cancel() -> Call {
    Call { target: Target::Runtime(RuntimeEndpoint::Cancel), ..call(Kind::Function) }
}

/// Arguments that are one text.
///
/// # Panics
///
/// If no core would take them.
pub fn args(name: &str, value: &str) -> Kwargs {
    Kwargs::encode(&BTreeMap::from([(name, value)])).expect("a map")
}

/// The first message of a dialog that a hand-written peer opens.
pub fn start<'a>(cid: &'a str, (ns, func): (&'a str, &'a str), kwargs: Kwargs, by: &'a Uid) -> Message<'a> {
    Message::Start(Start {
        cid: cid.into(),
        ns: ns.into(),
        func: func.into(),
        kwargs,
        uid_name: by.name().into(),
        uid_uuid: by.uuid().into(),
        pld_spec: ANY_PLD_SPEC.into(),
    })
}

/// An error of the application.
pub fn report(type_name: &str) -> Report {
    Report::new(type_name, "as scripted")
}

/// A pair by default, established.
pub fn pair() -> Pair {
    pair_with(|_| ())
}

/// The same, its configuration changed at both ends.
pub fn pair_with(change: impl FnOnce(&mut Config)) -> Pair {
    let mut config = Config::default();
    change(&mut config);
    Pair::established(config)
}

impl Pair {
    /// `side` opens a dialog and the other end accepts it; gives both handles.
    ///
    /// # Panics
    ///
    /// If it does not open.
    pub fn open(&mut self, side: Side, kind: Kind) -> (DialogId, DialogId) {
        let now = self.now();
        let parent = self.conn(side).open(now, &call(kind)).expect("the pair is established");
        self.settle();
        let child = self.next_opened(side.other()).expect("the Start arrived");
        self.conn(side.other()).accept(child, kind).expect("just opened");
        self.settle();
        (parent, child)
    }

    /// A context after `Started(0)`, with both streams open.
    ///
    /// # Panics
    ///
    /// If it does not open.
    pub fn open_streaming(&mut self, side: Side) -> (DialogId, DialogId) {
        let (parent, child) = self.open(side, Kind::Context);
        self.conn(side.other()).started(child, int(0)).expect("just accepted");
        self.settle();
        self.conn(side).open_stream(parent).expect("started");
        self.conn(side.other()).open_stream(child).expect("started");
        (parent, child)
    }

    /// How a dialog of `side` ended, if it has.
    ///
    /// # Panics
    ///
    /// If the dialog was released.
    pub fn outcome(&self, side: Side, id: DialogId) -> Option<Outcome> {
        self.end(side).conn.dialog(id).expect("not released").outcome().cloned()
    }

    /// `side` asks for the end of the actor at the other end; gives both handles.
    ///
    /// # Panics
    ///
    /// If it may not, or is refused.
    pub fn cancel_actor(&mut self, side: Side) -> (DialogId, DialogId) {
        let now = self.now();
        let request = self.conn(side).open(now, &actor_cancel()).expect("the pair is established");
        self.settle();
        (request, self.asked_to_cancel(side.other()).expect("the request arrived"))
    }

    /// The last request to `side` for the end of its actor.
    pub fn asked_to_cancel(&self, side: Side) -> Option<DialogId> {
        self.end(side).events.iter().rev().find_map(|event| match event {
            Event::ActorCancelRequested { id } => Some(*id),
            _ => None,
        })
    }

    /// What `of` makes of each message on its way to `side`.
    ///
    /// # Panics
    ///
    /// If a core wrote something that is no frame.
    pub fn messages<T>(&self, side: Side, of: impl FnMut(&Message<'_>) -> T) -> Vec<T> {
        let end = self.end(side);
        messages(end.incoming.iter().copied().collect(), &end.conn.config().limits(), of)
    }

    /// The kinds of the frames on their way to `side`.
    ///
    /// # Panics
    ///
    /// If a core wrote something that is no frame.
    pub fn in_flight(&self, side: Side) -> Vec<MsgKind> {
        self.messages(side, |message| message.kind())
    }

    /// The errors on their way to `side`.
    ///
    /// # Panics
    ///
    /// If a core wrote something that is no frame.
    pub fn errors(&self, side: Side) -> Vec<ErrorMsg> {
        let errors = self.messages(side, |message| match message {
            Message::Error(error) => Some(error.as_ref().clone()),
            _ => None,
        });
        errors.into_iter().flatten().collect()
    }

    /// The cancel request on its way to `side` is lost; gives its wire id.
    ///
    /// # Panics
    ///
    /// If anything else is on its way.
    pub fn lose_request(&mut self, side: Side) -> String {
        let lost = self.messages(side, |message| match message {
            Message::Start(start) if start.func == "_cancel_task" => start.cid.to_string(),
            other => panic!("no cancel request: {other:?}"),
        });
        self.end_mut(side).incoming.clear();
        <[_; 1]>::try_from(lost).map(|[cid]| cid).expect("one request")
    }
}

/// The frames that `bytes` consist of, unless the last one is cut.
pub fn split(mut bytes: Bytes) -> Option<Vec<Bytes>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let whole = PREFIX + body_len(&bytes, usize::MAX).ok()??;
        if bytes.len() < whole {
            return None;
        }
        frames.push(bytes.split_to(whole));
    }
    Some(frames)
}

/// What `of` makes of each message that a core wrote.
///
/// # Panics
///
/// If it wrote anything but whole frames, and messages in them.
pub fn messages<T>(bytes: Bytes, limits: &Limits, mut of: impl FnMut(&Message<'_>) -> T) -> Vec<T> {
    let frames = split(bytes).expect("whole frames only").into_iter();
    frames.map(|frame| of(&wire::decode(&frame.slice(PREFIX..), limits).expect("a core wrote it"))).collect()
}

/// Whether `error` tells its receiver that it sent too fast. (D-6)
pub fn is_notice(error: &ErrorMsg, receiver: &Uid) -> bool {
    error.src_type_str == "StreamOverrun"
        && error.boxed_type_str == "StreamOverrun"
        && error.sender.as_ref() == Some(receiver)
}

/// A frame with this body, right or wrong.
///
/// # Panics
///
/// If it is longer than a frame can be.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("the length fits in four bytes");
    [&len.to_le_bytes()[..], body].concat()
}

/// A message as a frame.
pub fn encoded(message: &Message<'_>) -> Bytes {
    let mut frame = BytesMut::new();
    wire::encode(message, &mut frame);
    frame.freeze()
}

/// Puts a message of a hand-written peer on the way to `side`.
pub fn inject(pair: &mut Pair, side: Side, message: &Message<'_>) {
    pair.end_mut(side).incoming.extend(encoded(message));
}

/// The wire id of a dialog.
///
/// # Panics
///
/// If it was released.
pub fn cid(conn: &Connection, id: DialogId) -> String {
    conn.dialog(id).expect("not released").cid().to_owned()
}

#[test]
fn a_frame_that_is_cut_anywhere_is_none() {
    let stop = encoded(&Message::Stop { cid: "c".into() });
    assert_eq!(split(stop.repeat(2).into()), Some(vec![stop.clone(); 2]));
    for at in 1..stop.len() {
        assert_eq!(split([&stop, &stop[..at]].concat().into()), None, "{at}");
    }
}
