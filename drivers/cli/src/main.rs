//! `scipp`: see actor dialogs at work.

mod output;
mod render;
mod style;
mod tour;

use std::process::ExitCode;

use lexopt::prelude::*;

const USAGE: &str = "\
Usage: scipp <command>

Commands:
  tour    hold every kind of dialog with a second process, over TCP and over a Unix socket,
          draw each as it happens, and check how it ends

Options:
  -h, --help       print this text
  -V, --version    print the version

Colours are used on a terminal, unless NO_COLOR is set.";

/// What the command line asks for.
enum Command {
    Help,
    Version,
    Tour,
    TourPeer { unix: Option<std::path::PathBuf> },
}

fn main() -> ExitCode {
    match parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => say(USAGE),
        Ok(Command::Version) => say(concat!("scipp ", env!("CARGO_PKG_VERSION"))),
        Ok(Command::Tour) => tour::run(),
        Ok(Command::TourPeer { unix }) => tour::peer::run(unix.as_deref()),
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
    let command = match arg {
        Short('h') | Long("help") => Command::Help,
        Short('V') | Long("version") => Command::Version,
        Value(name) if name == "tour" => Command::Tour,
        // The tour's second process; of no use by itself.
        Value(name) if name == "tour-peer" => {
            let unix = match args.next()? {
                Some(Value(path)) => Some(path.into()),
                Some(arg) => return Err(arg.unexpected()),
                None => None,
            };
            Command::TourPeer { unix }
        }
        arg => return Err(arg.unexpected()),
    };
    match args.next()? {
        Some(Short('h') | Long("help")) => Ok(Command::Help),
        Some(arg) => Err(arg.unexpected()),
        None => Ok(command),
    }
}
