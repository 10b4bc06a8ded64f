//! Values of the application to payloads and back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use scipp_proto::{Kwargs, Payload};

use crate::error::{Conversion, ConversionError};

pub(crate) fn payload<T: Serialize + ?Sized>(value: &T) -> Result<Payload, ConversionError> {
    Payload::encode(value).map_err(|error| ConversionError::new(Conversion::Encode, error))
}

pub(crate) fn kwargs<T: Serialize + ?Sized>(value: &T) -> Result<Kwargs, ConversionError> {
    Kwargs::encode(value).map_err(|error| ConversionError::new(Conversion::Encode, error))
}

pub(crate) fn value<T: DeserializeOwned>(payload: &Payload) -> Result<T, ConversionError> {
    payload.decode().map_err(|error| ConversionError::new(Conversion::Decode, error))
}

pub(crate) fn arguments<T: DeserializeOwned>(kwargs: &Kwargs) -> Result<T, ConversionError> {
    let map = Payload::new(kwargs.as_bytes().clone());
    let map = map.map_err(|error| ConversionError::new(Conversion::Decode, error))?;
    value(&map)
}
