//! Cancellation of dialogs, by either side: 65 to 93.

mod requests;

use std::time::Duration;

use scipp_proto::Kind;

use crate::scenario::{Scenario, scenario};
use crate::stage::{OPEN, Seat, Stage};

use requests::{
    cancelled_twice, no_answer_at_all, no_answer_but_a_result, request_for_nothing,
    request_over_another_connection,
};

pub(crate) const ALL: &[Scenario] = &[
    scenario(65, "cancelled and waited for in the block", "D-13 D-20 D-47", waited_for_in_the_block),
    scenario(66, "cancelled and waited for after the block", "D-13 D-29", waited_for_after_the_block),
    scenario(69, "cancelled when the task has returned", "D-17 D-40 D-41", returned_then_cancelled)
        .drivers(&["scenarios::s069_cancelling_a_task_that_has_returned"]),
    scenario(71, "a stream opened after the cancellation", "D-15 D-27", stream_after_cancel),
    scenario(72, "cancelled when waiting took too long", "D-13 D-16 D-28", cancelled_in_the_end),
    scenario(73, "a stream opened after the cancelled block", "D-8 D-19 D-29", stream_after_the_block),
    scenario(74, "another call after a cancellation", "D-17 D-21", another_call),
    scenario(75, "a sibling cancels while the opener reads", "D-13 D-19", sibling_cancels),
    scenario(
        76,
        "the child cancels itself before its first value",
        "D-16 D-42 D-46",
        self_cancel_before_started,
    ),
    scenario(77, "the child cancels itself", "D-16 D-46", self_cancel)
        .drivers(&["cancels::the_child_cancels_itself"]),
    scenario(78, "the child cancels itself and returns", "D-16 D-41", self_cancel_and_return),
    scenario(81, "cancelled while the child cleans up after an error", "D-14 D-16 D-41", error_and_cancel),
    scenario(82, "the error in a cancelled outcome", "D-13 D-25 D28", error_in_the_outcome),
    scenario(83, "cancelled in a clean-up that waits", "D-16 D-17 D-28", cleanup_that_waits),
    scenario(84, "cancelled twice", "D-15 D-17 D-27", cancelled_twice),
    scenario(85, "a request to end what does not run", "D-17 D44", request_for_nothing),
    scenario(86, "a request over another connection", "D-15 D-17 D24 D44", request_over_another_connection),
    scenario(87, "the request is not answered and the task returns", "D-28 D-40 D22", no_answer_but_a_result),
    scenario(88, "neither answer nor final frame", "D-20 D-28 D-44 D22", no_answer_at_all)
        .fix()
        .drivers(&["faults::s088_neither_answer_nor_final_frame"]),
    scenario(89, "frames of a cancellation in mid stream", "D-10 D-17", cancelled_in_mid_stream),
    scenario(90, "a task that takes its time to end", "D-17 D8", takes_its_time)
        .fix()
        .drivers(&["scenarios::s090_a_task_that_takes_its_time_holds_nobody_up"]),
    scenario(91, "a cancelled task that returns", "D-16 D-41", cancelled_and_returns)
        .drivers(&["cancels::a_cancelled_body_that_returns_is_still_cancelled"]),
    scenario(92, "a cancelled task that fails", "D-14 D-16 D-41", cancelled_and_fails),
    scenario(93, "both cancel", "D-13 D-42 D-46 D19", both_cancel)
        .fix()
        .as_reference(both_cancel_as_the_reference)
        .drivers(&["cancels::both_cancel_at_once"]),
];

const ENDED: [&str; 2] = ["P>C creq", "C>P StartAck(creq), ctxc(P), CancelAck"];
const RETURNED: [&str; 2] = ["P>C Start", "C>P StartAck(context), Started(0), Stop, Return('yo')"];

/// P cancels, and C's task ends.
fn cancels_and_ends(s: &mut Stage, ends: (Seat, Seat)) {
    s.cancels(ends.0);
    s.unwinds(ends.1);
    s.sent(&[OPEN, ENDED].concat());
    s.outcomes(ends, "cancelled by P", "cancelled by P");
}

fn waited_for_in_the_block(s: &mut Stage) {
    let ends = s.context();
    cancels_and_ends(s, ends);
    s.waits(ends.0, "no error");
    s.is_in(ends.0, "self-cancelled");
    s.leaves(ends.0, "no error");
}

fn waited_for_after_the_block(s: &mut Stage) {
    let ends = s.context();
    cancels_and_ends(s, ends);
    s.leaves(ends.0, "no error");
    s.waits(ends.0, "no error");
    s.waits(ends.0, "no error");
}

fn returned_then_cancelled(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.returns(child, "yo");
    s.cancels(parent);
    s.sent(&RETURNED);
    s.outcomes(ends, "returned 'yo'", "returned");
    s.is_in(parent, "result-returned");
    s.waits(parent, "result 'yo'");
}

fn stream_after_cancel(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.cancels(parent);
    let told = "OpenStream: the dialog is being cancelled";
    s.is_refused(parent, told, |conn, end| end.open_stream(conn));
    s.unwinds(child);
    s.sent(&[OPEN, ENDED].concat());
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.leaves(parent, "no error");
}

fn cancelled_in_the_end(s: &mut Stage) {
    let items: [&[&str]; 3] = [&[], &["P>C Yield(1)"], &["C>P Yield(1)"]];
    for (variant, item) in
        ["nothing was sent", "an item was sent", "an item was received"].into_iter().zip(items)
    {
        s.again(variant);
        let ends @ (parent, child) = s.streaming();
        s.then_sent(&OPEN);
        match variant {
            "an item was sent" => s.sends(parent, 1),
            "an item was received" => s.sends(child, 1),
            _ => {}
        }
        s.then_sent(item);
        s.passes(Duration::from_millis(500));
        s.waits(parent, "not yet");
        s.cancels(parent);
        s.is_in(child, "peer-cancelled");
        let canceller = s.look(child).canceller().map(|uid| uid.name().to_owned());
        s.sees(child, "is cancelled by", canceller.unwrap_or_default(), "P");
        s.sees(child, "has an outcome", s.look(child).outcome().is_some(), "false");
        s.unwinds(child);
        s.is_in(parent, "self-cancelled");
        s.waits(parent, "no error");
        s.then_sent(&["P>C creq", "C>P StartAck(creq), Stop, ctxc(P), CancelAck"]);
        s.outcomes(ends, "cancelled by P", "cancelled by P");
    }
}

fn stream_after_the_block(s: &mut Stage) {
    let ends = s.context();
    cancels_and_ends(s, ends);
    s.leaves(ends.0, "no error");
    s.opens_stream(ends.0);
    s.takes_items(ends.0, &["end"]);
    s.cannot_send(ends.0, "cancelled by P");
}

fn another_call(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.cancels(parent);
    s.unwinds(child);
    let call = s.opens(Kind::Function);
    s.returns(call.1, 1);
    s.sent(&[OPEN[0], OPEN[1], ENDED[0], ENDED[1], "P>C Start#2", "C>P StartAck(asyncfunc)#2, Return(1)#2"]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.outcomes(call, "returned 1", "returned");
}

fn sibling_cancels(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends(child, 1);
    s.takes_items(parent, &["1", "nothing yet"]);
    s.cancels(parent);
    s.takes_items(parent, &["nothing yet"]);
    s.unwinds(child);
    s.takes_items(parent, &["end"]);
    s.sent(&[
        OPEN[0],
        "C>P StartAck(context), Started(0), Yield(1)",
        "P>C creq",
        "C>P StartAck(creq), Stop, ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.leaves(parent, "no error");
}

fn self_cancel_before_started(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Context);
    s.cancels(child);
    s.is_refused(child, "cancelled by C", |conn, end| end.open_stream(conn));
    s.unwinds(child);
    s.gets_first(parent, "ctxc(C)");
    s.sent(&["P>C Start", "C>P StartAck(context), ctxc(C)"]);
    s.outcomes(ends, "failed: ctxc(C)", "cancelled by C");
    s.leaves(parent, "ctxc(C)");
}

fn self_cancel(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.cancels(child);
    s.is_in(child, "self-cancelled");
    s.unwinds(child);
    s.is_in(parent, "peer-cancelled");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), ctxc(C)"]);
    s.outcomes(ends, "failed: ctxc(C)", "cancelled by C");
    s.leaves(parent, "ctxc(C)");
}

fn self_cancel_and_return(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.cancels(child);
    s.returns(child, "yo");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, ctxc(C)"]);
    s.outcomes(ends, "failed: ctxc(C)", "cancelled by C");
    s.leaves(parent, "ctxc(C)");
}

/// C's task ends by an error of its own after it was told to end.
fn told_and_raises(s: &mut Stage, ends: (Seat, Seat), class: &str) {
    s.cancels(ends.0);
    s.raises(ends.1, class);
    let last = format!("C>P StartAck(creq), Error({class}), CancelAck");
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", &last]);
    s.outcomes(ends, &format!("failed: {class}"), &format!("failed: own {class}"));
    s.leaves(ends.0, class);
}

fn error_and_cancel(s: &mut Stage) {
    s.again("the clean-up is cancelled");
    let ends = s.context();
    told_and_raises(s, ends, "RuntimeError");

    s.again("the error is on its way");
    let ends @ (parent, child) = s.context();
    s.crossing(|s| {
        s.raises(child, "RuntimeError");
        s.cancels(parent);
    });
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Error(RuntimeError)",
        "P>C creq",
        "C>P StartAck(creq), CancelAck",
    ]);
    s.outcomes(ends, "failed: RuntimeError", "failed: own RuntimeError");
}

fn error_in_the_outcome(s: &mut Stage) {
    let ends = s.context();
    cancels_and_ends(s, ends);
    s.waits(ends.0, "no error");
    let Some(scipp_proto::Outcome::Cancelled { error: Some(error), .. }) = s.look(ends.0).outcome().cloned()
    else {
        panic!("an error comes with it");
    };
    s.sees(ends.0, "has in its outcome", error.boxed_type(), "ContextCancelled");
    s.sees(ends.0, "knows who asked", error.canceller().expect("named").name(), "P");
    s.sees(ends.0, "knows who was cancelled", error.cancelled_neighbour().expect("named").name(), "C");
}

fn cleanup_that_waits(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.cancels(parent);
    s.takes_items(child, &["cancelled by P"]);
    s.passes(Duration::from_secs(60));
    s.hears(parent, "Overdue(CancelAck)");
    s.waits(parent, "not yet");
    s.unwinds(child);
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", "C>P StartAck(creq), Stop, ctxc(P), CancelAck"]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.waits(parent, "no error");
}

fn cancelled_in_mid_stream(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends(parent, 1);
    s.crossing(|s| {
        s.sends(child, 2);
        s.cancels(parent);
    });
    s.cannot_send(child, "cancelled by P");
    s.unwinds(child);
    s.takes_items(parent, &["2", "end"]);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Yield(1)",
        "C>P Yield(2)",
        "P>C creq",
        "C>P StartAck(creq), Stop, ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
}

fn takes_its_time(s: &mut Stage) {
    let slow = s.context();
    let other = s.streaming();
    s.cancels(slow.0);
    for round in 0..4 {
        s.sends(other.1, round);
        s.passes(Duration::from_millis(100));
    }
    s.takes_many(other.0, 4);
    s.returns(other.1, "yo");
    s.waits(other.0, "result 'yo'");
    s.waits(slow.0, "not yet");
    s.unwinds(slow.1);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Start#2",
        "C>P StartAck(context)#2, Started(0)#2",
        "P>C creq",
        "C>P StartAck(creq), Yield x4#2, Stop#2, Return('yo')#2, ctxc(P), CancelAck",
    ]);
    s.outcomes(slow, "cancelled by P", "cancelled by P");
    s.outcomes(other, "returned 'yo'", "returned");
}

fn cancelled_and_returns(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.cancels(parent);
    s.returns(child, "yo");
    s.sent(&[OPEN, ENDED].concat());
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.is_in(child, "peer-cancelled");
}

fn cancelled_and_fails(s: &mut Stage) {
    s.again("no stream is open");
    let ends = s.context();
    told_and_raises(s, ends, "OSError");

    s.again("its stream is open");
    let ends = s.streaming();
    s.cancels(ends.0);
    s.raises(ends.1, "OSError");
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", "C>P StartAck(creq), Stop, Error(OSError), CancelAck"]);
    s.outcomes(ends, "failed: OSError", "failed: own OSError");
    s.leaves(ends.0, "OSError");
}

/// Both ask for the end of the task before either knows of the other.
fn crossing_cancels(s: &mut Stage) -> (Seat, Seat) {
    let ends @ (parent, child) = s.streaming();
    s.crossing(|s| {
        s.cancels(parent);
        s.cancels(child);
        s.unwinds(child);
    });
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", "C>P Stop, ctxc(C), StartAck(creq), CancelAck"]);
    ends
}

fn both_cancel(s: &mut Stage) {
    s.again("crossing");
    let ends = crossing_cancels(s);
    s.outcomes(ends, "cancelled by C", "cancelled by C");
    s.leaves(ends.0, "no error");
    s.is_in(ends.0, "self-cancelled");

    s.again("the child after the parent");
    let ends @ (parent, child) = s.streaming();
    s.cancels(parent);
    s.cancels(child);
    s.unwinds(child);
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", "C>P StartAck(creq), Stop, ctxc(C), CancelAck"]);
    s.outcomes(ends, "cancelled by C", "cancelled by C");
    s.leaves(parent, "no error");
}

fn both_cancel_as_the_reference(s: &mut Stage) {
    s.again("only what names the parent is absorbed");
    let ends = crossing_cancels(s);
    s.outcomes(ends, "failed: ctxc(C)", "cancelled by C");
    s.leaves(ends.0, "ctxc(C)");
}
