//! `scipp`.
fn main() {}
