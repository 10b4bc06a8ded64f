//! How bad a refused frame body is.

use alloc::sync::Arc;

use bytes::Bytes;

use super::cursor::{Cursor, Token};
use super::decode::Limits;
use super::entries::{Entries, TAG};
use super::error::{DecodeError, Fault, Rejected};
use super::message::MsgKind;
use super::text::{Text, checked_text};
use super::walk::one_value;

/// Judges a body in which the decoder found `error`.
///
/// A body that is not one well-formed value is refused for that, even where another rule was broken
/// at an earlier byte. (W-28, W-30 to W-32)
#[cold]
pub(super) fn reject(body: &Bytes, limits: &Limits, error: DecodeError) -> Rejected {
    match one_value(body, limits.levels()) {
        Err(malformed) => Rejected { error: *malformed, fault: Fault::Malformed },
        Ok(()) => {
            let fault = Address::read(body, limits).and_then(Address::fault);
            Rejected { error, fault: fault.unwrap_or(Fault::NotAMessage) }
        }
    }
}

/// What says whom a message is for.
#[derive(Default)]
struct Address<'a> {
    kind: Option<MsgKind>,
    cid: Option<Text<'a>>,
    ns: Option<&'a [u8]>,
    func: Option<&'a [u8]>,
}

impl<'a> Address<'a> {
    /// `None` if the body is no map of texts, or if its tag or dialog id is unreadable or ambiguous.
    fn read(body: &'a [u8], limits: &Limits) -> Option<Self> {
        let mut entries = Entries::new(Cursor::new(body)).ok()?;
        let mut address = Self::default();
        while let Some((_, key)) = entries.next_key().ok()? {
            let mut value = entries.cursor.clone();
            let text = match value.token() {
                Ok(Token::Str(text)) => Some(text),
                _ => None,
            };
            if key == TAG.as_bytes() {
                settle(&mut address.kind, MsgKind::from_tag(text?)?)?;
            }
            match key {
                b"cid" => settle(&mut address.cid, checked_text(text?, "cid", limits.cid, 0).ok()?)?,
                b"ns" => address.ns = address.ns.or(text),
                b"func" => address.func = address.func.or(text),
                _ => {}
            }
            entries.cursor.skip(limits.field_levels()).ok()?;
        }
        Some(address)
    }

    fn fault(self) -> Option<Fault> {
        let kind = self.kind.filter(|kind| !matches!(kind, MsgKind::Aid | MsgKind::SpawnSpec))?;
        let is_cancel_request = kind == MsgKind::Start
            && self.ns == Some(b"self".as_slice())
            && self.func == Some(b"_cancel_task".as_slice());
        Some(Fault::Envelope { kind, cid: Arc::from(self.cid?.as_str()), is_cancel_request })
    }
}

/// A key may come twice with one value, not with two.
fn settle<T: PartialEq>(slot: &mut Option<T>, value: T) -> Option<()> {
    match slot {
        Some(earlier) if *earlier != value => None,
        _ => {
            *slot = Some(value);
            Some(())
        }
    }
}
