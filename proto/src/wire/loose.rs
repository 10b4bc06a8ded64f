//! A message whose envelope is wrong, as far as it can be read.

use alloc::string::{String, ToString};
use alloc::{sync::Arc, vec::Vec};

use bytes::Bytes;

use super::cursor::{Cursor, Token};
use super::decode::{Limits, decode};
use super::entries::TAG;
use super::error::Rejected;
use super::message::{Message, MsgKind};
use super::walk::one_value;
use crate::payload::Payload;
use crate::spec::{Field, Mismatch, PldSpec, Presence, Spec, Struct, describe};

/// Errors of fields that are listed.
const MOST_ERRORS: usize = 16;

/// Fields that are kept. The reference's largest message has twelve.
const MOST_FIELDS: usize = 64;

/// A message read without regard to its type: a map with text keys, and what is wrong with it as the
/// message that it claims to be. For reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LooseMsg {
    body: Bytes,
    fields: Vec<(String, Payload)>,
    is_complete: bool,
    errors: Vec<Mismatch>,
}

impl LooseMsg {
    /// Reads a frame body. `None` if it is not one well-formed map.
    pub fn read(body: &Bytes) -> Option<Self> {
        one_value(body, Payload::MAX_DEPTH.saturating_add(1)).ok()?;
        let mut cursor = Cursor::new(body);
        let Ok(Token::Map(entries)) = cursor.token() else { return None };
        let mut fields = Vec::new();
        for _ in 0..entries {
            let Ok(Token::Str(key)) = cursor.token() else { return None };
            let value = cursor.raw(Payload::MAX_DEPTH).ok()?;
            let Ok(name) = core::str::from_utf8(key) else { continue };
            if fields.len() < MOST_FIELDS {
                fields.push((String::from(name), Payload::trusted(body.slice_ref(value))));
            }
        }
        let is_whole = fields.len() == entries;
        let mut message = Self { body: body.clone(), fields, is_complete: false, errors: Vec::new() };
        if let Some(kind) = message.kind() {
            let spec = kind.spec();
            message.errors = spec.mismatches(body, MOST_ERRORS);
            message.is_complete = is_whole && message.has_all_of(&spec);
        } else {
            message.errors.push(message.unnamed());
        }
        Some(message)
    }

    fn unnamed(&self) -> Mismatch {
        let found = match self.value(TAG) {
            Some(tag) => describe(tag.as_bytes()),
            None => String::from("no such field"),
        };
        Mismatch { path: TAG.into(), offset: 0, expected: String::from("the name of a message"), found }
    }

    /// Whether it has the fields of a kind: those that it must have, no others, and none twice.
    fn has_all_of(&self, spec: &PldSpec) -> bool {
        let Spec::Struct(Struct { fields, .. }) = spec.spec() else { return false };
        let is_due = |field: &&Field| field.presence == Presence::Required;
        let mut names: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        fields.iter().filter(is_due).all(|field| self.value(&field.name).is_some())
            && self.fields().all(|(name, _)| fields.iter().any(|field| field.name == name))
            && names.is_sorted_by(|a, b| a < b)
    }

    /// What it claims to be.
    pub fn kind(&self) -> Option<MsgKind> {
        MsgKind::from_name(self.value(TAG)?.as_text()?)
    }

    /// The name of its kind, or what stands in its place.
    pub fn tag(&self) -> String {
        match self.kind() {
            Some(kind) => kind.to_string(),
            None => self.value(TAG).map_or_else(|| String::from("untagged"), |tag| describe(tag.as_bytes())),
        }
    }

    /// The dialog that it is about, if that can be read.
    pub fn cid(&self) -> Option<Arc<str>> {
        self.value("cid")?.as_text().map(Arc::from)
    }

    /// The value of a field.
    pub fn value(&self, name: &str) -> Option<&Payload> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Names and values of its fields in order, the tag left out.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Payload)> {
        self.fields.iter().filter(|(name, _)| name != TAG).map(|(name, value)| (name.as_str(), value))
    }

    /// What is wrong with its fields, at most 16 of them.
    pub fn errors(&self) -> &[Mismatch] {
        &self.errors
    }

    /// Whether it has every field that its kind must have, each once, and none that its kind does not have:
    /// then only types can be wrong.
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The message that it is.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn typed(&self, limits: &Limits) -> Result<Message<'_>, Rejected> {
        decode(&self.body, limits)
    }

    /// The whole map as a value, if it is not nested too deep for one.
    pub fn as_payload(&self) -> Option<Payload> {
        Payload::new(self.body.clone()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &'static [u8]) -> LooseMsg {
        LooseMsg::read(&Bytes::from_static(body)).unwrap()
    }

    fn errors(message: &LooseMsg) -> Vec<String> {
        message.errors().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_wrong_envelope_is_read_as_far_as_it_goes() {
        let message = read(b"\x84\xa8msg_type\xa5Start\xa3cid\xa1c\xa2ns\x05\xa4func\xc0");
        assert_eq!((message.kind(), message.cid().as_deref()), (Some(MsgKind::Start), Some("c")));
        assert_eq!(
            errors(&message),
            [
                "ns: expected str, found 5 (int), at byte 25",
                "func: expected str, found None, at byte 31",
                "kwargs: expected dict[str, Any], found no such field, at byte 0",
                "uid: expected uid, found no such field, at byte 0",
            ]
        );
        let limits = crate::Config::default().limits();
        assert!(message.typed(&limits).is_err() && !message.is_complete());
    }

    #[test]
    fn a_message_without_a_name_says_so() {
        let message = read(b"\x81\xa8msg_type\xa4Nope");
        assert_eq!((message.kind(), message.tag().as_str()), (None, "'Nope' (str)"));
        assert_eq!(
            errors(&message),
            ["msg_type: expected the name of a message, found 'Nope' (str), at byte 0"]
        );
    }

    #[test]
    fn a_good_message_has_no_errors_and_is_typed() {
        let message = read(b"\x83\xa8msg_type\xa5Yield\xa3cid\xa1c\xa3pld\x01");
        assert_eq!(message.errors(), []);
        let limits = crate::Config::default().limits();
        assert_eq!(message.typed(&limits).unwrap().kind(), MsgKind::Yield);
        assert_eq!(message.value("pld").unwrap().as_bytes().as_ref(), [1]);
    }

    #[test]
    fn a_complete_message_has_its_fields_and_no_others() {
        for (body, is_complete) in [
            (&b"\x82\xa8msg_type\xa4Stop\xa3cid\x05"[..], true),
            (b"\x83\xa8msg_type\xa4Stop\xa3cid\x05\xa1x\x01", false),
            (b"\x81\xa8msg_type\xa4Stop", false),
            (b"\x83\xa8msg_type\xa4Stop\xa3cid\x05\xa8msg_type\xa4Nope", false),
            (b"\x83\xa8msg_type\xa4Stop\xa3cid\x05\xa3cid\x06", false),
            (b"\x82\xa8msg_type\xa4Nope\xa3cid\x05", false),
            (b"\x83\xa8msg_type\xa3Aid\xa4name\xc0\xa4uuid\xc0", true),
        ] {
            assert_eq!(read(body).is_complete(), is_complete, "{body:x?}");
        }
    }

    #[test]
    fn what_is_no_map_of_texts_is_not_read() {
        for body in [&b"\xc0"[..], b"\x81", b"\x81\x01\x02", b"\x80\x80", b""] {
            assert_eq!(LooseMsg::read(&Bytes::copy_from_slice(body)), None);
        }
    }
}
