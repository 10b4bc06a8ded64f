//! One end of a connection, and the frames on their way to it.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use foldhash::quality::FixedState;
use scipp_proto::phase::Signal;
use scipp_proto::wire::{Message, Start};
use scipp_proto::{Config, Connection, Identity, Instant, Payload};

use crate::fuzzing::fingerprint;
use crate::precedence::{Actor, Why};
use crate::script;

/// What a frame is to the dialog that it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "most are named like their message")]
pub enum Sort {
    Aid,
    Start,
    StartAck,
    Started,
    Yield,
    Stop,
    Return,
    /// The final `Error` of a child, or what a refused request gets.
    Error(Why),
    /// An `Error` about an overrun.
    Notice,
    /// A request to cancel the dialog, and its two answers.
    Request,
    RequestTaken,
    RequestAnswered,
    /// The answer to an actor cancel.
    ActorCancelled,
    /// Written by nobody: a broken envelope.
    Forged,
}

impl Sort {
    /// The word for a sequence diagram.
    pub fn text(self) -> String {
        match self {
            Self::Request => "Start _cancel_task".into(),
            Self::RequestTaken => "StartAck (cancel)".into(),
            Self::RequestAnswered | Self::ActorCancelled => "CancelAck".into(),
            Self::Error(why) => format!("Error {why:?}"),
            other => format!("{other:?}"),
        }
    }

    /// The move of the phase table that the frame is.
    pub const fn signal(self, kind: scipp_proto::Kind) -> Option<Signal> {
        Some(match self {
            Self::StartAck => Signal::StartAck(kind),
            Self::Started => Signal::Started,
            Self::Yield => Signal::Yield,
            Self::Stop => Signal::Stop,
            Self::Return | Self::ActorCancelled => Signal::Return,
            Self::Error(_) => Signal::Error,
            Self::Notice => Signal::Notice,
            Self::Aid
            | Self::Start
            | Self::Request
            | Self::RequestTaken
            | Self::RequestAnswered
            | Self::Forged => return None,
        })
    }
}

/// One frame on its way.
#[derive(Debug, Clone)]
pub struct Frame {
    /// With the prefix.
    pub bytes: Bytes,
    /// The dialog that it concerns.
    pub of: Option<usize>,
    /// What it is to it.
    pub sort: Sort,
    /// Its value is of a type that not everybody takes.
    pub is_mistyped: bool,
    digest: u64,
}

impl Frame {
    /// A frame with these bytes.
    pub fn new(bytes: Bytes, of: Option<usize>, sort: Sort) -> Self {
        let digest = FixedState::default().hash_one(&bytes[..]);
        Self { bytes, of, sort, is_mistyped: false, digest }
    }
}

/// How the other end went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hung {
    /// It is there.
    No,
    /// It has closed; what it wrote still comes.
    Orderly,
    /// The link was cut; what is on its way may be lost.
    Cut,
}

/// One end of a connection.
#[derive(Debug, Clone)]
pub struct End {
    /// The core, shared between the states of a search for as long as nothing happens to it.
    pub conn: Arc<Connection>,
    /// Whose end it is.
    pub actor: Actor,
    /// The latest time it was told.
    pub now: Instant,
    /// Frames on their way to it.
    pub incoming: VecDeque<Frame>,
    /// Bytes of the first of them that have arrived.
    pub arrived: usize,
    /// Bytes of the last of them that the other end could not write yet.
    pub unwritten: usize,
    /// Nothing of its own can be written at present.
    pub is_stalled: bool,
    /// What its core has queued since then.
    pub held: Bytes,
    /// It may become unable to write so many times.
    pub stalls: u8,
    /// Whether and how the other end went away.
    pub hung: Hung,
    /// Its application may end the connection in order so many times.
    pub closes: u8,
    /// Its application has done so.
    pub is_closing: bool,
    /// Its last event was reported.
    pub is_closed: bool,
    /// Values of the wrong type that it has yet to report.
    pub mistyped: u8,
    digest: u64,
}

impl End {
    pub(super) fn new(config: Config, actor: Actor, seed: u128) -> Self {
        let conn = Connection::new(config, Identity::new(actor.uid()), seed, Instant::EPOCH);
        Self {
            conn: Arc::new(conn),
            actor,
            now: Instant::EPOCH,
            incoming: VecDeque::new(),
            arrived: 0,
            unwritten: 0,
            is_stalled: false,
            held: Bytes::new(),
            stalls: 0,
            hung: Hung::No,
            closes: 0,
            is_closing: false,
            is_closed: false,
            mistyped: 0,
            digest: 0,
        }
    }

    /// The core, to do something with it.
    pub fn conn(&mut self) -> &mut Connection {
        Arc::make_mut(&mut self.conn)
    }

    /// Bytes that can arrive now.
    pub fn deliverable(&self) -> usize {
        let all: usize = self.incoming.iter().map(|frame| frame.bytes.len()).sum();
        all - self.arrived - self.unwritten
    }

    /// Whether a whole frame can arrive now, and would be taken.
    pub fn has_frame(&self) -> bool {
        let Some(first) = self.incoming.front() else { return false };
        !self.is_closed
            && self.conn.wants_input()
            && (self.unwritten == 0 || self.deliverable() >= first.bytes.len() - self.arrived)
    }

    /// Whether dialogs can be opened.
    pub(super) fn is_open(&self) -> bool {
        self.conn.peer().is_some() && !self.conn.is_closed() && !self.is_closing
    }

    /// What can still follow from what is on its way: each frame weighs more than
    /// all that taking it can set off. `is_to_child` tells which end of its dialog a frame goes to.
    pub(super) fn weight(&self, is_to_child: impl Fn(&Frame) -> bool) -> u32 {
        // A request sets off two answers, for a task that does not run yet a final frame; and two deadlines.
        const REQUEST: u32 = 1 + 2 + 1;
        let asking = REQUEST + 2;
        let frames = self.incoming.iter().map(|frame| match (frame.sort, is_to_child(frame)) {
            (Sort::Request, _) => REQUEST,
            (Sort::Notice | Sort::Forged, true) => 1 + 1,
            (Sort::Notice | Sort::Forged, false) => 1 + asking,
            (Sort::Yield, true) => 1 + (1 + asking),
            (Sort::Yield, false) => 1 + (1 + 1),
            (Sort::Start, _) => 1 + 1,
            _ => 1,
        });
        let link = match (self.is_closed, self.hung) {
            (true, _) => 0,
            (false, Hung::No) => 2,
            (false, Hung::Orderly | Hung::Cut) => 1,
        };
        frames.sum::<u32>() + link
    }

    /// Loses what is on its way.
    pub(super) fn lose_incoming(&mut self) {
        self.incoming.clear();
        (self.arrived, self.unwritten) = (0, 0);
    }

    /// Remembers the state for comparisons.
    pub(super) fn seal(&mut self) {
        self.digest = fingerprint(&self.conn);
    }
}

impl Hash for End {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.digest, self.arrived, self.unwritten, self.hung, self.is_closed, self.is_closing, self.closes)
            .hash(state);
        (self.is_stalled, self.stalls).hash(state);
        for frame in &self.incoming {
            (frame.digest, frame.of, frame.sort).hash(state);
        }
    }
}

/// The dialog that a request to cancel one names.
pub(super) fn cancel_target(start: &Start<'_>) -> Option<String> {
    let value: Payload = start.kwargs.value("cid")?;
    let ([0xa0..=0xbf, text @ ..] | [0xd9, _, text @ ..]) = &value.as_bytes()[..] else { return None };
    (start.ns == "self" && start.func == "_cancel_task").then(|| String::from_utf8_lossy(text).into_owned())
}

/// A frame that is a message of `cid` with a part missing.
pub(super) fn forged(cid: &str) -> Bytes {
    let whole = Message::Yield { cid: cid.into(), pld: Payload::bool(true) };
    let mut frame = bytes::BytesMut::new();
    scipp_proto::wire::encode(&whole, &mut frame);
    // The value is the last byte, its name the four before: a map of two entries is left.
    let mut body = frame[4..frame.len() - 5].to_vec();
    body[0] -= 1;
    script::frame(&body).into()
}
