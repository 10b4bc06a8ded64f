//! Items beyond a window: 50 to 64.

use scipp_proto::OverrunPolicy::{self, Buffer, DropNewest, DropOldest, Pause, Reject};

use crate::scenario::{Scenario, scenario};
use crate::stage::{OPEN, Seat, Stage};

pub(crate) const ALL: &[Scenario] = &[
    scenario(
        50,
        "one item too many for a child without a stream",
        "D-6 D-11 D-12 D-43 D16",
        child_is_overrun,
    ),
    scenario(
        51,
        "one item too many for a parent without a stream",
        "D-12 D-16 D-26 D-27 D16",
        parent_is_overrun,
    ),
    scenario(52, "exactly a full window", "D-11", full_window),
    scenario(53, "a slow child that keeps more", "D-12 D18", |s| slow_child(s, Buffer(100), Reject)),
    scenario(54, "a slow child and a parent that keeps more", "D-6 D-12", |s| {
        slow_child(s, Reject, Buffer(100))
    }),
    scenario(55, "a slow parent that keeps more", "D-12 D18", |s| slow_parent(s, Reject, Buffer(100))),
    scenario(56, "a slow parent and a child that keeps more", "D-12 D-26", |s| {
        slow_parent(s, Buffer(100), Reject)
    }),
    scenario(57, "nobody keeps more", "D-6 D-12 D-26", nobody_keeps_more)
        .drivers(&["streams::sending_faster_than_the_window_is_an_overrun"]),
    scenario(58, "cancelled after more was kept", "D-12 D-13", cancelled_after_more_was_kept),
    scenario(59, "a window that grows and shrinks", "D-11 D-12", window_changes),
    scenario(60, "what a notice says", "D-6 D-24 D-25", what_a_notice_says),
    scenario(61, "an end behind a full window", "D-11 D-19 D16", end_behind_a_full_window).fix(),
    scenario(62, "seven hundred items", "D-12 D18 D46", seven_hundred_items)
        .drivers(&["streams::paused_reading_goes_on_when_items_are_received"]),
    scenario(63, "an error behind kept items", "D-12 D-19 D9", error_behind_kept_items),
    scenario(64, "more than one item too many", "D-12 D-27 D16 D17", told_once),
];

const ITEMS_OF_CHILD: [&str; 2] = ["P>C Start", "C>P StartAck(context), Started(0), Yield x65"];
const RELAYED: &str = "RemoteActorError of StreamOverrun from P via P>C";

/// The child has sent one item too many to a window of one.
const RELAY: [&str; 4] = [
    "P>C Start",
    "C>P StartAck(context), Started(0), Yield(0), Yield(1)",
    "P>C notice",
    "C>P Error(RemoteActorError of StreamOverrun from P via P>C)",
];

/// The parent has sent these, and one item too many.
fn noticed(items: &str) -> [&str; 6] {
    let [ask, answer] = ["P>C creq", "C>P StartAck(creq), Stop, ctxc(P), CancelAck"];
    [OPEN[0], OPEN[1], items, "C>P notice", ask, answer]
}

fn child_is_overrun(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.opens_stream(parent);
    s.sends_many(parent, 65);
    s.hears(child, "CancelRequested");
    s.cannot_send(parent, "notice");
    s.unwinds(child);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Yield x65",
        "C>P notice",
        "P>C creq",
        "C>P StartAck(creq), ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "failed: notice", "cancelled by P");
    s.leaves(parent, "notice");
}

fn parent_is_overrun(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.opens_stream(child);
    s.sends_many(child, 65);
    s.cannot_send(child, "notice");
    s.leaves(parent, "not yet");
    s.unwinds(child);
    s.sent(&[
        ITEMS_OF_CHILD[0],
        ITEMS_OF_CHILD[1],
        "P>C notice",
        "C>P Error(RemoteActorError of StreamOverrun from P via P>C)",
    ]);
    s.outcomes(ends, &format!("failed: {RELAYED}"), "failed: notice");
    s.leaves(parent, RELAYED);
}

fn full_window(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends_many(parent, 64);
    s.sends_many(child, 64);
    s.takes_many(parent, 64);
    s.takes_many(child, 64);
    s.returns(child, "yo");
    s.sent(&[OPEN[0], OPEN[1], "P>C Yield x64", "C>P Yield x64, Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

/// A context whose child and parent have a window of one item.
fn with_windows(s: &mut Stage, child: OverrunPolicy, parent: OverrunPolicy) -> (Seat, Seat) {
    let ends = s.streaming();
    s.has_window(ends.0, 1, parent);
    s.has_window(ends.1, 1, child);
    ends
}

/// The parent sends eight items before the child reads.
fn slow_child(s: &mut Stage, of_child: OverrunPolicy, of_parent: OverrunPolicy) {
    let ends @ (parent, child) = with_windows(s, of_child, of_parent);
    if of_child == Reject {
        return child_trips(s, ends);
    }
    s.sends_many(parent, 8);
    s.takes_many(child, 8);
    for item in 0..8 {
        s.sends(child, item);
        s.takes_items(parent, &[&item.to_string()]);
    }
    s.returns(child, "yo");
    s.sent(&[OPEN[0], OPEN[1], "P>C Yield x8", "C>P Yield x8, Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

/// The second unread item is one too many for the child.
fn child_trips(s: &mut Stage, ends: (Seat, Seat)) {
    s.sends_many(ends.0, 2);
    s.unwinds(ends.1);
    s.sent(&noticed("P>C Yield(0), Yield(1)"));
    s.outcomes(ends, "failed: notice", "cancelled by P");
    s.leaves(ends.0, "notice");
}

/// The child sends eight items before the parent reads.
fn slow_parent(s: &mut Stage, of_child: OverrunPolicy, of_parent: OverrunPolicy) {
    let ends @ (parent, child) = with_windows(s, of_child, of_parent);
    if of_parent == Reject {
        return parent_trips(s, ends);
    }
    s.sends_many(child, 8);
    s.returns(child, "yo");
    s.takes_many(parent, 8);
    s.takes_items(parent, &["end"]);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Yield x8, Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

/// The second unread item is one too many for the parent.
fn parent_trips(s: &mut Stage, ends: (Seat, Seat)) {
    s.sends_many(ends.1, 2);
    s.unwinds(ends.1);
    s.sent(&RELAY);
    s.outcomes(ends, &format!("failed: {RELAYED}"), "failed: notice");
    s.leaves(ends.0, RELAYED);
}

fn nobody_keeps_more(s: &mut Stage) {
    s.again("the child trips first");
    let ends = with_windows(s, Reject, Reject);
    child_trips(s, ends);
    s.again("the parent trips first");
    let ends = with_windows(s, Reject, Reject);
    parent_trips(s, ends);
    s.again("both trip at once");
    let ends @ (parent, child) = with_windows(s, Reject, Reject);
    s.crossing(|s| {
        s.sends_many(parent, 2);
        s.sends_many(child, 2);
    });
    s.unwinds(child);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Yield(0), Yield(1)",
        "C>P Yield(0), Yield(1)",
        "P>C notice",
        "C>P notice",
        "P>C creq",
        "C>P StartAck(creq), Error(RemoteActorError of StreamOverrun from P via P>C), CancelAck",
    ]);
    s.outcomes(ends, "failed: notice", "failed: notice");
}

fn cancelled_after_more_was_kept(s: &mut Stage) {
    s.again("by the child");
    let ends @ (parent, child) = with_windows(s, Buffer(100), Reject);
    s.sends_many(parent, 8);
    s.takes_many(child, 8);
    s.cancels(parent);
    s.unwinds(child);
    s.waits(parent, "no error");
    s.sent(&[OPEN[0], OPEN[1], "P>C Yield x8, creq", "C>P StartAck(creq), Stop, ctxc(P), CancelAck"]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");

    s.again("by the parent");
    let ends @ (parent, child) = with_windows(s, Reject, Buffer(100));
    s.sends_many(child, 8);
    s.takes_many(parent, 8);
    s.cancels(parent);
    s.unwinds(child);
    s.waits(parent, "no error");
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Yield x8",
        "P>C creq",
        "C>P StartAck(creq), Stop, ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
}

fn window_changes(s: &mut Stage) {
    let ends @ (parent, child) = with_windows(s, Reject, Reject);
    s.sends(parent, 0);
    s.has_window(child, 3, Reject);
    s.sends(parent, 1);
    s.sends(parent, 2);
    s.sees(child, "keeps", s.look(child).unread(), "3");
    s.has_window(child, 1, Reject);
    s.takes_many(child, 2);
    s.sends(parent, 3);
    s.sees(child, "keeps", s.look(child).unread(), "1");
    s.unwinds(child);
    s.sent(&noticed("P>C Yield x4"));
    s.outcomes(ends, "failed: notice", "cancelled by P");
}

fn what_a_notice_says(s: &mut Stage) {
    for variant in ["about the parent", "about the child"] {
        s.again(variant);
        let ends @ (parent, child) = with_windows(s, Reject, Reject);
        let fast = if variant == "about the parent" { parent } else { child };
        s.sends_many(fast, 2);
        let error = s.look(fast).error().and_then(|error| error.remote()).expect("told").clone();
        s.sees(
            fast,
            "is told of the sender",
            error.sender().expect("named").name(),
            if fast == parent { "P" } else { "C" },
        );
        s.sees(fast, "is told by", error.source_uid().name(), if fast == parent { "C" } else { "P" });
        s.sees(
            fast,
            "is told of",
            format!("{} {}", error.boxed_type(), error.source_type()),
            "StreamOverrun StreamOverrun",
        );
        s.unwinds(child);
        if fast == parent {
            s.sent(&noticed("P>C Yield(0), Yield(1)"));
            s.outcomes(ends, "failed: notice", "cancelled by P");
        } else {
            s.sent(&RELAY);
            s.outcomes(ends, &format!("failed: {RELAYED}"), "failed: notice");
        }
    }
}

fn end_behind_a_full_window(s: &mut Stage) {
    s.again("Stop of the parent");
    let ends @ (parent, child) = s.streaming();
    s.sends_many(parent, 64);
    s.stops(parent);
    s.takes_many(child, 64);
    s.takes_items(child, &["end"]);
    s.returns(child, "yo");
    s.sent(&[OPEN[0], OPEN[1], "P>C Yield x64, Stop", "C>P Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");

    s.again("Stop and result of the child");
    let ends @ (parent, child) = s.streaming();
    s.sends_many(child, 64);
    s.returns(child, "yo");
    s.waits(parent, "result 'yo'");
    s.takes_many(parent, 64);
    s.takes_items(parent, &["end"]);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Yield x64, Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

fn seven_hundred_items(s: &mut Stage) {
    for (variant, policy, first, unread, dropped) in [
        ("the oldest are dropped", DropOldest, "84", "616", "84"),
        ("the newest are dropped", DropNewest, "0", "616", "84"),
        ("700 are kept", Buffer(700), "0", "700", "0"),
        ("reading pauses", Pause, "0", "700", "0"),
    ] {
        s.again(variant);
        let ends @ (parent, child) = s.streaming();
        s.has_window(child, 616, policy);
        s.crossing(|s| s.sends_many(parent, 700));
        s.sees(child, "keeps", s.look(child).unread(), unread);
        s.sees(child, "has dropped", s.look(child).dropped(), dropped);
        let reads_on = s.with(child, |conn, _| conn.wants_input());
        s.sees(child, "reads on", reads_on, if policy == Pause { "false" } else { "true" });
        s.takes_items(child, &[first]);
        s.returns(child, ());
        s.sent(&[OPEN[0], OPEN[1], "P>C Yield x700", "C>P Stop, Return(nil)"]);
        s.outcomes(ends, "returned nil", "returned");
    }
    s.again("616 are kept, and one is too many");
    let ends @ (parent, child) = s.streaming();
    s.has_window(child, 1, Buffer(616));
    s.crossing(|s| s.sends_many(parent, 700));
    s.sees(child, "keeps", s.look(child).unread(), "616");
    s.sees(child, "has dropped", s.look(child).dropped(), "84");
    s.unwinds(child);
    s.sent(&noticed("P>C Yield x700"));
    s.outcomes(ends, "failed: notice", "cancelled by P");
}

fn error_behind_kept_items(s: &mut Stage) {
    let ends @ (parent, child) = with_windows(s, Reject, Buffer(100));
    s.sends_many(child, 8);
    s.raises(child, "ValueError");
    s.takes_items(parent, &["ValueError", "ValueError"]);
    s.sees(parent, "has unread", s.look(parent).unread(), "8");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Yield x8, Stop, Error(ValueError)"]);
    s.outcomes(ends, "failed: ValueError", "failed: own ValueError");
}

fn told_once(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.crossing(|s| s.sends_many(parent, 80));
    s.sees(child, "keeps", s.look(child).unread(), "64");
    s.sees(child, "has dropped", s.look(child).dropped(), "16");
    s.unwinds(child);
    s.sent(&noticed("P>C Yield x80"));
    s.outcomes(ends, "failed: notice", "cancelled by P");
}
