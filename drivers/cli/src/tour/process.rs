//! The second process, from its start to its end.

use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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

/// How long a peer may take to listen, and to end when it is told to: longer than its connections may take to
/// close.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running peer. Dropping it kills it, as an out-of-memory killer would, and removes what it needed.
pub(crate) struct Peer {
    child: Child,
    said: Said,
    transport: Transport,
    address: String,
    dir: Option<Dir>,
}

impl Peer {
    /// Starts this program again and waits until it listens.
    pub(crate) fn start(driver: &Driver, transport: Transport) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["tour-peer", driver.name]);
        let dir = match transport {
            Transport::Tcp => None,
            Transport::Unix => Some(Dir::new()?),
        };
        if let Some(dir) = &dir {
            command.arg(dir.0.join("peer.socket"));
        }
        Self::listening(command, transport, dir)
    }

    fn listening(mut command: Command, transport: Transport, dir: Option<Dir>) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = command.stdin(Stdio::piped()).stdout(OwnedFd::from(theirs)).spawn()?;
        // With it goes our hold on the peer's end.
        drop(command);
        let mut peer =
            Self { child, said: Said(BufReader::new(ours)), transport, address: String::new(), dir };
        if let Some(address) = peer.said.line(PATIENCE)? {
            peer.address = address;
        }
        Ok(peer)
    }

    /// Connects, once. What was needed for that is removed then: later a signal may end us at any time.
    pub(crate) fn connect(&mut self, driver: &Driver, profile: Profile) -> Connected {
        let parent = (driver.connect)(profile, self.transport, &self.address)?;
        self.dir = None;
        Ok(parent)
    }

    /// Lets it end in order.
    pub(crate) fn stop(self) -> Result<(), Box<dyn Error>> {
        self.stop_within(PATIENCE)
    }

    fn stop_within(mut self, patience: Duration) -> Result<(), Box<dyn Error>> {
        drop(self.child.stdin.take());
        // It holds its end of this for as long as it lives.
        while self.said.line(patience).map_err(|error| format!("the peer does not end: {error}"))?.is_some() {
        }
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

/// What a process says on its standard output, a socket: one can wait for that with a limit.
struct Said(BufReader<UnixStream>);

impl Said {
    /// The next line; `None` when there are no more.
    fn line(&mut self, patience: Duration) -> io::Result<Option<String>> {
        self.0.get_ref().set_read_timeout(Some(patience))?;
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line.trim_end().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let silence = format!("nothing came from it for {patience:?}");
                Err(io::Error::new(io::ErrorKind::TimedOut, silence))
            }
            Err(error) => Err(error),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(script: &str) -> Peer {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Peer::listening(command, Transport::Tcp, None).unwrap()
    }

    #[test]
    fn a_peer_that_does_not_end_is_not_waited_for_without_limit() {
        let deaf = peer("echo here; exec sleep 1000");
        assert_eq!(deaf.address, "here");
        let error = deaf.stop_within(Duration::from_millis(1)).unwrap_err().to_string();
        assert_eq!(error, "the peer does not end: nothing came from it for 1ms");
    }

    #[test]
    fn a_peer_is_waited_for_and_how_it_ended_is_told() {
        peer("echo here; read nothing; echo on; exit 0").stop().unwrap();
        let error = peer("echo here; read nothing; exit 3").stop().unwrap_err().to_string();
        assert_eq!(error, "the peer ended with exit status: 3");
    }
}
