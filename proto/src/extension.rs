//! Values of an application's own types, as extension values under codes of its choice.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::{Any, TypeId};

use crate::payload::Payload;
use crate::spec::ext;

/// A type that travels as an extension value.
pub trait Extension: Any + Send {
    /// Its code. Applications have 0 to 127; those below are MessagePack's own. (P-25)
    const CODE: i8;

    /// The content of the value.
    fn encode(&self) -> Vec<u8>;

    /// The value with this content.
    ///
    /// # Errors
    ///
    /// Says why there is none. The content is a peer's.
    fn decode(content: &[u8]) -> Result<Self, String>
    where
        Self: Sized;
}

/// Why a value is not exchanged as an extension.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// The code belongs to another type.
    #[error("the code {0} belongs to another type")]
    Taken(i8),
    /// Codes below zero are MessagePack's own.
    #[error("the code {0} is reserved")]
    Reserved(i8),
    /// No type is registered for the code, or another one.
    #[error("the type with the code {0} is not registered")]
    Unknown(i8),
    /// The payload is no extension value.
    #[error("expected an extension value")]
    NotOne,
    /// The content is longer than can be written.
    #[error("the content is too long")]
    TooLong,
    /// The content does not make a value.
    #[error("Ext[{code}]: {reason}")]
    Content {
        /// The code.
        code: i8,
        /// What the type says.
        reason: String,
    },
}

type Decode = fn(&[u8]) -> Result<Box<dyn Any + Send>, String>;

/// The types that an application exchanges as extension values, by their codes.
#[derive(Debug, Clone, Default)]
pub struct Extensions(BTreeMap<i8, (TypeId, Decode)>);

impl Extensions {
    /// Adds a type. Twice is once. (P-25)
    ///
    /// # Errors
    ///
    /// If its code is taken or reserved.
    pub fn register<T: Extension>(&mut self) -> Result<(), ExtensionError> {
        if T::CODE < 0 {
            return Err(ExtensionError::Reserved(T::CODE));
        }
        let decode: Decode = |content| Ok(Box::new(T::decode(content)?));
        let entry = self.0.entry(T::CODE).or_insert((TypeId::of::<T>(), decode));
        if entry.0 == TypeId::of::<T>() { Ok(()) } else { Err(ExtensionError::Taken(T::CODE)) }
    }

    /// The codes in use.
    pub fn codes(&self) -> impl Iterator<Item = i8> {
        self.0.keys().copied()
    }

    /// A value as a payload.
    ///
    /// # Errors
    ///
    /// If its type is not registered: the other end would have no use for it.
    pub fn encode<T: Extension>(&self, value: &T) -> Result<Payload, ExtensionError> {
        self.known::<T>()?;
        Payload::ext(T::CODE, &value.encode()).ok_or(ExtensionError::TooLong)
    }

    /// The value of a payload.
    ///
    /// # Errors
    ///
    /// If the type is not registered, or the payload is no value of it.
    pub fn decode<T: Extension>(&self, payload: &Payload) -> Result<T, ExtensionError> {
        self.known::<T>()?;
        match payload.as_ext().ok_or(ExtensionError::NotOne)? {
            (code, content) if code == T::CODE => {
                T::decode(content).map_err(|reason| ExtensionError::Content { code, reason })
            }
            (other, _) => Err(ExtensionError::Unknown(other)),
        }
    }

    /// The value of a payload of any registered type. (P-25)
    ///
    /// # Errors
    ///
    /// If its code is not registered, or the content makes no value.
    pub fn decode_any(&self, payload: &Payload) -> Result<Box<dyn Any + Send>, ExtensionError> {
        let (code, content) = payload.as_ext().ok_or(ExtensionError::NotOne)?;
        let (_, decode) = self.0.get(&code).ok_or(ExtensionError::Unknown(code))?;
        decode(content).map_err(|reason| ExtensionError::Content { code, reason })
    }

    fn known<T: Extension>(&self) -> Result<(), ExtensionError> {
        match self.0.get(&T::CODE) {
            Some((known, _)) if *known == TypeId::of::<T>() => Ok(()),
            _ => Err(ExtensionError::Unknown(T::CODE)),
        }
    }
}

impl Payload {
    /// An extension value; `None` if it is longer than can be written.
    pub fn ext(code: i8, content: &[u8]) -> Option<Self> {
        let mut out = rmp::encode::ByteBuf::with_capacity(content.len().saturating_add(6));
        // Writing to memory cannot fail.
        let _ = rmp::encode::write_ext_meta(&mut out, u32::try_from(content.len()).ok()?, code);
        let mut bytes = out.into_vec();
        bytes.extend_from_slice(content);
        Some(Self::trusted(bytes.into()))
    }

    /// Code and content, if it is an extension value.
    pub fn as_ext(&self) -> Option<(i8, &[u8])> {
        ext(self.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Money(u16);

    impl Extension for Money {
        const CODE: i8 = 5;

        fn encode(&self) -> Vec<u8> {
            self.0.to_be_bytes().to_vec()
        }

        fn decode(content: &[u8]) -> Result<Self, String> {
            let bytes = content.try_into().map_err(|_| String::from("two bytes are due"))?;
            Ok(Self(u16::from_be_bytes(bytes)))
        }
    }

    #[derive(Debug)]
    struct Other<const CODE: i8>;

    impl<const N: i8> Extension for Other<N> {
        const CODE: i8 = N;

        fn encode(&self) -> Vec<u8> {
            Vec::new()
        }

        fn decode(_: &[u8]) -> Result<Self, String> {
            Ok(Self)
        }
    }

    /// P-25.
    #[test]
    fn registered_types_travel_and_others_do_not() {
        let mut extensions = Extensions::default();
        assert_eq!(extensions.encode(&Money(7)), Err(ExtensionError::Unknown(5)));
        extensions.register::<Money>().unwrap();
        extensions.register::<Money>().unwrap();
        assert_eq!(extensions.register::<Other<5>>(), Err(ExtensionError::Taken(5)));
        assert_eq!(extensions.register::<Other<-1>>(), Err(ExtensionError::Reserved(-1)));
        assert!(matches!(extensions.encode(&Other::<5>), Err(ExtensionError::Unknown(5))));
        let payload = extensions.encode(&Money(700)).unwrap();
        assert_eq!(payload.as_bytes().as_ref(), b"\xd5\x05\x02\xbc");
        assert_eq!(extensions.decode::<Money>(&payload), Ok(Money(700)));
        assert_eq!(extensions.decode_any(&payload).unwrap().downcast_ref(), Some(&Money(700)));
        extensions.register::<Other<0>>().unwrap();
        assert_eq!(extensions.codes().collect::<Vec<_>>(), [0, 5]);
    }

    #[test]
    fn a_bad_value_says_why() {
        let mut extensions = Extensions::default();
        extensions.register::<Money>().unwrap();
        let short = Payload::ext(5, b"x").unwrap();
        let reason = "two bytes are due".into();
        assert_eq!(extensions.decode::<Money>(&short), Err(ExtensionError::Content { code: 5, reason }));
        assert_eq!(extensions.decode::<Money>(&Payload::NIL), Err(ExtensionError::NotOne));
        let other = Payload::ext(6, b"").unwrap();
        assert_eq!(extensions.decode_any(&other).err(), Some(ExtensionError::Unknown(6)));
        assert_eq!(extensions.decode::<Money>(&other), Err(ExtensionError::Unknown(6)));
    }

    #[test]
    fn every_width_is_read_back() {
        for len in [0, 1, 2, 3, 4, 8, 15, 16, 17, 255, 256, 65_535, 65_536] {
            let content = alloc::vec![7; len];
            let payload = Payload::ext(9, &content).unwrap();
            assert_eq!(Payload::new(payload.as_bytes().clone()), Ok(payload.clone()), "{len}");
            assert_eq!(payload.as_ext(), Some((9, &content[..])), "{len}");
        }
    }
}
