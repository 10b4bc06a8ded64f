//! A function by name, as it travels in payloads.

use alloc::string::String;
use core::fmt;

use crate::event::Target;

/// The text `module:name`, by which a function is named in payloads: the reference's `NamespacePath`.
/// (P-6)
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointPath(String);

/// A text that names no function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("expected module:name, with one colon between two names")]
pub struct NoPath;

impl EndpointPath {
    /// The function `name` of `module`.
    ///
    /// # Errors
    ///
    /// If one of them is empty or has a colon.
    pub fn new(module: &str, name: &str) -> Result<Self, NoPath> {
        alloc::format!("{module}:{name}").parse()
    }

    /// Whether `text` is one.
    pub(crate) fn is_one(text: &str) -> bool {
        let mut parts = text.split(':');
        let (module, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        parts.next().is_none() && !module.is_empty() && !name.is_empty()
    }

    /// The module.
    pub fn module(&self) -> &str {
        self.0.split_once(':').map_or("", |(module, _)| module)
    }

    /// The name of the function.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a method of the actor runtime, whose module is `self`.
    pub fn is_runtime(&self) -> bool {
        self.module() == "self"
    }
}

impl core::str::FromStr for EndpointPath {
    type Err = NoPath;

    fn from_str(text: &str) -> Result<Self, NoPath> {
        if Self::is_one(text) { Ok(Self(text.into())) } else { Err(NoPath) }
    }
}

impl fmt::Display for EndpointPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to open to run it. The core refuses to open those of the runtime by name.
impl From<&EndpointPath> for Target {
    fn from(path: &EndpointPath) -> Self {
        Self::function(path.module(), path.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for EndpointPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for EndpointPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_two_halves() {
        let path: EndpointPath = "app.feeds:quotes".parse().unwrap();
        assert_eq!((path.module(), path.name(), path.is_runtime()), ("app.feeds", "quotes", false));
        assert_eq!(Target::from(&path), Target::function("app.feeds", "quotes"));
        assert!(EndpointPath::new("self", "cancel").unwrap().is_runtime());
        for wrong in ["", "a", ":", "a:", ":b", "a:b:c"] {
            assert_eq!(wrong.parse::<EndpointPath>(), Err(NoPath), "{wrong}");
        }
    }
}
