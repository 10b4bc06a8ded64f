//! One process of a case, and what it says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde::Deserialize;

use crate::case::Role;

/// Who a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) role: Role,
    pub(crate) is_ours: bool,
}

/// One line of standard output.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    At(String),
    Up(bool),
    Saw(String),
}

/// What comes out of a process.
#[derive(Debug)]
pub(crate) enum News {
    Said(String),
    Exited(ExitStatus),
}

/// A process, in a process group of its own. Dropping it kills what is left of the group.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: Name,
    group: Pid,
    stdin: Option<ChildStdin>,
    complaints: PathBuf,
    said: Vec<String>,
    /// Where it listens.
    pub(crate) at: Option<String>,
    /// Whether its dialog is in its midst.
    pub(crate) is_up: bool,
    /// What its user code saw.
    pub(crate) saw: Vec<String>,
    /// How it ended.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) is_killed: bool,
}

impl Process {
    /// Starts `command`. Its news go to `news` under its name; what it writes to standard error to a file
    /// in `dir`.
    pub(crate) fn start(
        name: Name,
        command: &mut Command,
        dir: &Path,
        news: Sender<(Name, News)>,
    ) -> io::Result<Self> {
        let complaints = dir.join(name.to_string());
        let stderr = File::create(&complaints)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).process_group(0);
        let mut child = command.spawn()?;
        let (group, stdin, stdout) = (Pid::from_child(&child), child.stdin.take(), child.stdout.take());
        thread::spawn(move || {
            // The case may have given up on this process: then nobody hears its last words.
            for line in stdout.into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok) {
                let _unheard = news.send((name, News::Said(line)));
            }
            if let Ok(status) = child.wait() {
                let _unheard = news.send((name, News::Exited(status)));
            }
        });
        let (said, saw) = Default::default();
        let (at, is_up, status, is_killed) = (None, false, None, false);
        Ok(Self { name, group, stdin, complaints, said, at, is_up, saw, status, is_killed })
    }

    /// Takes in what it said or did.
    pub(crate) fn hear(&mut self, news: News) -> Result<(), String> {
        let line = match news {
            News::Said(line) => line,
            News::Exited(status) => {
                self.status = Some(status);
                let is_early = self.stdin.is_some() && !self.is_killed;
                return if is_early { Err(format!("{} ended early", self.name)) } else { Ok(()) };
            }
        };
        self.said.push(line);
        match self.said.last().map(|line| serde_json::from_str(line)) {
            Some(Ok(Line::At(address))) => self.at = Some(address),
            Some(Ok(Line::Up(is_up))) => self.is_up = is_up,
            Some(Ok(Line::Saw(what))) => self.saw.push(what),
            Some(Err(error)) => return Err(format!("{} does not make itself clear: {error}", self.name)),
            None => {}
        }
        Ok(())
    }

    /// Tells it to go on.
    pub(crate) fn go(&mut self) -> io::Result<()> {
        self.stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(b"go\n"))
    }

    /// Tells it to end.
    pub(crate) fn end(&mut self) {
        self.stdin = None;
    }

    /// Kills it and what it started, as an out-of-memory killer would.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.is_killed = true;
        Ok(kill_process_group(self.group, Signal::KILL)?)
    }

    /// Whether nothing is left of it, nor of what it started.
    pub(crate) fn is_gone(&self) -> bool {
        test_kill_process_group(self.group) == Err(Errno::SRCH)
    }

    /// What it said, for people: all of it, and the end of what it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        let complaints = std::fs::read_to_string(&self.complaints).unwrap_or_else(|error| error.to_string());
        let lines: Vec<_> = complaints.lines().collect();
        let complaints = lines[lines.len().saturating_sub(100)..].join("\n");
        let status = self.status.map_or_else(|| "still runs".to_owned(), |status| status.to_string());
        let said = self.said.join("\n");
        format!("--- {} ({status}) said:\n{said}\n--- and on standard error:\n{complaints}", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_gone() {
            // It may go at this very moment.
            let _gone = self.kill();
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", if self.is_ours { "our" } else { "their" }, self.role.name())
    }
}
