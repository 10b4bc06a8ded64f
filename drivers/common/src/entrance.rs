//! Where connections come in.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::address::{Address, SocketFile};

/// A listening socket `S`. Once it is shut and nobody accepts from it any more it is closed, whatever clones
/// of a listener there are: who connects then is refused, and not left to wait for an answer.
#[derive(Debug)]
pub struct Entrance<S> {
    address: Address,
    open: Mutex<Option<Arc<Open<S>>>>,
}

/// An open socket, and the file that goes with it.
#[derive(Debug)]
pub struct Open<S> {
    /// The socket.
    pub socket: S,
    file: Option<SocketFile>,
}

impl<S> Entrance<S> {
    /// A socket that was bound to a TCP address.
    pub fn tcp(addr: SocketAddr, socket: S) -> Self {
        Self::new(Address::Tcp(addr), Open { socket, file: None })
    }

    /// A Unix socket that was just bound to a path. Its file is removed when it closes, unless there is
    /// another one at the path by then.
    ///
    /// # Errors
    ///
    /// There is no file.
    pub fn unix(path: &Path, socket: S) -> io::Result<Self> {
        let file = Some(SocketFile::of(path.to_owned())?);
        Ok(Self::new(Address::Unix(path.to_owned()), Open { socket, file }))
    }

    fn new(address: Address, open: Open<S>) -> Self {
        Self { address, open: Mutex::new(Some(Arc::new(open))) }
    }

    /// Where it is, or was.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The socket, for accepting one connection. `None` once it was shut.
    pub fn open(&self) -> Option<Arc<Open<S>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets nobody in any more.
    pub fn shut(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Not closed under the lock.
        drop(open);
    }
}

impl<S> Drop for Open<S> {
    fn drop(&mut self) {
        // The socket is still open: no other file can have been given the same inode.
        self.file.iter().for_each(SocketFile::remove);
    }
}
