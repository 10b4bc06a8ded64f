//! Receiving whatever a dialog brings next, with its kind and its type.

use alloc::{boxed::Box, sync::Arc};

use crate::connection::Connection;
use crate::dialog::Dialog;
use crate::error::Misuse;
use crate::event::{DialogId, Outcome, Take};
use crate::mistyped::Mistyped;
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

impl Dialog {
    /// A value as its reader gets it: marked if there is a spec that it does not conform to. (P-20)
    fn received(
        &self,
        kind: MsgKind,
        value: Payload,
        breaks: Option<PldSpec>,
        conforming: impl FnOnce(Payload) -> Received,
    ) -> Received {
        let found = breaks.and_then(|spec| Some((spec.label(), spec.check(&value).err()?)));
        let Some((spec, mismatch)) = found else { return conforming(value) };
        let (culprit, cid) = (self.role.peer(), Arc::clone(&self.cid));
        Received::Mistyped(Box::new(Mistyped {
            culprit,
            kind,
            cid,
            spec,
            mismatch,
            value: Some(value),
            start: None,
        }))
    }
}
