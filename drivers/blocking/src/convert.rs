//! Values of the application to payloads and back.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use scipp_proto::wire::DecodeError;
use scipp_proto::{Kwargs, Payload, TypeError};

use crate::error::ConversionError;

/// No arguments: for calling and for serving functions that take none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoArgs {}

pub(crate) fn payload<T: Serialize + ?Sized>(value: &T) -> Result<Payload, ConversionError> {
    Ok(Payload::encode(value)?)
}

pub(crate) fn kwargs<T: Serialize + ?Sized>(value: &T) -> Result<Kwargs, ConversionError> {
    Ok(Kwargs::encode(value)?)
}

pub(crate) fn value<T: DeserializeOwned>(payload: &Payload) -> Result<T, ConversionError> {
    Ok(payload.decode()?)
}

pub(crate) fn arguments<T: DeserializeOwned>(kwargs: &Kwargs) -> Result<T, ConversionError> {
    let whole = |error: DecodeError| TypeError { path: ".".into(), reason: error.to_string() };
    value(&Payload::new(kwargs.as_bytes().clone()).map_err(whole)?)
}
