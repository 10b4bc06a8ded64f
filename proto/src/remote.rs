//! Failures of the application at the other end, as they arrived.

use alloc::string::String;

use crate::escape::escaped;
use crate::identity::Uid;
use crate::payload::Payload;
use crate::show::ErrorReport;
use crate::wire::{ErrorMsg, LooseMsg};

/// A failure of the application over there, as it arrived: data, not an error of ours. Nothing in it is
/// looked up by name, and every text is limited by [`Config`](crate::Config).
///
/// It is printed on one line; in the alternate form (`{:#}`) as a [report](Self::report). Both are safe for
/// a terminal or a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RemoteError {
    /// The message.
    pub msg: ErrorMsg,
    /// Whether defective fields were repaired or cut.
    pub repaired: bool,
}

/// What a remote error is about, by its boxed type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemoteErrorKind {
    /// The remote task was cancelled.
    ContextCancelled,
    /// A payload or message of the wrong type.
    MsgTypeError,
    /// Sent too fast.
    StreamOverrun,
    /// A connection over there was lost.
    TransportClosed,
    /// An error that passed through other actors.
    Relayed,
    /// Any other; see `boxed_type_str`.
    Other,
}

impl RemoteError {
    /// What it is about.
    pub fn kind(&self) -> RemoteErrorKind {
        match self.msg.boxed_type_str.as_str() {
            "ContextCancelled" => RemoteErrorKind::ContextCancelled,
            "MsgTypeError" => RemoteErrorKind::MsgTypeError,
            "StreamOverrun" => RemoteErrorKind::StreamOverrun,
            "TransportClosed" | "ClosedResourceError" | "BrokenResourceError" => {
                RemoteErrorKind::TransportClosed
            }
            "RemoteActorError" => RemoteErrorKind::Relayed,
            _ => RemoteErrorKind::Other,
        }
    }

    /// Bare class name of what the last hop boxed.
    pub fn boxed_type(&self) -> &str {
        &self.msg.boxed_type_str
    }

    /// Bare class name of the original error.
    pub fn source_type(&self) -> &str {
        &self.msg.src_type_str
    }

    /// Where it arose. Python relays overwrite it from the second hop on, as they do the type: the
    /// first hop of [`relay_path`](Self::relay_path) still names the actor.
    pub fn source_uid(&self) -> &Uid {
        &self.msg.src_uid
    }

    /// The actors that packed it, oldest first.
    pub fn relay_path(&self) -> &[Uid] {
        &self.msg.relay_path
    }

    /// The actor that it came from last.
    pub fn relay_uid(&self) -> Option<&Uid> {
        self.msg.relay_path.last()
    }

    /// Whether it arose somewhere else than in the last hop.
    pub fn is_inception(&self) -> bool {
        self.msg.boxed_type_str != self.msg.src_type_str
    }

    /// Who asked for the cancellation, if it is one: its author.
    pub fn canceller(&self) -> Option<&Uid> {
        self.msg.canceller.as_ref()
    }

    /// Which of our neighbours was cancelled, if it is a cancellation. (D28)
    pub fn cancelled_neighbour(&self) -> Option<&Uid> {
        (self.kind() == RemoteErrorKind::ContextCancelled).then_some(&self.msg.src_uid)
    }

    /// Who sent too fast, if it is about that.
    pub fn sender(&self) -> Option<&Uid> {
        self.msg.sender.as_ref()
    }

    /// The dialog that it arrived on.
    pub fn cid(&self) -> Option<&str> {
        self.msg.cid.as_deref()
    }

    /// The offending message as one map, unread: in the typed form if it came in that, or the loose one.
    pub fn bad_msg(&self) -> Option<&Payload> {
        self.msg.bad_msg.as_ref().or(self.msg.bad_msg_as_dict.as_ref())
    }

    /// The offending message with its fields, whatever is wrong with them.
    pub fn bad_msg_loose(&self) -> Option<LooseMsg> {
        LooseMsg::read(self.bad_msg()?.as_bytes())
    }

    /// It as a report of several lines.
    pub const fn report(&self) -> ErrorReport<'_> {
        ErrorReport::new(self)
    }

    /// Bytes it keeps: two texts, two offending messages and a path, each limited by `Config`.
    pub(crate) fn memory(&self) -> usize {
        let msg = &self.msg;
        let texts = [&msg.src_type_str, &msg.boxed_type_str, &msg.tb_str].into_iter().chain(&msg.message);
        let bad = [&msg.bad_msg, &msg.bad_msg_as_dict].into_iter().flatten();
        let path = msg.relay_path.iter().map(|uid| uid.name().len().saturating_add(uid.uuid().len()));
        let lens = texts.map(String::len).chain(bad.map(|value| value.as_bytes().len())).chain(path);
        lens.fold(size_of::<Self>(), usize::saturating_add)
    }
}

/// One line: the original type and actor; in brackets what the last hop made of it, if that is
/// something else.
impl core::fmt::Display for RemoteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if f.alternate() {
            return write!(f, "{}", self.report());
        }
        write!(f, "{} from {}", escaped(&self.msg.src_type_str), self.msg.src_uid)?;
        if self.is_inception() {
            write!(f, " [{}", escaped(&self.msg.boxed_type_str))?;
            if let Some(uid) = self.relay_uid() {
                write!(f, " from {uid}")?;
            }
            f.write_str("]")?;
        }
        match (self.canceller(), self.sender()) {
            (Some(uid), _) => write!(f, ", cancelled by {uid}"),
            (None, Some(uid)) => write!(f, ", sent too fast by {uid}"),
            (None, None) => Ok(()),
        }
    }
}

impl core::error::Error for RemoteError {}
