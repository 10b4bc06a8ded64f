//! Receiving whatever a dialog brings next, with its kind and its type.

use alloc::boxed::Box;

use crate::connection::Connection;
use crate::dialog::Dialog;
use crate::error::Misuse;
use crate::event::{DialogId, Outcome, Take};
use crate::mistyped::{Found, Mistyped};
use crate::payload::Payload;
use crate::spec::PldSpec;
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

    /// Whether it is the result, also one that was handed over: nothing else comes after it.
    pub fn is_result(&self) -> bool {
        self.kind() == Some(MsgKind::Return)
    }
}

impl Connection {
    /// Whatever is next: the first value, then the items, then the end of the stream, then the result. What comes
    /// last is given again and again. After an error or a cancellation `Failed` comes first. It never
    /// waits; to drain a dialog, go on until it gives the [result](Received::is_result) or `Failed`. (P-22)
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
            let breaks = dialog.broken_by(MsgKind::Started);
            return Ok(dialog.received(MsgKind::Started, first, breaks, Received::Started));
        }
        let (take, breaks) = self.take_marked(id)?;
        let dialog = self.visible(id)?;
        Ok(match take {
            Take::Item(item) => dialog.received(MsgKind::Yield, item, breaks, Received::Item),
            Take::Pending => Received::Pending,
            Take::Failed => Received::Failed,
            Take::End => match dialog.outcome.as_deref() {
                Some(Outcome::Returned(Some(value))) => {
                    let breaks = dialog.broken_by(MsgKind::Return);
                    dialog.received(MsgKind::Return, value.clone(), breaks, |value| {
                        Received::Returned(Some(value))
                    })
                }
                Some(Outcome::Returned(None)) => Received::Returned(None),
                Some(Outcome::Failed(_) | Outcome::Cancelled { .. } | Outcome::Disconnected(_)) => {
                    Received::Failed
                }
                None => Received::Stopped,
            },
        })
    }
}

/// For readers who ask for one thing after the other.
impl Connection {
    /// As [`take`](Self::take); tells as well why the item does not conform, if it was handed over. (P-20)
    ///
    /// # Errors
    ///
    /// [`Misuse::UnknownDialog`].
    pub fn take_checked(&mut self, id: DialogId) -> Result<(Take, Option<Box<Mistyped>>), Misuse> {
        let (take, breaks) = self.take_marked(id)?;
        let Take::Item(item) = &take else { return Ok((take, None)) };
        let error = self.visible(id)?.mistyped(MsgKind::Yield, item, breaks);
        Ok((take, error))
    }

    /// Why the first value or the result does not conform, if it was handed over. (P-20)
    pub fn handed_over(&self, id: DialogId, kind: MsgKind, value: &Payload) -> Option<Box<Mistyped>> {
        let dialog = self.visible(id).ok()?;
        dialog.mistyped(kind, value, dialog.broken_by(kind))
    }
}

impl Dialog {
    /// A value as its reader gets it: marked if there is a spec that it does not conform to. (P-20)
    fn received(
        &self,
        kind: MsgKind,
        value: Payload,
        breaks: Option<PldSpec>,
        conforming: impl FnOnce(Payload) -> Received,
    ) -> Received {
        match self.mistyped(kind, &value, breaks) {
            Some(error) => Received::Mistyped(error),
            None => conforming(value),
        }
    }

    /// What is wrong with a received value, if there is a spec that it does not conform to.
    fn mistyped(&self, kind: MsgKind, value: &Payload, breaks: Option<PldSpec>) -> Option<Box<Mistyped>> {
        let spec = breaks?;
        let found = Found::new(self.role.peer(), kind, (&spec, spec.check(value).err()?));
        Some(Box::new(found.of(self, Some(value.clone()))))
    }
}
