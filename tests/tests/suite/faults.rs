//! Killed processes, dropped connections, and bytes that are no messages: scenarios by their numbers.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use scipp_conformance::script::error_by;

use crate::driver::proto::wire::{self, Message};
use crate::driver::proto::{
    CloseReason, Config, Connection, DialogId, Identity, Instant, Kind, Payload, Uid,
};
use crate::driver::{Actor, ActorBuilder, ChildContext, Context, Error, NoArgs, Portal};

use super::ends::assert_disconnected;
use super::raw;
use super::rig::{Host, with_server};
use super::wire::{Dir, Wire};

const PATH: (&str, &str) = ("app", "task");

/// Where the process that is to be killed finds its socket. Set in that process alone, which is this test again.
const VICTIM: &str = "SCIPP_TEST_VICTIM";

fn victim() -> Option<OsString> {
    std::env::var_os(VICTIM)
}

/// Runs this test in a process of its own, as the victim.
fn spawn(test: &str, socket: &Path) -> Child {
    let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &name]).env(VICTIM, socket).stdout(Stdio::null()).spawn().unwrap()
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

/// Sends one item and takes all that come.
fn sends_one(ctx: &ChildContext) -> Result<(), Error> {
    ctx.started(&())?;
    let stream = ctx.open_stream()?;
    stream.send(&1)?;
    while stream.receive::<u32>()?.is_some() {}
    Ok(())
}

#[test]
fn s152_the_child_is_killed() {
    let serves = |actor: ActorBuilder| actor.context(PATH, |ctx: ChildContext, _: NoArgs| sends_one(&ctx));
    if let Some(socket) = victim() {
        let listener = serves(Actor::builder("victim")).build().listen_unix(socket).unwrap();
        return listener.serve();
    }
    for is_reading in [true, false] {
        let dir = Dir::new();
        let process = spawn("s152_the_child_is_killed", &dir.join("socket"));
        let root = Actor::builder("root").build();
        let connected = std::iter::repeat_with(|| root.connect_unix(dir.join("socket")).ok());
        let portal = connected.inspect(|_| thread::yield_now()).flatten().next().unwrap();
        let (ctx, ()) = portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        let stream = ctx.open_stream().unwrap();
        assert_eq!(stream.receive(), Ok(Some(1)));
        kill(process);
        if is_reading {
            assert_disconnected(stream.receive::<u32>());
            assert_disconnected(stream.send(&1));
        }
        assert_disconnected(ctx.wait());
    }
}

#[test]
fn s153_the_parent_vanishes_and_the_child_goes_on_sending() {
    let opens = |portal: &Portal| {
        portal.open_context(PATH, &NoArgs {}, |ctx: &Context, (): ()| ctx.open_stream()?.receive::<u32>())
    };
    if let Some(socket) = victim() {
        let portal = Actor::builder("victim").build().connect_unix(socket).unwrap();
        opens(&portal).unwrap();
        return;
    }
    let (up, told) = (Wire::new(), Wire::new());
    let dir = Dir::new();
    let server = Actor::builder("server").context(PATH, {
        let (up, told) = (Arc::clone(&up), Arc::clone(&told));
        move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let stream = ctx.open_stream()?;
            up.tell(());
            ctx.portal().closed();
            told.tell(stream.send(&1));
            Ok::<_, Error>(7)
        }
    });
    let listener = server.build().listen_unix(dir.join("socket")).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| listener.serve());
        let process = spawn("s153_the_parent_vanishes_and_the_child_goes_on_sending", &dir.join("socket"));
        up.hear();
        kill(process);
        assert_disconnected(told.hear());
        // The actor is as it was.
        let portal = Actor::builder("root").build().connect_unix(dir.join("socket")).unwrap();
        let (ctx, ()) = portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        up.hear();
        portal.abort();
        assert_disconnected(ctx.wait());
        assert_disconnected(told.hear());
        listener.stop();
    });
}

#[test]
fn s149_both_drop_the_connection() {
    let (go, told) = (Wire::new(), Wire::new());
    let drops = |server: ActorBuilder| {
        let (go, told) = (Arc::clone(&go), Arc::clone(&told));
        server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            go.hear();
            ctx.portal().abort();
            told.tell(ctx.check());
            Ok::<(), Error>(())
        })
    };
    with_server(drops, |pair| {
        let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        go.tell(());
        pair.portal.abort();
        assert_disconnected(ctx.wait());
        assert_disconnected(told.hear());
    });
}

#[test]
fn s154_frames_that_are_no_messages() {
    let host = Host::new("host", |host, _| host.function(PATH, |_: NoArgs| Ok::<u32, Error>(7)));
    let bystander = host.reached_by(&Actor::builder("root").build());
    for body in [&b""[..], b"\xc1", b"\x82\xa3", b"\x80\x80", b"\x90", b"\x81\x01\x02", b"\x81\xa3cid\xa1c"] {
        let mut socket = TcpStream::connect(host.addr()).unwrap();
        let us = Identity::new(Uid::new("stranger", "stranger-uuid"));
        let mut conn = Connection::new(Config::default(), us, 7, Instant::EPOCH);
        while conn.peer().is_none() {
            raw::exchange(&mut conn, &mut socket);
        }
        raw::write_frame(&mut socket, body);
        // It hangs up; that it resets the connection is one way to do so.
        let _reset = socket.read_to_end(&mut Vec::new());
        assert_eq!(bystander.call::<_, u32>(PATH, &NoArgs {}), Ok(7));
    }
}

/// An actor written by hand, and the one dialog that was opened with it.
struct ByHand {
    us: Uid,
    conn: Connection,
    socket: TcpStream,
    id: DialogId,
}

impl ByHand {
    /// Has `act` do something with it, and hangs up; `test` is at the other end.
    fn meets(act: impl FnOnce(&mut Self) + Send, test: impl FnOnce(&Portal)) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || act(&mut Self::accept(&listener)));
            test(&Actor::builder("root").build().connect_tcp(addr).unwrap());
        });
    }

    fn accept(listener: &TcpListener) -> Self {
        let mut socket = listener.accept().unwrap().0;
        let us = Uid::new("by-hand", "by-hand-uuid");
        let mut conn = Connection::new(Config::default(), Identity::new(us.clone()), 7, Instant::EPOCH);
        let opened = std::iter::repeat_with(|| raw::exchange(&mut conn, &mut socket)).flatten().next();
        Self { us, conn, socket, id: opened.unwrap() }
    }
}

#[test]
fn s088_neither_answer_nor_final_frame() {
    let (go, taken) = (Wire::new(), Wire::new());
    let says_nothing_more = |peer: &mut ByHand| {
        peer.conn.accept(peer.id, Kind::Context).unwrap();
        peer.conn.started(peer.id, Payload::NIL).unwrap();
        raw::write_out(&mut peer.conn, &mut peer.socket);
        // The cancel request comes, and is not looked at.
        assert_ne!(peer.socket.read(&mut [0; 4096]).unwrap(), 0);
        taken.tell(());
        go.hear();
    };
    ByHand::meets(says_nothing_more, |portal| {
        let (ctx, ()) = portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        ctx.cancel().unwrap();
        taken.hear();
        assert_eq!(ctx.outcome(), None);
        go.tell(());
        assert_disconnected(ctx.wait());
    });
}

#[test]
fn s117_an_actor_that_fails_as_a_whole() {
    let fails = |peer: &mut ByHand| {
        let mut frame = bytes::BytesMut::new();
        wire::encode(&Message::Error(Box::new(error_by(peer.us.clone(), "ImportError"))), &mut frame);
        peer.socket.write_all(&frame).unwrap();
        peer.socket.read_to_end(&mut Vec::new()).unwrap();
    };
    ByHand::meets(fails, |portal| {
        let called = portal.call::<_, ()>(PATH, &NoArgs {});
        let Err(Error::Disconnected(CloseReason::PeerFailed(error))) = called else { panic!("{called:?}") };
        assert_eq!((error.msg.boxed_type_str.as_str(), error.msg.src_uid.name()), ("ImportError", "by-hand"));
    });
}
