//! Cancellation of whole actors: 67 to 99.

use std::time::Duration;

use scipp_proto::Kind;

use crate::scenario::{Scenario, python_only, scenario};
use crate::stage::{C, OPEN, P, Seat, Stage};

pub(crate) const ALL: &[Scenario] = &[
    scenario(67, "the actor is cancelled and waited for in the block", "D-13 D-18 D-46", actor_cancelled)
        .drivers(&["scenarios::s067_waiting_in_the_block_for_a_cancelled_actor"]),
    scenario(68, "the actor is cancelled and waited for after the block", "D-18 D-29", actor_cancelled_after)
        .drivers(&["scenarios::s068_waiting_after_the_block_for_a_cancelled_actor"]),
    scenario(
        70,
        "the actor is cancelled when the task has returned",
        "D-18 D-40",
        returned_then_actor_cancelled,
    )
    .drivers(&["scenarios::s070_cancelling_the_actor_of_a_task_that_has_returned"]),
    scenario(79, "cancelled by the owner and then with the actor", "D-15 D-18 D-42", cancelled_then_actor)
        .drivers(&["scenarios::s079_cancelling_a_body_in_the_background_and_then_its_actor"]),
    scenario(
        80,
        "a body in the background and a cancelled actor",
        "D-18 D-19 D-46",
        reader_and_cancelled_actor,
    )
    .drivers(&["scenarios::s080_cancelling_the_actor_of_a_body_in_the_background"]),
    scenario(94, "a third actor cancels that of the child", "D-13 D-18 D-46", third_cancels)
        .drivers(&["scenarios::s094_a_third_actor_cancels_the_childs"]),
    scenario(95, "the parent cancels the actor of the child", "D-18 D-30", parent_cancels_the_actor)
        .drivers(&["cancels::cancelling_an_actor_ends_its_tasks_on_all_connections_and_its_listener"]),
    scenario(96, "one of two children fails and the other is cancelled", "D-18 D-20", one_of_two_fails)
        .drivers(&["scenarios::s096_one_of_two_children_fails_and_the_other_is_cancelled"]),
    scenario(97, "the root of a tree is interrupted", "D-16 D-18 D-47", root_is_interrupted)
        .drivers(&["scenarios::s097_the_root_of_a_tree_is_interrupted"]),
    python_only(
        98,
        "interrupted while a process is waited for",
        "starting processes and waiting for them; no dialog is open, and what ends the daemon is 095",
    ),
    scenario(99, "a grandchild that does not answer", "D-22 D-28 D-47 D4 D22", grandchild_does_not_answer)
        .drivers(&["scenarios::s099_a_grandchild_that_does_not_answer"]),
];

const RETURNED: [&str; 2] = ["P>C Start", "C>P StartAck(context), Started(0), Stop, Return('yo')"];

/// P cancels C's whole actor, which obeys, and is gone.
fn actor_ends(s: &mut Stage, ends: (Seat, Seat)) {
    let request = s.cancels_actor(0, P);
    let asked = s.obeys(request);
    s.unwinds(ends.1);
    s.closes(C);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Start(self:cancel)#2",
        "C>P StartAck(asyncfunc)#2, ctxc(P), CancelAck#2",
    ]);
    s.outcomes(ends, "failed: ctxc(P)", "cancelled by P");
    s.outcomes((request, asked), "returned true", "returned");
    s.is_cut_off(ends.0, "closed by the peer");
}

fn actor_cancelled(s: &mut Stage) {
    let ends = s.context();
    actor_ends(s, ends);
    s.waits(ends.0, "ctxc(P)");
    s.leaves(ends.0, "ctxc(P)");
}

fn actor_cancelled_after(s: &mut Stage) {
    let ends = s.context();
    actor_ends(s, ends);
    s.leaves(ends.0, "ctxc(P)");
    s.waits(ends.0, "ctxc(P)");
}

fn returned_then_actor_cancelled(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.returns(child, "yo");
    let request = s.cancels_actor(0, P);
    let asked = s.obeys(request);
    s.closes(C);
    s.sent(&[RETURNED[0], RETURNED[1], "P>C Start(self:cancel)#2", "C>P StartAck(asyncfunc)#2, CancelAck#2"]);
    s.outcomes(ends, "returned 'yo'", "returned");
    s.outcomes((request, asked), "returned true", "returned");
    s.waits(parent, "result 'yo'");
}

fn cancelled_then_actor(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.cancels(parent);
    let request = s.cancels_actor(0, P);
    let asked = s.obeys(request);
    s.waits(parent, "not yet");
    s.unwinds(child);
    s.closes(C);
    s.takes_items(parent, &["end"]);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C creq",
        "C>P StartAck(creq)",
        "P>C Start(self:cancel)#2",
        "C>P StartAck(asyncfunc)#2, Stop, ctxc(P), CancelAck, CancelAck#2",
    ]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.outcomes((request, asked), "returned true", "returned");
    s.waits(parent, "no error");
}

fn reader_and_cancelled_actor(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    let request = s.cancels_actor(0, P);
    let asked = s.obeys(request);
    s.takes_items(parent, &["nothing yet"]);
    s.unwinds(child);
    s.closes(C);
    s.takes_items(parent, &["ctxc(P)"]);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Start(self:cancel)#2",
        "C>P StartAck(asyncfunc)#2, Stop, ctxc(P), CancelAck#2",
    ]);
    s.outcomes(ends, "failed: ctxc(P)", "cancelled by P");
    s.outcomes((request, asked), "returned true", "returned");
    s.waits(parent, "ctxc(P)");
}

fn third_cancels(s: &mut Stage) {
    s.connect(&[[P, C], ["T", C]]);
    let context = s.streaming();
    let call = s.opens(Kind::Function);
    let request = s.cancels_actor(1, "T");
    let asked = s.obeys(request);
    s.is_in(context.1, "actor-cancelled");
    s.unwinds(context.1);
    s.unwinds(call.1);
    s.closes(C);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Start#2",
        "C>P StartAck(asyncfunc)#2",
        "T>C Start(self:cancel)#3",
        "C>T StartAck(asyncfunc)#3, CancelAck#3",
        "C>P Stop, ctxc(T), ctxc(T)#2",
    ]);
    s.outcomes(context, "failed: ctxc(T)", "cancelled by T");
    s.outcomes(call, "failed: ctxc(T)", "cancelled by T");
    s.outcomes((request, asked), "returned true", "returned");
    s.is_cut_off(context.0, "closed by the peer");
    s.is_cut_off(request, "closed by the peer");
}

fn parent_cancels_the_actor(s: &mut Stage) {
    let context = s.streaming();
    let generator = s.opens(Kind::Generator);
    let request = s.cancels_actor(0, P);
    let asked = s.obeys(request);
    s.unwinds(generator.1);
    s.waits(request, "not yet");
    s.unwinds(context.1);
    s.is_cut_off(context.0, "no");
    s.closes(C);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Start#2",
        "C>P StartAck(asyncgen)#2",
        "P>C Start(self:cancel)#3",
        "C>P StartAck(asyncfunc)#3, Stop#2, Stop, ctxc(P), CancelAck#3",
    ]);
    s.outcomes(context, "failed: ctxc(P)", "cancelled by P");
    s.outcomes(generator, "returned", "cancelled by P");
    s.outcomes((request, asked), "returned true", "returned");
    s.is_cut_off(context.0, "closed by the peer");
}

fn one_of_two_fails(s: &mut Stage) {
    s.connect(&[[P, C], [P, "D"]]);
    let failing = s.opens(Kind::Function);
    let other = s.opens_over(1, P, Kind::Function);
    s.raises(failing.1, "AssertionError");
    s.waits(failing.0, "AssertionError");
    // Whoever started both ends what is left.
    let requests = [(0, C), (1, "D")].map(|(link, actor)| {
        let request = s.cancels_actor(link, P);
        let asked = s.obeys(request);
        if actor == "D" {
            s.unwinds(other.1);
        }
        s.closes(actor);
        (request, asked)
    });
    s.sent(&[
        "P>C Start",
        "C>P StartAck(asyncfunc)",
        "P>D Start#2",
        "D>P StartAck(asyncfunc)#2",
        "C>P Error(AssertionError)",
        "P>C Start(self:cancel)#3",
        "C>P StartAck(asyncfunc)#3, CancelAck#3",
        "P>D Start(self:cancel)#4",
        "D>P StartAck(asyncfunc)#4, ctxc(P)#2, CancelAck#4",
    ]);
    s.outcomes(failing, "failed: AssertionError", "failed: own AssertionError");
    s.outcomes(other, "failed: ctxc(P)", "cancelled by P");
    for ends in requests {
        s.outcomes(ends, "returned true", "returned");
    }
}

/// P has a context with C, whose task has one with G.
fn tree(s: &mut Stage) -> [(Seat, Seat); 2] {
    s.connect(&[[P, C], [C, "G"]]);
    let outer = s.context();
    let inner = s.opens_over(1, C, Kind::Context);
    s.starts(inner.1, 0);
    [outer, inner]
}

const TREE: [&str; 4] = [OPEN[0], OPEN[1], "C>G Start#2", "G>C StartAck(context)#2, Started(0)#2"];

fn root_is_interrupted(s: &mut Stage) {
    let [outer, inner] = tree(s);
    s.body_raises(outer.0, "KeyboardInterrupt");
    // C's block fails in its turn, with what told it to end.
    s.body_raises(inner.0, "cancelled by P");
    s.unwinds(inner.1);
    s.leaves(inner.0, "cancelled by P");
    s.unwinds(outer.1);
    s.leaves(outer.0, "KeyboardInterrupt");
    let requests = [(1, C, "G"), (0, P, C)].map(|(link, from, to)| {
        let request = s.cancels_actor(link, from);
        let asked = s.obeys(request);
        s.closes(to);
        (request, asked)
    });
    s.sent(
        &[
            &TREE[..],
            &[
                "P>C creq",
                "C>P StartAck(creq)",
                "C>G creq#2",
                "G>C StartAck(creq)#2, ctxc(C)#2, CancelAck#2",
                "C>P ctxc(P), CancelAck",
                "C>G Start(self:cancel)#3",
                "G>C StartAck(asyncfunc)#3, CancelAck#3",
                "P>C Start(self:cancel)#4",
                "C>P StartAck(asyncfunc)#4, CancelAck#4",
            ],
        ]
        .concat(),
    );
    s.outcomes(outer, "cancelled by P", "cancelled by P");
    s.outcomes(inner, "cancelled by C", "cancelled by C");
    for ends in requests {
        s.outcomes(ends, "returned true", "returned");
    }
}

fn grandchild_does_not_answer(s: &mut Stage) {
    let [outer, inner] = tree(s);
    s.does_not_read("G");
    s.body_raises(outer.0, "AssertionError");
    s.body_raises(inner.0, "cancelled by P");
    let request = s.cancels_actor(1, C);
    s.passes(Duration::from_millis(500));
    s.hears(request, "Overdue(ActorCancelAck)");
    s.leaves(inner.0, "not yet");
    // Its process is killed.
    s.cuts(1);
    s.leaves(inner.0, "cancelled by P");
    s.unwinds(outer.1);
    s.leaves(outer.0, "AssertionError");
    s.sent(
        &[
            TREE.as_slice(),
            &["P>C creq", "C>P StartAck(creq)", "C>G creq#2, Start(self:cancel)#3", "C>P ctxc(P), CancelAck"],
        ]
        .concat(),
    );
    s.outcomes(outer, "cancelled by P", "cancelled by P");
    s.outcomes(inner, "disconnected: connection reset", "disconnected: connection reset");
    s.outcome(request, "disconnected: connection reset");
}
