//! Values of the application to payloads and back.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use scipp_proto::spec::{Names, PldType, Spec, Struct};
use scipp_proto::{FromPayload, Kwargs, Payload, ToPayload};

use crate::error::ConversionError;

/// No arguments: for calling and for serving functions that take none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoArgs {}

impl PldType for NoArgs {
    fn describe(_: &mut Names) -> Spec {
        Struct::new("NoArgs").closed().into()
    }
}

/// A payload of a value.
///
/// # Errors
///
/// It has no MessagePack form, or one that may not be sent.
pub fn payload<T: ToPayload + ?Sized>(value: &T) -> Result<Payload, ConversionError> {
    Ok(value.to_payload()?)
}

/// The value of a payload.
///
/// # Errors
///
/// It is of another type.
pub fn value<T: FromPayload>(payload: Payload) -> Result<T, ConversionError> {
    Ok(T::from_payload(payload)?)
}

/// Arguments as a value.
///
/// # Errors
///
/// They are of another type.
pub fn arguments<T: DeserializeOwned>(kwargs: &Kwargs) -> Result<T, ConversionError> {
    value(kwargs.into())
}
