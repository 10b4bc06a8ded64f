//! Whether the checks bite: others in place of Python that do one thing wrong each, and one that does not.

use std::process::Command;
use std::time::Duration;

use crate::case::{Case, Role, Setting, Transport};
use crate::ours::DRIVERS;
use crate::stage::{self, LIMIT};
use crate::table::Scenario;

/// A parent as a shell script. It opens nothing; the scenario is one of which the child sees nothing.
#[derive(Debug)]
pub(crate) struct Bite {
    pub(crate) name: &'static str,
    script: &'static str,
    /// Part of the complaint; `None`: there must not be one.
    complaint: Option<&'static str>,
    limit: Duration,
}

/// What the scripts are written with; `$3` is where the child listens, and answers.
const WORDS: &str = r#"
    listens() { echo "{\"at\":\"$1\"}"; }
    saw() { echo "{\"saw\":\"$1\"}"; }
    until_end() { cat >/dev/null; }
"#;

pub(crate) const ALL: [Bite; 11] = [
    Bite {
        complaint: None,
        ..bite("nothing-wrong", "listens $3; saw 'failed: AttributeError'; until_end", "")
    },
    bite("another-outcome", "listens $3; saw 'returned'; until_end", "their parent saw"),
    bite("too-much", "listens $3; saw 'failed: AttributeError'; until_end; saw more", "their parent saw"),
    bite("nonsense", "listens $3; echo nonsense; until_end", "does not make itself clear"),
    bite("deaf", "saw 'failed: AttributeError'; until_end", "does not listen"),
    bite("dead", "listens $3.gone; saw 'failed: AttributeError'; until_end", "does not answer"),
    bite("early", "listens $3", "ended early"),
    bite("status", "listens $3; saw 'failed: AttributeError'; until_end; exit 3", "ended with"),
    bite(
        "process-left",
        "listens $3; saw 'failed: AttributeError'; tail -f /dev/null >/dev/null 2>&1 & until_end",
        "left a process behind",
    ),
    bite(
        "socket-left",
        "listens $3; saw 'failed: AttributeError'; touch $3.left; until_end",
        "child.left was left behind",
    ),
    Bite { limit: Duration::from_millis(300), ..bite("hang", "listens $3; until_end", "gave up waiting") },
];

const fn bite(name: &'static str, script: &'static str, complaint: &'static str) -> Bite {
    Bite { name, script, complaint: Some(complaint), limit: LIMIT }
}

/// Plays a case with the script and looks for the complaint.
pub(crate) fn run(bite: &Bite) -> Result<(), String> {
    let setting = Setting { driver: &DRIVERS[0], ours: Role::Child, transport: Transport::Unix };
    let case = Case { setting, scenario: Scenario::UnknownFunction };
    let theirs = || {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{WORDS}{}", bite.script), "sh"]);
        command
    };
    match (stage::play(case, &theirs, bite.limit), bite.complaint) {
        (Ok(()), None) => Ok(()),
        (Err(error), Some(complaint)) if error.contains(complaint) => Ok(()),
        (result, complaint) => Err(format!("expected {complaint:?}, got {result:?}")),
    }
}
