//! Points in time: the one extension that MessagePack defines itself.

use alloc::vec::Vec;

/// The extension code of points in time.
pub(crate) const CODE: i8 = -1;

/// A point in time, as seconds since 1970 and nanoseconds. Written in the shortest of three widths, read
/// in all of them. (P-5)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// The point `nanos` nanoseconds after `seconds`; `None` from a whole second on.
    pub const fn new(seconds: i64, nanos: u32) -> Option<Self> {
        if nanos < 1_000_000_000 { Some(Self { seconds, nanos }) } else { None }
    }

    /// Seconds since the beginning of 1970, UTC; negative before it.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after the second.
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// What an extension value says; `None` if it is no point in time.
    pub fn from_ext(code: i8, bytes: &[u8]) -> Option<Self> {
        if code != CODE {
            return None;
        }
        let (seconds, nanos) = match bytes.len() {
            4 => (i64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
            8 => {
                let both = u64::from_be_bytes(bytes.try_into().ok()?);
                (i64::try_from(both & SECONDS).ok()?, u32::try_from(both >> SECONDS_BITS).ok()?)
            }
            12 => {
                let (nanos, seconds) = bytes.split_at_checked(4)?;
                let nanos = u32::from_be_bytes(nanos.try_into().ok()?);
                (i64::from_be_bytes(seconds.try_into().ok()?), nanos)
            }
            _ => return None,
        };
        Self::new(seconds, nanos)
    }

    /// The content of the extension value, in the shortest of the widths. (P-5)
    pub fn to_ext(self) -> Vec<u8> {
        if let (Ok(seconds), 0) = (u32::try_from(self.seconds), self.nanos) {
            return seconds.to_be_bytes().to_vec();
        }
        match u64::try_from(self.seconds) {
            Ok(seconds @ ..=SECONDS) => {
                (u64::from(self.nanos) << SECONDS_BITS | seconds).to_be_bytes().to_vec()
            }
            _ => [&self.nanos.to_be_bytes()[..], &self.seconds.to_be_bytes()].concat(),
        }
    }
}

const SECONDS_BITS: u32 = 34;
const SECONDS: u64 = (1 << SECONDS_BITS) - 1;

#[cfg(feature = "std")]
impl From<std::time::SystemTime> for Timestamp {
    fn from(time: std::time::SystemTime) -> Self {
        let seconds = |whole: u64| i64::try_from(whole).unwrap_or(i64::MAX);
        match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Self { seconds: seconds(after.as_secs()), nanos: after.subsec_nanos() },
            Err(error) => {
                let before = error.duration();
                let whole = 0_i64.saturating_sub(seconds(before.as_secs()));
                match before.subsec_nanos() {
                    0 => Self { seconds: whole, nanos: 0 },
                    nanos => Self {
                        seconds: whole.saturating_sub(1),
                        nanos: 1_000_000_000_u32.saturating_sub(nanos),
                    },
                }
            }
        }
    }
}

/// As the extension value.
#[cfg(feature = "serde")]
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Content<'a>(&'a [u8]);
        impl serde::Serialize for Content<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.0)
            }
        }
        let content = self.to_ext();
        let value = (CODE, Content(&content));
        serializer.serialize_newtype_struct(rmp_serde::MSGPACK_EXT_STRUCT_NAME, &value)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a timestamp")
            }

            fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Timestamp, D::Error> {
                deserializer.deserialize_tuple(2, self)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut parts: A) -> Result<Timestamp, A::Error> {
                let code = parts.next_element::<i8>()?;
                let content = parts.next_element::<Content>()?;
                let time =
                    code.zip(content).and_then(|(code, Content(bytes))| Timestamp::from_ext(code, &bytes));
                time.ok_or_else(|| serde::de::Error::custom("an extension that is no timestamp"))
            }
        }
        struct Content(Vec<u8>);
        impl<'de> serde::Deserialize<'de> for Content {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = Content;

                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        f.write_str("bytes")
                    }

                    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Content, E> {
                        Ok(Content(bytes.to_vec()))
                    }
                }
                deserializer.deserialize_bytes(Visitor)
            }
        }
        deserializer.deserialize_newtype_struct(rmp_serde::MSGPACK_EXT_STRUCT_NAME, Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-5.
    #[test]
    fn the_shortest_width_is_written_and_all_are_read() {
        for (seconds, nanos, width) in [
            (0, 0, 4),
            (i64::from(u32::MAX), 0, 4),
            (i64::from(u32::MAX) + 1, 0, 8),
            (1, 999_999_999, 8),
            ((1 << 34) - 1, 1, 8),
            (1 << 34, 0, 12),
            (-1, 0, 12),
            (i64::MIN, 999_999_999, 12),
        ] {
            let time = Timestamp::new(seconds, nanos).unwrap();
            let bytes = time.to_ext();
            assert_eq!((bytes.len(), Timestamp::from_ext(CODE, &bytes)), (width, Some(time)), "{time:?}");
        }
        let wide = [&0_u32.to_be_bytes()[..], &7_i64.to_be_bytes()].concat();
        assert_eq!(Timestamp::from_ext(CODE, &wide), Timestamp::new(7, 0));
    }

    #[test]
    fn what_is_no_point_in_time_is_refused() {
        assert_eq!(Timestamp::from_ext(5, &[0; 4]), None);
        assert_eq!(Timestamp::from_ext(CODE, &[0; 5]), None);
        assert_eq!(Timestamp::from_ext(CODE, &[0xff; 8]), None, "more nanoseconds than a second has");
        assert_eq!(Timestamp::new(0, 1_000_000_000), None);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_timestamp_is_an_extension_value_to_serde() {
        use crate::Payload;
        for time in [Timestamp::new(1, 0), Timestamp::new(1, 1), Timestamp::new(-1, 1)] {
            let payload = Payload::encode(&[time]).unwrap();
            assert_eq!(crate::spec::PldSpec::of::<[Timestamp]>().unwrap().check(&payload), Ok(()));
            assert_eq!(payload.decode::<[Option<Timestamp>; 1]>(), Ok([time]));
        }
        let other = Payload::new(bytes::Bytes::from_static(b"\xd4\x05\x00")).unwrap();
        assert!(other.decode::<Timestamp>().is_err());
    }
}
