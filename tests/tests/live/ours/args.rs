//! What the endpoints are called with.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Text {
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    pub(super) a: i64,
    pub(super) b: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Count {
    pub(super) to: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Name {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Start {
    pub(super) start: i64,
}
