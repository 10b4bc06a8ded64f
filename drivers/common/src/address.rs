//! Where listeners and peers are, and what the sockets of listeners leave behind.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Where a listener can be reached, or a peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Where the other end of a TCP connection is.
    pub fn of_tcp_peer(stream: &TcpStream) -> Option<Self> {
        Some(Self::Tcp(stream.peer_addr().ok()?))
    }

    /// Where the other end of a Unix socket connection is, if it has a path: who connects usually has none.
    pub fn of_unix_peer(stream: &UnixStream) -> Option<Self> {
        Some(Self::Unix(stream.peer_addr().ok()?.as_pathname()?.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// The file of a Unix socket that is ours to remove.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    /// The file that was just made at `path`.
    pub(crate) fn of(path: PathBuf) -> io::Result<Self> {
        Ok(Self { inode: inode(&path)?, path })
    }

    /// Removes it, unless there is another one at its path by now.
    pub(crate) fn remove(&self) {
        if inode(&self.path).is_ok_and(|found| found == self.inode) {
            // Somebody may remove it at the same moment.
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

/// Which file is at `path`: its device, and its number there.
fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Whether, after this error of `accept`, the next connection may do better.
pub fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, Interrupted, InvalidInput, NotConnected, WouldBlock,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | InvalidInput | NotConnected | WouldBlock
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// which of them make accepting pause.
    #[test]
    fn a_lack_of_everything_is_not_about_one_connection() {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, OutOfMemory, PermissionDenied};
        let is_about_one = |kind: io::ErrorKind| is_about_one_connection(&kind.into());
        assert!([ConnectionAborted, ConnectionReset].into_iter().all(is_about_one));
        assert!(![OutOfMemory, PermissionDenied].into_iter().any(is_about_one));
    }
}
