//! Our side: this program once more, as a process that one driver runs in.
//!
//! `ours DRIVER ROLE SCENARIO ADDRESS` says on standard output what `peer.py` says, and listens on standard
//! input for the same.

mod args;
mod blocking;
mod inbox;
mod smol;

use std::error::Error;
use std::fs::{self, DirEntry};
use std::process::{self, ExitCode};
use std::thread;

use scipp_blocking::proto::{RemoteErrorKind, Uid};
use scipp_blocking::{Direction, Ending, Profile, TappedFrame};
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
    /// How the names of the threads begin that its runtime keeps as long as the process lives.
    keeps: &'static [&'static str],
}

/// All of them.
pub(crate) const DRIVERS: [Driver; 2] = [
    Driver { name: "blocking", run: blocking::run, keeps: &[] },
    Driver { name: "smol", run: smol::run, keeps: &["async-io", "blocking-"] },
];

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
    wait_until_alone(driver);
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
fn wait_until_alone(driver: &Driver) {
    let mut others = threads(driver);
    if others > 0 {
        eprintln!("waiting for {others} threads to end");
    }
    while others > 0 {
        thread::yield_now();
        others = threads(driver);
    }
}

/// How many threads there are beside this one and those of the driver's runtime.
fn threads(driver: &Driver) -> usize {
    let is_other = |task: &DirEntry| {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        task.file_name() != process::id().to_string().as_str()
            && !driver.keeps.iter().any(|kept| name.starts_with(kept))
    };
    fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.flatten().filter(is_other).count())
}

/// An actor that leaves a trace of its frames for whoever has to find out what went wrong.
fn profile(role: Role) -> Profile {
    Profile::new(role.name()).tap(|frame: &TappedFrame| {
        let arrow = if frame.direction == Direction::Out { "->" } else { "<-" };
        match rmpv::decode::read_value(&mut &*frame.body) {
            Ok(message) => eprintln!("{arrow} {message}"),
            Err(error) => eprintln!("{arrow} {error}"),
        }
    })
}

/// How a dialog ended that ended badly, in the words of the table.
fn why(error: &scipp_blocking::Error) -> String {
    use scipp_blocking::Error::{Cancelled, Disconnected, Remote};
    let by = |uid: Option<&Uid>| format!("cancelled by {}", uid.map_or("nobody", Uid::name));
    match error {
        Remote(remote) if remote.kind() == RemoteErrorKind::ContextCancelled => by(remote.canceller()),
        Remote(remote) => format!("failed: {}", remote.msg.boxed_type_str),
        Cancelled { by: uid } => by(uid.as_ref()),
        Disconnected(_) => "disconnected".to_owned(),
        other => format!("raised {other:?}"),
    }
}

/// A context ended well.
fn saw_ending(ending: &Ending) -> Result<(), scipp_blocking::Error> {
    saw(match ending {
        Ending::Returned(_) => format!("returned {}", ending.returned::<i64>()?),
        Ending::Cancelled { confirmed: true } => "cancelled".to_owned(),
        Ending::Cancelled { confirmed: false } => "cancelled, unconfirmed".to_owned(),
    });
    Ok(())
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

fn tell(line: &Value) {
    println!("{line}");
}
