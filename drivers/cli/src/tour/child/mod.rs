//! The second process: it listens and serves.

pub(crate) mod blocking;
pub(crate) mod smol;

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use scipp_blocking::Address;

use super::driver::Driver;
use crate::output;

/// Serves the tour until standard input ends, which it does with the first process.
pub(crate) fn run(driver: &Driver, unix: Option<&Path>) -> ExitCode {
    match (driver.serve)(unix) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(format_args!("scipp tour-peer: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The first process learns the address from the first line.
fn announce(address: &Address) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{address}")?;
    out.flush()
}

/// Calls `stop` when standard input ends.
fn at_end(stop: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        let _ended_or_broken = io::stdin().read_to_end(&mut Vec::new());
        stop();
    });
}
