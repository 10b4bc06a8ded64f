//! Three actors and more: 100 to 110, 176 to 178.

use scipp_common::{ConversionError, Error};
use scipp_conformance::script::Unsendable;
use scipp_proto::wire::{ErrorMsg, Message};
use scipp_proto::{Failure, Kind, Payload, Uid};

use crate::scenario::{Scenario, scenario};
use crate::stage::{Seat, Stage, error_of, uid_of};

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

type Ends = (Seat, Seat);

/// A context after its first value over this link.
fn context_over(s: &mut Stage, link: usize, from: &'static str) -> Ends {
    let ends = s.opens_over(link, from, Kind::Context);
    s.starts(ends.1, 0);
    ends
}

/// The same, with both ends of the stream open.
fn stream_over(s: &mut Stage, link: usize, from: &'static str) -> Ends {
    let ends = context_over(s, link, from);
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
    let inner = context_over(s, 1, "A");
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
    let [sleeper, caller, canceller] = [0, 1, 2].map(|link| context_over(s, link, "R"));
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
    let own = context_over(s, 0, "R");
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

/// R has a spawner W and a client C; C has W make a service U, and talks to it.
struct Service {
    spawner: Ends,
    client: Ends,
    order: Ends,
    talk: Ends,
}

const TALKING: [&str; 12] = [
    "R>W Start",
    "W>R StartAck(context), Started(0)",
    "R>C Start#2",
    "C>R StartAck(context)#2, Started(0)#2",
    "C>W Start#3",
    "W>C StartAck(context)#3, Started(0)#3",
    "C>W Yield('make U')#3",
    "W>C Yield('U')#3",
    "C>U Start#4",
    "U>C StartAck(context)#4, Started(0)#4",
    "C>U Yield('hello')#4",
    "U>C Yield('hello')#4",
];

fn talking(s: &mut Stage) -> Service {
    s.connect(&[["R", "W"], ["R", "C"], ["C", "W"], ["C", "U"], ["W", "U"], ["R", "U"]]);
    let [spawner, client] = [0, 1].map(|link| context_over(s, link, "R"));
    let order = stream_over(s, 2, "C");
    s.sends(order.0, "make U");
    s.takes_items(order.1, &["'make U'"]);
    s.sends(order.1, "U");
    s.takes_items(order.0, &["'U'"]);
    let talk = stream_over(s, 3, "C");
    s.sends(talk.0, "hello");
    s.takes_items(talk.1, &["'hello'"]);
    s.sends(talk.1, "hello");
    s.takes_items(talk.0, &["'hello'"]);
    s.sent(&TALKING);
    Service { spawner, client, order, talk }
}

/// W, whose task is told to end, takes its service down first.
fn spawner_takes_down(s: &mut Stage, spawner: Seat) {
    let request = cancels_the_actor_of(s, 4, "W", &[]);
    s.closes("U");
    s.unwinds(spawner);
    s.outcomes(request, "returned true", "returned");
}

fn client_is_cancelled(s: &mut Stage, ends_its_task: fn(&mut Stage, Seat)) {
    let Service { spawner, client, order, talk } = talking(s);
    s.cancels(client.0);
    for inner in [talk, order] {
        s.body_raises(inner.0, "cancelled by R");
        s.unwinds(inner.1);
    }
    ends_its_task(s, client.1);
    s.leaves(client.0, "no error");
    s.cancels(spawner.0);
    spawner_takes_down(s, spawner.1);
    s.then_sent(&[
        "R>C creq#2",
        "C>R StartAck(creq)#2",
        "C>U creq#4",
        "U>C StartAck(creq)#4, Stop#4, ctxc(C)#4, CancelAck#4",
        "C>W creq#3",
        "W>C StartAck(creq)#3, Stop#3, ctxc(C)#3, CancelAck#3",
        "C>R ctxc(R)#2, CancelAck#2",
        "R>W creq",
        "W>R StartAck(creq)",
        "W>U Start(self:cancel)#5",
        "U>W StartAck(asyncfunc)#5, CancelAck#5",
        "W>R ctxc(R), CancelAck",
    ]);
    for ends in [client, spawner] {
        s.outcomes(ends, "cancelled by R", "cancelled by R");
    }
    for ends in [order, talk] {
        s.outcomes(ends, "cancelled by C", "cancelled by C");
    }
}

fn service_fails(s: &mut Stage, ends_the_spawner: fn(&mut Stage, Seat), left_with: &str) {
    let Service { spawner, client, order, talk } = talking(s);
    s.raises(talk.1, "RuntimeError");
    s.leaves(talk.0, "RuntimeError");
    s.body_raises(order.0, "RuntimeError");
    s.unwinds(order.1);
    s.passes_on(client.1, talk.0);
    s.leaves(client.0, "RemoteActorError of RuntimeError from U via U>C");
    ends_the_spawner(s, spawner.0);
    spawner_takes_down(s, spawner.1);
    s.leaves(spawner.0, left_with);
    s.then_sent(&[
        "U>C Stop#4, Error(RuntimeError)#4",
        "C>W creq#3",
        "W>C StartAck(creq)#3, Stop#3, ctxc(C)#3, CancelAck#3",
        "C>R Error(RemoteActorError of RuntimeError from U via U>C)#2",
        "R>W creq",
        "W>R StartAck(creq)",
        "W>U Start(self:cancel)#5",
        "U>W StartAck(asyncfunc)#5, CancelAck#5",
        "W>R ctxc(R), CancelAck",
    ]);
    let relayed = "failed: RemoteActorError of RuntimeError from U via U>C";
    s.outcomes(client, relayed, "failed: RuntimeError from U");
    s.outcomes(order, "cancelled by C", "cancelled by C");
    s.outcomes(talk, "failed: RuntimeError", "failed: own RuntimeError");
    s.outcomes(spawner, "cancelled by R", "cancelled by R");
}

fn service_of_the_root_dies(s: &mut Stage) {
    s.again("its task fails");
    s.connect(&[["R", "U"], ["W", "U"]]);
    let own = stream_over(s, 0, "R");
    s.raises(own.1, "RuntimeError");
    s.takes_items(own.0, &["RuntimeError"]);
    s.sent(&["R>U Start", "U>R StartAck(context), Started(0), Stop, Error(RuntimeError)"]);
    s.outcomes(own, "failed: RuntimeError", "failed: own RuntimeError");
    s.leaves(own.0, "RuntimeError");

    s.again("its actor is cancelled by its spawner");
    s.connect(&[["R", "U"], ["W", "U"]]);
    let own = stream_over(s, 0, "R");
    let request = cancels_the_actor_of(s, 1, "W", &[own.1]);
    s.closes("U");
    s.takes_items(own.0, &["ctxc(W)"]);
    blames(s, own.0, "W", "U");
    s.sent(&[
        "R>U Start",
        "U>R StartAck(context), Started(0)",
        "W>U Start(self:cancel)#2",
        "U>W StartAck(asyncfunc)#2, CancelAck#2",
        "U>R Stop, ctxc(W)",
    ]);
    s.outcomes(own, "failed: ctxc(W)", "cancelled by W");
    s.outcomes(request, "returned true", "returned");
    s.leaves(own.0, "ctxc(W)");
}

/// R, T, D and L, each with a context to the next one.
fn chain(s: &mut Stage) -> [Ends; 3] {
    s.connect(&[["R", "T"], ["T", "D"], ["D", "L"], ["X", "L"]]);
    let ends = [(0, "R"), (1, "T"), (2, "D")].map(|(link, from)| context_over(s, link, from));
    s.sent(&[
        "R>T Start",
        "T>R StartAck(context), Started(0)",
        "T>D Start#2",
        "D>T StartAck(context)#2, Started(0)#2",
        "D>L Start#3",
        "L>D StartAck(context)#3, Started(0)#3",
    ]);
    ends
}

fn over_three_hops(s: &mut Stage) {
    let [first, second, third] = chain(s);
    s.raises(third.1, "KeyError");
    s.passes_on(second.1, third.0);
    s.passes_on(first.1, second.0);
    s.then_sent(&[
        "L>D Error(KeyError)#3",
        "D>T Error(RemoteActorError of KeyError from L via L>D)#2",
        "T>R Error(RemoteActorError of KeyError from L via L>D>T)",
    ]);
    s.outcomes(third, "failed: KeyError", "failed: own KeyError");
    let once = "failed: RemoteActorError of KeyError from L via L>D";
    s.outcomes(second, once, "failed: KeyError from L");
    s.outcomes(first, &format!("{once}>T"), once);
    s.leaves(first.0, "RemoteActorError of KeyError from L via L>D>T");
}

fn cancellation_over_three_hops(s: &mut Stage) {
    let [first, second, third] = chain(s);
    let request = cancels_the_actor_of(s, 3, "X", &[third.1]);
    s.passes_on(second.1, third.0);
    s.passes_on(first.1, second.0);
    blames(s, first.0, "X", "T");
    s.then_sent(&[
        "X>L Start(self:cancel)#4",
        "L>X StartAck(asyncfunc)#4, CancelAck#4",
        "L>D ctxc(X)#3",
        "D>T ctxc(X) via L>D#2",
        "T>R ctxc(X) via L>D>T",
    ]);
    s.outcomes(third, "failed: ctxc(X)", "cancelled by X");
    s.outcomes(second, "failed: ctxc(X) via L>D", "failed: ctxc(X) from L");
    s.outcomes(first, "failed: ctxc(X) via L>D>T", "failed: ctxc(X) from D via L>D");
    s.outcomes(request, "returned true", "returned");
    s.leaves(first.0, "ctxc(X) via L>D>T");
}

fn passes_through_a_block(s: &mut Stage) {
    s.connect(&[["R", "A"], ["R", "B"], ["X", "B"]]);
    let outer = context_over(s, 0, "R");
    let inner = context_over(s, 1, "R");
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

/// R has a context with A, and A one with B.
fn two_contexts(s: &mut Stage) -> [Ends; 2] {
    s.connect(&[["R", "A"], ["A", "B"]]);
    let ends = [(0, "R"), (1, "A")].map(|(link, from)| context_over(s, link, from));
    s.sent(&[
        "R>A Start",
        "A>R StartAck(context), Started(0)",
        "A>B Start#2",
        "B>A StartAck(context)#2, Started(0)#2",
    ]);
    ends
}

/// A passes a defective error of B on to R.
fn passes_on_forged(s: &mut Stage, error: ErrorMsg, is_repaired: bool) -> [Ends; 2] {
    let [outer, inner] = two_contexts(s);
    s.forges(inner.1, |cid| Message::Error(Box::new(ErrorMsg { cid: Some(cid.into()), ..error })));
    s.by_hand(inner.1);
    let kept = s.look(inner.0).error().and_then(Failure::remote).map(|error| error.repaired);
    s.sees(inner.0, "keeps it repaired", kept == Some(true), &is_repaired.to_string());
    s.passes_on(outer.1, inner.0);
    [outer, inner]
}

fn defective_errors(s: &mut Stage) {
    let boxed = ErrorMsg { boxed_type_str: "RemoteActorError".into(), ..error_of("B", "KeyError") };
    for (variant, error, is_repaired, [sent, passed_on, at_a]) in [
        (
            "no path",
            ErrorMsg { relay_path: Vec::new(), ..boxed },
            true,
            [
                "RemoteActorError of KeyError",
                "KeyError from B via B>A",
                "RemoteActorError of KeyError from B",
            ],
        ),
        (
            "the receiver as source",
            ErrorMsg { src_uid: uid_of("A"), ..error_of("B", "KeyError") },
            false,
            ["KeyError from A", "KeyError via B>A", "KeyError from A"],
        ),
        (
            "a source of another class than the box",
            ErrorMsg { src_type_str: "Unheard".into(), ..error_of("B", "KeyError") },
            false,
            ["KeyError of Unheard", "Unheard from B via B>A", "KeyError of Unheard from B"],
        ),
    ] {
        s.again(variant);
        let [outer, inner] = passes_on_forged(s, error, is_repaired);
        let forged = format!("B>A Error({sent})#2!");
        let relayed = format!("A>R Error(RemoteActorError of {passed_on})");
        s.then_sent(&[&forged, &relayed]);
        s.outcome(inner.0, &format!("failed: {sent}"));
        let at_r = format!("failed: RemoteActorError of {passed_on}");
        s.outcomes(outer, &at_r, &format!("failed: {at_a}"));
    }

    s.again("a cancellation by nobody");
    let [outer, inner] = passes_on_forged(s, error_of("B", "ContextCancelled"), true);
    s.then_sent(&["B>A Error(ContextCancelled)#2!", "A>R ctxc(B) via B>A"]);
    s.outcome(inner.0, "failed: ctxc(B)");
    s.outcomes(outer, "failed: ctxc(B) via B>A", "failed: ctxc(B) from B");
}

fn unknown_class(s: &mut Stage) {
    let [outer, inner] = two_contexts(s);
    s.raises(inner.1, "OfNoLibrary");
    s.passes_on(outer.1, inner.0);
    s.then_sent(&["B>A Error(OfNoLibrary)#2", "A>R Error(RemoteActorError of OfNoLibrary from B via B>A)"]);
    s.outcomes(inner, "failed: OfNoLibrary", "failed: own OfNoLibrary");
    s.outcomes(outer, "failed: RemoteActorError of OfNoLibrary from B via B>A", "failed: OfNoLibrary from B");
}
