//! Writes the seed corpus of the fuzz targets from the recordings and the hostile streams that the tests use.
//! Run it when the form of the inputs changes: `cargo run -p scipp-conformance --example seeds`. The more recordings
//! and streams `SCIPP_TRANSCRIPTS` and `SCIPP_HOSTILE` name, the more forms the corpus shows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use scipp_conformance::fuzzing;
use scipp_conformance::hostile::{self, Before, Case};
use scipp_conformance::transcript::Directory;
use scipp_proto::wire::{self, Message, MsgKind};
use scipp_proto::{Config, Kind};
use serde::Deserialize;
use serde_json::Value;

/// Longer streams make the fuzzer slow and show nothing new.
const MAX_STREAM: usize = 3000;
const MAX_PROGRAM: usize = 400;

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut frames = BTreeMap::new();
    let mut shapes = HashSet::new();
    let mut programs = BTreeMap::new();
    let mut values = BTreeMap::new();
    for (name, lines) in recordings(Directory::find().expect("recordings").root()) {
        for (at, stream) in streams(&lines).into_iter().enumerate() {
            if name.starts_with("type") {
                values.extend(
                    payloads(&stream).enumerate().map(|(nth, value)| (format!("{name}-{at}-{nth}"), value)),
                );
            }
            if !shapes.insert(shape(&stream)) {
                continue;
            }
            let lengths: &[u8] = [&[][..], &[64], &[3, 1, 200], &[255]][at % 4];
            // Our own dialogs are open; the input ends after the last frame.
            frames.insert(format!("{name}-{at}"), fuzzing::seed(2 | 16, lengths, &stream));
        }
        programs.insert(name, program(&lines));
    }
    let mut frames = pick(frames, 66);
    frames.extend(pick(hostile_streams(), 36));
    write(&corpus.join("frames"), &frames);
    write(&corpus.join("ops"), &pick(programs, 48));
    write(&corpus.join("specs"), &types(&pick(values, 96)));
}

/// Types, with every mark of the notation among them.
const TYPES: [&str; 24] = [
    "Any",
    "int|None",
    "int[0..=255]|int[-5..=-1]|int[18446744073709551615..]",
    "float|bool",
    "list[str]",
    "list[int|list[int]]",
    "tuple[int, str]|None",
    "tuple[()]",
    "tuple[str|None, ...]",
    "dict[str, Any]",
    "dict[str, int|str|None]",
    "dict[int|str, float]",
    "NamespacePath|datetime|bytes",
    "Ext[5]|Ext[-1]|str",
    "Literal['a', 1, None, True]|list[Any]",
    "Literal['it\\'s', '\\n\\u{1b}é\"']",
    "Optional[Union[typing.Any, NoneType]]",
    "A where A = struct(a: int)",
    "Item|None where Item = struct(type='Item', label: str, qty: int = 1, 'odd key'?: float)!",
    "A|B where A = struct(t='A', a: A|B|None); B = struct(t='B')",
    "Tree where Tree = struct(left: Tree|None, right?: list[Tree])",
    "Json where Json = None|bool|float|str|list[Json]|dict[str, Json]",
    "a.Order where a.Order = struct(inner: b.Order); b.Order = struct(symbol: str, price: float)",
    "U|int where U = V|None; V = str|A; A = struct(n?: U)",
];

/// Each type beside three others, with values one after the other.
fn types(values: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let mut next = values.iter().cycle();
    let mut seeds = BTreeMap::new();
    for (at, text) in TYPES.iter().enumerate() {
        for step in 1..=3 {
            let other = TYPES[(at + step) % TYPES.len()];
            let (name, value) = next.next().expect("values");
            let seed = [text.as_bytes(), &[0], other.as_bytes(), &[0], value].concat();
            seeds.insert(format!("{at:02}-{step}-{name}"), seed);
        }
    }
    seeds
}

/// The payloads of a stream, of those that are not too long.
fn payloads(stream: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    const MOST: usize = 400;
    let limits = Config::default().limits();
    bodies(stream).into_iter().filter_map(move |body| match wire::decode(&body, &limits).ok()? {
        Message::Started { pld, .. } | Message::Yield { pld, .. } | Message::Return { pld, .. } => {
            Some(pld.as_bytes().to_vec()).filter(|value| value.len() <= MOST)
        }
        _ => None,
    })
}

/// Class and era of a recording, and its lines. One of each.
fn recordings(dir: &Path) -> BTreeMap<String, Vec<Value>> {
    let mut recordings = BTreeMap::new();
    for era in ["head", "seed"] {
        for path in files(&dir.join(era), "jsonl") {
            let stem = path.file_stem().expect("a file").to_string_lossy().into_owned();
            let class = stem.split("__").next().expect("a class");
            let text = fs::read_to_string(&path).expect("readable");
            let lines = text.lines().map(json).collect();
            recordings.entry(format!("{class}-{era}")).or_insert(lines);
        }
    }
    recordings
}

/// Recorded values nest deeper than the default limit.
fn json(line: &str) -> Value {
    let mut reader = serde_json::Deserializer::from_str(line);
    reader.disable_recursion_limit();
    Value::deserialize(&mut reader).expect("JSON")
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

/// What each end of each connection wrote, with the ids of the dialogs that the other end opened replaced
/// by those of the dialogs that the target opens itself.
fn streams(lines: &[Value]) -> Vec<Vec<u8>> {
    let mut streams: BTreeMap<(u64, String), Vec<u8>> = BTreeMap::new();
    for line in lines {
        let (Some(conn), Some(from), Some(hex)) =
            (line["conn"].as_u64(), line["from"].as_str(), line["hex"].as_str())
        else {
            continue;
        };
        streams.entry((conn, from.to_owned())).or_default().extend(unhex(hex));
    }
    let streams = streams.into_values().map(|stream| with_own_ids(&stream));
    streams.filter(|stream| stream.len() <= MAX_STREAM && !names_a_path(stream)).collect()
}

/// The kinds of its frames: one stream of each shape is enough.
fn shape(stream: &[u8]) -> Vec<Option<MsgKind>> {
    let limits = Config::default().limits();
    let kind = |body: Bytes| wire::decode(&body, &limits).ok().map(|message| message.kind());
    bodies(stream).into_iter().map(kind).collect()
}

/// The bodies of its whole frames.
fn bodies(mut stream: &[u8]) -> Vec<Bytes> {
    let mut bodies = Vec::new();
    while let Ok(Some(len)) = wire::frame::body_len(stream, usize::MAX) {
        let Some((body, rest)) = stream[wire::frame::PREFIX..].split_at_checked(len) else { break };
        bodies.push(Bytes::copy_from_slice(body));
        stream = rest;
    }
    bodies
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
        .collect()
}

fn with_own_ids(stream: &[u8]) -> Vec<u8> {
    let own = fuzzing::own_cids();
    let mut renamed: HashMap<String, String> = HashMap::new();
    for body in bodies(stream) {
        if let Ok(Message::StartAck { cid, functype }) = wire::decode(&body, &Config::default().limits()) {
            let at = Kind::ALL.iter().position(|kind| *kind == functype).expect("a kind");
            let is_free = !renamed.values().any(|used| *used == own[at]);
            if is_free && cid.as_bytes().len() == own[at].len() {
                renamed.insert(cid.to_string(), own[at].clone());
            }
        }
    }
    let mut stream = stream.to_vec();
    for (theirs, ours) in &renamed {
        for at in 0..stream.len().saturating_sub(theirs.len()) {
            if stream[at..].starts_with(theirs.as_bytes()) {
                stream[at..at + ours.len()].copy_from_slice(ours.as_bytes());
            }
        }
    }
    stream
}

/// Whether a file of somebody's machine is named.
fn names_a_path(stream: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.' || *byte == b'_';
    stream
        .windows(3)
        .any(|three| matches!(three, [before, b'/', after] if !is_word(before) && is_word(after)))
}

/// A handshake and a hostile stream behind it.
fn hostile_streams() -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    for directory in hostile::Directory::all().expect("hostile streams") {
        let handshake = directory.frames("handshake.bin").expect("the attacker's handshake");
        for case in directory.cases() {
            let Case { id, before, bytes, .. } = case.expect("readable");
            let head: &[u8] = if before == Before::ValidHandshake { &handshake } else { &[] };
            let stream = [head, &bytes].concat();
            if stream.len() <= MAX_STREAM && !names_a_path(&stream) {
                seeds.insert(id, fuzzing::seed(2, &[100], &stream));
            }
        }
    }
    seeds
}

/// The acts of both ends of a recording, as a program for two cores.
fn program(lines: &[Value]) -> Vec<u8> {
    const SETTLE: u8 = 8;
    const CUT: u8 = 14;
    let mut bytes = vec![0, 0, 0, SETTLE];
    let mut opened: Vec<&str> = Vec::new();
    let mut first = None;
    for line in lines {
        let Some(action) = line["action"].as_str() else { continue };
        let actor = line["actor"].as_str().unwrap_or_default();
        let dialog = line["dialog"].as_str().unwrap_or_default();
        let kind = if action == "open_context" {
            2
        } else {
            u8::from(lines[0]["class"].to_string().contains("agen"))
        };
        let side = if *first.get_or_insert(actor) == actor { 0 } else { 0x80 };
        if matches!(action, "open_context" | "call" | "cancel_actor") {
            bytes.extend([side, 0, 0, if action == "cancel_actor" { 0 } else { 5 }, kind, SETTLE]);
            opened.push(dialog);
        }
        if matches!(action, "fault") {
            bytes.extend([CUT, 0, 40]);
        }
        let Some(at) = opened.iter().rposition(|open| *open == dialog) else { continue };
        // Handles are counted from the newest; the newest of the other end comes before all.
        let Ok(back) = u8::try_from(opened.len() - at) else { break };
        let verb: &[u8] = match action {
            "task" => &[2, back, if lines[0]["class"].to_string().contains("agen") { 1 } else { 2 }, SETTLE],
            "started" => &[4, back, 0, SETTLE],
            "open_stream" => &[5, back],
            "send" => &[6, back, 3, SETTLE],
            "receive" => &[7, back],
            "stop" => &[10, back, SETTLE],
            "return" => &[11, back, 0, SETTLE],
            "raise" => &[12, back, 0, 0, 0, 0, SETTLE],
            "cancel" => &[15, back, SETTLE],
            "result" => &[17, back],
            _ => continue,
        };
        bytes.push(side);
        bytes.extend(verb);
    }
    bytes.truncate(MAX_PROGRAM);
    bytes
}

/// At most `count` of them, evenly chosen, none twice.
fn pick(seeds: BTreeMap<String, Vec<u8>>, count: usize) -> BTreeMap<String, Vec<u8>> {
    let mut seen = HashSet::new();
    let distinct: Vec<_> = seeds.into_iter().filter(|(_, bytes)| seen.insert(bytes.clone())).collect();
    let total = distinct.len();
    let is_chosen = |at: usize| (at + 1) * count / total > at * count / total || total <= count;
    distinct.into_iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, seed)| seed).collect()
}

fn write(dir: &Path, seeds: &BTreeMap<String, Vec<u8>>) {
    fs::create_dir_all(dir).expect("a corpus directory");
    let bytes: usize = seeds.values().map(Vec::len).sum();
    for (name, seed) in seeds {
        fs::write(dir.join(name), seed).expect("writable");
    }
    println!("{}: {} files, {bytes} bytes", dir.display(), seeds.len());
}
