//! The terminal of a tree of actors, one debugger at a time: 163 to 175.

mod giving_back;

use std::time::Duration;

use scipp_conformance::script::call;
use scipp_proto::Kind;

use crate::scenario::{Scenario, scenario};
use crate::stage::Stage;
use crate::terminal::{Terminal, pauses, releases, was_had};

use giving_back::{gone, ways_to_give_back};

pub(crate) const ALL: &[Scenario] = &[
    scenario(163, "a task pauses again and again", "D-3 D-10 D-20 D14", pauses_again)
        .drivers(&["debugger::s163_a_task_pauses_again_and_again"]),
    scenario(164, "a task that crashes pauses before it says so", "D-28 D14 D22", crashes)
        .drivers(&["debugger::s164_a_task_that_crashes_pauses_before_it_says_so"]),
    scenario(165, "several pause, in the order of asking", "D-2 D-20 D14", several_pause)
        .drivers(&["terminal::s165_several_pause_in_the_order_of_asking"]),
    scenario(166, "the root fails while a child is paused", "D-15 D-47 D14", root_fails)
        .drivers(&["debugger::s166_the_root_fails_while_a_child_is_paused"]),
    scenario(167, "the root cancels while a grandchild is paused", "D-15 D-18 D14", root_cancels)
        .drivers(&["debugger::s167_the_root_cancels_while_a_grandchild_is_paused"]),
    scenario(168, "the root cancels a child that starts up", "D-15 D-16 D-17", cancelled_in_start_up),
    scenario(169, "an error pauses each actor that it passes through", "D-26 D12 D14", pauses_on_its_way)
        .drivers(&["debugger::s169_an_error_pauses_each_actor_that_it_passes_through"]),
    scenario(170, "the connection of a paused task is lost", "D-22 D14 D24 D41", loses_its_parent)
        .drivers(&["debugger::s170_the_connection_of_a_paused_task_is_lost"]),
    scenario(171, "a cancelled task pauses", "D-16 D-17 D-28 D14 D22", pauses_when_cancelled)
        .drivers(&["debugger::s171_a_cancelled_task_pauses"]),
    scenario(172, "only some actors can be debugged", "D-2 D-34", some_can_be_debugged)
        .drivers(&["debugger::s172_only_some_actors_can_be_debugged"]),
    scenario(173, "all ways to give the terminal back", "D-10 D-16 D-17 D-20 D-26 D14", ways_to_give_back)
        .drivers(&["terminal::s173_all_ways_to_give_the_terminal_back"]),
    scenario(174, "who holds the terminal or waits for it is gone", "D-22 D4 D14", gone)
        .fix()
        .drivers(&["terminal::s174_who_holds_the_terminal_or_waits_for_it_is_gone"]),
    scenario(175, "a task of another event loop", "D-4 D-13 D-16", of_another_loop),
];

fn pauses_again(s: &mut Stage) {
    s.connect(&[["A", "R"]]);
    let mut terminal = Terminal::default();
    for number in [1, 2] {
        pauses(s, &mut terminal, 0, "A", number);
    }
}

fn crashes(s: &mut Stage) {
    s.connect(&[["R", "A"], ["A", "R"]]);
    let task = s.context_over(0, "R");
    s.sent(&["R>A Start", "A>R StartAck(context), Started(0)"]);
    s.passes(Duration::from_secs(3600));
    s.waits(task.0, "not yet");
    pauses(s, &mut Terminal::default(), 1, "A", 2);
    s.raises(task.1, "NameError");
    s.then_sent(&["A>R Error(NameError)"]);
    s.outcomes(task, "failed: NameError", "failed: own NameError");
    s.leaves(task.0, "NameError");
}

const THREE: [[&str; 2]; 3] = [["A", "R"], ["B", "R"], ["C", "R"]];

fn several_pause(s: &mut Stage) {
    s.connect(&THREE);
    let mut terminal = Terminal::default();
    let a = terminal.asked_by(s, 0, "A", 1);
    let c = terminal.asked_by(s, 2, "C", 1);
    let b = terminal.asked_by(s, 1, "B", 1);
    s.gets_first(c.0, "nothing yet");
    for (ends, actor) in [(a, "A"), (c, "C"), (b, "B")] {
        s.gets_first(ends.0, &format!("LockStatus({actor}, locked)"));
        releases(s, &mut terminal, ends, actor);
        was_had(s, ends, actor);
    }
    s.sent(&[
        "A>R Start",
        "R>A StartAck(context), Started(LockStatus(A, locked))",
        "C>R Start#2",
        "R>C StartAck(context)#2",
        "B>R Start#3",
        "R>B StartAck(context)#3",
        "A>R Yield(LockRelease(A))",
        "R>A Stop, Return(LockStatus(A, unlocked))",
        "R>C Started(LockStatus(C, locked))#2",
        "C>R Yield(LockRelease(C))#2",
        "R>C Stop#2, Return(LockStatus(C, unlocked))#2",
        "R>B Started(LockStatus(B, locked))#3",
        "B>R Yield(LockRelease(B))#3",
        "R>B Stop#3, Return(LockStatus(B, unlocked))#3",
    ]);
}

fn root_fails(s: &mut Stage) {
    s.connect(&[["R", "A"], ["A", "R"]]);
    let mut terminal = Terminal::default();
    let task = s.context_over(0, "R");
    let paused = terminal.asked_by(s, 1, "A", 1);
    // R has failed, and waits for its terminal before it asks A to end.
    s.passes(Duration::from_secs(3600));
    releases(s, &mut terminal, paused, "A");
    s.body_raises(task.0, "RuntimeError");
    s.unwinds(task.1);
    s.sent(&[
        "R>A Start",
        "A>R StartAck(context), Started(0), Start#2",
        "R>A StartAck(context)#2, Started(LockStatus(A, locked))#2",
        "A>R Yield(LockRelease(A))#2",
        "R>A Stop#2, Return(LockStatus(A, unlocked))#2, creq",
        "A>R StartAck(creq), ctxc(R), CancelAck",
    ]);
    s.outcomes(task, "cancelled by R", "cancelled by R");
    was_had(s, paused, "A");
    s.leaves(task.0, "RuntimeError");
}

fn root_cancels(s: &mut Stage) {
    s.connect(&[["R", "M"], ["M", "N"], ["N", "R"]]);
    let mut terminal = Terminal::default();
    let [outer, inner] = [(0, "R"), (1, "M")].map(|(link, from)| s.context_over(link, from));
    let paused = terminal.asked_by(s, 2, "N", 1);
    s.sent(&[
        "R>M Start",
        "M>R StartAck(context), Started(0)",
        "M>N Start#2",
        "N>M StartAck(context)#2, Started(0)#2",
        "N>R Start#3",
        "R>N StartAck(context)#3, Started(LockStatus(N, locked))#3",
    ]);
    releases(s, &mut terminal, paused, "N");
    let request = s.cancels_actor(0, "R");
    let obeying = s.obeys(request);
    s.body_raises(inner.0, "cancelled by R");
    s.unwinds(inner.1);
    s.unwinds(outer.1);
    s.then_sent(&[
        "N>R Yield(LockRelease(N))#3",
        "R>N Stop#3, Return(LockStatus(N, unlocked))#3",
        "R>M Start(self:cancel)#4",
        "M>R StartAck(asyncfunc)#4",
        "M>N creq#2",
        "N>M StartAck(creq)#2, ctxc(M)#2, CancelAck#2",
        "M>R ctxc(R), CancelAck#4",
    ]);
    was_had(s, paused, "N");
    s.outcomes(inner, "cancelled by M", "cancelled by M");
    s.outcomes(outer, "failed: ctxc(R)", "cancelled by R");
    s.outcomes((request, obeying), "returned true", "returned");
}

fn cancelled_in_start_up(s: &mut Stage) {
    s.connect(&[["R", "A"]]);
    let task = s.opens_over(0, "R", Kind::Context);
    s.body_raises(task.0, "NameError");
    // That it is cancelled is no crash: its actor does not ask for the terminal.
    s.unwinds(task.1);
    s.sent(&["R>A Start", "A>R StartAck(context)", "R>A creq", "A>R StartAck(creq), ctxc(R), CancelAck"]);
    s.outcomes(task, "cancelled by R", "cancelled by R");
    s.leaves(task.0, "NameError");
}

fn pauses_on_its_way(s: &mut Stage) {
    s.connect(&[["R", "M"], ["M", "L"], ["L", "R"], ["M", "R"]]);
    let mut terminal = Terminal::default();
    let [outer, inner] = [(0, "R"), (1, "M")].map(|(link, from)| s.context_over(link, from));
    s.sent(&[
        "R>M Start",
        "M>R StartAck(context), Started(0)",
        "M>L Start#2",
        "L>M StartAck(context)#2, Started(0)#2",
    ]);
    pauses(s, &mut terminal, 2, "L", 3);
    s.raises(inner.1, "KeyError");
    s.then_sent(&["L>M Error(KeyError)#2"]);
    pauses(s, &mut terminal, 3, "M", 4);
    s.passes_on(outer.1, inner.0);
    s.then_sent(&["M>R Error(RemoteActorError of KeyError from L via L>M)"]);
    s.outcomes(inner, "failed: KeyError", "failed: own KeyError");
    s.outcomes(outer, "failed: RemoteActorError of KeyError from L via L>M", "failed: KeyError from L");
}

fn loses_its_parent(s: &mut Stage) {
    s.connect(&[["R", "A"], ["A", "R"]]);
    let mut terminal = Terminal::default();
    let task = s.context_over(0, "R");
    let paused = terminal.asked_by(s, 1, "A", 1);
    s.sent(&[
        "R>A Start",
        "A>R StartAck(context), Started(0), Start#2",
        "R>A StartAck(context)#2, Started(LockStatus(A, locked))#2",
    ]);
    s.cuts(0);
    terminal.goes_on(s);
    releases(s, &mut terminal, paused, "A");
    s.then_sent(&["A>R Yield(LockRelease(A))#2", "R>A Stop#2, Return(LockStatus(A, unlocked))#2"]);
    let lost = "disconnected: connection reset";
    s.outcomes(task, lost, lost);
    was_had(s, paused, "A");
}

fn pauses_when_cancelled(s: &mut Stage) {
    s.connect(&[["R", "A"], ["A", "R"]]);
    let task = s.context_over(0, "R");
    s.cancels(task.0);
    s.sent(&["R>A Start", "A>R StartAck(context), Started(0)", "R>A creq", "A>R StartAck(creq)"]);
    pauses(s, &mut Terminal::default(), 1, "A", 2);
    s.passes(Duration::from_secs(3600));
    s.waits(task.0, "not yet");
    s.unwinds(task.1);
    s.then_sent(&["A>R ctxc(R), CancelAck"]);
    s.outcomes(task, "cancelled by R", "cancelled by R");
    s.leaves(task.0, "no error");
}

fn some_can_be_debugged(s: &mut Stage) {
    s.again("one of two children");
    s.connect(&[["R", "A"], ["R", "B"], ["B", "R"]]);
    let [plain, debugged] = [0, 1].map(|link| s.context_over(link, "R"));
    s.sent(&[
        "R>A Start",
        "A>R StartAck(context), Started(0)",
        "R>B Start#2",
        "B>R StartAck(context)#2, Started(0)#2",
    ]);
    s.raises(plain.1, "NameError");
    s.then_sent(&["A>R Error(NameError)"]);
    pauses(s, &mut Terminal::default(), 2, "B", 3);
    s.raises(debugged.1, "NameError");
    s.then_sent(&["B>R Error(NameError)#2"]);
    for task in [plain, debugged] {
        s.outcomes(task, "failed: NameError", "failed: own NameError");
    }

    s.again("not the root");
    s.connect(&[["A", "R"]]);
    let parent = s.asks_over(0, "A", call(Kind::Context));
    let child = s.asked(parent);
    s.refuses(child, "ModuleNotExposed");
    s.gets_first(parent, "ModuleNotExposed");
    s.sent(&["A>R Start", "R>A Error(ModuleNotExposed)"]);
    s.outcomes((parent, child), "failed: ModuleNotExposed", "failed: own ModuleNotExposed");
}

/// Whatever runs a task, its dialog is like any other.
fn of_another_loop(s: &mut Stage) {
    s.again("it fails before its first value");
    let ends @ (parent, child) = s.opens(Kind::Context);
    s.raises(child, "ValueError");
    s.gets_first(parent, "ValueError");
    s.sent(&["P>C Start", "C>P StartAck(context), Error(ValueError)"]);
    s.outcomes(ends, "failed: ValueError", "failed: own ValueError");

    s.again("it fails later");
    let ends @ (parent, child) = s.streaming();
    s.raises(child, "ValueError");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Error(ValueError)"]);
    s.outcomes(ends, "failed: ValueError", "failed: own ValueError");
    s.leaves(parent, "ValueError");

    s.again("it is cancelled");
    let ends @ (parent, child) = s.streaming();
    s.cancels(parent);
    s.unwinds(child);
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0)",
        "P>C creq",
        "C>P StartAck(creq), Stop, ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.leaves(parent, "no error");
}
