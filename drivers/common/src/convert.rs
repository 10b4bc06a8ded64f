//! Values of the application to payloads and back.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use scipp_proto::wire::DecodeError;
use scipp_proto::{Call, Kind, Kwargs, Payload, Target, TypeError};

use crate::error::ConversionError;

/// No arguments: for calling and for serving functions that take none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoArgs {}

/// A payload of a value.
///
/// # Errors
///
/// It has no MessagePack form, or one that may not be sent.
pub fn payload<T: Serialize + ?Sized>(value: &T) -> Result<Payload, ConversionError> {
    Ok(Payload::encode(value)?)
}

/// What to open, with a value as arguments.
///
/// # Errors
///
/// It is no map with text keys.
pub fn call<T: Serialize + ?Sized>(target: Target, kind: Kind, args: &T) -> Result<Call, ConversionError> {
    Ok(Call { target, kind, kwargs: Kwargs::encode(args)? })
}

/// The value of a payload.
///
/// # Errors
///
/// It is of another type.
pub fn value<T: DeserializeOwned>(payload: &Payload) -> Result<T, ConversionError> {
    Ok(payload.decode()?)
}

/// Arguments as a value.
///
/// # Errors
///
/// They are of another type.
pub fn arguments<T: DeserializeOwned>(kwargs: &Kwargs) -> Result<T, ConversionError> {
    let whole = |error: DecodeError| TypeError { path: ".".into(), reason: error.to_string() };
    value(&Payload::new(kwargs.as_bytes().clone()).map_err(whole)?)
}
