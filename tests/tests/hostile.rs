//! Hostile byte streams into one connection: what it does about each, and that a second connection of
//! the same process sees nothing of it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use scipp_conformance::bound;
use scipp_conformance::listener::Listener;
use scipp_proto::wire::{self, Message, MsgKind};
use scipp_proto::{CloseReason, Config, Instant};
use serde::Deserialize;

const MODULE: &str = "hostile_target";
/// The step of the virtual clock: the bystander's pace.
const STEP: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
struct Manifest {
    limits: Limits,
    bystander_cid: String,
}

#[derive(Deserialize)]
struct Limits {
    max_frame_bytes: usize,
    handshake_timeout_ms: u64,
    partial_frame_timeout_ms: u64,
    max_live_dialogs: usize,
    max_depth: usize,
    max_queued_in_per_dialog: usize,
    max_write_buffer_bytes: usize,
    max_cid_bytes: usize,
    write_stall_timeout_ms: u64,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    before: String,
    send: Send,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    chunks: Option<Vec<Chunk>>,
    repeat: Option<Repeat>,
    read: String,
    end: String,
    hold_ms: u64,
}

#[derive(Deserialize)]
struct Chunk {
    len: usize,
    pause_ms: u64,
}

#[derive(Deserialize)]
struct Repeat {
    off: usize,
    len: usize,
    times: usize,
}

#[derive(Deserialize)]
struct Expect {
    right: Vec<String>,
    tolerated: Vec<String>,
    dialog: Option<String>,
    replies: Option<Vec<String>>,
    probe_after: bool,
    extra_rss_kib_max: usize,
}

/// The directory of cases, with the frames that all of them use.
struct Corpus {
    dir: PathBuf,
    manifest: Manifest,
}

impl Corpus {
    fn open() -> Option<Self> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/hostile");
        let text = fs::read_to_string(dir.join("MANIFEST.json")).ok()?;
        Some(Self { dir, manifest: serde_json::from_str(&text).expect("the manifest") })
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn cases(&self) -> Vec<Case> {
        let entries = fs::read_dir(self.dir.join("cases")).expect("cases");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        let parse = |path: &PathBuf| {
            let text = fs::read_to_string(path).expect("readable");
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        paths.iter().map(parse).collect()
    }

    fn config(&self) -> Config {
        let limits = &self.manifest.limits;
        let mut config = Config::default();
        config.max_frame = limits.max_frame_bytes;
        config.handshake_timeout = Duration::from_millis(limits.handshake_timeout_ms);
        config.partial_frame_timeout = Duration::from_millis(limits.partial_frame_timeout_ms);
        config.max_peer_dialogs = limits.max_live_dialogs;
        config.max_depth = limits.max_depth;
        config.inbox_items = limits.max_queued_in_per_dialog;
        config.outbox_bytes = limits.max_write_buffer_bytes;
        config.max_cid = limits.max_cid_bytes;
        config.write_stall_timeout = Duration::from_millis(limits.write_stall_timeout_ms);
        config
    }
}

/// The attacked connection, the bystander's, and the clock of both.
struct Attack<'a> {
    corpus: &'a Corpus,
    now: Instant,
    victim: Listener,
    bystander: Listener,
    ping: Vec<u8>,
    memory: usize,
}

impl<'a> Attack<'a> {
    fn new(corpus: &'a Corpus) -> Self {
        let now = Instant::EPOCH;
        let listener = |seed| Listener::new(corpus.config(), MODULE, seed, now);
        let (victim, bystander, ping) = (listener(1), listener(2), corpus.bytes("bystander-ping.bin"));
        let mut attack = Self { corpus, now, victim, bystander, ping, memory: 0 };
        attack.bystander.feed(now, &corpus.bytes("bystander-handshake.bin"));
        attack.bystander.feed(now, &corpus.bytes("bystander-start.bin"));
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
        let cid = &self.corpus.manifest.bystander_cid;
        let echo = kinds_of(&self.bystander.output, cid);
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
        if case.before == "valid-handshake" {
            let handshake = self.corpus.bytes("handshake.bin");
            self.feed(&handshake);
            assert!(self.victim.conn.peer().is_some(), "the handshake is valid");
            self.victim.output.clear();
        }
        self.victim.is_read = case.send.read != "never";
        let bytes = self.corpus.bytes(&format!("cases/{}.bin", case.id));
        match &case.send.chunks {
            None => self.feed(&bytes),
            Some(chunks) => {
                let mut rest = bytes.as_slice();
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
        match case.send.end.as_str() {
            "hold" => {}
            "half-close" | "close" => self.victim.conn.handle_eof(self.now),
            "reset" => self.victim.conn.handle_reset(self.now),
            other => panic!("an end called {other}"),
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
        let (handshake, probe) = (self.corpus.bytes("handshake.bin"), self.corpus.bytes("probe.bin"));
        let mut fresh = Listener::new(self.corpus.config(), MODULE, 3, self.now);
        fresh.feed(self.now, &handshake);
        let listener = if on_victim { &mut self.victim } else { &mut fresh };
        let live = listener.conn.dialogs().count();
        listener.feed(self.now, &probe);
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
fn run(corpus: &Corpus, case: &Case) -> Result<(&'static str, bool, usize), String> {
    let mut attack = Attack::new(corpus);
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
    let Some(corpus) = Corpus::open() else {
        println!("skipped: no ../shared/hostile beside the repository");
        return;
    };
    let cases = corpus.cases();
    let (mut right, mut tolerated, mut wrong) = (0, 0, Vec::new());
    for case in &cases {
        match run(&corpus, case) {
            Ok((outcome, is_right, memory)) => {
                let mark = if is_right { "right" } else { "tolerated" };
                println!("{:50} {outcome:16} {mark:10} {:5} KiB", case.id, memory >> 10);
                right += usize::from(is_right);
                tolerated += usize::from(!is_right);
            }
            Err(complaint) => wrong.push(complaint),
        }
    }
    println!("hostile: {} cases, {right} right, {tolerated} tolerated, {} wrong", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(right > 0);
}

/// The judge itself: a peer that does nothing wrong is not called hostile, and one that does is.
#[test]
fn the_judge_tells_a_healthy_dialog_from_a_hostile_one() {
    let Some(corpus) = Corpus::open() else {
        println!("skipped: no ../shared/hostile beside the repository");
        return;
    };
    let mut attack = Attack::new(&corpus);
    attack.feed(&corpus.bytes("handshake.bin"));
    attack.feed(&corpus.bytes("probe.bin"));
    assert_eq!(attack.outcomes(), ["accepted"]);
    let message = Message::Stop { cid: "never-seen".into() };
    let mut frame = bytes::BytesMut::new();
    wire::encode(&message, &mut frame);
    attack.feed(&frame);
    assert_eq!(attack.outcomes(), ["ignored"]);
    attack.feed(&[0, 0, 0, 0]);
    assert_eq!(attack.outcomes(), ["closed:protocol"]);
}
