//! Opening, first values, results: 1 to 20.

use scipp_proto::Kind;
use scipp_proto::wire::Message;

use crate::scenario::{Scenario, python_only, scenario};
use crate::stage::{C, OPEN, P, Stage, payload};

pub(crate) const ALL: &[Scenario] = &[
    scenario(1, "a second first value", "D-3 D-27", second_first_value)
        .drivers(&["contexts::started_and_the_stream_are_once"]),
    scenario(2, "a stream before the first value", "D-3 D-7", stream_before_started),
    scenario(3, "a first value and a result", "D-3 D-10 D-20 D31", first_and_result)
        .as_reference(first_and_result_of_the_reference),
    scenario(4, "cancelled after the result", "D-1 D-15 D-17 D-40 D20", cancelled_after_the_result),
    scenario(5, "a stream opened after the result", "D-1 D-7 D-19 D32", stream_after_the_result),
    scenario(6, "cancelled while the task blocks", "D-13 D-15 D-16 D-17", cancelled)
        .drivers(&["cancels::dropping_the_handle_cancels"]),
    scenario(7, "cancelled inside the stream", "D-10 D-13 D-17", cancelled_inside_the_stream)
        .drivers(&["cancels::the_parent_cancels"]),
    scenario(8, "the body fails", "D-14 D-15 D-47", |s| body_fails(s, "ValueError"))
        .drivers(&["cancels::a_failing_parent_cancels_and_keeps_its_error"]),
    scenario(9, "the body is interrupted", "D-15 D-47", |s| body_fails(s, "KeyboardInterrupt"))
        .drivers(&["contexts::a_panic_in_a_body_at_either_end_is_contained"]),
    python_only(
        10,
        "the current context of a task",
        "a variable local to a Python task; our handles are passed on",
    ),
    scenario(11, "a dialog with oneself", "D-27", with_oneself)
        .drivers(&["scenarios::s011_a_dialog_with_oneself"]),
    scenario(12, "several dialogs at once", "D-20 D24", several_at_once)
        .drivers(&["contexts::several_contexts_run_at_once_on_one_connection"]),
    scenario(13, "nil as first value", "D-3", nil_as_first_value),
    scenario(14, "nil as result and asked for three times", "D-20 D-29", nil_as_result),
    scenario(15, "the task fails before its first value", "D-3 D-4", fails_before_started)
        .drivers(&["contexts::an_error_before_started_is_the_first_value"]),
    scenario(16, "a result without a first value", "D-3 D-21 D3 D38", returns_before_started)
        .fix()
        .drivers(&["contexts::a_body_that_returns_without_started_is_reported_as_failed"]),
    scenario(17, "another frame in place of the first value", "D-21 D-43 D3 D15", not_started).fix(),
    scenario(18, "accepted as another kind", "D-2 D-21 D-43 D3", accepted_as_another_kind),
    scenario(19, "cancelled before the first value", "D-15 D-16 D-17", cancelled_before_started),
    scenario(20, "cancelled before it is accepted", "D-15 D-16 D6 D43", cancelled_before_accepted).fix(),
];

fn second_first_value(s: &mut Stage) {
    let (parent, child) = s.context();
    s.gets_first(parent, "0");
    let error = s.is_refused(child, "Started is out of phase", |conn, end| end.started(conn, payload(&1)));
    s.fails(child, error);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Error(RuntimeError)"]);
    s.outcomes((parent, child), "failed: RuntimeError", "failed: own RuntimeError");
    s.leaves(parent, "RuntimeError");
}

fn stream_before_started(s: &mut Stage) {
    let (parent, child) = s.opens(Kind::Context);
    let error = s.is_refused(child, "OpenStream is out of phase", |conn, end| end.open_stream(conn));
    s.fails(child, error);
    s.gets_first(parent, "RuntimeError");
    s.sent(&["P>C Start", "C>P StartAck(context), Error(RuntimeError)"]);
    s.outcomes((parent, child), "failed: RuntimeError", "failed: own RuntimeError");
}

fn first_and_result(s: &mut Stage) {
    let (parent, child) = s.opens(Kind::Context);
    s.starts(child, 11);
    s.gets_first(parent, "11");
    s.leaves(parent, "not yet");
    s.returns(child, "yo");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(11), Stop, Return('yo')"]);
    s.outcomes((parent, child), "returned 'yo'", "returned");
    s.leaves(parent, "result 'yo'");
}

fn first_and_result_of_the_reference(s: &mut Stage) {
    s.again("Stop only after an opened stream");
    let (parent, child) = s.opens(Kind::Context);
    s.starts(child, 11);
    s.returns(child, "yo");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(11), Return('yo')"]);
    s.outcomes((parent, child), "returned 'yo'", "returned");
}

fn cancelled_after_the_result(s: &mut Stage) {
    s.again("the result was taken");
    let ends @ (parent, child) = s.context();
    s.returns(child, "yo");
    s.cancels(parent);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
    s.leaves(parent, "result 'yo'");

    s.again("the result is on its way");
    let ends @ (parent, child) = s.context();
    s.crossing(|s| {
        s.returns(child, "yo");
        s.cancels(parent);
    });
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Stop, Return('yo')",
        "P>C creq",
        "C>P StartAck(creq), CancelAck",
    ]);
    s.outcomes(ends, "returned 'yo'", "returned");
    s.leaves(parent, "result 'yo'");
}

fn stream_after_the_result(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.returns(child, "yo");
    s.opens_stream(parent);
    s.takes_items(parent, &["end"]);
    s.stops(parent);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
    s.leaves(parent, "result 'yo'");
}

fn cancelled(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.cancels(parent);
    s.leaves(parent, "not yet");
    s.is_in(child, "peer-cancelled");
    s.unwinds(child);
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", "C>P StartAck(creq), ctxc(P), CancelAck"]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.leaves(parent, "no error");
}

fn cancelled_inside_the_stream(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.cancels(parent);
    s.takes_items(child, &["cancelled by P"]);
    s.unwinds(child);
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", "C>P StartAck(creq), Stop, ctxc(P), CancelAck"]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.leaves(parent, "no error");
}

/// The body of the parent fails in each of four states.
fn body_fails(s: &mut Stage, class: &'static str) {
    for (variant, last) in [
        ("the task blocks, no stream", "C>P StartAck(creq), ctxc(P), CancelAck"),
        ("the task blocks, a stream is open", "C>P StartAck(creq), Stop, ctxc(P), CancelAck"),
    ] {
        s.again(variant);
        let ends @ (parent, child) = if variant.ends_with("open") { s.streaming() } else { s.context() };
        s.body_raises(parent, class);
        s.leaves(parent, "not yet");
        s.unwinds(child);
        s.sent(&[OPEN[0], OPEN[1], "P>C creq", last]);
        s.outcomes(ends, "cancelled by P", "cancelled by P");
        s.leaves(parent, class);
    }
    for variant in ["the task has returned, no stream", "the task has returned, a stream is open"] {
        s.again(variant);
        let ends @ (parent, child) = if variant.ends_with("open") { s.streaming() } else { s.context() };
        s.returns(child, "yo");
        s.body_raises(parent, class);
        s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return('yo')"]);
        s.outcomes(ends, "returned 'yo'", "returned");
        s.leaves(parent, class);
    }
}

fn with_oneself(s: &mut Stage) {
    s.connect(&[[P, P]]);
    s.may_not_ask(0, P, "a dialog with one's own actor");
    s.sent(&[]);
}

fn several_at_once(s: &mut Stage) {
    let context = s.streaming();
    let function = s.opens(Kind::Function);
    let generator = s.opens(Kind::Generator);
    let back = s.opens_over(0, C, Kind::Function);
    s.sends(generator.1, 2);
    s.sends(context.0, 1);
    s.returns(back.1, 4);
    s.returns(function.1, 3);
    s.takes_items(context.1, &["1"]);
    s.returns(context.1, 1);
    s.returns(generator.1, ());
    s.takes_items(generator.0, &["2", "end"]);
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0)",
        "P>C Start#2",
        "C>P StartAck(asyncfunc)#2",
        "P>C Start#3",
        "C>P StartAck(asyncgen)#3, Start#4",
        "P>C StartAck(asyncfunc)#4",
        "C>P Yield(2)#3",
        "P>C Yield(1), Return(4)#4",
        "C>P Return(3)#2, Stop, Return(1), Stop#3",
    ]);
    s.outcomes(context, "returned 1", "returned");
    s.outcomes(function, "returned 3", "returned");
    s.outcomes(generator, "returned", "returned");
    s.outcomes(back, "returned 4", "returned");
}

fn nil_as_first_value(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Context);
    s.starts(child, ());
    s.gets_first(parent, "nil");
    s.returns(child, 1);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(nil), Stop, Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
}

fn nil_as_result(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.returns(child, ());
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
    for _ in 0..3 {
        s.leaves(parent, "result nil");
    }
}

fn fails_before_started(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Context);
    s.raises(child, "ValueError");
    s.gets_first(parent, "ValueError");
    s.sent(&["P>C Start", "C>P StartAck(context), Error(ValueError)"]);
    s.outcomes(ends, "failed: ValueError", "failed: own ValueError");
    s.leaves(parent, "ValueError");
}

fn returns_before_started(s: &mut Stage) {
    s.again("a task of ours");
    let ends @ (parent, child) = s.opens(Kind::Context);
    s.returns(child, "yo");
    s.gets_first(parent, "RuntimeError");
    s.sent(&["P>C Start", "C>P StartAck(context), Error(RuntimeError)"]);
    s.outcomes(ends, "failed: RuntimeError", "failed: own RuntimeError");

    s.again("a task that does so");
    let (parent, child) = s.opens(Kind::Context);
    s.forges(child, |cid| Message::Return { cid: cid.into(), pld: payload(&"yo") });
    s.gets_first(parent, "broken rule, Return");
    s.sent(&["P>C Start", "C>P StartAck(context), Return('yo')!"]);
    s.outcome(parent, "failed: broken rule, Return");
    s.by_hand(child);
}

fn not_started(s: &mut Stage) {
    for (kind, sent) in [("Stop", "Stop!"), ("Yield", "Yield(1)!"), ("CancelAck", "CancelAck!")] {
        s.again(kind);
        let ends @ (parent, child) = s.opens(Kind::Context);
        s.forges(child, |cid| match kind {
            "Stop" => Message::Stop { cid: cid.into() },
            "Yield" => Message::Yield { cid: cid.into(), pld: payload(&1) },
            _ => Message::CancelAck { cid: cid.into(), pld: true },
        });
        let broken = format!("broken rule, {kind}");
        s.gets_first(parent, &broken);
        s.unwinds(child);
        let first = format!("C>P StartAck(context), {sent}");
        s.sent(&["P>C Start", &first, "P>C creq", "C>P StartAck(creq), ctxc(P), CancelAck"]);
        s.outcomes(ends, &format!("failed: {broken}"), "cancelled by P");
    }
}

fn accepted_as_another_kind(s: &mut Stage) {
    let parent = s.asks(Kind::Context);
    let child = s.asked(parent);
    s.accepts(child, Kind::Function);
    s.gets_first(parent, "broken rule, StartAck(Function)");
    s.unwinds(child);
    s.sent(&["P>C Start", "C>P StartAck(asyncfunc)", "P>C creq", "C>P StartAck(creq), ctxc(P), CancelAck"]);
    s.outcomes((parent, child), "failed: broken rule, StartAck(Function)", "cancelled by P");
}

fn cancelled_before_started(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Context);
    s.body_raises(parent, "Cancelled");
    s.unwinds(child);
    s.sent(&["P>C Start", "C>P StartAck(context)", "P>C creq", "C>P StartAck(creq), ctxc(P), CancelAck"]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.leaves(parent, "Cancelled");
}

fn cancelled_before_accepted(s: &mut Stage) {
    s.again("nobody has accepted it");
    let parent = s.asks(Kind::Context);
    s.body_raises(parent, "Cancelled");
    let child = s.asked(parent);
    s.sent(&["P>C Start, creq", "C>P StartAck(creq), ctxc(P), CancelAck"]);
    s.outcomes((parent, child), "cancelled by P", "cancelled by P");
    s.leaves(parent, "Cancelled");

    s.again("its acceptance is on its way");
    let parent = s.asks(Kind::Context);
    let child = s.asked(parent);
    s.crossing(|s| {
        s.accepts(child, Kind::Context);
        s.body_raises(parent, "Cancelled");
    });
    s.unwinds(child);
    s.sent(&["P>C Start", "C>P StartAck(context)", "P>C creq", "C>P StartAck(creq), ctxc(P), CancelAck"]);
    s.outcomes((parent, child), "cancelled by P", "cancelled by P");
    s.leaves(parent, "Cancelled");
}
