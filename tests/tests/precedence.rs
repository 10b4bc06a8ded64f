//! `spec/precedence.md`, row by row: every pair of events of one dialog, in both orders and crossing, between
//! real cores. (D-40 to D-47)
//!
//! The world checks after every step that both ends report what the rules say. The table is what they
//! reported; `SCIPP_BLESS=1 cargo test -p scipp-conformance --test precedence` writes it anew.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use scipp_common::{TaskError, left};
use scipp_conformance::bound;
use scipp_conformance::precedence::{Actor, Ended, Happening, Why, pairs};
use scipp_conformance::world::{Action, May, Plan, Verb, World};
use scipp_proto::phase::Role;
use scipp_proto::{Deadline, Kind, Outcome};

const MAY: May = May {
    send: 1,
    stream: true,
    cancel: true,
    fail_in_body: true,
    finish: true,
    fail: true,
    unwind: true,
    forged: 1,
    ..May::NOTHING
};

/// The dialogs of the world: the one in question, and the actor cancels by its parent and by a third actor.
const ASKED: usize = 0;
const BY_PARENT: usize = 1;
const BY_THIRD: usize = 2;

/// A context with both streams open, whose windows are full.
struct Stage {
    world: World,
}

/// Which of two events is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    /// Everything that the first one sets off has arrived before the second one.
    FirstThenSecond,
    SecondThenFirst,
    /// Both, and a child's end that follows, before anything arrives.
    Crossing,
}

impl Stage {
    fn new() -> Self {
        let mut config = bound::tight();
        config.inbox_items = 0;
        config.final_frame_timeout = Some(Duration::from_secs(2));
        let mut world = World::new(&[[Actor(0), Actor(1)], [Actor(2), Actor(1)]], &config, 1);
        world.links[0].cuts = 1;
        let plan = Plan {
            link: 0,
            opener: 0,
            kind: Kind::Context,
            is_actor_cancel: false,
            inner: None,
            outer: None,
            parent: MAY,
            child: MAY,
        };
        world.plan(plan);
        world.plan(Plan { is_actor_cancel: true, kind: Kind::Function, ..plan });
        world.plan(Plan { is_actor_cancel: true, kind: Kind::Function, link: 1, ..plan });
        let mut stage = Self { world };
        stage.must(Role::Parent, Verb::Open);
        stage.settle();
        stage.must(Role::Child, Verb::Accept);
        stage.must(Role::Child, Verb::Started);
        stage.settle();
        stage.must(Role::Parent, Verb::OpenStream);
        stage.must(Role::Child, Verb::OpenStream);
        stage
    }

    /// Makes a step, if it is possible. The rules are checked.
    fn may(&mut self, action: Action) -> bool {
        let mut actions = Vec::new();
        self.world.actions(&mut actions);
        let is_possible = actions.contains(&action);
        if is_possible {
            self.world.act(action).unwrap_or_else(|broken| panic!("{action:?}: {broken}"));
        }
        is_possible
    }

    fn verb(&mut self, role: Role, verb: Verb) -> bool {
        self.may(Action::Verb(ASKED, role, verb))
    }

    fn must(&mut self, role: Role, verb: Verb) {
        assert!(self.verb(role, verb), "{verb:?}");
    }

    /// Everything arrives, and actor cancels are obeyed.
    fn settle(&mut self) {
        loop {
            let mut actions = Vec::new();
            self.world.actions(&mut actions);
            let moves = actions.into_iter().find(|action| {
                matches!(
                    action,
                    Action::Arrive(..) | Action::Gone(..) | Action::Verb(_, Role::Child, Verb::Obey)
                )
            });
            let Some(action) = moves else { break };
            self.may(action);
        }
    }

    /// Lets one of the events happen at its own end. False if it cannot any more.
    fn happen(&mut self, event: Happening) -> bool {
        match event {
            Happening::Result => self.verb(Role::Child, Verb::Finish),
            Happening::RemoteError => self.verb(Role::Child, Verb::Fail),
            Happening::OwnCancel => self.verb(Role::Parent, Verb::Cancel),
            Happening::SelfCancel => self.verb(Role::Child, Verb::Cancel),
            Happening::BodyError => self.verb(Role::Parent, Verb::FailInBody),
            Happening::ChildOverran => self.verb(Role::Child, Verb::Send),
            Happening::ParentOverran => self.verb(Role::Parent, Verb::Send),
            Happening::ChildBroke => self.may(Action::Forge(ASKED, Role::Parent)),
            Happening::ParentBroke => self.may(Action::Forge(ASKED, Role::Child)),
            Happening::ActorCancel => self.may(Action::Verb(BY_PARENT, Role::Parent, Verb::Open)),
            Happening::ThirdCancel => {
                let opened = self.may(Action::Verb(BY_THIRD, Role::Parent, Verb::Open));
                self.may(Action::Arrive(1, 1));
                opened && self.may(Action::Verb(BY_THIRD, Role::Child, Verb::Obey))
            }
            Happening::Loss => {
                let is_cut = self.may(Action::Cut(0));
                is_cut && self.may(Action::Gone(0, 0)) | self.may(Action::Gone(0, 1))
            }
            Happening::Deadline => {
                self.verb(Role::Parent, Verb::Cancel);
                self.run_out()
            }
        }
    }

    /// The parent's deadline for the final frame runs out.
    fn run_out(&mut self) -> bool {
        self.world.has_deadlines = true;
        let was_live = self.world.ended(ASKED, Role::Parent).is_none();
        while let Some((_, deadline)) = self.world.end(0, 0).conn.poll_timeout() {
            self.may(Action::Expire(0, 0));
            if deadline == Deadline::FinalFrame {
                break;
            }
        }
        self.world.has_deadlines = false;
        was_live && self.world.ended(ASKED, Role::Parent).is_some()
    }

    /// A row of the table: both events, then the end of a task that was told to end.
    fn play(mut self, first: Happening, second: Happening, timing: Timing) -> Row {
        let (one, other) = match timing {
            Timing::SecondThenFirst => (second, first),
            Timing::FirstThenSecond | Timing::Crossing => (first, second),
        };
        assert!(self.happen(one), "{one:?} is possible at the beginning");
        if timing == Timing::Crossing {
            let both = self.happen(other);
            self.verb(Role::Child, Verb::Unwind);
            self.settle();
            // What nobody has ended yet ends now.
            self.verb(Role::Child, Verb::Unwind);
            self.settle();
            return self.row(both);
        }
        self.settle();
        let both = self.happen(other);
        self.settle();
        self.verb(Role::Child, Verb::Unwind);
        self.settle();
        self.row(both)
    }

    fn row(&self, both: bool) -> Row {
        let dialog = &self.world.dialogs[ASKED];
        let [parent, child] = [Role::Parent, Role::Child].map(|role| {
            let conn = &self.world.end(0, dialog.side(role)).conn;
            let view = conn.dialog(dialog.seat(role).id.expect("opened")).expect("not released");
            let outcome = view.outcome().unwrap_or_else(|| panic!("{role:?} has not ended"));
            (outcome.clone(), view.canceller().map(Actor::of))
        });
        let leaves = leaves(dialog.seat(Role::Parent).body_failed, parent.0.clone());
        let [parent, child] = [parent, child].map(|(outcome, canceller)| (Ended::of(&outcome), canceller));
        Row { parent, child, leaves, both }
    }
}

/// What both ends reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    parent: (Ended, Option<Actor>),
    child: (Ended, Option<Actor>),
    /// The error that leaves the parent's body.
    leaves: &'static str,
    /// Whether the second event could still happen.
    both: bool,
}

impl Row {
    fn text(&self) -> String {
        let [parent, child] = [self.parent.0, self.child.0].map(words);
        let cancellers = match [self.parent.1, self.child.1].map(actor) {
            [one, other] if one == other => one.to_owned(),
            [one, other] => format!("{one} / {other}"),
        };
        format!("{parent} | {child} | {} | {cancellers}", self.leaves)
    }
}

/// What the drivers let out of a body beside this outcome. (D-47)
fn leaves(body_failed: bool, outcome: Outcome) -> &'static str {
    let body = if body_failed { Err(TaskError::new("RuntimeError", "the body's own")) } else { Ok(()) };
    match left(body, Ok(outcome)) {
        Ok(_) => "none",
        Err(TaskError::Report(_)) => "the body's own",
        Err(_) => "the one reported",
    }
}

fn actor(actor: Option<Actor>) -> &'static str {
    match actor {
        None => "-",
        Some(Actor(0)) => "parent",
        Some(Actor(1)) => "child",
        Some(_) => "third",
    }
}

fn words(ended: Ended) -> String {
    match ended {
        Ended::Returned => "returned".into(),
        Ended::Failed(Why::Error) => "failed: remote error".into(),
        Ended::Failed(Why::Cancelled(who)) => format!("failed: cancelled by {}", actor(Some(who))),
        Ended::Failed(Why::Overrun) => "failed: overrun".into(),
        Ended::Failed(Why::Broken) => "failed: type error".into(),
        Ended::Cancelled { confirmed: true } => "cancelled".into(),
        Ended::Cancelled { confirmed: false } => "cancelled, unconfirmed".into(),
        Ended::Disconnected => "disconnected".into(),
    }
}

fn table() -> String {
    let mut text = String::from(
        "| events | when | parent reports | child reports | error that leaves the parent's body | canceller |\n\
         |---|---|---|---|---|---|\n",
    );
    for (first, second) in pairs() {
        let mut rows: Vec<(Vec<String>, String)> = Vec::new();
        for timing in [Timing::FirstThenSecond, Timing::SecondThenFirst, Timing::Crossing] {
            let row = Stage::new().play(first, second, timing);
            let when = match timing {
                Timing::FirstThenSecond => format!("{} first", first.text()),
                Timing::SecondThenFirst => format!("{} first", second.text()),
                Timing::Crossing => "crossing".into(),
            };
            let when = if row.both { when } else { format!("{when} *") };
            match rows.iter_mut().find(|(_, known)| *known == row.text()) {
                Some((whens, _)) => whens.push(when),
                None => rows.push((vec![when], row.text())),
            }
        }
        let is_single = rows.len() == 1;
        for (at, (whens, row)) in rows.into_iter().enumerate() {
            let when = if is_single { "any order".into() } else { whens.join("; ") };
            let events = if at == 0 { format!("{}, {}", first.text(), second.text()) } else { String::new() };
            let _ = writeln!(text, "| {events} | {when} | {row} |");
        }
    }
    text
}

#[test]
fn the_table_is_what_the_cores_report() {
    assert_eq!(pairs().count(), 13 * 12 / 2);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/precedence.md");
    let spec = std::fs::read_to_string(&path).expect("spec/precedence.md");
    let (begin, end) = ("<!-- table -->\n", "<!-- end of table -->\n");
    let (before, rest) = spec.split_once(begin).expect("the beginning of the table");
    let (committed, after) = rest.split_once(end).expect("the end of the table");
    let table = table();
    if std::env::var_os("SCIPP_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{table}{end}{after}")).expect("a writable spec");
        return;
    }
    for (line, expected) in table.lines().zip(committed.lines()) {
        assert_eq!(line, expected, "SCIPP_BLESS=1 writes it anew");
    }
    assert_eq!(table.lines().count(), committed.lines().count());
}
