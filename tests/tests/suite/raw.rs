//! Peers written by hand: a core and a socket, and what no core would send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use scipp_conformance::pair::uid_of;
use scipp_conformance::script::{encoded, frame};

use crate::driver::proto::wire::{ErrorMsg, Message};
use crate::driver::proto::{Config, Connection, DialogId, Event, Identity, Instant, Kind, Payload, Uid};

/// An actor that somebody has connected to and opened a dialog with.
pub(crate) struct ByHand {
    pub(crate) socket: TcpStream,
    conn: Connection,
    id: DialogId,
}

impl ByHand {
    /// Has `act` do something with it, and hangs up; `test` may connect to it, once.
    pub(crate) fn meets(act: impl FnOnce(&mut Self) + Send, test: impl FnOnce(SocketAddr)) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || act(&mut Self::accept(&listener)));
            test(addr);
        });
    }

    fn accept(listener: &TcpListener) -> Self {
        let mut socket = listener.accept().unwrap().0;
        let mut conn = Connection::new(Config::default(), Identity::new(uid_of("hand")), 7, Instant::EPOCH);
        let opened = std::iter::repeat_with(|| exchange(&mut conn, &mut socket)).flatten().next();
        Self { socket, conn, id: opened.unwrap() }
    }

    pub(crate) fn uid(&self) -> Uid {
        self.conn.identity().uid.clone()
    }

    pub(crate) fn cid(&self) -> &str {
        self.conn.dialog(self.id).unwrap().cid()
    }

    /// Its task starts.
    pub(crate) fn starts(&mut self) {
        self.conn.accept(self.id, Kind::Context).unwrap();
        self.conn.started(self.id, Payload::NIL).unwrap();
        write_out(&mut self.conn, &mut self.socket);
    }

    /// Says this, and waits until the other end has hung up.
    pub(crate) fn fails(&mut self, error: ErrorMsg) {
        self.socket.write_all(&encoded(&Message::Error(Box::new(error)))).unwrap();
        self.socket.read_to_end(&mut Vec::new()).unwrap();
    }
}

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
