//! Who an actor says it is.

use alloc::sync::Arc;
use core::fmt;

/// The name and uuid of an actor: two texts, compared element by element.
///
/// A uid is what a peer *claims*; it identifies nobody. Dialogs belong to connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid {
    name: Arc<str>,
    uuid: Arc<str>,
}

impl Uid {
    /// The uid made of `name` and `uuid`.
    pub fn new(name: impl Into<Arc<str>>, uuid: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), uuid: uuid.into() }
    }

    /// The actor's name, chosen by its program and not unique.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The actor's uuid in text form; receivers accept any text.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name.escape_debug(), self.uuid.escape_debug())
    }
}

/// Which of the two known forms of `Aid` is spoken (they differ in three keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Era {
    /// The present form: `name uuid pid is_registrar is_probe`.
    #[default]
    Current,
    /// The form of March 2025: `name uuid`.
    March2025,
}

/// What an actor says of itself in its `Aid`, the first frame in each direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Name and uuid.
    pub uid: Uid,
    /// Process id; informative only.
    pub pid: Option<i64>,
    /// Whether this actor is the registrar of its tree; `None` in probes and in the 2025 form.
    pub is_registrar: Option<bool>,
    /// Whether this connection only asks who is there: the acceptor answers and closes.
    pub is_probe: bool,
    /// The form of `Aid` it is written in.
    pub era: Era,
}

impl Identity {
    /// An ordinary actor speaking the present form.
    pub fn new(uid: Uid) -> Self {
        Self { uid, pid: None, is_registrar: Some(false), is_probe: false, era: Era::Current }
    }

    /// A probe: it asks who is there and hangs up.
    pub fn probe(uuid: impl Into<Arc<str>>) -> Self {
        Self {
            uid: Uid::new("registry-probe", uuid),
            is_registrar: None,
            is_probe: true,
            ..Self::new(Uid::new("", ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    ///
    #[test]
    fn a_probe_cannot_be_taken_for_the_actor_that_sent_it() {
        let probe = Identity::probe("fresh");
        assert_eq!((probe.uid.uuid(), probe.is_registrar, probe.is_probe), ("fresh", None, true));
    }
}
