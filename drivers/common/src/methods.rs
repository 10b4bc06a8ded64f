//! Methods that are the same on handles of both roles, in every driver.

/// Writes what both ends of a context say of their dialog, and do with its types, once for all handles: `$handle`
/// has a field `dialog`, a [`Handle`](crate::Handle) whose `look` and `validate` are the driver's; `$caller` says
/// which line it is of.
#[macro_export]
macro_rules! dialog_methods {
    ($handle:ident, $caller:literal) => {
        impl $handle {
            /// The dialog's id on the wire.
            pub fn cid(&self) -> Option<String> {
                self.dialog.look(|dialog| dialog.cid().to_owned())
            }

            /// Where this end of the dialog is.
            pub fn state(&self) -> Option<::scipp_proto::phase::State> {
                self.dialog.look(|dialog| dialog.state())
            }

            /// Who cancelled the task of the dialog, or asked for it, as far as known.
            pub fn canceller(&self) -> Option<::scipp_proto::Uid> {
                self.dialog.look(|dialog| dialog.canceller().cloned()).flatten()
            }

            /// How this end stands with the peer's items.
            pub fn counters(&self) -> $crate::StreamCounters {
                self.dialog.look(|dialog| dialog.into()).unwrap_or_default()
            }

            /// The terms of this end.
            pub fn terms(&self) -> Option<::scipp_proto::Terms> {
                self.dialog.look(|dialog| dialog.terms().cloned()).flatten()
            }

            #[doc = $caller]
            pub fn caller(&self) -> Option<&'static ::core::panic::Location<'static>> {
                self.dialog.look(|dialog| dialog.caller()).flatten()
            }

            /// Narrows the specs of this end until the guard is dropped: what is sent and what is received has
            /// to conform to these as well.
            ///
            /// # Errors
            ///
            /// The dialog is gone.
            pub fn narrow(
                &self,
                slots: ::scipp_proto::spec::Slots,
            ) -> Result<$crate::Narrowed<'_>, $crate::Error> {
                $crate::Narrowed::new(&self.dialog, slots)
            }

            /// Checks a value against the specs in force for messages of this kind, without sending it.
            ///
            /// # Errors
            ///
            /// [`Error::Conversion`], or [`Misuse::Mistyped`](crate::proto::Misuse::Mistyped) if it does not
            /// conform.
            pub fn validate<T>(
                &self,
                kind: ::scipp_proto::wire::MsgKind,
                value: &T,
            ) -> Result<(), $crate::Error>
            where
                T: ::scipp_proto::ToPayload + ?Sized,
            {
                self.dialog.validate(kind, &$crate::convert::payload(value)?)
            }
        }
    };
}
