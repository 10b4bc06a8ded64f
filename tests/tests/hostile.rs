//! Hostile byte streams into one connection: what it does about each, and that a second connection of
//! the same process sees nothing of it.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use scipp_conformance::bound;
use scipp_conformance::hostile::{Before, Case, Directory, End, Reading, Repeat};
use scipp_conformance::listener::Listener;
use scipp_proto::wire::{self, Message, MsgKind};
use scipp_proto::{CloseReason, Config, Instant};

const MODULE: &str = "hostile_target";
/// The step of the virtual clock: the bystander's pace.
const STEP: Duration = Duration::from_millis(100);

/// The attacked connection, the bystander's, and the clock of both.
struct Attack<'a> {
    directory: &'a Directory,
    now: Instant,
    victim: Listener,
    bystander: Listener,
    ping: Vec<u8>,
    memory: usize,
}

impl<'a> Attack<'a> {
    fn new(directory: &'a Directory) -> Self {
        let now = Instant::EPOCH;
        let listener = |seed| Listener::new(directory.config(), MODULE, seed, now);
        let (victim, bystander, ping) = (listener(1), listener(2), frames(directory, "bystander-ping.bin"));
        let mut attack = Self { directory, now, victim, bystander, ping, memory: 0 };
        attack.bystander.feed(now, &frames(directory, "bystander-handshake.bin"));
        attack.bystander.feed(now, &frames(directory, "bystander-start.bin"));
        attack.bystander.output.clear();
        attack
    }

    /// Time passes; the bystander's echo comes at once all the while.
    fn wait(&mut self, time: Duration) {
        let until = self.now.saturating_add(time);
        while self.now < until {
            self.now = until.min(self.now.saturating_add(STEP));
            self.victim.tick(self.now);
            self.bystander.tick(self.now);
            self.check();
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.victim.feed(self.now, bytes);
        self.check();
    }

    fn check(&mut self) {
        self.bystander.feed(self.now, &self.ping);
        let echo = kinds_of(&self.bystander.output, self.directory.bystander_cid());
        assert_eq!(echo, [MsgKind::Yield], "the bystander is disturbed");
        self.bystander.output.clear();
        let conn = &self.victim.conn;
        let unwritten = conn.unwritten();
        let forced = conn.config().max_peer_dialogs * bound::REPLY;
        assert!(unwritten <= bound::unwritten(conn.config(), forced), "{unwritten} bytes unwritten");
        let resting = bound::resting(conn.config(), conn.config().max_peer_dialogs);
        assert!(conn.memory() <= resting + unwritten, "{} bytes of memory", conn.memory());
        self.memory = self.memory.max(conn.memory());
    }

    fn send(&mut self, case: &Case) {
        if case.before == Before::ValidHandshake {
            self.feed(&frames(self.directory, "handshake.bin"));
            assert!(self.victim.conn.peer().is_some(), "the handshake is valid");
            self.victim.output.clear();
        }
        self.victim.is_read = case.send.read == Reading::Normal;
        let bytes = case.bytes.as_slice();
        match &case.send.chunks {
            None => self.feed(bytes),
            Some(chunks) => {
                let mut rest = bytes;
                for chunk in chunks {
                    let (piece, left) = rest.split_at(chunk.len.min(rest.len()));
                    self.feed(piece);
                    self.wait(Duration::from_millis(chunk.pause_ms));
                    rest = left;
                }
            }
        }
        if let Some(Repeat { off, len, times }) = case.send.repeat {
            for _ in 0..times {
                self.feed(&bytes[off..off + len]);
            }
        }
        self.wait(Duration::from_millis(case.send.hold_ms));
        match case.send.end {
            End::Hold => {}
            End::HalfClose | End::Close => self.victim.conn.handle_eof(self.now),
            End::Reset => self.victim.conn.handle_reset(self.now),
        }
        self.victim.drain(self.now);
        self.check();
    }

    /// What became of it, in the words of the cases; all that are true, the most precise first.
    fn outcomes(&self) -> Vec<&'static str> {
        let conn = &self.victim.conn;
        let Some(reason) = conn.close_reason() else { return vec![self.outcome_while_open()] };
        let word = match reason {
            CloseReason::Limit(_) => "closed:limit",
            CloseReason::TimedOut(_) => "closed:timeout",
            CloseReason::Violation(_) | CloseReason::PeerFailed(_) => "closed:protocol",
            CloseReason::Truncated => "ended:truncated",
            CloseReason::Eof | CloseReason::Reset => "ended:eof",
            other => panic!("{other}"),
        };
        if conn.peer().is_some() { vec![word] } else { vec!["closed:handshake", word] }
    }

    fn outcome_while_open(&self) -> &'static str {
        let conn = &self.victim.conn;
        let counters = conn.counters();
        let replies = replies(&self.victim.output);
        let mut first = HashMap::new();
        for (cid, kind) in &replies {
            first.entry(cid).or_insert(*kind);
        }
        let is_refusal = |cid| first.get(cid) == Some(&MsgKind::Error);
        let errors: Vec<&String> =
            replies.iter().filter(|(_, kind)| *kind == MsgKind::Error).map(|(cid, _)| cid).collect();
        match errors.iter().find(|&&cid| !is_refusal(cid)).or(errors.first()) {
            Some(&cid) if is_refusal(cid) => "start:refused",
            Some(_) => "dialog:error",
            None if !conn.wants_input() => "held-back",
            None if counters.strays + counters.late + counters.crossed + counters.malformed > 0 => "ignored",
            None => "accepted",
        }
    }

    /// Whether a healthy dialog is served, on the attacked connection or on a new one.
    fn probe(&mut self, on_victim: bool) {
        let mut fresh = Listener::new(self.directory.config(), MODULE, 3, self.now);
        fresh.feed(self.now, &frames(self.directory, "handshake.bin"));
        let listener = if on_victim { &mut self.victim } else { &mut fresh };
        let live = listener.conn.dialogs().count();
        listener.feed(self.now, &frames(self.directory, "probe.bin"));
        let got = kinds_of(&listener.output, "probe-1");
        // A connection that is full of live dialogs refuses one more, in order.
        let is_full = live >= listener.conn.config().max_peer_dialogs;
        let refused = is_full && got == [MsgKind::Error];
        let served = [MsgKind::StartAck, MsgKind::Started, MsgKind::Yield];
        assert!(
            refused || got.starts_with(&served) && got.last() == Some(&MsgKind::Return),
            "probe: {got:?}"
        );
    }
}

fn frames(directory: &Directory, name: &str) -> Vec<u8> {
    directory.frames(name).expect("frames of all cases")
}

/// Ids and kinds of the frames in `output`.
fn replies(mut output: &[u8]) -> Vec<(String, MsgKind)> {
    let mut replies = Vec::new();
    while let Some(len) = wire::frame::body_len(output, usize::MAX).expect("no limit") {
        let (body, rest) = output[wire::frame::PREFIX..].split_at(len);
        let body = Bytes::copy_from_slice(body);
        let message = wire::decode(&body, &Config::default().limits()).expect("a core wrote it");
        replies.push((message.cid().unwrap_or_default().to_owned(), message.kind()));
        output = rest;
    }
    replies
}

fn kinds_of(output: &[u8], cid: &str) -> Vec<MsgKind> {
    replies(output).into_iter().filter(|(of, _)| of == cid).map(|(_, kind)| kind).collect()
}

/// One case: its outcome, and whether that is right (or tolerated).
fn run(directory: &Directory, case: &Case) -> Result<(&'static str, bool, usize), String> {
    let mut attack = Attack::new(directory);
    attack.send(case);
    let outcomes = attack.outcomes();
    let first_of =
        |words: &[String]| outcomes.iter().copied().find(|outcome| words.iter().any(|w| w == outcome));
    let (right, tolerated) = (first_of(&case.expect.right), first_of(&case.expect.tolerated));
    let Some(outcome) = right.or(tolerated) else {
        let reason = attack.victim.conn.close_reason();
        return Err(format!("{}: {outcomes:?} ({reason:?}), not {:?}", case.id, case.expect.right));
    };
    if let (Some(cid), "dialog:error") = (&case.expect.dialog, outcome) {
        let failed = kinds_of(&attack.victim.output, cid).contains(&MsgKind::Error);
        assert!(failed, "{}: the dialog {cid} did not fail", case.id);
    }
    if let Some(expected) = &case.expect.replies {
        let kinds: Vec<String> =
            replies(&attack.victim.output).iter().map(|(_, kind)| kind.to_string()).collect();
        // A child of ours says `Stop` before it returns, unless it was told.
        let without_stop: Vec<&String> = kinds.iter().filter(|kind| *kind != "Stop").collect();
        if without_stop != expected.iter().collect::<Vec<_>>() {
            return Err(format!("{}: replied {kinds:?}, not {expected:?}", case.id));
        }
    }
    if case.expect.probe_after && !attack.victim.conn.is_closed() {
        attack.victim.output.clear();
        attack.probe(true);
    }
    attack.probe(false);
    assert!(attack.memory <= case.expect.extra_rss_kib_max << 10, "{}: {} bytes", case.id, attack.memory);
    Ok((outcome, right.is_some(), attack.memory))
}

#[test]
fn hostile_bytes_end_their_own_connection_at_most() {
    let (mut right, mut tolerated, mut wrong) = (0, 0, Vec::new());
    for directory in Directory::all().unwrap() {
        for case in directory.cases().map(Result::unwrap) {
            match run(&directory, &case) {
                Ok((outcome, is_right, memory)) => {
                    let mark = if is_right { "right" } else { "tolerated" };
                    println!("{:50} {outcome:16} {mark:10} {:5} KiB", case.id, memory >> 10);
                    right += usize::from(is_right);
                    tolerated += usize::from(!is_right);
                }
                Err(complaint) => wrong.push(complaint),
            }
        }
    }
    println!("hostile: {right} right, {tolerated} tolerated, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(right > 0);
}

/// The judge itself: a peer that does nothing wrong is not called hostile, and one that does is.
#[test]
fn the_judge_tells_a_healthy_dialog_from_a_hostile_one() {
    let directory = Directory::committed().unwrap();
    let mut attack = Attack::new(&directory);
    attack.feed(&frames(&directory, "handshake.bin"));
    attack.feed(&frames(&directory, "probe.bin"));
    assert_eq!(attack.outcomes(), ["accepted"]);
    let message = Message::Stop { cid: "never-seen".into() };
    let mut frame = bytes::BytesMut::new();
    wire::encode(&message, &mut frame);
    attack.feed(&frame);
    assert_eq!(attack.outcomes(), ["ignored"]);
    attack.feed(&[0, 0, 0, 0]);
    assert_eq!(attack.outcomes(), ["closed:protocol"]);
}
