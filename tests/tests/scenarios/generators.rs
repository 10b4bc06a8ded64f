//! Generators: 44 to 49.

use std::time::Duration;

use scipp_proto::{Kind, OverrunPolicy};

use crate::scenario::{Scenario, scenario};
use crate::stage::{C, P, Seat, Stage};

pub(crate) const ALL: &[Scenario] = &[
    scenario(44, "a whole generator", "D-9 D-20 D20", whole_generator)
        .drivers(&["calls::a_generator_is_iterated"]),
    scenario(45, "a whole generator in an older notation", "D-9 D-20", whole_generator),
    scenario(46, "a generator left early", "D-9 D-15 D-16 D39", generator_left_early)
        .drivers(&["calls::dropping_the_iterator_cancels_the_generator"]),
    scenario(47, "generators that gather generators", "D-9 D-20 D-24", gathered)
        .drivers(&["scenarios::s047_generators_gather_generators"]),
    scenario(48, "gathered generators are left halfway", "D-9 D-15 D-16", gathered_and_left)
        .drivers(&["scenarios::s048_gathered_generators_are_left_halfway"]),
    scenario(49, "an endless generator and a deadline", "D-9 D-16 D-18 D39", endless_generator)
        .drivers(&["scenarios::s049_an_endless_generator_ends_with_its_actor"]),
];

const GENERATOR: [&str; 2] = ["P>C Start", "C>P StartAck(asyncgen)"];

fn whole_generator(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Generator);
    s.sends(child, 1);
    s.sends(child, 2);
    s.returns(child, ());
    s.takes_items(parent, &["1", "2", "end", "end"]);
    s.sent(&["P>C Start", "C>P StartAck(asyncgen), Yield(1), Yield(2), Stop"]);
    s.outcomes(ends, "returned", "returned");
}

fn generator_left_early(s: &mut Stage) {
    s.again("the request ends the task");
    let ends @ (parent, child) = s.opens(Kind::Generator);
    s.sends(child, 1);
    s.takes_items(parent, &["1"]);
    s.crossing(|s| {
        s.stops(parent);
        s.sends(child, 2);
    });
    s.cannot_send(child, "the stream has ended");
    s.cancels(parent);
    s.unwinds(child);
    s.takes_items(parent, &["end"]);
    s.sent(&[
        GENERATOR[0],
        "C>P StartAck(asyncgen), Yield(1)",
        "P>C Stop",
        "C>P Yield(2)",
        "P>C creq",
        "C>P StartAck(creq), Stop, CancelAck",
    ]);
    s.outcomes(ends, "returned", "cancelled by P");

    s.again("the end of the stream ends the task");
    let ends @ (parent, child) = s.opens(Kind::Generator);
    s.stops(parent);
    let error = s.cannot_send(child, "the stream has ended");
    s.fails(child, error);
    s.cancels(parent);
    s.sent(&[GENERATOR[0], GENERATOR[1], "P>C Stop", "C>P Stop"]);
    s.outcomes(ends, "returned", "returned");
}

/// P takes from A what A gathers from L and M. Gives the three generators after `rounds` of 250 items of each.
fn gather(s: &mut Stage, rounds: usize) -> [(Seat, Seat); 3] {
    s.connect(&[[P, "A"], ["A", "L"], ["A", "M"]]);
    let [outer, left, right] =
        [(0, P), (1, "A"), (2, "A")].map(|(link, from)| s.opens_over(link, from, Kind::Generator));
    for parent in [outer.0, left.0, right.0] {
        s.has_window(parent, 250, OverrunPolicy::Reject);
    }
    for _ in 0..rounds {
        for (inner, leaf) in [left, right] {
            s.sends_many(leaf, 250);
            s.takes_many(inner, 250);
            s.sends_many(outer.1, 250);
            s.takes_many(outer.0, 250);
        }
    }
    [outer, left, right]
}

const GATHERED: [&str; 6] = [
    "P>A Start",
    "A>P StartAck(asyncgen)",
    "A>L Start#2",
    "L>A StartAck(asyncgen)#2",
    "A>M Start#3",
    "M>A StartAck(asyncgen)#3",
];

const ROUND: [&str; 4] = ["L>A Yield x250#2", "A>P Yield x250", "M>A Yield x250#3", "A>P Yield x250"];

fn gathered(s: &mut Stage) {
    let [outer, left, right] = gather(s, 2);
    s.returns(left.1, ());
    s.returns(right.1, ());
    s.takes_items(left.0, &["end"]);
    s.takes_items(right.0, &["end"]);
    s.returns(outer.1, ());
    s.takes_items(outer.0, &["end"]);
    let rounds = (0..2).flat_map(|_| ROUND);
    let frames = GATHERED.into_iter().chain(rounds).chain(["L>A Stop#2", "M>A Stop#3", "A>P Stop"]);
    s.sent(&frames.collect::<Vec<_>>());
    for ends in [outer, left, right] {
        s.outcomes(ends, "returned", "returned");
    }
}

fn gathered_and_left(s: &mut Stage) {
    for (variant, rounds) in [("before the first item", 0), ("after 500 items", 1), ("after 1000 items", 2)] {
        s.again(variant);
        let [outer, left, right] = gather(s, rounds);
        s.stops(outer.0);
        s.cancels(outer.0);
        // A's task leaves its own generators, waits for their ends, and is over.
        for (inner, leaf) in [left, right] {
            s.stops(inner);
            s.cancels(inner);
            s.unwinds(leaf);
        }
        s.unwinds(outer.1);
        let frames = GATHERED.into_iter().chain((0..rounds).flat_map(|_| ROUND)).chain([
            "P>A Stop, creq",
            "A>P StartAck(creq)",
            "A>L Stop#2, creq#2",
            "L>A StartAck(creq)#2, Stop#2, CancelAck#2",
            "A>M Stop#3, creq#3",
            "M>A StartAck(creq)#3, Stop#3, CancelAck#3",
            "A>P Stop, CancelAck",
        ]);
        s.sent(&frames.collect::<Vec<_>>());
        s.outcomes(outer, "returned", "cancelled by P");
        for inner in [left, right] {
            s.outcomes(inner, "returned", "cancelled by A");
        }
    }
}

fn endless_generator(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Generator);
    s.sends_many(child, 20);
    s.takes_many(parent, 20);
    s.passes(Duration::from_secs(1));
    // The deadline of the parent's block: it leaves, and ends the whole actor.
    s.stops(parent);
    s.cancels(parent);
    let request = s.cancels_actor(0, P);
    let asked = s.obeys(request);
    s.unwinds(child);
    s.closes(C);
    s.sent(&[
        GENERATOR[0],
        "C>P StartAck(asyncgen), Yield x20",
        "P>C Stop, creq",
        "C>P StartAck(creq)",
        "P>C Start(self:cancel)#2",
        "C>P StartAck(asyncfunc)#2, Stop, CancelAck, CancelAck#2",
    ]);
    s.outcomes(ends, "returned", "cancelled by P");
    s.outcomes((request, asked), "returned true", "returned");
}
