//! The lines of a recording.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// The first line of a recording.
#[derive(Debug, Clone, Deserialize)]
pub struct Header {
    /// `head` or `seed`.
    pub era: String,
    /// Every process that took part.
    pub actors: Vec<Actor>,
    /// Connection, then sender, then how many of its last bytes the peer never took.
    #[serde(default)]
    pub not_read_by_peer: BTreeMap<String, BTreeMap<String, usize>>,
}

/// A process that took part.
#[derive(Debug, Clone, Deserialize)]
pub struct Actor {
    /// Name and uuid; a script may have no uuid.
    pub uid: (String, Option<String>),
    /// What it was for.
    pub role: String,
    /// What lines call it, where its name is not unique.
    pub label: Option<String>,
}

impl Actor {
    /// What lines call it.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.uid.0)
    }

    /// Whether it is no implementation but a script that writes bytes.
    pub fn is_hand_written(&self) -> bool {
        self.role.starts_with("hand written peer")
    }
}

/// The two ends of a connection.
#[derive(Debug, Clone)]
pub struct Link {
    /// Who connected.
    pub by: Arc<str>,
    /// Who accepted.
    pub to: Arc<str>,
}

/// Any line but the first.
#[derive(Debug, Clone)]
pub enum Line {
    /// One message as sent.
    Frame(Frame),
    /// Something that happened to a connection.
    Event(LinkEvent),
    /// Something that user code did.
    Act(Arc<Act>),
}

/// One message as sent.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Place in the order of time.
    pub n: u32,
    /// Connection.
    pub conn: u32,
    /// Who wrote it.
    pub from: Arc<str>,
    /// Length prefix and body.
    pub bytes: Bytes,
    /// Whether the body is there completely and is valid MessagePack.
    pub is_whole: bool,
}

/// Something that happened to a connection.
#[derive(Debug, Clone)]
pub struct LinkEvent {
    /// Place in the order of time.
    pub n: u32,
    /// Connection; none when there never was one.
    pub conn: Option<u32>,
    /// What happened.
    pub event: String,
    /// Who did or saw it.
    pub by: Arc<str>,
    /// The other end, of `connect`.
    pub to: Option<Arc<str>>,
}

/// Something that user code did.
#[derive(Debug, Clone)]
pub struct Act {
    /// Place in the order of time.
    pub n: u32,
    /// Who.
    pub actor: Arc<str>,
    /// Dialog id.
    pub dialog: Option<Arc<str>>,
    /// What.
    pub action: String,
    /// With which value.
    pub value: Value,
    /// Further options.
    pub detail: Value,
}

/// All keys of all forms: which ones are there tells the form.
#[derive(Deserialize)]
struct Keys<'a> {
    n: u32,
    conn: Option<u32>,
    from: Option<Arc<str>>,
    hex: Option<&'a str>,
    msg: Option<IgnoredAny>,
    event: Option<String>,
    by: Option<Arc<str>>,
    to: Option<Arc<str>>,
    actor: Option<Arc<str>>,
    dialog: Option<Arc<str>>,
    action: Option<String>,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    detail: Value,
}

impl Line {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.disable_recursion_limit();
        let keys = Keys::deserialize(&mut reader).map_err(|error| error.to_string())?;
        match keys {
            Keys { n, conn: Some(conn), from: Some(from), hex: Some(hex), msg, .. } => {
                Ok(Self::Frame(Frame { n, conn, from, bytes: unhex(hex)?, is_whole: msg.is_some() }))
            }
            Keys { n, conn, event: Some(event), by: Some(by), to, .. } => {
                Ok(Self::Event(LinkEvent { n, conn, event, by, to }))
            }
            Keys { n, actor: Some(actor), dialog, action: Some(action), value, detail, .. } => {
                Ok(Self::Act(Arc::new(Act { n, actor, dialog, action, value, detail })))
            }
            _ => Err("neither frame nor event nor action".to_owned()),
        }
    }

    /// Place in the order of time.
    pub fn n(&self) -> u32 {
        match self {
            Self::Frame(frame) => frame.n,
            Self::Event(event) => event.n,
            Self::Act(act) => act.n,
        }
    }
}

fn unhex(text: &str) -> Result<Bytes, String> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err("hex of odd length".to_owned());
    }
    pairs
        .map(|pair| Some((digit(pair[0])? << 4) | digit(pair[1])?))
        .collect::<Option<Vec<u8>>>()
        .map(Bytes::from)
        .ok_or_else(|| "hex with other characters".to_owned())
}
