//! The core in somebody else's event loop: a server and two clients, all in one thread around one
//! `mio::Poll`, without either driver.
//!
//! `cargo run -p scipp-proto --example mio`

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::{Buf, Bytes};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use scipp_proto::{
    Call, Config, Connection, Event, Identity, Instant, Kind, Kwargs, Outcome, Payload, Target, Uid,
};

const LISTENER: Token = Token(0);

/// A socket and the core that knows what its bytes mean.
struct Link {
    io: TcpStream,
    conn: Connection,
    /// What the core handed out and the socket did not take yet.
    unsent: Bytes,
}

impl Link {
    fn new(poll: &Poll, token: Token, mut io: TcpStream, conn: Connection) -> io::Result<Self> {
        poll.registry().register(&mut io, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { io, conn, unsent: Bytes::new() })
    }

    /// Moves all there is to move, both ways, and lets `react` have what happened.
    fn turn(
        &mut self,
        now: Instant,
        react: &mut impl FnMut(&mut Connection, Event, Instant),
    ) -> io::Result<()> {
        let mut buffer = [0; 4096];
        self.conn.handle_timeout(now);
        loop {
            while let Some(event) = self.conn.poll_event() {
                react(&mut self.conn, event, now);
            }
            self.write(now)?;
            if !self.conn.wants_input() {
                return Ok(());
            }
            match self.io.read(&mut buffer) {
                Ok(0) => self.conn.handle_eof(now),
                Ok(len) => self.feed(now, &buffer[..len], react),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => self.conn.handle_reset(now),
            }
        }
    }

    fn feed(
        &mut self,
        now: Instant,
        mut input: &[u8],
        react: &mut impl FnMut(&mut Connection, Event, Instant),
    ) {
        while !input.is_empty() && !self.conn.is_closed() {
            input = &input[self.conn.handle_input(now, input)..];
            while let Some(event) = self.conn.poll_event() {
                react(&mut self.conn, event, now);
            }
        }
    }

    fn write(&mut self, now: Instant) -> io::Result<()> {
        loop {
            if self.unsent.is_empty() {
                let Some(frames) = self.conn.poll_transmit() else { return Ok(()) };
                self.unsent = frames;
            }
            match self.io.write(&self.unsent) {
                Ok(len) => {
                    self.unsent.advance(len);
                    self.conn.handle_written(now, len);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.conn.handle_written(now, 0);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn connection(name: &str, seed: u128) -> Connection {
    let identity = Identity::new(Uid::new(name, format!("{name}-0")));
    Connection::new(Config::default(), identity, seed, Instant::EPOCH)
}

fn main() -> io::Result<()> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(16));
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let addr = listener.local_addr()?;
    let mut links = HashMap::new();
    for client in 1..=2 {
        let conn = connection(&format!("client{client}"), client as u128);
        links.insert(client, Link::new(&poll, Token(client), TcpStream::connect(addr)?, conn)?);
    }

    let epoch = std::time::Instant::now();
    let mut answers = Vec::new();
    // The application: clients ask once they may and close when they know; the server says 42.
    let mut react = |conn: &mut Connection, event: Event, now: Instant| match event {
        Event::Established { peer } if peer.uid.name() == "server" => {
            let target = Target::function("demo", "answer");
            conn.open(now, &Call { target, kind: Kind::Function, kwargs: Kwargs::EMPTY })
                .expect("established");
        }
        Event::Opened { id, .. } => {
            conn.accept(id, Kind::Function).expect("just opened");
            conn.finish(id, Payload::new(vec![42].into()).expect("one value")).expect("just accepted");
        }
        Event::Dialog { id, .. } => {
            if let Some(Outcome::Returned(Some(value))) = conn.dialog(id).and_then(|it| it.outcome().cloned())
            {
                answers.push(value.as_bytes()[0]);
                conn.close(now, now.saturating_add(Duration::from_secs(1)));
            }
        }
        _ => {}
    };
    let mut accepted = 0;
    while accepted < 2 || !links.is_empty() {
        let now = Instant::since_epoch(epoch.elapsed());
        // Reading to the end and writing to the end each time makes up for readiness that is told once.
        for link in links.values_mut() {
            link.turn(now, &mut react)?;
        }
        links.retain(|_, link| !link.conn.is_closed());
        let due = links.values().filter_map(|link| link.conn.poll_timeout()).map(|(due, _)| due).min();
        if !links.is_empty() || accepted < 2 {
            poll.poll(&mut events, due.map(|due| due.duration_since(now)))?;
        }
        while let Some((io, _)) =
            events.iter().find(|event| event.token() == LISTENER).and_then(|_| listener.accept().ok())
        {
            accepted += 1;
            let token = 2 + accepted;
            links.insert(token, Link::new(&poll, Token(token), io, connection("server", token as u128))?);
        }
    }
    println!("answers: {answers:?}");
    assert_eq!(answers, [42, 42]);
    Ok(())
}
