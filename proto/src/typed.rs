//! Rust values as payloads, through serde.
//!
//! Structs and struct variants are written as maps, texts stand for what Rust's types show people
//! (addresses, and uuids and times of most crates), as the reference does.

use alloc::{format, string::String, string::ToString, vec::Vec};
use core::fmt::Debug;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::Report;
use crate::payload::{Kwargs, Payload};
use crate::report::MSG_TYPE_ERROR;
use crate::wire::DecodeError;
use crate::wire::walk::one_value;

/// Levels of containers that are read into a Rust value.
///
/// Reading recurses with the peer's data, several KiB of stack a level in a debug build; threads have 2
/// MiB. Deeper payloads can be had as bytes. What was read can be written again: that recurses with less.
const MAX_TYPED_DEPTH: usize = 128;

/// Why a value is no payload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value, or a part of it, cannot be written.
    #[error("{path}: {reason}")]
    Value {
        /// The offending part, as `field.items[2]`; `.` for the whole.
        path: String,
        /// What its `Serialize` or the format says.
        reason: String,
    },
    /// Reading it back gives another value.
    #[error("{sent} comes back as {returned}")]
    Changed {
        /// The value, as its `Debug` shows it.
        sent: String,
        /// What a reader would have.
        returned: String,
    },
    /// It cannot be read back.
    #[error("cannot be read back: {0}")]
    Unreadable(#[from] TypeError),
    /// What was written is nested too deep or, for keyword arguments, no map of distinct names.
    #[error("not what can be sent: {0}")]
    Form(#[from] DecodeError),
}

/// The failure of a task whose value cannot be written: a type error, without the value.
impl From<&EncodeError> for Report {
    fn from(error: &EncodeError) -> Self {
        Self::new(MSG_TYPE_ERROR, error.to_string())
    }
}

/// Why a payload is not a value of the type asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct TypeError {
    /// The offending part, as `field.items[2]`; `.` for the whole.
    pub path: String,
    /// What its `Deserialize` or the format says.
    pub reason: String,
}

/// What a payload can be received as: a value that serde reads, or the payload itself, as it is.
pub trait FromPayload: Sized {
    /// The value of a payload.
    ///
    /// # Errors
    ///
    /// As [`Payload::decode`]. A payload always is one.
    fn from_payload(payload: Payload) -> Result<Self, TypeError>;
}

impl<T: DeserializeOwned> FromPayload for T {
    fn from_payload(payload: Payload) -> Result<Self, TypeError> {
        payload.decode()
    }
}

impl FromPayload for Payload {
    fn from_payload(payload: Payload) -> Result<Self, TypeError> {
        Ok(payload)
    }
}

/// What can be sent: a value that serde writes, or a payload, as it is.
pub trait ToPayload {
    /// It as a payload.
    ///
    /// # Errors
    ///
    /// As [`Payload::encode`]. A payload always is one.
    fn to_payload(&self) -> Result<Payload, EncodeError>;
}

impl<T: Serialize + ?Sized> ToPayload for T {
    fn to_payload(&self) -> Result<Payload, EncodeError> {
        Payload::encode(self)
    }
}

impl ToPayload for Payload {
    fn to_payload(&self) -> Result<Payload, EncodeError> {
        Ok(self.clone())
    }
}

impl Payload {
    /// The payload that stands for `value`. (P-2)
    ///
    /// # Errors
    ///
    /// If a part of it cannot be written, or it nests deeper than [`Self::MAX_DEPTH`].
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        Ok(Self::new(written(value)?)?)
    }

    /// The payload that stands for `value`, if a reader gets the same value from it. (P-21)
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode), and if reading it back gives another value: the error shows both.
    pub fn encode_exact<T>(value: &T) -> Result<Self, EncodeError>
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let payload = Self::encode(value)?;
        let returned: T = payload.decode()?;
        if returned == *value {
            return Ok(payload);
        }
        Err(EncodeError::Changed { sent: format!("{value:?}"), returned: format!("{returned:?}") })
    }

    /// The value this payload stands for.
    ///
    /// # Errors
    ///
    /// Names the part that is not of its type, or tells where the payload nests deeper than 128 levels.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, TypeError> {
        let bytes: &[u8] = self.as_bytes();
        // The deserializer has a count of its own, which leaves out enums.
        one_value(bytes, MAX_TYPED_DEPTH)
            .map_err(|refusal| TypeError { path: String::from("."), reason: refusal.to_string() })?;
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
        serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| TypeError { path: error.path().to_string(), reason: error.inner().to_string() })
    }
}

impl Kwargs {
    /// The keyword arguments that `value`, a struct or a map with text keys, stands for.
    ///
    /// # Errors
    ///
    /// If a part of it cannot be written, if it is written as anything but a map of distinct names, or
    /// if it nests deeper than [`Payload::MAX_DEPTH`].
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        Ok(Self::new(written(value)?)?)
    }
}

fn written<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, EncodeError> {
    let mut bytes = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    serde_path_to_error::serialize(value, &mut serializer).map_err(|error| EncodeError::Value {
        path: error.path().to_string(),
        reason: error.inner().to_string(),
    })?;
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::collections::BTreeMap;
    use alloc::vec;
    use core::net::Ipv4Addr;

    use serde::{Deserialize, Serializer, ser};

    use super::*;
    use crate::wire::What;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        symbol: String,
        sizes: Vec<u32>,
        host: Ipv4Addr,
    }

    fn order() -> Order {
        Order { symbol: "btc".into(), sizes: vec![1, 300], host: Ipv4Addr::LOCALHOST }
    }

    /// P-2.
    #[test]
    fn a_struct_is_a_map_and_comes_back() {
        let payload = Payload::encode(&order()).unwrap();
        let expected = b"\x83\xa6symbol\xa3btc\xa5sizes\x92\x01\xcd\x01\x2c\xa4host\xa9127.0.0.1";
        assert_eq!(payload.as_bytes().as_ref(), expected);
        assert_eq!(payload.decode::<Order>().unwrap(), order());
    }

    #[test]
    fn the_path_of_a_wrong_type_is_named() {
        let payload =
            Payload::new(Bytes::from_static(b"\x91\x82\xa6symbol\xa1x\xa5sizes\x92\x01\xa1y")).unwrap();
        let error = payload.decode::<Vec<Order>>().unwrap_err();
        assert_eq!(error.path, "[0].sizes[1]");
        assert!(error.reason.contains("FixStr"), "{error}");
    }

    #[test]
    fn invalid_utf8_is_a_type_error_where_a_text_is_due() {
        let payload = Payload::new(Bytes::from_static(b"\x91\xa1\xff")).unwrap();
        assert_eq!(payload.decode::<Vec<String>>().unwrap_err().path, "[0]");
    }

    #[test]
    fn the_path_of_an_unwritable_part_is_named() {
        fn refuse<S: Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom("refused"))
        }
        #[derive(Serialize)]
        struct Inner {
            #[serde(serialize_with = "refuse")]
            part: u8,
        }
        let error = Payload::encode(&[Inner { part: 1 }]).unwrap_err();
        let EncodeError::Value { path, reason } = error else { panic!("{error}") };
        assert_eq!((path.as_str(), reason.as_str()), ("[0].part", "refused"));
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Nested(Vec<Self>);

    fn nested(levels: usize) -> Nested {
        (1..levels).fold(Nested(vec![]), |inner, _| Nested(vec![inner]))
    }

    /// W-15.
    #[test]
    fn nesting_is_bounded_both_ways() {
        let deepest = Payload::encode(&nested(MAX_TYPED_DEPTH)).unwrap();
        assert_eq!(Payload::encode(&deepest.decode::<Nested>().unwrap()).unwrap(), deepest);
        let too_deep = TypeError {
            path: ".".into(),
            reason: alloc::format!("nested deeper than {MAX_TYPED_DEPTH} levels at byte {MAX_TYPED_DEPTH}"),
        };
        for levels in [MAX_TYPED_DEPTH + 1, Payload::MAX_DEPTH] {
            let deeper = Payload::encode(&nested(levels)).unwrap();
            assert_eq!(deeper.decode::<Nested>().unwrap_err(), too_deep);
        }
        let error = Payload::encode(&nested(Payload::MAX_DEPTH + 1)).unwrap_err();
        let EncodeError::Form(error) = error else { panic!("{error}") };
        assert_eq!(error.what, What::TooDeep { limit: Payload::MAX_DEPTH });
        assert_eq!(error.offset, Payload::MAX_DEPTH);
    }

    /// Every way in which a type can be recursive, each of which reading takes through other functions.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Tree {
        Leaf,
        Boxed(Box<Self>),
        Pair(u8, Box<Self>),
        Named { inner: Box<Self> },
        List(Vec<Self>),
        Map(BTreeMap<String, Self>),
        Maybe(Option<Box<Self>>),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Guessed {
        Leaf(u8),
        Inner { inner: Box<Self> },
    }

    fn depth(payload: &Payload) -> usize {
        (0..).find(|levels| one_value(payload.as_bytes(), *levels).is_ok()).unwrap()
    }

    /// Reads and writes again all that `grow` makes, level by level, until it is refused for its depth.
    fn bounded<T>(leaf: T, grow: impl Fn(T) -> T)
    where
        T: Clone + PartialEq + Debug + Serialize + DeserializeOwned,
    {
        let mut value = leaf;
        loop {
            let payload = Payload::encode(&value).unwrap();
            let levels = depth(&payload);
            match payload.decode::<T>() {
                Ok(read) => assert!(read == value && levels <= MAX_TYPED_DEPTH, "{levels} levels"),
                Err(error) => {
                    assert!(levels > MAX_TYPED_DEPTH && error.reason.starts_with("nested deeper"), "{error}");
                    return;
                }
            }
            value = grow(value);
        }
    }

    #[test]
    fn no_type_lets_a_peer_exhaust_the_stack() {
        let all = || {
            bounded(Tree::Leaf, |inner| Tree::Boxed(inner.into()));
            bounded(Tree::Leaf, |inner| Tree::Pair(1, inner.into()));
            bounded(Tree::Leaf, |inner| Tree::Named { inner: inner.into() });
            bounded(Tree::Leaf, |inner| Tree::List(vec![inner]));
            bounded(Tree::Leaf, |inner| Tree::Map(BTreeMap::from([("k".into(), inner)])));
            bounded(Tree::Leaf, |inner| Tree::Maybe(Some(inner.into())));
            bounded(Guessed::Leaf(1), |inner| Guessed::Inner { inner: inner.into() });
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(all).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn arguments_are_a_map_with_text_keys() {
        #[derive(Serialize)]
        struct Args {
            a: u8,
            b: Option<bool>,
        }
        let kwargs = Kwargs::encode(&Args { a: 1, b: None }).unwrap();
        assert_eq!(kwargs.as_bytes().as_ref(), b"\x82\xa1a\x01\xa1b\xc0");
        assert_eq!(kwargs.value("a").unwrap().decode::<u8>(), Ok(1));
        assert_eq!(Kwargs::encode(&BTreeMap::<&str, u8>::new()), Ok(Kwargs::EMPTY));
        for refused in [Kwargs::encode(&BTreeMap::from([(1, 2)])), Kwargs::encode(&[1]), Kwargs::encode(&())]
        {
            assert!(matches!(refused, Err(EncodeError::Form(_))), "{refused:?}");
        }
    }

    /// P-21.
    #[test]
    fn what_comes_back_otherwise_is_refused_where_it_has_to_be_the_same() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Lossy {
            kept: u8,
            #[serde(skip)]
            lost: u8,
        }
        assert_eq!(Payload::encode_exact(&order()), Payload::encode(&order()));
        assert_eq!(Payload::encode_exact(&f64::NAN).unwrap_err().to_string(), "NaN comes back as NaN");
        let error = Payload::encode_exact(&Lossy { kept: 1, lost: 2 }).unwrap_err();
        assert_eq!(error.to_string(), "Lossy { kept: 1, lost: 2 } comes back as Lossy { kept: 1, lost: 0 }");
    }

    #[test]
    fn a_payload_is_sent_and_received_as_it_is() {
        let payload = Payload::new(Bytes::from_static(b"\xcd\x00\x01")).unwrap();
        assert_eq!((payload.to_payload(), 1.to_payload()), (Ok(payload.clone()), Payload::encode(&1)));
        assert_eq!(FromPayload::from_payload(payload.clone()), Ok(payload.clone()));
        assert_eq!(FromPayload::from_payload(payload), Ok(1_u8));
    }

    #[test]
    fn a_boxed_text_is_a_text() {
        let payload = Payload::encode::<str>("hi").unwrap();
        assert_eq!(payload.decode::<Box<str>>().as_deref(), Ok("hi"));
    }
}
