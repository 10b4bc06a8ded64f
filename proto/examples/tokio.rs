//! The core on an executor of somebody else's: two actors over TCP on tokio's current-thread runtime.
//!
//! `cargo run -p scipp-proto --example tokio`

use std::io;
use std::time::Duration;

use scipp_proto::{
    Call, Config, Connection, Event, Identity, Instant, Kind, Kwargs, Outcome, Payload, Take, Target, Uid,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time;

/// Runs one connection until it is over. `react` is the application.
async fn drive(
    mut io: TcpStream,
    mut conn: Connection,
    mut react: impl FnMut(&mut Connection, Event, Instant),
) -> io::Result<()> {
    let epoch = time::Instant::now();
    let now = || Instant::since_epoch(epoch.elapsed());
    let mut buffer = vec![0; 16 << 10];
    loop {
        while let Some(event) = conn.poll_event() {
            react(&mut conn, event, now());
        }
        while let Some(frames) = conn.poll_transmit() {
            io.write_all(&frames).await?;
            conn.handle_written(now(), frames.len());
        }
        if conn.is_closed() {
            return Ok(());
        }
        let deadline = conn.poll_timeout().map(|(at, _)| epoch + at.elapsed());
        let read = tokio::select! {
            read = io.read(&mut buffer) => read,
            () = time::sleep_until(deadline.unwrap_or(epoch)), if deadline.is_some() => {
                conn.handle_timeout(now());
                continue;
            }
        };
        match read {
            Ok(0) => conn.handle_eof(now()),
            Ok(len) => {
                let mut input = &buffer[..len];
                while !input.is_empty() && !conn.is_closed() {
                    input = &input[conn.handle_input(now(), input)..];
                    while let Some(event) = conn.poll_event() {
                        react(&mut conn, event, now());
                    }
                }
            }
            Err(_) => conn.handle_reset(now()),
        }
    }
}

/// A generator that counts to three.
fn serve(conn: &mut Connection, event: Event, _now: Instant) {
    if let Event::Opened { id, .. } = event {
        conn.accept(id, Kind::Generator).expect("just opened");
        for n in 1..=3 {
            conn.send(id, Payload::new(vec![n].into()).expect("one value")).expect("the outbox has room");
        }
        conn.finish(id, Payload::NIL).expect("accepted");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = async {
        let (io, _) = listener.accept().await?;
        drive(io, connection("server", 1), serve).await
    };
    let mut items = Vec::new();
    let client = async {
        let io = TcpStream::connect(address).await?;
        drive(io, connection("client", 2), |conn, event, now| match event {
            Event::Established { .. } => {
                let target = Target::function("demo", "count");
                conn.open(now, &Call { target, kind: Kind::Generator, kwargs: Kwargs::EMPTY })
                    .expect("established");
            }
            Event::Dialog { id, .. } => {
                while let Ok(Take::Item(item)) = conn.take(id) {
                    items.push(item.as_bytes()[0]);
                }
                let outcome = conn.dialog(id).and_then(|dialog| dialog.outcome().cloned());
                if outcome == Some(Outcome::Returned(None)) {
                    conn.close(now, now.saturating_add(Duration::from_secs(1)));
                }
            }
            _ => {}
        })
        .await
    };
    let (served, called) = tokio::join!(server, client);
    served?;
    called?;
    println!("counted {items:?}");
    assert_eq!(items, [1, 2, 3]);
    Ok(())
}

fn connection(name: &str, seed: u128) -> Connection {
    Connection::new(
        Config::default(),
        Identity::new(Uid::new(name, format!("{name}-0"))),
        seed,
        Instant::EPOCH,
    )
}
