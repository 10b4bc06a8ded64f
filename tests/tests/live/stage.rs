//! Where a case is played, and what is checked on the way and afterwards.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use scipp_blocking::Actor;
use serde_json::json;

use crate::case::{Case, Dir, Role};
use crate::process::{Name, News, Process};
use crate::registry::Registry;
use crate::table::{Act, differ};

/// How long a case may take: many times what it needs, so that only a hang reaches it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The command that starts the other side. It is given role, scenario, address and registry.
pub(crate) type Theirs<'a> = &'a (dyn Fn() -> Command + Sync);

/// Plays a case. The error says what went wrong and what all processes said.
pub(crate) fn play(case: Case, theirs: Theirs<'_>, limit: Duration) -> Result<(), String> {
    let dir = Dir::new().map_err(text)?;
    let mut stage = Stage::new(case, theirs, &dir, limit).map_err(text)?;
    stage.play().map_err(|reason| {
        let logs: Vec<_> = stage.cast.iter().map(Process::log).collect();
        format!("{reason}\n{}", logs.join("\n"))
    })
}

struct Stage<'a> {
    case: Case,
    theirs: Theirs<'a>,
    dir: &'a Dir,
    registry: Registry,
    deadline: Instant,
    cast: Vec<Process>,
    teller: Sender<(Name, News)>,
    news: Receiver<(Name, News)>,
}

impl<'a> Stage<'a> {
    fn new(case: Case, theirs: Theirs<'a>, dir: &'a Dir, limit: Duration) -> io::Result<Self> {
        let registry = Registry::listen(&dir.address(case.setting.transport, "registry"))?;
        let (teller, news) = channel();
        let deadline = Instant::now() + limit;
        Ok(Self { case, theirs, dir, registry, deadline, cast: Vec::new(), teller, news })
    }

    fn play(&mut self) -> Result<(), String> {
        let address = self.dir.address(self.case.setting.transport, Role::Child.name());
        self.enter(Role::Child, &address)?;
        self.until("the child listens", |cast| cast.iter().all(|process| process.at.is_some()))?;
        let address = self.cast.iter().find_map(|process| process.at.clone()).unwrap_or(address);
        if self.case.setting.ours == Role::Child {
            self.registry.enter(Role::Child.name(), &address)?;
        }
        self.enter(Role::Parent, &address)?;
        if let Some(act) = self.case.scenario.act() {
            self.until("both are in their dialog", |cast| cast.iter().all(|process| process.is_up))?;
            self.act(act, &address)?;
        }
        let scenario = self.case.scenario;
        self.until("all have seen how it ended", |cast| {
            cast.iter().all(|process| {
                process.is_killed || process.saw.len() >= scenario.expected(process.name.role).len()
            })
        })?;
        self.check_lives()?;
        for role in [Role::Third, Role::Parent, Role::Child] {
            self.end(role)?;
        }
        self.check_outcomes()?;
        self.check_nothing_is_left()
    }

    /// Starts the process of a role.
    fn enter(&mut self, role: Role, address: &str) -> Result<(), String> {
        let name = Name { role, is_ours: self.case.setting.is_ours(role) };
        let part = [role.name(), self.case.scenario.name(), address];
        let mut command = if name.is_ours {
            let mut command = Command::new(std::env::current_exe().map_err(text)?);
            command.args(["ours", self.case.setting.driver.name]).args(part);
            command
        } else {
            let mut command = (self.theirs)();
            command.args(part).arg(&self.registry.at);
            command
        };
        let process = Process::start(name, &mut command, &self.dir.0, self.teller.clone()).map_err(text)?;
        self.cast.push(process);
        Ok(())
    }

    fn act(&mut self, act: Act, address: &str) -> Result<(), String> {
        match act {
            Act::Go => {}
            Act::Third => self.enter(Role::Third, address)?,
            Act::Kill { ours } => {
                for process in self.cast.iter_mut().filter(|process| process.name.is_ours == ours) {
                    process.kill().map_err(text)?;
                }
                let is_over = |process: &Process| process.status.is_some() || !process.is_killed;
                self.until("the killed process is gone", |cast| cast.iter().all(is_over))?;
            }
        }
        let mut alive = self.cast.iter_mut().filter(|process| !process.is_killed);
        alive.try_for_each(Process::go).map_err(text)
    }

    /// Hears what the processes have to say until `is_met`, which is in words `what`.
    fn until(&mut self, what: &str, is_met: impl Fn(&[Process]) -> bool) -> Result<(), String> {
        while !is_met(&self.cast) {
            let rest = self.deadline.saturating_duration_since(Instant::now());
            let (name, news) =
                self.news.recv_timeout(rest).map_err(|_| format!("gave up waiting until {what}"))?;
            if let Some(process) = self.cast.iter_mut().find(|process| process.name == name) {
                process.hear(news)?;
            }
        }
        Ok(())
    }

    /// Lets a process end in order.
    fn end(&mut self, role: Role) -> Result<(), String> {
        let Some(at) = self.cast.iter().position(|process| process.name.role == role) else { return Ok(()) };
        self.cast[at].end();
        self.until(&format!("{} ends", self.cast[at].name), |cast| cast[at].status.is_some())?;
        match &self.cast[at] {
            Process { is_killed: true, .. } => Ok(()),
            Process { status: Some(status), .. } if status.success() => Ok(()),
            Process { name, status, .. } => Err(format!("{name} ended with {status:?}")),
        }
    }

    /// Each side saw what the table says.
    fn check_outcomes(&self) -> Result<(), String> {
        for process in self.cast.iter().filter(|process| !process.is_killed) {
            let role = process.name.role;
            let mut expected = self.case.scenario.expected(role).to_vec();
            expected.extend(self.case.scenario.expected_at_end(role));
            if differ(&expected, &process.saw) {
                return Err(format!("{} saw {:?}, expected {expected:?}", process.name, process.saw));
            }
        }
        Ok(())
    }

    /// Every actor that listens is called once more: all answer but those that were killed or cancelled.
    fn check_lives(&self) -> Result<(), String> {
        for Process { name, at, is_killed, .. } in &self.cast {
            let Some(address) = at else {
                if name.is_ours {
                    continue;
                }
                return Err(format!("{name} does not listen"));
            };
            let is_cancelled = name.role == Role::Child && self.case.scenario.cancels_actor();
            match self.call(address) {
                Ok(()) if *is_killed || is_cancelled => return Err(format!("{name} still answers")),
                Err(error) if !is_killed && !is_cancelled => {
                    return Err(format!("{name} does not answer: {error}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn call(&self, address: &str) -> Result<(), Box<dyn Error>> {
        let actor = Actor::builder("caller").build();
        let portal =
            if address.starts_with('/') { actor.connect_unix(address) } else { actor.connect_tcp(address) }?;
        let patient = portal.with_timeout(self.deadline.saturating_duration_since(Instant::now()));
        let answer: Result<String, _> = patient.call(("peer", "echo"), &json!({ "text": "still there?" }));
        portal.close();
        if answer? == "still there?" { Ok(()) } else { Err("another answer".into()) }
    }

    /// No process, no socket, and no entry in the registry, except of those that could not tidy up.
    fn check_nothing_is_left(&self) -> Result<(), String> {
        if let Some(process) = self.cast.iter().find(|process| !process.is_gone()) {
            return Err(format!("{} left a process behind", process.name));
        }
        let killed = || self.cast.iter().filter(|process| process.is_killed);
        for socket in std::fs::read_dir(self.dir.sockets()).map_err(text)? {
            let path = socket.map_err(text)?.path().display().to_string();
            if path != self.registry.at && !killed().any(|process| process.at.as_ref() == Some(&path)) {
                return Err(format!("{path} was left behind"));
            }
        }
        for entry in self.registry.names() {
            let is_of = |process: &Process| process.name.role.name() == entry && !process.name.is_ours;
            if self.cast.iter().any(|process| is_of(process) && !process.is_killed) {
                return Err(format!("their {entry} was left behind in the registry"));
            }
        }
        Ok(())
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}
