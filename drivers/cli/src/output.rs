//! Standard output and standard error, which may be a closed pipe or a full disk.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// Prints a line.
pub(crate) fn say(line: impl fmt::Display) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Prints a line to standard error. If that cannot be done either, the exit code has to tell.
pub(crate) fn complain(line: impl fmt::Display) {
    let _unheard = writeln!(io::stderr(), "{line}");
}

/// The end of a program that failed to print. A reader that has gone away knows that it has.
pub(crate) fn unsaid(error: &io::Error) -> ExitCode {
    if error.kind() != io::ErrorKind::BrokenPipe {
        complain(format_args!("scipp: standard output: {error}"));
    }
    ExitCode::FAILURE
}
