//! `spec/transitions.txt` is what the code prints, and every line of it is driven into a real core.
//!
//! `SCIPP_BLESS=1 cargo test -p scipp-conformance --test transitions` writes the file anew.

use std::fmt::Write as _;
use std::path::Path;

use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::replay::report::Report;
use scipp_conformance::script::{call, cid, encoded, error_by, inject, int, pair};
use scipp_conformance::tally::Tally;
use scipp_conformance::transcript::Directory;
use scipp_proto::phase::{Phase, Role, Signal, Verdict, step};
use scipp_proto::tables::{self, Row};
use scipp_proto::wire::frame::PREFIX;
use scipp_proto::wire::{ErrorMsg, Message};
use scipp_proto::{Config, DialogId, Kind};

/// Moves that lead a dialog from `Requested` to `phase`, shortest first.
fn path_to(kind: Kind, phase: Phase) -> Vec<(Role, Signal)> {
    let mut paths = vec![(Phase::Requested, vec![])];
    let mut next = 0;
    loop {
        let (at, path): (Phase, Vec<_>) = paths[next].clone();
        if at == phase {
            return path;
        }
        next += 1;
        for row in tables::moves().filter(|row| row.kind == kind && row.phase == at) {
            let Verdict::To(to) = row.verdict else { continue };
            if !to.is_ended() && paths.iter().all(|(known, _)| *known != to) {
                let mut path = path.clone();
                path.push((row.from, row.signal));
                paths.push((to, path));
            }
        }
    }
}

/// One end under test, the other hand-written.
struct Bench {
    pair: Pair,
    us: Side,
    role: Role,
    kind: Kind,
    id: DialogId,
    cid: String,
}

impl Bench {
    fn new(kind: Kind, role: Role) -> Self {
        let mut pair = pair();
        let now = pair.now();
        let parent = pair.conn(Side::A).open(now, &call(kind)).unwrap();
        let cid = cid(&pair.end(Side::A).conn, parent);
        pair.settle();
        let child = pair.next_opened(Side::B).unwrap();
        let (us, id) = match role {
            Role::Parent => (Side::A, parent),
            Role::Child => (Side::B, child),
        };
        Self { pair, us, role, kind, id, cid }
    }

    fn phase(&self) -> Phase {
        self.pair.end(self.us).conn.dialog(self.id).unwrap().phase()
    }

    /// A move of our own, by its verb.
    fn act(&mut self, signal: Signal) {
        let (id, kind) = (self.id, self.kind);
        let conn = self.pair.conn(self.us);
        match (signal, kind) {
            (Signal::StartAck(kind), _) => conn.accept(id, kind).unwrap(),
            (Signal::Started, _) => conn.started(id, int(0)).unwrap(),
            (Signal::Stop, Kind::Context) => {
                conn.open_stream(id).unwrap();
                conn.stop(id).unwrap();
            }
            (Signal::Stop, _) => conn.stop(id).unwrap(),
            other => panic!("no verb for {other:?}"),
        }
        self.pair.drain(self.us);
    }

    /// A move of the other end, as it arrives.
    fn arrive(&mut self, signal: Signal, tally: &mut Tally) {
        let cid = self.cid.clone();
        match signal {
            Signal::StartAck(functype) => {
                self.frame(&Message::StartAck { cid: (&cid).into(), functype }, tally)
            }
            Signal::Started => self.frame(&Message::Started { cid: (&cid).into(), pld: int(0) }, tally),
            Signal::Yield => self.frame(&Message::Yield { cid: (&cid).into(), pld: int(1) }, tally),
            Signal::Stop => self.frame(&Message::Stop { cid: (&cid).into() }, tally),
            Signal::Return | Signal::Void => {
                self.frame(&Message::Return { cid: (&cid).into(), pld: int(2) }, tally)
            }
            Signal::Error => self.frame(&Message::Error(Box::new(self.error("KeyError"))), tally),
            Signal::Notice => self.frame(&Message::Error(Box::new(self.error("StreamOverrun"))), tally),
            Signal::Unconfirmed => self.answer_our_cancel(tally),
            Signal::Lost => {
                let now = self.pair.now();
                self.pair.conn(self.us).handle_eof(now);
                self.pair.drain(self.us);
            }
            Signal::CancelAck => panic!("never legal"),
        }
    }

    fn frame(&mut self, message: &Message<'_>, tally: &mut Tally) {
        let us = self.us;
        self.pair.end_mut(us).incoming.clear();
        inject(&mut self.pair, us, message);
        tally.observe(&self.pair.end(us).conn, &encoded(message).slice(PREFIX..));
        self.pair.deliver(us, usize::MAX);
    }

    fn error(&self, type_name: &str) -> ErrorMsg {
        let [us, peer] = [self.us, self.us.other()].map(|side| self.pair.uid(side).clone());
        let sender = (type_name == "StreamOverrun").then_some(us);
        ErrorMsg { sender, cid: Some(self.cid.as_str().into()), ..error_by(peer, type_name) }
    }

    fn answer_our_cancel(&mut self, tally: &mut Tally) {
        let now = self.pair.now();
        self.pair.end_mut(self.us.other()).incoming.clear();
        self.pair.conn(self.us).cancel(now, self.id).unwrap();
        self.pair.drain(self.us);
        let cid = self.pair.lose_request(self.us.other());
        self.frame(&Message::CancelAck { cid: (&cid).into(), pld: true }, tally);
    }
}

/// Drives the move of one line into a core and checks where it led.
fn drive(row: &Row, tally: &mut Tally) {
    // What the row says of losing a connection or of an end without a word holds for either receiver.
    let mut bench = Bench::new(row.kind, row.from.peer());
    for (from, signal) in path_to(row.kind, row.phase) {
        if from == bench.role { bench.act(signal) } else { bench.arrive(signal, &mut Tally::default()) }
    }
    assert_eq!(bench.phase(), row.phase, "on the way to {row:?}");
    bench.arrive(row.signal, tally);
    let expected = match row.verdict {
        // An unaccepted request is refused on the spot: that is our own next move.
        Verdict::To(Phase::Requested) => return assert!(bench.phase().is_ended()),
        Verdict::To(to) => to,
        Verdict::Crossed => row.phase,
        Verdict::Illegal(_) => panic!("not a line of the table"),
    };
    assert_eq!(bench.phase(), expected, "{row:?}");
}

/// `Void` is what an illegal `Return` means; where `Return` is legal there is no `Void`.
fn can_arrive(row: &Row) -> bool {
    let returns = step(row.kind, row.phase, row.from, Signal::Return);
    row.signal != Signal::Void || matches!(returns, Verdict::Illegal(_))
}

fn scripted(row: &Row) -> u64 {
    let mut tally = Tally::default();
    if !can_arrive(row) {
        return 0;
    }
    drive(row, &mut tally);
    let has_frame = !matches!(row.signal, Signal::Void | Signal::Unconfirmed | Signal::Lost);
    assert!(!has_frame || tally.of(row) == 1, "the tally missed {row:?}");
    1
}

/// What arrived in the committed recordings, played at both ends.
fn recorded() -> Tally {
    let directory = Directory::committed().unwrap();
    let transcripts: Vec<_> =
        directory.entries().iter().map(|entry| directory.load(entry).unwrap()).collect();
    let report = Report::of_all(&transcripts, &Config::reference());
    assert!(report.unexplained.is_empty(), "{}", report.unexplained.join("\n"));
    report.tally
}

fn why_never(row: &Row) -> &'static str {
    if row.signal == Signal::Void {
        return "a Return here is legal";
    }
    panic!("{row:?} was never taken, and there is no reason for it");
}

fn print() -> String {
    let mut text = String::from(
        "# Generated from proto/src/phase.rs; see tests/tests/transitions.rs.\n\n\
         # Moves of a dialog. Not listed: illegal moves, and ended phases, where every move crosses.\n\
         # At the end of a line: how often a test script and the recordings in spec/vectors took it.\n\
         # kind     phase                 from    signal               to\n",
    );
    let recorded = recorded();
    for row in tables::rows() {
        let note = match (recorded.of(&row), scripted(&row)) {
            (0, 0) => format!("never: {}", why_never(&row)),
            (0, scripted) => format!("scripted {scripted}"),
            (recorded, scripted) => format!("scripted {scripted}, recorded {recorded}"),
        };
        let _ = writeln!(text, "{:<87} | {note}", row.text());
    }
    text.push_str("\n# Our cancel request: state, dialog, signal, next state.\n");
    text.push_str(&tables::cancel_text());
    text.push_str(
        "\n# The word for a side's state.\n\
         # role  phase                    stream  no trouble          an error            by itself           by its peer         with its actor\n",
    );
    text.push_str(&tables::state_text());
    text
}

/// D-2 to D-4, D-8, D-9, D-20.
#[test]
fn the_printed_tables_are_the_committed_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/transitions.txt");
    let printed = print();
    if std::env::var_os("SCIPP_BLESS").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == printed, "spec/transitions.txt is out of date; see the head of this test");
}

/// An illegal move ends nothing but the dialog it is about, and blames the one who made it. (D-21)
#[test]
fn every_illegal_move_is_answered_as_its_role_demands() {
    let mut tried = 0;
    for row in tables::moves() {
        let Verdict::Illegal(_) = row.verdict else { continue };
        let is_frame =
            !matches!(row.signal, Signal::CancelAck | Signal::Unconfirmed | Signal::Void | Signal::Lost);
        let notices_are_errors = row.signal != Signal::Notice;
        if !is_frame || !notices_are_errors || !tables::is_reachable(row.kind, row.phase) {
            continue;
        }
        let mut bench = Bench::new(row.kind, row.from.peer());
        for (from, signal) in path_to(row.kind, row.phase) {
            if from == bench.role { bench.act(signal) } else { bench.arrive(signal, &mut Tally::default()) }
        }
        bench.arrive(row.signal, &mut Tally::default());
        let conn = &bench.pair.end(bench.us).conn;
        assert!(!conn.is_closed(), "{row:?}");
        assert!(conn.dialog(bench.id).unwrap().error().is_some(), "{row:?}");
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
}
