//! Frames that nobody waits for: 126 to 128.

use scipp_proto::Kind;
use scipp_proto::wire::{ErrorMsg, Message};

use crate::stage::{P, Seat, Stage, error_of, payload};

/// A frame for some id, as it is shown, and as a broken rule names it.
#[derive(Clone, Copy)]
struct Frame {
    word: &'static str,
    signal: &'static str,
    make: fn(&str) -> Message<'_>,
}

const fn frame(word: &'static str, signal: &'static str, make: fn(&str) -> Message<'_>) -> Frame {
    Frame { word, signal, make }
}

const ACK: Frame = frame("StartAck(context)", "StartAck(Context)", |cid| Message::StartAck {
    cid: cid.into(),
    functype: Kind::Context,
});
const STARTED: Frame =
    frame("Started(1)", "Started", |cid| Message::Started { cid: cid.into(), pld: payload(&1) });
const YIELD: Frame = frame("Yield(1)", "Yield", |cid| Message::Yield { cid: cid.into(), pld: payload(&1) });
const STOP: Frame = frame("Stop", "Stop", |cid| Message::Stop { cid: cid.into() });
const RETURN: Frame =
    frame("Return(1)", "Return", |cid| Message::Return { cid: cid.into(), pld: payload(&1) });
const CANCEL_ACK: Frame =
    frame("CancelAck", "CancelAck", |cid| Message::CancelAck { cid: cid.into(), pld: true });
const ERROR: Frame = frame("Error(KeyError from X)", "Error", |cid| {
    Message::Error(Box::new(ErrorMsg { cid: Some(cid.into()), ..error_of("X", "KeyError") }))
});

/// Each kind but `Start`.
const FRAMES: [Frame; 7] = [ACK, STARTED, YIELD, STOP, RETURN, CANCEL_ACK, ERROR];

/// All of them, with a mark.
fn all_marked(mark: &str) -> String {
    FRAMES.map(|frame| format!("{}{mark}", frame.word)).join(", ")
}

/// The connection works.
fn calls_once_more(s: &mut Stage) {
    let ends = s.opens(Kind::Function);
    s.returns(ends.1, "alive");
    s.then_sent(&["P>C Start#2", "C>P StartAck(asyncfunc)#2, Return('alive')#2"]);
    s.outcomes(ends, "returned 'alive'", "returned");
}

pub(super) fn frames_after_an_error(s: &mut Stage) {
    s.again("the parent's cross it");
    let ends @ (parent, child) = s.streaming();
    s.crossing(|s| {
        s.raises(child, "KeyError");
        s.sends(parent, 1);
        s.stops(parent);
    });
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Error(KeyError)", "P>C Yield(1), Stop"]);
    s.outcomes(ends, "failed: KeyError", "failed: own KeyError");
    calls_once_more(s);

    s.again("the child goes on sending");
    let ends @ (parent, child) = s.context();
    s.raises(child, "KeyError");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Error(KeyError)"]);
    FRAMES.iter().for_each(|frame| s.forges(child, frame.make));
    s.then_sent(&[&format!("C>P {}", all_marked("!"))]);
    let late = s.with(parent, |conn, _| conn.counters().late);
    s.sees(parent, "counts late frames", late, "7");
    s.outcomes(ends, "failed: KeyError", "failed: own KeyError");
    calls_once_more(s);
}

pub(super) fn frames_for_no_dialog(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0)"]);
    for seat in [parent, child] {
        FRAMES.iter().for_each(|frame| s.forges(seat, |_| (frame.make)("never opened")));
        let strays = s.with(if seat == parent { child } else { parent }, |conn, _| conn.counters().strays);
        s.sees(seat, "sends so many strays", strays, "7");
    }
    s.requests_end(0, P, "never opened");
    let strays = all_marked("#?!");
    s.then_sent(&[
        &format!("P>C {strays}"),
        &format!("C>P {strays}"),
        "P>C creq#?!",
        "C>P StartAck(creq)#?, CancelAck#?",
    ]);
    s.returns(child, 1);
    s.then_sent(&["C>P Stop, Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
}

/// How far a context has come.
#[derive(Clone, Copy, PartialEq)]
enum Stand {
    Requested,
    Accepted,
    Started,
    Streaming,
    Stopped,
}

impl Stand {
    fn reach(self, s: &mut Stage) -> (Seat, Seat) {
        let parent = s.asks(Kind::Context);
        let ends @ (_, child) = (parent, s.asked(parent));
        if self != Self::Requested {
            s.accepts(child, Kind::Context);
        }
        if !matches!(self, Self::Requested | Self::Accepted) {
            s.starts(child, 0);
        }
        if matches!(self, Self::Streaming | Self::Stopped) {
            s.opens_stream(parent);
            s.opens_stream(child);
        }
        if self == Self::Stopped {
            s.stops(child);
        }
        ends
    }

    const fn frames(self) -> &'static str {
        match self {
            Self::Requested => "",
            Self::Accepted => "StartAck(context)",
            Self::Started | Self::Streaming => "StartAck(context), Started(0)",
            Self::Stopped => "StartAck(context), Started(0), Stop",
        }
    }
}

pub(super) fn out_of_phase(s: &mut Stage) {
    let always = [ACK, STARTED, CANCEL_ACK];
    for (variant, stand, frames) in [
        ("by the parent, before the first value", Stand::Accepted, &FRAMES[..6]),
        ("by the parent, after it", Stand::Started, &[ACK, STARTED, CANCEL_ACK, RETURN]),
        ("by the parent, in the stream", Stand::Streaming, &[ACK, STARTED, CANCEL_ACK, RETURN]),
        ("by the parent, after the stream", Stand::Stopped, &[ACK, STARTED, CANCEL_ACK, RETURN]),
    ] {
        for frame in frames {
            s.again(variant);
            parent_breaks_a_rule(s, stand, *frame);
        }
    }
    for (variant, stand, frames) in [
        ("by the child, before its answer", Stand::Requested, &[STARTED, YIELD, STOP, CANCEL_ACK][..]),
        ("by the child, after its first value", Stand::Started, &always),
        ("by the child, in the stream", Stand::Streaming, &always),
        ("by the child, after the stream", Stand::Stopped, &always),
    ] {
        for frame in frames {
            s.again(variant);
            child_breaks_a_rule(s, stand, *frame);
        }
    }

    s.again("by the child, a result before its answer");
    let (parent, child) = Stand::Requested.reach(s);
    s.forges(child, RETURN.make);
    s.sent(&["P>C Start", "C>P Return(1)!"]);
    s.outcome(parent, "failed: broken rule, Return");
    s.by_hand(child);
}

/// The child ends its task and says so, without a `Stop`.
fn parent_breaks_a_rule(s: &mut Stage, stand: Stand, Frame { word, signal, make }: Frame) {
    let (parent, child) = stand.reach(s);
    s.forges(parent, make);
    s.is_in(child, "errored");
    s.unwinds(child);
    let before = format!("C>P {}", stand.frames());
    s.sent(&["P>C Start", &before, &format!("P>C {word}!"), "C>P Error(MessagingError)"]);
    let broken = format!("failed: broken rule, {signal}");
    s.outcomes((parent, child), "failed: MessagingError", &broken);
}

/// The parent fails the dialog for itself and asks the child to end.
fn child_breaks_a_rule(s: &mut Stage, stand: Stand, Frame { word, signal, make }: Frame) {
    let (parent, child) = stand.reach(s);
    s.forges(child, make);
    s.is_in(parent, "errored");
    if stand != Stand::Requested {
        s.unwinds(child);
    }
    let before = match stand.frames() {
        "" => format!("C>P {word}!"),
        frames => format!("C>P {frames}, {word}!"),
    };
    let stop = if stand == Stand::Streaming { "Stop, " } else { "" };
    s.sent(&["P>C Start", &before, "P>C creq", &format!("C>P StartAck(creq), {stop}ctxc(P), CancelAck")]);
    s.outcomes((parent, child), &format!("failed: broken rule, {signal}"), "cancelled by P");
}
