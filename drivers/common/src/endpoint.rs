//! Endpoints, as both of their ends name them.

use std::panic::Location;
use std::sync::Arc;

use serde::Serialize;

use scipp_proto::{Call, EndpointPath, Kind, Kwargs, RuntimeEndpoint, Target, Terms};

use crate::error::ConversionError;

/// An endpoint, as both of its ends know it: where it lives, and the terms on which its dialogs are held.
///
/// Whoever serves it and whoever opens it name it in the same way; a module path and a bare name are one
/// without terms. Terms are local: each end checks what it sends and what it receives by its own.
///
/// ```
/// use scipp_common::Endpoint;
/// use scipp_common::convert::NoArgs;
/// use scipp_proto::Terms;
/// use scipp_proto::spec::Slots;
///
/// /// A feed that says its name first, sends prices, takes pauses in seconds, and returns nothing.
/// fn prices() -> Result<Endpoint, Box<dyn std::error::Error>> {
///     let terms = Terms::new(Slots {
///         yields: Some("float|int[0..=60]".parse()?),
///         ..Slots::typed::<NoArgs, String, (), ()>()?
///     });
///     Ok(Endpoint::new("feed", "prices").limited(terms))
/// }
/// # prices().unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) target: Target,
    pub(crate) terms: Option<Arc<Terms>>,
}

impl Endpoint {
    /// The function `func` of the module `ns`, without terms.
    pub fn new(ns: impl Into<String>, func: impl Into<String>) -> Self {
        Target::function(ns, func).into()
    }

    /// On these terms, which all its dialogs share.
    #[must_use]
    pub fn limited(self, terms: impl Into<Arc<Terms>>) -> Self {
        Self { terms: Some(terms.into()), ..self }
    }
}

impl From<Target> for Endpoint {
    fn from(target: Target) -> Self {
        Self { target, terms: None }
    }
}

impl From<(&str, &str)> for Endpoint {
    fn from((ns, func): (&str, &str)) -> Self {
        Self::new(ns, func)
    }
}

impl From<&EndpointPath> for Endpoint {
    fn from(path: &EndpointPath) -> Self {
        Target::from(path).into()
    }
}

impl From<RuntimeEndpoint> for Endpoint {
    fn from(endpoint: RuntimeEndpoint) -> Self {
        Target::from(endpoint).into()
    }
}

impl From<&Self> for Endpoint {
    fn from(endpoint: &Self) -> Self {
        endpoint.clone()
    }
}

/// A dialog to be opened, and the line that wants it.
#[derive(Debug)]
pub struct Opening {
    pub(crate) call: Call,
    pub(crate) terms: Option<Arc<Terms>>,
    pub(crate) caller: &'static Location<'static>,
}

impl Opening {
    /// With an endpoint, for the caller.
    #[track_caller]
    pub fn of(endpoint: impl Into<Endpoint>) -> Self {
        let Endpoint { target, terms } = endpoint.into();
        let call = Call { target, kind: Kind::Function, kwargs: Kwargs::EMPTY };
        Self { call, terms, caller: Location::caller() }
    }

    /// Which is of this kind, with these arguments.
    ///
    /// # Errors
    ///
    /// They are no map with text keys.
    pub fn with<A: Serialize + ?Sized>(mut self, kind: Kind, args: &A) -> Result<Self, ConversionError> {
        self.call.kind = kind;
        self.call.kwargs = Kwargs::encode(args)?;
        Ok(self)
    }
}
