//! Calls and their errors, and frames that nobody waits for: 111 to 129.

use scipp_proto::Kind;
use scipp_proto::wire::{ErrorMsg, Message};

use crate::scenario::{Scenario, python_only, scenario};
use crate::stage::{C, P, Seat, Stage, error_of, payload};

pub(crate) const ALL: &[Scenario] = &[
    scenario(111, "a call fails", "D-4 D-20 D-24", call_fails)
        .drivers(&["calls::a_failing_function_reports_its_error"]),
    scenario(112, "two calls fail", "D-4 D-20 D24", two_calls_fail).drivers(&["peers::s112_two_calls_fail"]),
    scenario(113, "trees of failing actors", "D-24 D26", trees_fail)
        .drivers(&["peers::s113_trees_of_failing_actors"]),
    scenario(114, "a module that is not exposed", "D-2 D-34", |s| call_is_refused(s, "ModuleNotExposed"))
        .drivers(&["calls::what_is_not_served_is_refused"]),
    scenario(115, "a function that is exposed", "D-2 D-20", call_succeeds)
        .drivers(&["calls::a_function_returns"]),
    scenario(116, "a function that does not exist", "D-2 D-34", |s| call_is_refused(s, "AttributeError"))
        .drivers(&["calls::what_is_not_served_is_refused"]),
    scenario(117, "an actor that fails as a whole", "D-22 D25", actor_fails),
    scenario(118, "the caller is gone before the answer", "D-22 D4 D41", gone_before_the_answer)
        .drivers(&["ends::a_peer_that_goes_before_it_answers"]),
    scenario(119, "the caller is gone before the error", "D-22 D-45 D4 D41", gone_before_the_error)
        .drivers(&["ends::a_body_learns_that_its_parent_is_gone"]),
    scenario(120, "an error class of the application", "D-4 D-24", |s| fails_early(s, "AppError")),
    scenario(121, "an error class that nobody registered", "D-4 D-24", |s| fails_early(s, "AppError")),
    python_only(
        122,
        "error classes by name",
        "a table of Python classes; a class name is a text here, whoever knows it",
    ),
    scenario(123, "results of calls", "D-20", results).drivers(&["calls::a_function_returns"]),
    scenario(124, "arguments that the function does not take", "D-2 D-34", |s| {
        call_is_refused(s, "TypeError")
    })
    .drivers(&["calls::wrong_arguments_are_refused_before_the_body_runs"]),
    scenario(125, "a group of errors", "D-10 D-24 D26", group_of_errors),
    scenario(126, "frames after an error", "D-1 D-23 D45", frames_after_an_error),
    scenario(127, "frames for an id that never was", "D-17 D-23 D44 D45", frames_for_no_dialog),
    scenario(128, "frames out of phase", "D-21 D-43 D3 D15 D43", out_of_phase),
    scenario(129, "waiting again after an error", "D-19 D-29 D9", waiting_again),
];

fn call_fails(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Function);
    s.raises(child, "AssertionError");
    s.sent(&["P>C Start", "C>P StartAck(asyncfunc), Error(AssertionError)"]);
    s.outcomes(ends, "failed: AssertionError", "failed: own AssertionError");
    s.waits(parent, "AssertionError");
}

fn two_calls_fail(s: &mut Stage) {
    s.connect(&[["R", "A"], ["R", "B"]]);
    let calls = [0, 1].map(|link| s.opens_over(link, "R", Kind::Function));
    s.crossing(|s| calls.iter().for_each(|call| s.raises(call.1, "AssertionError")));
    s.sent(&[
        "R>A Start",
        "A>R StartAck(asyncfunc)",
        "R>B Start#2",
        "B>R StartAck(asyncfunc)#2",
        "A>R Error(AssertionError)",
        "B>R Error(AssertionError)#2",
    ]);
    for call in calls {
        s.outcomes(call, "failed: AssertionError", "failed: own AssertionError");
        s.waits(call.0, "AssertionError");
    }
}

/// Each task with failed calls fails with the group of them.
fn trees_fail(s: &mut Stage) {
    s.connect(&[["R", "A"], ["A", "B"], ["B", "D"], ["B", "E"]]);
    let [top, middle] = [(0, "R"), (1, "A")].map(|(link, from)| s.opens_over(link, from, Kind::Function));
    let leaves = [2, 3].map(|link| s.opens_over(link, "B", Kind::Function));
    leaves.iter().for_each(|leaf| s.raises(leaf.1, "NameError"));
    s.raises(middle.1, "ExceptionGroup");
    s.raises(top.1, "ExceptionGroup");
    s.sent(&[
        "R>A Start",
        "A>R StartAck(asyncfunc)",
        "A>B Start#2",
        "B>A StartAck(asyncfunc)#2",
        "B>D Start#3",
        "D>B StartAck(asyncfunc)#3",
        "B>E Start#4",
        "E>B StartAck(asyncfunc)#4",
        "D>B Error(NameError)#3",
        "E>B Error(NameError)#4",
        "B>A Error(ExceptionGroup)#2",
        "A>R Error(ExceptionGroup)",
    ]);
    for leaf in leaves {
        s.outcomes(leaf, "failed: NameError", "failed: own NameError");
    }
    for node in [middle, top] {
        s.outcomes(node, "failed: ExceptionGroup", "failed: own ExceptionGroup");
    }
}

fn call_is_refused(s: &mut Stage, class: &str) {
    let parent = s.asks(Kind::Function);
    let child = s.asked(parent);
    s.refuses(child, class);
    s.sent(&["P>C Start", &format!("C>P Error({class})")]);
    s.outcomes((parent, child), &format!("failed: {class}"), &format!("failed: own {class}"));
    s.waits(parent, class);
}

fn call_succeeds(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Function);
    s.returns(child, 1);
    s.sent(&["P>C Start", "C>P StartAck(asyncfunc), Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
    s.waits(parent, "result 1");
}

/// What an actor sends that cannot import what it is to expose: an `Error` that is about no dialog.
fn actor_fails(s: &mut Stage) {
    let parent = s.asks(Kind::Function);
    let child = s.asked(parent);
    s.forges(child, |_| Message::Error(Box::new(error_of(C, "ImportError"))));
    s.sent(&["P>C Start", "C>P Error(ImportError)#?!"]);
    let reason = "the peer failed: ImportError from C.C-uuid";
    s.is_cut_off(parent, reason);
    s.outcomes((parent, child), &format!("disconnected: {reason}"), "disconnected: closed by the peer");
}

/// C, whose connection to P is lost, goes on for others.
pub(crate) fn goes_on(s: &mut Stage) {
    let ends = s.opens_over(1, "Q", Kind::Function);
    s.returns(ends.1, "alive");
    s.then_sent(&["Q>C Start#2", "C>Q StartAck(asyncfunc)#2, Return('alive')#2"]);
    s.outcomes(ends, "returned 'alive'", "returned");
}

const LOST: &str = "disconnected: connection reset";

fn gone_before_the_answer(s: &mut Stage) {
    s.again("nobody has accepted it");
    s.connect(&[[P, C], ["Q", C]]);
    let parent = s.asks(Kind::Function);
    let child = s.asked(parent);
    s.cuts(0);
    s.is_refused(child, "Accept: the dialog has ended", |conn, end| conn.accept(end.id, Kind::Function));
    s.sent(&["P>C Start"]);
    s.outcomes((parent, child), LOST, LOST);
    goes_on(s);

    s.again("its acceptance is on its way");
    s.connect(&[[P, C], ["Q", C]]);
    let parent = s.asks(Kind::Function);
    let child = s.asked(parent);
    s.crossing(|s| {
        s.accepts(child, Kind::Function);
        s.cuts(0);
    });
    s.returns(child, 1);
    s.sent(&["P>C Start", "C>P StartAck(asyncfunc)"]);
    s.outcomes((parent, child), LOST, LOST);
    goes_on(s);
}

fn gone_before_the_error(s: &mut Stage) {
    s.connect(&[[P, C], ["Q", C]]);
    let ends @ (_, child) = s.opens(Kind::Function);
    s.cuts(0);
    s.raises(child, "ValueError");
    s.sent(&["P>C Start", "C>P StartAck(asyncfunc)"]);
    s.outcomes(ends, LOST, LOST);
    goes_on(s);
}

fn fails_early(s: &mut Stage, class: &str) {
    let ends @ (parent, child) = s.opens(Kind::Context);
    s.raises(child, class);
    s.gets_first(parent, class);
    s.sent(&["P>C Start", &format!("C>P StartAck(context), Error({class})")]);
    s.outcomes(ends, &format!("failed: {class}"), &format!("failed: own {class}"));
}

fn results(s: &mut Stage) {
    s.again("a text");
    let ends @ (parent, child) = s.opens(Kind::Function);
    s.returns(child, "yo");
    s.sent(&["P>C Start", "C>P StartAck(asyncfunc), Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
    s.waits(parent, "result 'yo'");

    s.again("nothing");
    let ends @ (parent, child) = s.opens(Kind::Function);
    s.returns(child, ());
    s.sent(&["P>C Start", "C>P StartAck(asyncfunc), Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
    s.waits(parent, "result nil");

    s.again("of several actors");
    s.connect(&[["R", "A"], ["R", "B"]]);
    let calls = [0, 1].map(|link| s.opens_over(link, "R", Kind::Function));
    s.returns(calls[1].1, 2);
    s.returns(calls[0].1, 1);
    s.sent(&[
        "R>A Start",
        "A>R StartAck(asyncfunc)",
        "R>B Start#2",
        "B>R StartAck(asyncfunc)#2, Return(2)#2",
        "A>R Return(1)",
    ]);
    s.outcomes(calls[0], "returned 1", "returned");
    s.outcomes(calls[1], "returned 2", "returned");
}

fn group_of_errors(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.raises(child, "ExceptionGroup");
    s.takes_items(parent, &["ExceptionGroup"]);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Error(ExceptionGroup)"]);
    s.outcomes(ends, "failed: ExceptionGroup", "failed: own ExceptionGroup");
    s.leaves(parent, "ExceptionGroup");
}

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

fn frames_after_an_error(s: &mut Stage) {
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

fn frames_for_no_dialog(s: &mut Stage) {
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

fn out_of_phase(s: &mut Stage) {
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

fn waiting_again(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.raises(child, "KeyError");
    for _ in 0..2 {
        s.waits(parent, "KeyError");
    }
    s.leaves(parent, "KeyError");
    s.waits(parent, "KeyError");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Error(KeyError)"]);
    s.outcomes(ends, "failed: KeyError", "failed: own KeyError");
}
