//! Our side: this program once more, as a process that one driver runs in.
//!
//! `ours DRIVER ROLE SCENARIO ADDRESS` says on standard output what `peer.py` says, and listens on standard
//! input for the same.

mod args;
mod blocking;
mod inbox;

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use serde_json::{Value, json};

use crate::case::Role;
use crate::table::Scenario;
use inbox::Inbox;

/// How a part was played.
type Played = Result<(), Box<dyn Error>>;

/// One implementation of the scenarios.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) name: &'static str,
    /// Plays a part, until standard input ends and everything has been closed.
    run: fn(&Part, &'static Inbox) -> Played,
}

/// All of them.
pub(crate) const DRIVERS: [Driver; 1] = [Driver { name: "blocking", run: blocking::run }];

/// How many items a burst has, how many the reader takes between two acknowledgements, and how many are
/// unread at most: the window of 64 less room for what ends the dialog.
const BURST: u64 = 1000;
const ACK_EVERY: u64 = 20;
const WINDOW: u64 = 60;

/// What this process has to do.
struct Part {
    role: Role,
    scenario: Scenario,
    /// Where to listen, or whom to connect to: `HOST:PORT`, or the path of a Unix socket.
    address: String,
}

/// The main function of our side.
pub(crate) fn main(mut args: impl Iterator<Item = String>) -> ExitCode {
    let mut next = || args.next().unwrap_or_default();
    let (driver, role, scenario, address) = (next(), next(), next(), next());
    let driver = DRIVERS.iter().find(|known| known.name == driver);
    let role = Role::ALL.into_iter().find(|known| known.name() == role);
    let scenario = Scenario::ALL.into_iter().find(|known| known.name() == scenario);
    let (Some(driver), Some(role), Some(scenario)) = (driver, role, scenario) else {
        eprintln!("usage: ours DRIVER ROLE SCENARIO ADDRESS");
        return ExitCode::FAILURE;
    };
    let result = (driver.run)(&Part { role, scenario, address }, Inbox::open());
    wait_until_alone();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// No thread may outlive what it was for, as far as the system tells. The deadline of the case ends this if
/// one does.
fn wait_until_alone() {
    let others = || std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count().saturating_sub(1));
    if others() > 0 {
        eprintln!("waiting for {} threads to end", others());
    }
    while others() > 0 {
        thread::yield_now();
    }
}

/// What user code saw.
fn saw(what: impl Into<String>) {
    tell(&json!({ "saw": what.into() }));
}

/// The dialog is in its midst.
fn up() {
    tell(&json!({ "up": true }));
}

fn listening_at(address: &str) {
    tell(&json!({ "at": address }));
}

/// Leaves a trace of a frame for whoever has to find out what went wrong.
fn passed(is_ours: bool, mut body: &[u8]) {
    let arrow = if is_ours { "->" } else { "<-" };
    match rmpv::decode::read_value(&mut body) {
        Ok(message) => eprintln!("{arrow} {message}"),
        Err(error) => eprintln!("{arrow} {error}"),
    }
}

fn tell(line: &Value) {
    println!("{line}");
}
