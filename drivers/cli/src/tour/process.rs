//! The second process, from its start to its end.

use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use scipp_blocking::Profile;

use super::driver::Driver;
use super::parent::Connected;

/// What the two processes talk over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Unix,
}

impl Transport {
    pub(crate) const ALL: [Self; 2] = [Self::Tcp, Self::Unix];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "TCP",
            Self::Unix => "Unix",
        })
    }
}

/// A running peer. Dropping it kills it, as an out-of-memory killer would, and removes what it needed.
pub(crate) struct Peer {
    child: Child,
    transport: Transport,
    address: String,
    dir: Option<Dir>,
}

impl Peer {
    /// Starts this program again and waits until it listens.
    pub(crate) fn start(driver: &Driver, transport: Transport) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["tour-peer", driver.name]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let dir = match transport {
            Transport::Tcp => None,
            Transport::Unix => Some(Dir::new()?),
        };
        if let Some(dir) = &dir {
            command.arg(dir.0.join("peer.socket"));
        }
        let child = command.spawn()?;
        let mut peer = Self { child, transport, address: String::new(), dir };
        if let Some(stdout) = peer.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut peer.address)?;
        }
        peer.address.truncate(peer.address.trim_end().len());
        Ok(peer)
    }

    /// Connects, once. What was needed for that is removed then: later a signal may end us at any time.
    pub(crate) fn connect(&mut self, driver: &Driver, profile: Profile) -> Connected {
        let parent = (driver.connect)(profile, self.transport, &self.address)?;
        self.dir = None;
        Ok(parent)
    }

    /// Lets it end in order.
    pub(crate) fn stop(mut self) -> Result<(), Box<dyn Error>> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the peer ended with {status}").into()) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It fails only if the process is gone already, which is what is wanted.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A new directory that nobody else can look into, removed with this.
struct Dir(PathBuf);

impl Dir {
    fn new() -> io::Result<Self> {
        let name = format!("scipp-tour-{:016x}", RandomState::new().build_hasher().finish());
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // The system cleans its temporary directory if we cannot.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}
