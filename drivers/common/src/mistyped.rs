//! Values of the wrong type, as the application is told of them.

use std::sync::Arc;

use scipp_proto::Mistyped;

/// A received value that does not conform to the terms of its dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MistypedValue {
    /// The connection, numbered from 0 in the order in which this actor made or accepted them.
    pub connection: u64,
    /// Who sent it, in which message of which dialog; what was due, and what came.
    pub error: Arc<Mistyped>,
}

/// Is told of them.
pub(crate) type Observer = dyn Fn(&MistypedValue) + Send + Sync;
