//! The end of connections: in order, by loss in each phase, by bad input.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use scipp_conformance::script::split;

use crate::driver::proto::{CloseReason, OpenError};
use crate::driver::{Actor, ActorBuilder, Address, ChildContext, ConnectError, Error, NoArgs};

use super::rig::{until_told, with_server};
use super::wire::{Dir, Wire};

const PATH: (&str, &str) = ("app", "task");

#[track_caller]
pub(crate) fn assert_disconnected<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Disconnected(_))), "{result:?}");
}

#[test]
fn a_peer_that_goes_before_it_introduces_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let hanging_up = thread::spawn(move || drop(listener.accept().unwrap()));
    let refused = Actor::builder("client").build().connect_tcp(addr);
    assert!(matches!(refused, Err(ConnectError::Handshake(_))), "{refused:?}");
    hanging_up.join().unwrap();
}

#[test]
fn a_peer_that_goes_before_it_answers() {
    let server = |server: ActorBuilder| {
        server.context(PATH, |ctx: ChildContext, _: NoArgs| {
            ctx.portal().abort();
            Ok::<(), Error>(())
        })
    };
    with_server(server, |pair| assert_disconnected(pair.portal.start_context::<_, ()>(PATH, &NoArgs {})));
}

#[test]
fn a_peer_that_goes_while_it_streams_or_works() {
    for in_stream in [true, false] {
        let go = Wire::new();
        let server = |server: ActorBuilder| {
            let go = Arc::clone(&go);
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                go.hear();
                ctx.portal().abort();
                assert_disconnected(ctx.check());
                Ok::<(), Error>(())
            })
        };
        with_server(server, |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let stream = ctx.open_stream().unwrap();
            go.tell(());
            if in_stream {
                assert_disconnected(stream.receive::<u32>());
                assert_disconnected(stream.send(&1));
            }
            assert_disconnected(ctx.wait());
            assert_ne!(pair.portal.closed(), CloseReason::Local);
            let late = pair.portal.call::<_, ()>(PATH, &NoArgs {});
            assert_eq!(late, Err(Error::Open(OpenError::Closed)));
        });
    }
}

#[test]
fn a_body_learns_that_its_parent_is_gone() {
    let told = Wire::new();
    let server = |server: ActorBuilder| {
        let told = Arc::clone(&told);
        server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            told.tell(Err::<(), _>(until_told(&ctx)));
            Ok::<(), Error>(())
        })
    };
    with_server(server, |pair| {
        let (_ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        pair.portal.abort();
        assert_disconnected(told.hear());
    });
}

/// D-35.
#[test]
fn closing_cancels_what_is_open_and_waits_for_it() {
    let told = Wire::new();
    let server = |server: ActorBuilder| {
        let told = Arc::clone(&told);
        server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let error = until_told(&ctx);
            told.tell(error.clone());
            Err::<(), _>(error)
        })
    };
    with_server(server, |pair| {
        let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        let back = pair.server.portals().pop().unwrap();
        assert_eq!(pair.portal.close(), CloseReason::Local);
        assert!(matches!(told.hear(), Error::Cancelled { .. }));
        assert_eq!(back.closed(), CloseReason::Eof);
        assert!(ctx.wait().is_ok_and(|ending| ending.returned::<()>().is_err()));
    });
}

#[test]
fn the_last_handle_closes_the_connection() {
    with_server(
        |server| server,
        |pair| {
            let portal = pair.another();
            let known = pair.server.portals();
            assert_eq!(known.len(), 2);
            drop(portal.clone());
            assert_eq!(portal.close_reason(), None);
            drop(portal);
            assert_eq!(known[1].closed(), CloseReason::Eof);
            assert_eq!(known[0].close_reason(), None);
        },
    );
}

#[test]
fn what_came_before_the_connection_was_lost_is_received_before_the_news() {
    let (up, go, told) = (Wire::new(), Wire::new(), Wire::new());
    let server = |server: ActorBuilder| {
        let (up, go, told) = (Arc::clone(&up), Arc::clone(&go), Arc::clone(&told));
        server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let stream = ctx.open_stream()?;
            up.tell(());
            // The second task comes after the items on the wire.
            go.hear();
            ctx.portal().closed();
            told.tell((0..4).map(|_| stream.receive::<u32>()).collect::<Vec<_>>());
            Ok::<(), Error>(())
        })
    };
    let server = |builder| server(builder).function(("app", "nothing"), |_: NoArgs| Ok::<(), Error>(()));
    with_server(server, |pair| {
        let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        let stream = ctx.open_stream().unwrap();
        up.hear();
        (0..3_u32).for_each(|item| stream.send(&item).unwrap());
        pair.portal.call::<_, ()>(("app", "nothing"), &NoArgs {}).unwrap();
        go.tell(());
        pair.portal.abort();
        let told = told.hear();
        assert_eq!(told[..3], [Ok(Some(0)), Ok(Some(1)), Ok(Some(2))]);
        assert_disconnected(told[3].clone());
    });
}

#[test]
fn close_returns_when_nothing_is_left_of_the_connection() {
    with_server(
        |server| server,
        |pair| {
            for _ in 0..20 {
                pair.another().close();
                assert_eq!(pair.client.portals().len(), 1);
            }
        },
    );
}

/// W-5.
#[test]
fn closing_finishes_the_frame_that_was_begun() {
    let dir = Dir::new();
    let listener = UnixListener::bind(dir.join("socket")).unwrap();
    let path = dir.join("socket");
    let connecting = thread::spawn(|| Actor::builder("client").build().connect_unix(path).unwrap());
    let mut peer = listener.accept().unwrap().0;
    // The peer introduces itself with the words it hears, by another name.
    let mut hello = vec![0; 4096];
    let len = peer.read(&mut hello).unwrap();
    let name = hello.windows(6).position(|word| word == b"client").unwrap();
    hello[name..name + 6].copy_from_slice(b"mirror");
    peer.write_all(&hello[..len]).unwrap();
    let portal = connecting.join().unwrap();

    let long = HashMap::from([("text", "x".repeat(4 << 20))]);
    thread::scope(|scope| {
        scope.spawn(|| assert_disconnected(portal.call::<_, ()>(PATH, &long)));
        let mut frames = vec![0; 4];
        peer.read_exact(&mut frames).unwrap();
        let closing = scope.spawn(|| portal.close_within(Duration::ZERO));
        while portal.close_reason().is_none() {
            thread::yield_now();
        }
        peer.read_to_end(&mut frames).unwrap();
        drop(peer);
        assert_eq!(closing.join().unwrap(), CloseReason::Local);
        assert!(split(frames.into()).is_some(), "no frame is cut");
    });
}

/// Sends `bytes` to a server from a stranger, and waits until it hangs up.
fn assert_hung_up(addr: &Address, bytes: &[u8]) {
    fn hear_out(mut stranger: impl Read + Write, bytes: &[u8]) {
        // It may hang up, and reset the connection, before it has read everything.
        let _hung_up = stranger.write_all(bytes);
        let _reset = stranger.read_to_end(&mut Vec::new());
    }
    match addr {
        Address::Tcp(addr) => hear_out(TcpStream::connect(addr).unwrap(), bytes),
        Address::Unix(path) => hear_out(UnixStream::connect(path).unwrap(), bytes),
        other => panic!("no such transport: {other:?}"),
    }
}

#[test]
fn bad_input_ends_its_connection_and_no_other() {
    let add = |_: NoArgs| Ok::<u32, Error>(7);
    with_server(
        |server| server.function(("app", "seven"), add),
        |pair| {
            let addr = pair.listener.local_addr();
            assert_hung_up(addr, b"GET / HTTP/1.1\r\n\r\n");
            assert_hung_up(addr, b"\x01\0\0\0\xc1");
            assert_hung_up(addr, b"\0\0\0\0");
            assert_hung_up(addr, &[0xff; 100_000]);
            let other = pair.another();
            for portal in [&pair.portal, &other] {
                assert_eq!(portal.call::<_, u32>(("app", "seven"), &NoArgs {}), Ok(7));
            }
            other.abort();
            assert_eq!(pair.portal.call::<_, u32>(("app", "seven"), &NoArgs {}), Ok(7));
        },
    );
}
