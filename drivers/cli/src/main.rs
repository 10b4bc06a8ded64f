//! `scipp`: see actor dialogs at work.

mod output;
mod render;
mod style;
mod tour;

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;

use tour::driver::{DRIVERS, Driver};

const USAGE: &str = "\
Usage: scipp <command>

Commands:
  tour          hold every kind of dialog with a second process, blocking at one end and async at the
                other, over TCP and over a Unix socket; draw each as it happens, and check how it ends
  tour --all    the same with every pair of drivers over both

Options:
  -h, --help       print this text
  -V, --version    print the version

Colours are used on a terminal, unless NO_COLOR is set.";

/// What the command line asks for.
enum Command {
    Help,
    Version,
    Tour { all: bool },
    TourPeer { driver: &'static Driver, unix: Option<PathBuf> },
}

fn main() -> ExitCode {
    match parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => say(USAGE),
        Ok(Command::Version) => say(concat!("scipp ", env!("CARGO_PKG_VERSION"))),
        Ok(Command::Tour { all }) => tour::run(all),
        Ok(Command::TourPeer { driver, unix }) => tour::child::run(driver, unix.as_deref()),
        Err(error) => {
            output::complain(format_args!("scipp: {error}\n\n{USAGE}"));
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) -> ExitCode {
    match output::say(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::unsaid(&error),
    }
}

fn parse(mut args: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let Some(arg) = args.next()? else { return Err("a command is missing".into()) };
    let mut command = match arg {
        Short('h') | Long("help") => Command::Help,
        Short('V') | Long("version") => Command::Version,
        Value(name) if name == "tour" => Command::Tour { all: false },
        // The tour's second process; of no use by itself.
        Value(name) if name == "tour-peer" => {
            Command::TourPeer { driver: args.value()?.parse_with(driver)?, unix: None }
        }
        arg => return Err(arg.unexpected()),
    };
    while let Some(arg) = args.next()? {
        match (&mut command, arg) {
            (_, Short('h') | Long("help")) => return Ok(Command::Help),
            (Command::Tour { all }, Long("all")) => *all = true,
            (Command::TourPeer { unix, .. }, Value(path)) if unix.is_none() => *unix = Some(path.into()),
            (_, arg) => return Err(arg.unexpected()),
        }
    }
    Ok(command)
}

fn driver(name: &str) -> Result<&'static Driver, String> {
    DRIVERS.iter().find(|driver| driver.name == name).ok_or_else(|| "there is no such driver".to_owned())
}
