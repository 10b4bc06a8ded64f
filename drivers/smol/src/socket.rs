//! Sockets of either kind.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use futures_util::{AsyncRead, AsyncWrite};
use scipp_common::Address;

/// A connected stream socket.
#[derive(Debug)]
pub struct Socket(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(Async<TcpStream>),
    Unix(Async<UnixStream>),
}

impl Socket {
    pub(crate) async fn connect_tcp(addr: SocketAddr) -> io::Result<Self> {
        Self::tcp(Async::<TcpStream>::connect(addr).await?)
    }

    pub(crate) async fn connect_unix(path: &Path) -> io::Result<Self> {
        Ok(Self::unix(Async::<UnixStream>::connect(path).await?))
    }

    /// Takes over a TCP connection: small frames are sent at once.
    pub(crate) fn tcp(stream: Async<TcpStream>) -> io::Result<Self> {
        stream.get_ref().set_nodelay(true)?;
        Ok(Self(Kind::Tcp(stream)))
    }

    pub(crate) const fn unix(stream: Async<UnixStream>) -> Self {
        Self(Kind::Unix(stream))
    }

    /// Where the other end is.
    pub(crate) fn peer_addr(&self) -> Option<Address> {
        match &self.0 {
            Kind::Tcp(stream) => Address::of_tcp_peer(stream.get_ref()),
            Kind::Unix(stream) => Address::of_unix_peer(stream.get_ref()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Kind::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Kind::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Shuts our direction down: the peer reads what was written, and then the end.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match &self.0 {
            Kind::Tcp(stream) => stream.get_ref().shutdown(Shutdown::Write),
            Kind::Unix(stream) => stream.get_ref().shutdown(Shutdown::Write),
        })
    }
}
