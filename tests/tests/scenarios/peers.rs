//! Three actors and more: 100 to 110, 176 to 178.

mod relays;
mod services;

use scipp_common::{ConversionError, Error};
use scipp_conformance::script::Unsendable;
use scipp_proto::{Failure, Kind, Payload, Uid};

use crate::scenario::{Scenario, scenario};
use crate::stage::{Ends, Seat, Stage};

use relays::{cancellation_over_three_hops, defective_errors, over_three_hops, unknown_class};
use services::{client_is_cancelled, service_fails, service_of_the_root_dies};

pub(crate) const ALL: &[Scenario] = &[
    scenario(
        100,
        "a failure before the first value and a cancel of its own",
        "D-3 D-13 D-27",
        own_failure_wins,
    )
    .drivers(&["peers::s100_a_failure_before_the_first_value_and_a_cancel_of_its_own"]),
    scenario(101, "a peer cancels the child of others", "D-18 D-20 D-26 D28", cancelled_by_a_peer)
        .drivers(&["peers::s101_a_peer_cancels_the_child_of_others"]),
    scenario(102, "the handler of that fails", "D-15 D-18 D-47 D29", handler_fails)
        .drivers(&["peers::s102_the_handler_of_that_fails"]),
    scenario(103, "the third actor handles it", "D-13 D-18 D-46 D28", third_handles_it)
        .drivers(&["peers::s103_the_third_actor_handles_it"]),
    scenario(104, "a client of a spawned service is cancelled", "D-13 D-15 D-16 D-41", |s| {
        client_is_cancelled(s, |s, client| s.returns(client, "swallowed"));
    })
    .drivers(&["peers::s104_a_client_of_a_spawned_service_is_cancelled"]),
    scenario(105, "the client fails because it is cancelled", "D-13 D-15 D-16", |s| {
        client_is_cancelled(s, Stage::unwinds);
    })
    .drivers(&["peers::s105_the_client_fails_because_it_is_cancelled"]),
    scenario(106, "the service fails and its client passes it on", "D-15 D-26 D12", |s| {
        service_fails(s, Stage::cancels, "no error");
    })
    .drivers(&["peers::s106_the_service_fails_and_its_client_passes_it_on"]),
    scenario(107, "that failure passes through another block", "D-15 D-26 D-47 D12 D29", |s| {
        service_fails(s, |s, spawner| s.body_raises(spawner, "RuntimeError"), "RuntimeError");
    })
    .drivers(&["peers::s107_that_failure_passes_through_another_block"]),
    scenario(
        108,
        "one of its own streams to the service that dies",
        "D-18 D-26 D-46",
        service_of_the_root_dies,
    )
    .drivers(&["peers::s108_one_of_its_own_streams_to_the_service_that_dies"]),
    scenario(109, "an error over three hops", "D-26 D12", over_three_hops)
        .fix()
        .drivers(&["peers::s109_an_error_over_three_hops"]),
    scenario(110, "a cancellation over three hops", "D-18 D-26 D12", cancellation_over_three_hops)
        .drivers(&["peers::s110_a_cancellation_over_three_hops"]),
    scenario(176, "a foreign cancellation passes through a block", "D-15 D29", passes_through_a_block)
        .fix()
        .drivers(&["peers::s176_a_foreign_cancellation_passes_through_a_block"]),
    scenario(177, "defective errors", "D-26 D-27 D11 D37", defective_errors)
        .fix()
        .drivers(&["peers::s177_defective_errors"]),
    scenario(178, "an error of an unknown class is passed on", "D-26 D12", unknown_class)
        .fix()
        .drivers(&["peers::s178_an_error_of_an_unknown_class_is_passed_on"]),
];

/// A context over this link, with both ends of its stream open.
fn stream_over(s: &mut Stage, link: usize, from: &'static str) -> Ends {
    let ends = s.context_over(link, from);
    s.opens_stream(ends.0);
    s.opens_stream(ends.1);
    ends
}

/// An actor cancels the one at the other end of this link, whose tasks end; gives the dialog.
fn cancels_the_actor_of(s: &mut Stage, link: usize, from: &'static str, tasks: &[Seat]) -> Ends {
    let request = s.cancels_actor(link, from);
    let obeying = s.obeys(request);
    tasks.iter().for_each(|task| s.unwinds(*task));
    (request, obeying)
}

/// Who asked for a cancellation, and who of our neighbours was cancelled.
#[track_caller]
fn blames(s: &mut Stage, parent: Seat, author: &str, neighbour: &str) {
    let failure = s.look(parent).error().cloned();
    let Some(Failure::Remote(error)) = failure else { panic!("no cancellation: {failure:?}") };
    let name = |uid: Option<&Uid>| uid.map(|uid| uid.name().to_owned()).unwrap_or_default();
    s.sees(parent, "canceller", name(error.canceller()), author);
    s.sees(parent, "cancelled neighbour", name(error.cancelled_neighbour()), neighbour);
}

fn own_failure_wins(s: &mut Stage) {
    s.connect(&[["R", "A"], ["A", "B"]]);
    let outer = s.opens_over(0, "R", Kind::Context);
    let inner = s.context_over(1, "A");
    let unsendable = Payload::encode(&Unsendable).expect_err("it has no form");
    s.cancels(inner.0);
    s.unwinds(inner.1);
    s.leaves(inner.0, "no error");
    s.fails(outer.1, Error::Conversion(ConversionError::Encode(unsendable)));
    s.gets_first(outer.0, "TypeError");
    s.sent(&[
        "R>A Start",
        "A>R StartAck(context)",
        "A>B Start#2",
        "B>A StartAck(context)#2, Started(0)#2",
        "A>B creq#2",
        "B>A StartAck(creq)#2, ctxc(A)#2, CancelAck#2",
        "A>R Error(TypeError)",
    ]);
    s.outcomes(outer, "failed: TypeError", "failed: own TypeError");
    s.outcomes(inner, "cancelled by A", "cancelled by A");
}

/// R has a sleeper S, a canceller X, and J that streams from S.
struct Sleep {
    sleeper: Ends,
    caller: Ends,
    canceller: Ends,
    stream: Ends,
}

const ASLEEP: [&str; 8] = [
    "R>S Start",
    "S>R StartAck(context), Started(0)",
    "R>J Start#2",
    "J>R StartAck(context)#2, Started(0)#2",
    "R>X Start#3",
    "X>R StartAck(context)#3, Started(0)#3",
    "J>S Start#4",
    "S>J StartAck(context)#4, Started(0)#4",
];
const SLEEPER_CANCELLED: [&str; 4] = [
    "X>S Start(self:cancel)#5",
    "S>X StartAck(asyncfunc)#5, CancelAck#5",
    "S>R ctxc(X)",
    "S>J Stop#4, ctxc(X)#4",
];

/// X cancels the actor S, which ends.
fn sleep_is_cancelled(s: &mut Stage) -> Sleep {
    s.connect(&[["R", "S"], ["R", "J"], ["R", "X"], ["J", "S"], ["X", "S"]]);
    let [sleeper, caller, canceller] = [0, 1, 2].map(|link| s.context_over(link, "R"));
    let stream = stream_over(s, 3, "J");
    s.sent(&ASLEEP);
    let request = cancels_the_actor_of(s, 4, "X", &[sleeper.1, stream.1]);
    s.closes("S");
    s.then_sent(&SLEEPER_CANCELLED);
    s.outcomes(sleeper, "failed: ctxc(X)", "cancelled by X");
    s.outcomes(stream, "failed: ctxc(X)", "cancelled by X");
    s.outcomes(request, "returned true", "returned");
    Sleep { sleeper, caller, canceller, stream }
}

fn cancelled_by_a_peer(s: &mut Stage) {
    let Sleep { sleeper, caller, canceller, stream } = sleep_is_cancelled(s);
    blames(s, sleeper.0, "X", "S");
    s.is_in(sleeper.0, "peer-cancelled");
    s.leaves(sleeper.0, "ctxc(X)");
    s.passes_on(caller.1, stream.0);
    blames(s, caller.0, "X", "J");
    s.body_raises(canceller.0, "ctxc(X)");
    s.unwinds(canceller.1);
    s.leaves(canceller.0, "ctxc(X)");
    s.then_sent(&["J>R ctxc(X) via S>J#2", "R>X creq#3", "X>R StartAck(creq)#3, ctxc(R)#3, CancelAck#3"]);
    s.outcomes(caller, "failed: ctxc(X) via S>J", "failed: ctxc(X) from S");
    s.outcomes(canceller, "cancelled by R", "cancelled by R");
}

fn handler_fails(s: &mut Stage) {
    let Sleep { sleeper, caller, canceller, .. } = sleep_is_cancelled(s);
    for ends in [sleeper, caller, canceller] {
        s.body_raises(ends.0, "RuntimeError");
    }
    for ends in [caller, canceller] {
        s.unwinds(ends.1);
        s.outcomes(ends, "cancelled by R", "cancelled by R");
        s.is_in(ends.0, "self-cancelled");
    }
    for ends in [sleeper, caller, canceller] {
        s.leaves(ends.0, "RuntimeError");
    }
    s.then_sent(&[
        "R>J creq#2",
        "J>R StartAck(creq)#2",
        "R>X creq#3",
        "X>R StartAck(creq)#3",
        "J>R ctxc(R)#2, CancelAck#2",
        "X>R ctxc(R)#3, CancelAck#3",
    ]);
}

fn third_handles_it(s: &mut Stage) {
    s.connect(&[["R", "J"], ["J", "S"], ["X", "S"]]);
    let own = s.context_over(0, "R");
    let stream = stream_over(s, 1, "J");
    let request = cancels_the_actor_of(s, 2, "X", &[stream.1]);
    s.takes_items(stream.0, &["ctxc(X)"]);
    blames(s, stream.0, "X", "S");
    s.leaves(stream.0, "ctxc(X)");
    s.is_in(own.1, "started");
    s.returns(own.1, "went on");
    s.sent(&[
        "R>J Start",
        "J>R StartAck(context), Started(0)",
        "J>S Start#2",
        "S>J StartAck(context)#2, Started(0)#2",
        "X>S Start(self:cancel)#3",
        "S>X StartAck(asyncfunc)#3, CancelAck#3",
        "S>J Stop#2, ctxc(X)#2",
        "J>R Stop, Return('went on')",
    ]);
    s.outcomes(own, "returned 'went on'", "returned");
    s.outcomes(stream, "failed: ctxc(X)", "cancelled by X");
    s.outcomes(request, "returned true", "returned");
}

fn passes_through_a_block(s: &mut Stage) {
    s.connect(&[["R", "A"], ["R", "B"], ["X", "B"]]);
    let outer = s.context_over(0, "R");
    let inner = s.context_over(1, "R");
    let request = cancels_the_actor_of(s, 2, "X", &[inner.1]);
    s.leaves(inner.0, "ctxc(X)");
    s.body_raises(outer.0, "ctxc(X)");
    s.leaves(outer.0, "not yet");
    s.unwinds(outer.1);
    s.sent(&[
        "R>A Start",
        "A>R StartAck(context), Started(0)",
        "R>B Start#2",
        "B>R StartAck(context)#2, Started(0)#2",
        "X>B Start(self:cancel)#3",
        "B>X StartAck(asyncfunc)#3, CancelAck#3",
        "B>R ctxc(X)#2",
        "R>A creq",
        "A>R StartAck(creq), ctxc(R), CancelAck",
    ]);
    s.outcomes(outer, "cancelled by R", "cancelled by R");
    s.outcomes(inner, "failed: ctxc(X)", "cancelled by X");
    s.outcomes(request, "returned true", "returned");
    s.leaves(outer.0, "ctxc(X)");
}
