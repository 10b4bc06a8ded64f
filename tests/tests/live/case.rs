//! One case: who plays what, over what.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::ours::Driver;
use crate::table::Scenario;

/// What an actor is in a case, and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Listens and serves.
    Child,
    /// Connects and opens the dialog.
    Parent,
    /// Cancels the child's actor.
    Third,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Child, Self::Parent, Self::Third];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Child => "child",
            Self::Parent => "parent",
            Self::Third => "third",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Unix,
}

impl Transport {
    pub(crate) const ALL: [Self; 2] = [Self::Tcp, Self::Unix];

    const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Unix => "unix",
        }
    }
}

/// Our driver, the role it plays, and over what it plays it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) driver: &'static Driver,
    pub(crate) ours: Role,
    pub(crate) transport: Transport,
}

impl Setting {
    pub(crate) fn is_ours(&self, role: Role) -> bool {
        match role {
            // Whoever cancels the child's actor is of the other kind.
            Role::Third => self.ours == Role::Parent,
            _ => self.ours == role,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) setting: Setting,
    pub(crate) scenario: Scenario,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}::{}", self.driver.name, self.ours.name(), self.transport.name())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.setting, self.scenario.name())
    }
}

/// A directory of its own for a case.
#[derive(Debug)]
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> io::Result<Self> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!("scipp-live-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let dir = Self(std::env::temp_dir().join(name));
        std::fs::create_dir_all(dir.sockets())?;
        Ok(dir)
    }

    /// For the sockets and nothing else.
    pub(crate) fn sockets(&self) -> PathBuf {
        self.0.join("sockets")
    }

    /// Where the actor of this name is to listen.
    pub(crate) fn address(&self, transport: Transport, name: &str) -> String {
        match transport {
            Transport::Tcp => "127.0.0.1:0".to_owned(),
            Transport::Unix => self.sockets().join(name).display().to_string(),
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // The system cleans its temporary directory if we cannot.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}
