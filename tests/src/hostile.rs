//! Hostile byte streams: where they are and how they are read. The format: `spec/vectors/README.md`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use scipp_proto::Config;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A directory of cases, with the frames that all of them use.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    manifest: Manifest,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    limits: Limits,
    bystander_cid: String,
    cases: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
}

#[derive(Debug, Deserialize)]
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

/// One stream, and what is to become of it.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// Its name.
    pub id: String,
    /// What the attacker writes first.
    pub before: Before,
    /// How it writes the bytes.
    pub send: Delivery,
    /// How the listener is judged.
    pub expect: Expect,
    /// The bytes.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// What comes before the bytes of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// They come first.
    Nothing,
    /// A handshake without fault.
    ValidHandshake,
}

/// How the bytes of a case are written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// In these pieces, if not at once.
    pub chunks: Option<Vec<Chunk>>,
    /// What is written again behind them.
    pub repeat: Option<Repeat>,
    /// Whether the attacker reads.
    pub read: Reading,
    /// What it does in the end.
    pub end: End,
    /// Milliseconds until then.
    pub hold_ms: u64,
}

/// One piece.
#[derive(Debug, Deserialize)]
pub struct Chunk {
    /// Bytes; the last piece may be shorter.
    pub len: usize,
    /// Milliseconds before the next.
    pub pause_ms: u64,
}

/// A slice of the bytes that is written again.
#[derive(Debug, Deserialize)]
pub struct Repeat {
    /// Where it begins.
    pub off: usize,
    /// Its bytes.
    pub len: usize,
    /// How often.
    pub times: usize,
}

/// What the attacker does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// It takes it.
    Normal,
    /// It leaves it.
    Never,
}

/// What the attacker does in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It stays.
    Hold,
    /// It writes no more.
    HalfClose,
    /// It goes.
    Close,
    /// It goes without regard for what is on its way.
    Reset,
}

/// How the listener is judged.
#[derive(Debug, Deserialize)]
pub struct Expect {
    /// Outcomes that are right.
    pub right: Vec<String>,
    /// Outcomes that may be chosen.
    pub tolerated: Vec<String>,
    /// The dialog that an error has to be about.
    pub dialog: Option<String>,
    /// Message types that have to come back, in order.
    pub replies: Option<Vec<String>>,
    /// Whether a healthy dialog is served behind it.
    pub probe_after: bool,
    /// KiB of memory that it may take.
    pub extra_rss_kib_max: usize,
}

impl Directory {
    /// The directories to test with: the one inside the repository, and the one named by `SCIPP_HOSTILE`.
    ///
    /// # Errors
    ///
    /// One of them cannot be read, or has no cases.
    pub fn all() -> io::Result<Vec<Self>> {
        let named = std::env::var_os("SCIPP_HOSTILE").map(|root| Self::open(Path::new(&root)));
        [Self::committed()].into_iter().chain(named).collect()
    }

    /// The directory inside the repository.
    ///
    /// # Errors
    ///
    /// It cannot be read, or has no cases.
    pub fn committed() -> io::Result<Self> {
        Self::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/hostile"))
    }

    fn open(root: &Path) -> io::Result<Self> {
        let manifest: Manifest = json(&root.join("MANIFEST.json"))?;
        if manifest.cases.is_empty() {
            return Err(io::Error::other(format!("{}: no cases", root.display())));
        }
        Ok(Self { root: root.to_owned(), manifest })
    }

    /// The configuration of the listener.
    pub fn config(&self) -> Config {
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

    /// The id of the dialog on the second connection.
    pub fn bystander_cid(&self) -> &str {
        &self.manifest.bystander_cid
    }

    /// Frames that all cases use, by the name of their file.
    ///
    /// # Errors
    ///
    /// There is no such file.
    pub fn frames(&self, name: &str) -> io::Result<Vec<u8>> {
        bytes(&self.root.join(name))
    }

    /// All cases, in order.
    ///
    /// # Errors
    ///
    /// One of those in the manifest cannot be read.
    pub fn cases(&self) -> impl Iterator<Item = io::Result<Case>> {
        let case = |Entry { id }: &Entry| {
            let stem = self.root.join("cases").join(id);
            let with = |extension| format!("{}.{extension}", stem.display());
            let case: Case = json(Path::new(&with("json")))?;
            Ok(Case { bytes: bytes(Path::new(&with("bin")))?, ..case })
        };
        self.manifest.cases.iter().map(case)
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    serde_json::from_slice(&bytes(path)?)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

/// What is in a file, which may be compressed and have one more extension.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let compressed = format!("{}.gz", path.display());
    let mut bytes = Vec::new();
    let read = match File::open(&compressed) {
        Ok(file) => GzDecoder::new(file).read_to_end(&mut bytes).map(|_| bytes),
        Err(_) => fs::read(path),
    };
    read.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
