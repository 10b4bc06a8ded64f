//! Harness and cross-crate tests.
