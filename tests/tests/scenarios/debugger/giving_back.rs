//! How who has the terminal gives it back, or loses it: 173, 174.

use scipp_proto::wire::{ErrorMsg, Message};

use super::THREE;
use crate::stage::{Ends, Seat, Stage, error_of};
use crate::terminal::{Terminal, releases, says, was_had};

/// A has the terminal and B waits for it.
fn held_and_wanted(s: &mut Stage, terminal: &mut Terminal) -> [Ends; 2] {
    s.connect(&THREE);
    let ends = [(0, "A"), (1, "B")].map(|(link, actor)| terminal.asked_by(s, link, actor, 1));
    s.sent(&[
        "A>R Start",
        "R>A StartAck(context), Started(LockStatus(A, locked))",
        "B>R Start#2",
        "R>B StartAck(context)#2",
    ]);
    ends
}

/// B, who has it now, gives it back.
fn next_releases(s: &mut Stage, terminal: &mut Terminal, b: Ends) {
    releases(s, terminal, b, "B");
    s.then_sent(&["B>R Yield(LockRelease(B))#2", "R>B Stop#2, Return(LockStatus(B, unlocked))#2"]);
    was_had(s, b, "B");
}

/// One way in which the dialog of who has the terminal ends.
struct Way {
    name: &'static str,
    act: fn(&mut Stage, Seat),
    frames: [&'static str; 2],
    outcomes: [&'static str; 2],
}

const ASSERTION: [&str; 2] = ["failed: AssertionError", "failed: own AssertionError"];

const WAYS: [Way; 7] = [
    Way {
        name: "by message",
        act: |s, a| says(s, a, "A", None),
        frames: ["A>R Yield(LockRelease(A))", "R>A Stop, Return(LockStatus(A, unlocked))"],
        outcomes: ["returned LockStatus(A, unlocked)", "returned"],
    },
    Way {
        name: "in the name of another dialog",
        act: |s, a| says(s, a, "A", Some("another")),
        frames: ["A>R Yield(LockRelease(A))", "R>A Stop, Error(AssertionError)"],
        outcomes: ASSERTION,
    },
    Way {
        name: "in the name of another actor",
        act: |s, a| says(s, a, "B", None),
        frames: ["A>R Yield(LockRelease(B))", "R>A Stop, Error(AssertionError)"],
        outcomes: ASSERTION,
    },
    Way {
        name: "by something else",
        act: |s, a| s.sends(a, 10),
        frames: ["A>R Yield(10)", "R>A Stop, Error(MsgTypeError)"],
        outcomes: ["failed: MsgTypeError", "failed: own MsgTypeError"],
    },
    Way {
        name: "by Stop",
        act: Stage::stops,
        frames: ["A>R Stop", "R>A Return(LockStatus(A, unlocked))"],
        outcomes: ["returned LockStatus(A, unlocked)", "returned"],
    },
    Way {
        name: "by a cancel request",
        act: Stage::cancels,
        frames: ["A>R creq", "R>A StartAck(creq), Stop, ctxc(A), CancelAck"],
        outcomes: ["cancelled by A", "cancelled by A"],
    },
    Way {
        name: "by an error",
        act: |s, a| {
            s.forges(a, |cid| {
                Message::Error(Box::new(ErrorMsg { cid: Some(cid.into()), ..error_of("A", "KeyError") }))
            });
        },
        frames: ["A>R Error(KeyError)!", "R>A Error(RemoteActorError of KeyError from A via A>R)"],
        outcomes: ["failed: RemoteActorError of KeyError from A via A>R", "failed: KeyError"],
    },
];

const A_RELEASES: [&str; 2] = ["A>R Yield(LockRelease(A))", "R>A Stop, Return(LockStatus(A, unlocked))"];
const NEXT: &str = "R>B Started(LockStatus(B, locked))#2";

pub(super) fn ways_to_give_back(s: &mut Stage) {
    for Way { name, act, frames, outcomes: [parent, child] } in WAYS {
        s.again(name);
        let mut terminal = Terminal::default();
        let [a, b] = held_and_wanted(s, &mut terminal);
        s.opens_stream(a.0);
        act(s, a.0);
        terminal.goes_on(s);
        s.then_sent(&[frames[0], frames[1], NEXT]);
        s.outcomes(a, parent, child);
        next_releases(s, &mut terminal, b);
    }

    s.again("by who waits for it");
    let mut terminal = Terminal::default();
    let [a, b] = held_and_wanted(s, &mut terminal);
    s.cancels(b.0);
    terminal.goes_on(s);
    s.then_sent(&["B>R creq#2", "R>B StartAck(creq)#2, ctxc(B)#2, CancelAck#2"]);
    s.outcomes(b, "cancelled by B", "cancelled by B");
    releases(s, &mut terminal, a, "A");
    s.then_sent(&A_RELEASES);
    was_had(s, a, "A");

    s.again("asked for twice by one task, and by a blocked actor");
    let mut terminal = Terminal::default();
    terminal.blocks("C");
    let [a, b] = held_and_wanted(s, &mut terminal);
    for (link, actor, number) in [(0, "A", 3), (2, "C", 4)] {
        let refused = terminal.asked_by(s, link, actor, 1);
        s.gets_first(refused.0, "DebugRequestError");
        s.then_sent(&[
            &format!("{actor}>R Start#{number}"),
            &format!("R>{actor} StartAck(context)#{number}, Error(DebugRequestError)#{number}"),
        ]);
        s.outcomes(refused, "failed: DebugRequestError", "failed: own DebugRequestError");
    }
    releases(s, &mut terminal, a, "A");
    s.then_sent(&[A_RELEASES[0], A_RELEASES[1], NEXT]);
    was_had(s, a, "A");
    next_releases(s, &mut terminal, b);
}

pub(super) fn gone(s: &mut Stage) {
    let lost = "disconnected: connection reset";
    s.again("who has it");
    let mut terminal = Terminal::default();
    let [a, b] = held_and_wanted(s, &mut terminal);
    s.kills("A");
    terminal.goes_on(s);
    s.then_sent(&[NEXT]);
    s.outcome(a.1, lost);
    next_releases(s, &mut terminal, b);

    s.again("who waits for it");
    let mut terminal = Terminal::default();
    let [a, b] = held_and_wanted(s, &mut terminal);
    let c = terminal.asked_by(s, 2, "C", 1);
    s.kills("B");
    terminal.goes_on(s);
    s.then_sent(&["C>R Start#3", "R>C StartAck(context)#3"]);
    s.outcome(b.1, lost);
    releases(s, &mut terminal, a, "A");
    s.then_sent(&[A_RELEASES[0], A_RELEASES[1], "R>C Started(LockStatus(C, locked))#3"]);
    was_had(s, a, "A");
    releases(s, &mut terminal, c, "C");
    s.then_sent(&["C>R Yield(LockRelease(C))#3", "R>C Stop#3, Return(LockStatus(C, unlocked))#3"]);
    was_had(s, c, "C");
}
