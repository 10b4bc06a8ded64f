//! The terminal of a tree of actors, one debugger at a time: 163 to 175.
//!
//! Who wants the terminal opens a context with the root over a connection of its own. `Started` says that it has
//! it; an item gives it back, and so does whatever else ends that dialog. The root is played here: it keeps a
//! place in a queue for each dialog and nothing else (D14).

use std::collections::{HashMap, VecDeque};
use std::task::Poll;
use std::time::Duration;

use scipp_conformance::script::call;
use scipp_proto::wire::{ErrorMsg, Message};
use scipp_proto::{Call, Kind, Kwargs, Payload, Target};
use serde::{Deserialize, Serialize};

use crate::scenario::{Scenario, scenario};
use crate::stage::{Seat, Stage, error_of};

pub(crate) const ALL: &[Scenario] = &[
    scenario(163, "a task pauses again and again", "D-3 D-10 D-20 D14", pauses_again),
    scenario(164, "a task that crashes pauses before it says so", "D-28 D14 D22", crashes),
    scenario(165, "several pause, in the order of asking", "D-2 D-20 D14", several_pause)
        .drivers(&["terminal::s165_several_pause_in_the_order_of_asking"]),
    scenario(166, "the root fails while a child is paused", "D-15 D-47 D14", root_fails),
    scenario(167, "the root cancels while a grandchild is paused", "D-15 D-18 D14", root_cancels),
    scenario(168, "the root cancels a child that starts up", "D-15 D-16 D-17", cancelled_in_start_up),
    scenario(169, "an error pauses each actor that it passes through", "D-26 D12 D14", pauses_on_its_way),
    scenario(170, "the connection of a paused task is lost", "D-22 D14 D24 D41", loses_its_parent),
    scenario(171, "a cancelled task pauses", "D-16 D-17 D-28 D14 D22", pauses_when_cancelled),
    scenario(172, "only some actors can be debugged", "D-2 D-34", some_can_be_debugged),
    scenario(173, "all ways to give the terminal back", "D-10 D-16 D-17 D-20 D-26 D14", ways_to_give_back)
        .drivers(&["terminal::s173_all_ways_to_give_the_terminal_back"]),
    scenario(174, "who holds the terminal or waits for it is gone", "D-22 D4 D14", gone)
        .fix()
        .drivers(&["terminal::s174_who_holds_the_terminal_or_waits_for_it_is_gone"]),
    scenario(175, "a task of another event loop", "D-4 D-13 D-16", of_another_loop),
];

type Ends = (Seat, Seat);

/// What is said about the terminal.
#[derive(Serialize, Deserialize)]
#[serde(tag = "msg_type")]
enum Said {
    LockStatus { subactor_uid: [String; 2], cid: String, locked: bool },
    LockRelease { subactor_uid: [String; 2], cid: String },
}

fn uid(actor: &str) -> [String; 2] {
    [actor.to_owned(), format!("{actor}-uuid")]
}

/// The terminal of R.
#[derive(Default)]
struct Terminal {
    /// Who wants it; the first one has it.
    queue: VecDeque<Place>,
    blocked: Vec<&'static str>,
}

/// A dialog about the terminal, as the root knows it.
struct Place {
    seat: Seat,
    actor: &'static str,
    task: u32,
    has_it: bool,
}

/// What a look at a place has shown.
enum Seen {
    Nothing,
    /// It was given back, as it should be.
    Released,
    /// By a message that says something else.
    Wrong(&'static str),
    /// The dialog was cancelled, or has failed.
    Told,
    Gone,
}

impl Terminal {
    /// A task of an actor asks for it.
    fn asked_by(&mut self, s: &mut Stage, link: usize, actor: &'static str, task: u32) -> Ends {
        let target = Target::function("tractor.devx.debug._tty_lock", "lock_stdio_for_peer");
        let kwargs = Kwargs::encode(&HashMap::from([("subactor_task_uid", ("task", task))])).expect("a map");
        let parent = s.asks_over(link, actor, Call { target, kwargs, ..call(Kind::Context) });
        let seat = s.asked(parent);
        s.accepts(seat, Kind::Context);
        let is_known = self.queue.iter().any(|place| (place.actor, place.task) == (actor, task));
        if is_known || self.blocked.contains(&actor) {
            s.raises(seat, "DebugRequestError");
        } else {
            self.queue.push_back(Place { seat, actor, task, has_it: false });
            self.goes_on(s);
        }
        (parent, seat)
    }

    /// Looks at all places, and gives the terminal to the first of those that are left.
    fn goes_on(&mut self, s: &mut Stage) {
        self.queue.retain(|place| {
            let unlocked = place.says(s, false);
            match place.look(s) {
                Seen::Nothing => return true,
                Seen::Released => s.returns(place.seat, unlocked),
                Seen::Wrong(class) => s.raises(place.seat, class),
                Seen::Told => s.unwinds(place.seat),
                Seen::Gone => {}
            }
            false
        });
        if let Some(first) = self.queue.front_mut().filter(|first| !first.has_it) {
            first.has_it = true;
            let locked = first.says(s, true);
            s.starts(first.seat, locked);
            s.opens_stream(first.seat);
        }
    }
}

impl Place {
    fn look(&self, s: &mut Stage) -> Seen {
        if s.look(self.seat).is_ended() {
            return Seen::Gone;
        }
        if s.look(self.seat).must_unwind() {
            return Seen::Told;
        }
        if !self.has_it {
            return Seen::Nothing;
        }
        match s.with(self.seat, |conn, end| end.take(conn)) {
            Poll::Pending => Seen::Nothing,
            Poll::Ready(Ok(Some(item))) => self.judge(s, &item),
            Poll::Ready(Ok(None)) => Seen::Released,
            Poll::Ready(Err(_)) => Seen::Told,
        }
    }

    fn judge(&self, s: &Stage, item: &Payload) -> Seen {
        match item.decode::<Said>() {
            Ok(Said::LockRelease { subactor_uid, cid })
                if subactor_uid == uid(self.actor) && cid == s.look(self.seat).cid() =>
            {
                Seen::Released
            }
            Ok(Said::LockRelease { .. }) => Seen::Wrong("AssertionError"),
            Ok(Said::LockStatus { .. }) | Err(_) => Seen::Wrong("MsgTypeError"),
        }
    }

    fn says(&self, s: &Stage, locked: bool) -> Said {
        let cid = s.look(self.seat).cid().to_owned();
        Said::LockStatus { subactor_uid: uid(self.actor), cid, locked }
    }
}

/// Who has the terminal gives it back.
fn releases(s: &mut Stage, terminal: &mut Terminal, ends: Ends, actor: &str) {
    s.opens_stream(ends.0);
    let cid = s.look(ends.0).cid().to_owned();
    s.sends(ends.0, Said::LockRelease { subactor_uid: uid(actor), cid });
    terminal.goes_on(s);
}

/// How a dialog ends by which the terminal was had and given back.
fn was_had(s: &mut Stage, ends: Ends, actor: &str) {
    s.outcomes(ends, &format!("returned LockStatus({actor}, unlocked)"), "returned");
}

/// A task has the terminal for a while: the whole dialog, of this number.
fn pauses(s: &mut Stage, terminal: &mut Terminal, link: usize, actor: &'static str, number: u32) {
    let mark = if number == 1 { String::new() } else { format!("#{number}") };
    let ends = terminal.asked_by(s, link, actor, 1);
    s.gets_first(ends.0, &format!("LockStatus({actor}, locked)"));
    releases(s, terminal, ends, actor);
    s.then_sent(&[
        &format!("{actor}>R Start{mark}"),
        &format!("R>{actor} StartAck(context){mark}, Started(LockStatus({actor}, locked)){mark}"),
        &format!("{actor}>R Yield(LockRelease({actor})){mark}"),
        &format!("R>{actor} Stop{mark}, Return(LockStatus({actor}, unlocked)){mark}"),
    ]);
    was_had(s, ends, actor);
}

/// A context of R, or of an actor below it, whose task runs.
fn task_over(s: &mut Stage, link: usize, from: &'static str) -> Ends {
    let ends = s.opens_over(link, from, Kind::Context);
    s.starts(ends.1, 0);
    ends
}

fn pauses_again(s: &mut Stage) {
    s.connect(&[["A", "R"]]);
    let mut terminal = Terminal::default();
    for number in [1, 2] {
        pauses(s, &mut terminal, 0, "A", number);
    }
}

fn crashes(s: &mut Stage) {
    s.connect(&[["R", "A"], ["A", "R"]]);
    let task = task_over(s, 0, "R");
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
    let task = task_over(s, 0, "R");
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
    let [outer, inner] = [(0, "R"), (1, "M")].map(|(link, from)| task_over(s, link, from));
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
    let [outer, inner] = [(0, "R"), (1, "M")].map(|(link, from)| task_over(s, link, from));
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
    let task = task_over(s, 0, "R");
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
    let task = task_over(s, 0, "R");
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
    let [plain, debugged] = [0, 1].map(|link| task_over(s, link, "R"));
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

/// A gives the terminal back in some actor's name, and of some dialog.
fn says(s: &mut Stage, seat: Seat, actor: &str, cid: Option<&str>) {
    let cid = cid.unwrap_or_else(|| s.look(seat).cid()).to_owned();
    s.sends(seat, Said::LockRelease { subactor_uid: uid(actor), cid });
}

const A_RELEASES: [&str; 2] = ["A>R Yield(LockRelease(A))", "R>A Stop, Return(LockStatus(A, unlocked))"];
const NEXT: &str = "R>B Started(LockStatus(B, locked))#2";

fn ways_to_give_back(s: &mut Stage) {
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
    let mut terminal = Terminal { blocked: vec!["C"], ..Terminal::default() };
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

fn gone(s: &mut Stage) {
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
