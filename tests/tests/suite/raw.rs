//! Peers written by hand: a core and a socket, and what no core would send.

use std::io::{Read, Write};
use std::net::TcpStream;

use scipp_conformance::script::frame;

use crate::driver::proto::{Connection, DialogId, Event, Instant};

/// Writes what is to be written and reads what comes; gives the dialog that was opened by it.
pub(crate) fn exchange(conn: &mut Connection, socket: &mut TcpStream) -> Option<DialogId> {
    write_out(conn, socket);
    let mut buffer = [0; 4096];
    let len = socket.read(&mut buffer).unwrap();
    assert_eq!(conn.handle_input(Instant::EPOCH, &buffer[..len]), len);
    std::iter::from_fn(|| conn.poll_event()).find_map(|event| match event {
        Event::Opened { id, .. } => Some(id),
        _ => None,
    })
}

/// Writes what is to be written.
pub(crate) fn write_out(conn: &mut Connection, socket: &mut TcpStream) {
    while let Some(bytes) = conn.poll_transmit() {
        conn.handle_written(Instant::EPOCH, bytes.len());
        socket.write_all(&bytes).unwrap();
    }
}

/// Writes a frame with this body, whatever it is.
pub(crate) fn write_frame(socket: &mut TcpStream, body: &[u8]) {
    socket.write_all(&frame(body)).unwrap();
}
