//! Receiving whatever a dialog brings next, with its kind and its type.

use alloc::boxed::Box;

use crate::connection::Connection;
use crate::error::Misuse;
use crate::event::{DialogId, Outcome, Take};
use crate::mistyped::Mistyped;
use crate::payload::Payload;
use crate::wire::MsgKind;

/// What `receive` gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Received {
    /// The first value of a context.
    Started(Payload),
    /// An item.
    Item(Payload),
    /// A value that does not conform to the spec in force, under the policy
    /// [`HandOver`](crate::TypePolicy::HandOver). The dialog is as it was.
    Mistyped(Box<Mistyped>),
    /// The stream has ended and all its items were received; the dialog goes on.
    Stopped,
    /// The dialog has ended with a result (none of a generator, nor on the child's side).
    Returned(Option<Payload>),
    /// Nothing yet.
    Pending,
    /// The dialog failed, was cancelled or was cut off, see `error` and `outcome`.
    Failed,
}

impl Received {
    /// The kind of the message that it comes from.
    pub fn kind(&self) -> Option<MsgKind> {
        match self {
            Self::Started(_) => Some(MsgKind::Started),
            Self::Item(_) => Some(MsgKind::Yield),
            Self::Mistyped(error) => Some(error.kind),
            Self::Stopped => Some(MsgKind::Stop),
            Self::Returned(_) => Some(MsgKind::Return),
            Self::Pending | Self::Failed => None,
        }
    }

    /// The value, conforming or not.
    pub fn value(&self) -> Option<&Payload> {
        match self {
            Self::Started(value) | Self::Item(value) => Some(value),
            Self::Mistyped(error) => error.value.as_ref(),
            Self::Returned(value) => value.as_ref(),
            Self::Stopped | Self::Pending | Self::Failed => None,
        }
    }
}

impl Connection {
    /// Whatever is next: the first value, then the items, then the end of the stream, then the result. What comes
    /// last is given again and again. After an error or a cancellation `Failed` comes first. It never
    /// waits; to drain a dialog, go on until it gives neither items nor `Stopped`. (P-22)
    ///
    /// # Errors
    ///
    /// [`Misuse::UnknownDialog`].
    pub fn receive(&mut self, id: DialogId) -> Result<Received, Misuse> {
        let dialog = self.visible_mut(id)?;
        if dialog.fails_readers() {
            return Ok(Received::Failed);
        }
        if let Some(first) = dialog.first.take() {
            return self.or_mistyped(id, MsgKind::Started, first, Received::Started);
        }
        match self.take(id)? {
            Take::Item(item) => self.or_mistyped(id, MsgKind::Yield, item, Received::Item),
            Take::Pending => Ok(Received::Pending),
            Take::Failed => Ok(Received::Failed),
            Take::End => match self.visible(id)?.outcome.as_deref() {
                Some(Outcome::Returned(Some(value))) => {
                    let value = value.clone();
                    self.or_mistyped(id, MsgKind::Return, value, |value| Received::Returned(Some(value)))
                }
                Some(Outcome::Returned(None)) => Ok(Received::Returned(None)),
                Some(Outcome::Failed(_) | Outcome::Cancelled { .. } | Outcome::Disconnected(_)) => {
                    Ok(Received::Failed)
                }
                None => Ok(Received::Stopped),
            },
        }
    }

    /// Why a value that was taken does not conform, if it was handed over. `receive` says so by itself; this
    /// is for values of `take`, `take_first` and the outcome.
    pub fn handed_over(&self, id: DialogId, kind: MsgKind, value: &Payload) -> Option<Box<Mistyped>> {
        self.visible(id).ok()?.handed_over(kind, value)
    }

    fn or_mistyped(
        &self,
        id: DialogId,
        kind: MsgKind,
        value: Payload,
        conforming: impl FnOnce(Payload) -> Received,
    ) -> Result<Received, Misuse> {
        Ok(match self.visible(id)?.handed_over(kind, &value) {
            Some(error) => Received::Mistyped(error),
            None => conforming(value),
        })
    }
}
