//! Recordings made wrong on purpose, to see that the replay notices.

use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use scipp_proto::phase::Role;
use scipp_proto::wire::{Kind, MsgKind};
use scipp_proto::{Payload, Uid};
use serde_json::json;

use super::seat::{Arrival, Own, Seat, Step};
use super::sent::{Body, Sent};
use super::walk::Walk;
use crate::transcript::Act;

/// What is made wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Corruption {
    /// The answer to a cancel request stands before the final frame.
    AckFirst,
    /// A `Stop` is missing.
    NoStop,
    /// A `StartAck` is missing.
    NoStartAck,
    /// A final frame is missing.
    NoFinal,
    /// A `Return` stands there twice.
    TwoReturns,
    /// An error names another canceller.
    OtherCanceller,
    /// An error names another source.
    OtherSource,
    /// An error names another last hop.
    OtherHop,
    /// One byte of a payload is another one.
    OtherByte,
    /// An action line reports another outcome.
    OtherOutcome,
}

impl Corruption {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::AckFirst,
        Self::NoStop,
        Self::NoStartAck,
        Self::NoFinal,
        Self::TwoReturns,
        Self::OtherCanceller,
        Self::OtherSource,
        Self::OtherHop,
        Self::OtherByte,
        Self::OtherOutcome,
    ];
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AckFirst => "CancelAck before the final frame",
            Self::NoStop => "Stop dropped",
            Self::NoStartAck => "StartAck dropped",
            Self::NoFinal => "final frame dropped",
            Self::TwoReturns => "Return doubled",
            Self::OtherCanceller => "canceller changed",
            Self::OtherSource => "src_uid changed",
            Self::OtherHop => "last relay_path entry changed",
            Self::OtherByte => "payload byte changed",
            Self::OtherOutcome => "outcome replaced",
        })
    }
}

/// A place where something can be made wrong.
#[derive(Debug, Clone)]
pub struct Place {
    /// The dialog.
    pub cid: Arc<str>,
    /// Place in the recording.
    pub n: u32,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Own(usize),
    Pair(usize, usize),
    Act(usize),
    ActOfOwn(usize),
}

/// Where `corruption` applies: the first such place of each dialog.
pub fn places(seat: &Seat, corruption: Corruption) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut add = |cid: &Arc<str>, n: u32, what: What| {
        if !places.iter().any(|place| place.cid == *cid) {
            places.push(Place { cid: cid.clone(), n, what });
        }
    };
    for (index, own) in seat.owns.iter().enumerate() {
        let Some(cid) = &own.sent.cid else { continue };
        if corruption == Corruption::AckFirst {
            if let Some((target, ack)) = answered_after(seat, index) {
                add(&target, own.n, What::Pair(index, ack));
            }
        } else if corruption == Corruption::OtherOutcome {
            if own.act.as_ref().is_some_and(|act| matches!(act.action.as_str(), "return" | "raise")) {
                add(cid, own.n, What::ActOfOwn(index));
            }
        } else if applies(seat, own, corruption) {
            add(cid, own.n, What::Own(index));
        }
    }
    if corruption == Corruption::OtherOutcome {
        for (index, act) in seat.acts.iter().enumerate() {
            if let (Some(cid), "result") = (&act.dialog, act.action.as_str()) {
                add(cid, act.n, What::Act(index));
            }
        }
    }
    places
}

fn is_final(seat: &Seat, sent: &Sent) -> bool {
    let Some(plan) = sent.cid.as_ref().and_then(|cid| seat.dialogs.get(cid)) else { return false };
    plan.role == Role::Child
        && match sent.kind() {
            MsgKind::Return => true,
            MsgKind::Error => !seat.is_notice(sent),
            MsgKind::Stop => plan.kind == Kind::Generator,
            _ => false,
        }
}

fn applies(seat: &Seat, own: &Own, corruption: Corruption) -> bool {
    let kind = own.sent.kind();
    let error = own.sent.error();
    match corruption {
        Corruption::NoStop => kind == MsgKind::Stop,
        Corruption::NoStartAck => kind == MsgKind::StartAck,
        Corruption::NoFinal => is_final(seat, &own.sent),
        Corruption::TwoReturns => kind == MsgKind::Return,
        Corruption::OtherCanceller => error.is_some_and(|error| error.canceller.is_some()),
        Corruption::OtherSource => error.is_some(),
        Corruption::OtherHop => error.is_some_and(|error| !error.relay_path.is_empty()),
        Corruption::OtherByte => own.sent.payload().is_some(),
        Corruption::AckFirst | Corruption::OtherOutcome => false,
    }
}

/// For the final frame of a cancelled dialog: that dialog, and the answer to the request.
fn answered_after(seat: &Seat, index: usize) -> Option<(Arc<str>, usize)> {
    let own = &seat.owns[index];
    if !is_final(seat, &own.sent) {
        return None;
    }
    let cid = own.sent.cid.clone()?;
    let ack = seat.owns.iter().enumerate().skip(index + 1).find(|(_, other)| {
        let plan = other.sent.cid.as_ref().and_then(|cid| seat.dialogs.get(cid));
        other.sent.kind() == MsgKind::CancelAck
            && plan.is_some_and(|plan| plan.opening.cancelled().as_ref() == Some(&cid))
    })?;
    // A request that was answered before the task ended was not about its end.
    let opened = seat.owns[..index]
        .iter()
        .any(|other| other.sent.kind() == MsgKind::StartAck && other.sent.cid == ack.1.sent.cid);
    opened.then_some((cid, ack.0))
}

/// The same seat, made wrong at this place. Nothing if that is not possible there.
pub fn corrupted(seat: &Seat, corruption: Corruption, place: &Place) -> Option<Seat> {
    let mut seat = seat.clone();
    match place.what {
        What::Pair(first, second) => seat.owns.swap(first, second),
        What::Act(index) => {
            let act = Arc::make_mut(&mut seat.acts[index]);
            act.value = if act.value.get("error").is_some() {
                json!({ "value": "another outcome" })
            } else {
                json!({ "error": { "type": "ValueError", "message": "another outcome" }, "raised": true })
            };
        }
        What::ActOfOwn(index) => {
            let act = Arc::make_mut(seat.owns[index].act.as_mut()?);
            act.action = "raise".to_owned();
            act.value = json!({ "type": "AnotherError", "message": "another outcome" });
        }
        What::Own(index) => match corruption {
            Corruption::NoStop | Corruption::NoStartAck | Corruption::NoFinal => remove(&mut seat, index),
            Corruption::TwoReturns => double(&mut seat, index),
            _ => change(&mut seat.owns[index].sent, corruption)?,
        },
    }
    Some(seat)
}

/// Takes a frame away; what user code did stays.
fn remove(seat: &mut Seat, index: usize) {
    let own = seat.owns.remove(index);
    let at = seat.steps.iter().position(|step| *step == Step::Writes(index));
    for step in &mut seat.steps {
        if let Step::Writes(other) = step {
            *other -= usize::from(*other > index);
        }
    }
    let Some(at) = at else { return };
    match own.act {
        Some(act) => {
            seat.steps[at] = Step::Acts(seat.acts.len());
            seat.acts.push(act);
        }
        None => {
            seat.steps.remove(at);
        }
    }
}

fn double(seat: &mut Seat, index: usize) {
    let again = Own { act: None, ..seat.owns[index].clone() };
    seat.owns.insert(index + 1, again);
    let at = seat.steps.iter().position(|step| *step == Step::Writes(index));
    for step in &mut seat.steps {
        if let Step::Writes(other) = step {
            *other += usize::from(*other > index);
        }
    }
    if let Some(at) = at {
        seat.steps.insert(at + 1, Step::Writes(index + 1));
    }
}

fn change(sent: &mut Sent, corruption: Corruption) -> Option<()> {
    let somebody = Uid::new("somebody", "else");
    match &mut sent.body {
        Body::Error(error) => match corruption {
            Corruption::OtherCanceller => error.canceller = Some(somebody),
            Corruption::OtherSource => error.src_uid = somebody,
            _ => *error.relay_path.last_mut()? = somebody,
        },
        Body::Started(payload) | Body::Yield(payload) | Body::Return(payload) => {
            *payload = other_byte(payload)?;
        }
        _ => return None,
    }
    Some(())
}

/// The payload with its last byte changed that can be.
fn other_byte(payload: &Payload) -> Option<Payload> {
    let bytes = payload.as_bytes();
    (0..bytes.len()).rev().take(8).find_map(|index| {
        let mut changed = BytesMut::from(&bytes[..]);
        changed[index] ^= 1;
        Payload::new(changed.freeze()).ok()
    })
}

/// Why nobody can notice that this place is wrong, if so. `found` is how the true recording was explained.
pub fn excuse(seat: &Seat, found: &Walk<'_>, corruption: Corruption, place: &Place) -> Option<&'static str> {
    let own = match place.what {
        What::Own(index) | What::ActOfOwn(index) => Some(&seat.owns[index]),
        What::Pair(..) | What::Act(_) => None,
    };
    let act = own.and_then(|own| own.act.as_ref());
    let is_silent = |own: &Own| found.silenced.contains(&own.n);
    let frames = || seat.owns.iter().filter(|own| own.sent.cid.as_ref() == Some(&place.cid));
    if own.is_some_and(is_silent) || frames().any(|own| own.sent.opening().is_some() && is_silent(own)) {
        return Some("a rule says that nothing is sent in its place");
    }
    match corruption {
        Corruption::OtherByte if act.is_none() => {
            Some("no line says what was sent, the act is read off the frame")
        }
        Corruption::OtherByte if names_object(act) => {
            Some("the line names an object of Python, not its bytes")
        }
        Corruption::NoStop if act.is_none() => {
            Some("no line says that the stream was left, the act is read off the frame")
        }
        Corruption::NoStop if was_over(seat, place) => Some(
            "the other end's Stop, ending or hanging up was there to be taken first, which makes ours superfluous",
        ),
        Corruption::NoFinal | Corruption::NoStartAck | Corruption::TwoReturns if frames().any(is_silent) => {
            Some("a rule says that nothing more is sent in this dialog")
        }
        Corruption::NoFinal if seat.is_cut_short => Some("the process was killed and may have left it out"),
        _ => None,
    }
}

fn names_object(act: Option<&Arc<Act>>) -> bool {
    act.is_some_and(|act| act.value.to_string().contains("\"$py\""))
}

/// Whether the other end's side of the stream was over before this place.
fn was_over(seat: &Seat, place: &Place) -> bool {
    seat.arrivals.iter().filter(|arrival| arrival.n < place.n).any(|arrival| match &arrival.what {
        Arrival::Frame(_, Some(sent)) => {
            sent.cid.as_ref() == Some(&place.cid)
                && matches!(sent.kind(), MsgKind::Stop | MsgKind::Return | MsgKind::Error)
        }
        Arrival::Frame(_, None) => false,
        Arrival::Eof | Arrival::Reset => true,
    })
}
