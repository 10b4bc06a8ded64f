//! Listeners: how they stop, what they leave behind, and how much they let in.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Barrier};
use std::thread;

use crate::driver::{Actor, Address, ChildContext, ConnectError, Error, NoArgs, Profile};

use super::rig::{on_each_transport, remote, with_server};
use super::wire::{Dir, Wire};

const PATH: (&str, &str) = ("app", "task");

///
#[test]
fn stopping_a_listener_ends_every_thread_that_serves_it() {
    let actor = Actor::builder("server").build();
    for _ in 0..50 {
        let listener = actor.listen_tcp("127.0.0.1:0").unwrap();
        let (listener, together) = (&listener, &Barrier::new(5));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    together.wait();
                    listener.serve();
                });
            }
            together.wait();
            listener.stop();
        });
    }
}

///
#[test]
fn a_listener_removes_its_own_file_and_no_other() {
    let dir = Dir::new();
    let path = dir.join("socket");
    let actor = Actor::builder("server").build();
    let first = actor.listen_unix(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let second = actor.listen_unix(&path).unwrap();
    drop(first);
    UnixStream::connect(&path).unwrap();
    drop(second);
    assert!(!path.exists());
}

#[test]
fn each_end_knows_where_the_other_is() {
    with_server(
        |server| server,
        |pair| {
            let at = pair.listener.local_addr();
            assert_eq!(pair.portal.peer_addr().as_ref(), Some(at));
            let back = pair.server.portals().pop().unwrap();
            match (at, back.peer_addr()) {
                (Address::Tcp(addr), Some(Address::Tcp(client))) => {
                    assert_eq!((at.to_string().parse(), client.ip()), (Ok(*addr), addr.ip()));
                }
                (Address::Unix(path), None) => assert_eq!(at.to_string(), path.display().to_string()),
                other => panic!("{other:?}"),
            }
        },
    );
}

///
#[test]
fn tasks_beyond_the_limit_of_the_actor_are_refused() {
    let go = Wire::new();
    let actors = || {
        let go = Arc::clone(&go);
        let task = move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            go.hear();
            Ok::<(), Error>(())
        };
        let server = Profile::new("server").max_tasks(1);
        (Actor::builder(server).context(PATH, task), Actor::builder("client"))
    };
    on_each_transport(actors, |pair| {
        let other = pair.another();
        // The tasks that the connections began with may be about to return.
        let begun = || pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).ok();
        let (ctx, ()) = std::iter::repeat_with(begun).flatten().next().unwrap();
        for portal in [&pair.portal, &other] {
            let refused = remote(portal.start_context::<_, ()>(PATH, &NoArgs {}));
            assert_eq!(refused.msg.boxed_type_str, "RuntimeError");
        }
        go.tell(());
        ctx.wait().unwrap();
    });
}

///
#[test]
fn connections_beyond_the_limit_of_the_actor_are_closed() {
    on_each_transport(
        || (Actor::builder(Profile::new("server").max_connections(1)), Actor::builder("client")),
        |pair| {
            let one_more = match pair.listener.local_addr() {
                &Address::Tcp(addr) => pair.client.connect_tcp(addr),
                Address::Unix(path) => pair.client.connect_unix(path),
                other => panic!("no such transport: {other:?}"),
            };
            assert!(matches!(one_more, Err(ConnectError::Handshake(_))), "{one_more:?}");
            assert_eq!(pair.portal.close_reason(), None);
        },
    );
}

///
#[test]
fn a_stopped_listener_refuses_whoever_comes_whatever_clones_there_are() {
    with_server(
        |server| server,
        |pair| {
            pair.listener.stop();
            // Those that serve are on their way out.
            let refused = std::iter::repeat_with(|| match pair.listener.local_addr() {
                Address::Tcp(addr) => TcpStream::connect(addr).err(),
                Address::Unix(path) => UnixStream::connect(path).err(),
                other => panic!("no such transport: {other:?}"),
            });
            assert!(refused.flatten().next().is_some());
        },
    );
}
