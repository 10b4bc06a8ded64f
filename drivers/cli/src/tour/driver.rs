//! The drivers the tour is taken with.

use std::io;
use std::path::Path;

use scipp_blocking::Profile;

use super::child;
use super::parent::{self, Connected};
use super::process::Transport;

/// What a driver does in the tour, at either end.
pub(crate) struct Driver {
    pub(crate) name: &'static str,
    /// Connects to a peer that listens there.
    pub(crate) connect: fn(Profile, Transport, &str) -> Connected,
    /// Serves, on this path or over TCP, until standard input ends.
    pub(crate) serve: fn(Option<&Path>) -> io::Result<()>,
}

/// All of them.
pub(crate) static DRIVERS: [Driver; 2] = [
    Driver { name: "blocking", connect: parent::blocking::connect, serve: child::blocking::serve },
    Driver { name: "smol", connect: parent::smol::connect, serve: child::smol::serve },
];
