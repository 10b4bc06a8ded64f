//! A remote error for people, on several lines.

use core::fmt;
use core::panic::Location;

use crate::escape::escaped;
use crate::identity::Uid;
use crate::remote::RemoteError;

/// A remote error as a report: a header, facts, the message, and the traceback in a frame if there is one.
/// Texts of the peer are escaped line by line.
///
/// ```
/// use scipp_proto::{RemoteError, Uid, wire::ErrorMsg};
/// # let uid = |name: &str| Uid::new(name, "0");
/// # let msg = ErrorMsg {
/// #     src_uid: uid("leaf"),
/// #     src_type_str: "KeyError".into(),
/// #     boxed_type_str: "RemoteActorError".into(),
/// #     relay_path: vec![uid("leaf"), uid("mid")],
/// #     message: Some("no such key".into()),
/// #     tb_str: "Traceback:\n  line 1\n".into(),
/// #     canceller: None,
/// #     sender: None,
/// #     cid: Some("c".into()),
/// #     bad_msg: None,
/// #     bad_msg_as_dict: None,
/// #     repaired: false,
/// # };
/// let error = RemoteError { msg, repaired: false };
/// assert_eq!(format!("{error}"), "KeyError from leaf.0 [RemoteActorError from mid.0]");
/// assert_eq!(
///     format!("{error:#}"),
///     "RemoteActorError: no such key\n\
///      \x20 source: KeyError from leaf.0\n\
///      \x20 path: leaf.0 > mid.0\n\
///      \x20 dialog: c\n\
///      \x20 +-- traceback of mid.0\n\
///      \x20 | Traceback:\n\
///      \x20 |   line 1\n\
///      \x20 +--\n"
/// );
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ErrorReport<'a> {
    error: &'a RemoteError,
    header: bool,
    caller: Option<&'static Location<'static>>,
}

impl<'a> ErrorReport<'a> {
    pub(crate) const fn new(error: &'a RemoteError) -> Self {
        Self { error, header: true, caller: None }
    }

    /// Without the type at the beginning: for printing where the type stands already.
    #[must_use]
    pub const fn without_header(self) -> Self {
        Self { header: false, ..self }
    }

    /// With the line of our own code whose dialog it ended, see [`DialogRef::caller`](crate::DialogRef::caller).
    #[must_use]
    pub const fn called_at(self, caller: Option<&'static Location<'static>>) -> Self {
        Self { caller, ..self }
    }
}

impl fmt::Display for ErrorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (error, msg) = (self.error, &self.error.msg);
        let mut message = msg.message.as_deref().unwrap_or_default().lines();
        let first = message.next().unwrap_or_default();
        match (self.header, first) {
            (true, "") => writeln!(f, "{}", escaped(error.boxed_type()))?,
            (true, first) => writeln!(f, "{}: {}", escaped(error.boxed_type()), escaped(first))?,
            (false, "") => {}
            (false, first) => writeln!(f, "{}", escaped(first))?,
        }
        message.try_for_each(|line| writeln!(f, "  {}", escaped(line)))?;
        if error.is_inception() {
            writeln!(f, "  source: {} from {}", escaped(error.source_type()), msg.src_uid)?;
        } else {
            writeln!(f, "  source: {}", msg.src_uid)?;
        }
        if let [_, _, ..] = &msg.relay_path[..] {
            f.write_str("  path: ")?;
            write_path(&msg.relay_path, f)?;
        }
        if let Some(uid) = error.canceller() {
            writeln!(f, "  cancelled by: {uid}")?;
        }
        if let Some(uid) = error.sender() {
            writeln!(f, "  sent too fast by: {uid}")?;
        }
        if let Some(cid) = error.cid() {
            writeln!(f, "  dialog: {}", escaped(cid))?;
        }
        if let Some(caller) = self.caller {
            writeln!(f, "  called at: {caller}")?;
        }
        self.write_bad_msg(f)?;
        if error.repaired || msg.repaired {
            writeln!(f, "  parts of it were defective or too long, and are replaced or left out")?;
        }
        self.write_traceback(f)
    }
}

impl ErrorReport<'_> {
    fn write_bad_msg(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(bad) = self.error.bad_msg_loose() else { return Ok(()) };
        writeln!(f, "  offending message: {}", bad.tag())?;
        for (name, value) in bad.fields() {
            writeln!(f, "    {}: {}", escaped(name), crate::spec::describe(value.as_bytes()))?;
        }
        bad.errors().iter().try_for_each(|error| writeln!(f, "    ! {error}"))
    }

    /// What has no traceback gets no box.
    fn write_traceback(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.error.msg.tb_str.trim().is_empty() {
            return Ok(());
        }
        match self.error.relay_uid() {
            Some(uid) => writeln!(f, "  +-- traceback of {uid}")?,
            None => writeln!(f, "  +-- traceback")?,
        }
        self.error.msg.tb_str.lines().try_for_each(|line| writeln!(f, "  | {}", escaped(line)))?;
        writeln!(f, "  +--")
    }
}

fn write_path(path: &[Uid], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, uid) in path.iter().enumerate() {
        write!(f, "{}{uid}", if at == 0 { "" } else { " > " })?;
    }
    writeln!(f)
}
