//! Shorthand for scripted dialogs: what tests say to a pair of cores.

use bytes::Bytes;
use scipp_proto::wire::{self, ErrorMsg, Message, MsgKind};
use scipp_proto::{Call, Connection, DialogId, Kind, Kwargs, Outcome, Payload, Report, Target, Uid};
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

/// An error of the application.
pub fn report(type_name: &str) -> Report {
    Report::new(type_name, "as scripted")
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

    /// The kinds of the frames on their way to `side`.
    ///
    /// # Panics
    ///
    /// If a core wrote something that is no frame.
    pub fn in_flight(&self, side: Side) -> Vec<MsgKind> {
        let bytes: Vec<u8> = self.end(side).incoming.iter().copied().collect();
        kinds(&bytes, self.end(side))
    }
}

fn kinds(mut bytes: &[u8], end: &crate::pair::End) -> Vec<MsgKind> {
    let limits = end.conn.config().limits();
    let mut kinds = Vec::new();
    while let Some(len) = wire::frame::body_len(bytes, usize::MAX).expect("no limit") {
        let (body, rest) = bytes[4..].split_at(len);
        kinds.push(wire::decode(&Bytes::copy_from_slice(body), &limits).expect("a core wrote it").kind());
        bytes = rest;
    }
    assert!(bytes.is_empty(), "whole frames only");
    kinds
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

/// Puts a message of a hand-written peer on the way to `side`.
pub fn inject(pair: &mut Pair, side: Side, message: &Message<'_>) {
    let mut frame = bytes::BytesMut::new();
    wire::encode(message, &mut frame);
    pair.end_mut(side).incoming.extend(frame);
}

/// The wire id of a dialog.
///
/// # Panics
///
/// If it was released.
pub fn cid(conn: &Connection, id: DialogId) -> String {
    conn.dialog(id).expect("not released").cid().to_owned()
}
