//! Recordings of the Python reference: where they are and how they are read.

mod line;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

pub use line::{Act, Actor, Frame, Header, Line, Link, LinkEvent};

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A line is not what the format says.
    #[error("{path}, line {line}: {what}")]
    Format {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from one.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// One entry of `index.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// Path of the recording, relative to the directory.
    pub file: String,
    /// Lines of the recording, the header included.
    pub lines: usize,
}

/// A directory of recordings.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
    entries: Vec<Entry>,
}

impl Directory {
    /// The recordings to test with: the directory named by `SCIPP_TRANSCRIPTS`, else the representative set
    /// inside the repository.
    ///
    /// # Errors
    ///
    /// If that directory has no readable `index.json`.
    pub fn find() -> Result<Self, LoadError> {
        std::env::var_os("SCIPP_TRANSCRIPTS")
            .map_or_else(Self::committed, |named| Self::open(Path::new(&named)))
    }

    /// The representative recordings inside the repository.
    ///
    /// # Errors
    ///
    /// If there is no readable `index.json`.
    pub fn committed() -> Result<Self, LoadError> {
        Self::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors"))
    }

    /// The recordings under `root`.
    ///
    /// # Errors
    ///
    /// If there is no readable `index.json`.
    pub fn open(root: &Path) -> Result<Self, LoadError> {
        let path = root.join("index.json");
        let text = std::fs::read(&path).map_err(|source| LoadError::Io { path: path.clone(), source })?;
        let entries = serde_json::from_slice(&text).map_err(|error| LoadError::Format {
            path,
            line: error.line(),
            what: error.to_string(),
        })?;
        Ok(Self { root: root.to_owned(), entries })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the index lists.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads one recording.
    ///
    /// # Errors
    ///
    /// If it is not there or not in the format.
    pub fn load(&self, entry: &Entry) -> Result<Transcript, LoadError> {
        Transcript::read(&self.root.join(&entry.file), &entry.file)
    }
}

/// One recording.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// Its path relative to the directory, for messages.
    pub file: String,
    /// The first line.
    pub header: Header,
    /// All other lines, in order.
    pub lines: Vec<Line>,
}

impl Transcript {
    fn read(path: &Path, file: &str) -> Result<Self, LoadError> {
        let io = |source| LoadError::Io { path: path.to_owned(), source };
        let opened = File::open(path).map_err(io)?;
        let compressed = path.extension().is_some_and(|ext| ext == "gz");
        let reader: Box<dyn Read> =
            if compressed { Box::new(MultiGzDecoder::new(opened)) } else { Box::new(opened) };
        let mut reader = BufReader::with_capacity(1 << 16, reader);

        let mut header = None;
        let mut lines = Vec::new();
        let mut text = String::new();
        for number in 1.. {
            text.clear();
            if reader.read_line(&mut text).map_err(io)? == 0 {
                break;
            }
            let wrong = |what: String| LoadError::Format { path: path.to_owned(), line: number, what };
            if header.is_none() {
                header = Some(serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?);
            } else {
                lines.push(Line::parse(&text).map_err(wrong)?);
            }
        }
        let header = header.ok_or_else(|| LoadError::Format {
            path: path.to_owned(),
            line: 1,
            what: "the header is missing".to_owned(),
        })?;
        Ok(Self { file: file.to_owned(), header, lines })
    }

    /// The two ends of every connection, by its number.
    pub fn links(&self) -> BTreeMap<u32, Link> {
        let mut links = BTreeMap::new();
        for line in &self.lines {
            if let Line::Event(LinkEvent { conn: Some(conn), event, by, to: Some(to), .. }) = line {
                if event == "connect" {
                    links.insert(*conn, Link { by: by.clone(), to: to.clone() });
                }
            }
        }
        links
    }
}
