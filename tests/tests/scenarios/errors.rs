//! Calls and their errors, and frames that nobody waits for: 111 to 129.

mod frames;

use scipp_proto::Kind;
use scipp_proto::wire::Message;

use crate::scenario::{Scenario, python_only, scenario};
use crate::stage::{C, P, Stage, error_of};

use frames::{frames_after_an_error, frames_for_no_dialog, out_of_phase};

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
    scenario(117, "an actor that fails as a whole", "D-22 D25", actor_fails)
        .drivers(&["faults::s117_an_actor_that_fails_as_a_whole"]),
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
