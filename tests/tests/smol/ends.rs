//! The end of connections whose peers make it hard, and of waits.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{AsyncReadExt, AsyncWriteExt, Sink};
use scipp_smol::proto::wire::{self, Message};
use scipp_smol::proto::{CloseReason, Config, Identity, Uid};
use scipp_smol::{Actor, Error, NoArgs, Portal, Profile};

use crate::pipe::{Lane, Pipe, Said, pipe};
use crate::pool::{Flag, Pool};
use crate::world::{BOMB, COLLECT, World};

/// The first frame of a peer.
fn hello() -> BytesMut {
    let mut frame = BytesMut::new();
    wire::encode(&Message::Aid(Box::new(Identity::new(Uid::new("peer", "1")))), &mut frame);
    frame
}

/// A connection to a peer that introduces itself and then neither reads nor writes.
fn deaf_peer(pool: &mut Pool) -> (Portal, Pipe, [Arc<Mutex<Lane>>; 2]) {
    let ([near, mut far], lanes) = pipe();
    let client = Actor::builder("client").build();
    let introduced = hello();
    let both = futures_util::future::join(far.write_all(&introduced), client.connect_over(near));
    let (portal, driver) = pool.run_until(both).1.unwrap();
    pool.spawn(async move { drop(driver.await) });
    pool.run_until(async {
        let mut prefix = [0; 4];
        far.read_exact(&mut prefix).await.unwrap();
        let mut aid = vec![0; u32::from_le_bytes(prefix) as usize];
        far.read_exact(&mut aid).await.unwrap();
    });
    (portal, far, lanes)
}

#[test]
fn a_socket_that_breaks_while_a_close_finishes_is_the_end() {
    let mut pool = Pool::default();
    let (portal, _far, lanes) = deaf_peer(&mut pool);
    let caller = portal.clone();
    pool.spawn(async move {
        let long = HashMap::from([("text", "x".repeat(10_000))]);
        let lost = caller.call::<_, ()>(("app", "f"), &long).await;
        assert!(matches!(lost, Err(Error::Disconnected(_))), "{lost:?}");
    });
    while pool.round() {}
    let (closing, closer) = (portal.clone(), portal.clone());
    pool.spawn(async move { drop(closer.close_within(Duration::ZERO).await) });
    pool.run_until(closing.closed());
    while pool.round() {}
    lanes.iter().for_each(|lane| lane.lock().unwrap().reset());
    assert_eq!(pool.run_until(portal.close()), CloseReason::Local);
}

#[test]
fn a_peer_that_talks_without_end_does_not_put_the_end_off() {
    let mut pool = Pool::default();
    let (portal, _far, [_, from_peer]) = deaf_peer(&mut pool);
    let (closing, closer) = (portal.clone(), portal.clone());
    pool.spawn(async move { drop(closer.close_within(Duration::ZERO).await) });
    pool.run_until(closing.closed());
    from_peer.lock().unwrap().flood();
    assert_eq!(pool.run_until(portal.close()), CloseReason::Local);
}

#[test]
fn a_driver_that_was_not_polled_does_not_blame_the_peer() {
    let mut config = Config::default();
    config.handshake_timeout = Duration::ZERO;
    let server = Actor::builder(Profile::new("server").config(config)).build();
    let said = Said(hello().iter().copied().collect());
    let (portal, mut driver) = server.accept_over(said).unwrap();
    let mut pool = Pool::default();
    pool.run_until(driver.run_until(async {}));
    assert_eq!(portal.peer().map(|peer| peer.uid), Some(Uid::new("peer", "1")));
}

#[test]
fn closing_a_sink_does_not_wake_itself() {
    let mut world = World::new();
    let (ctx, ()) = world.pool.run_until(world.portal.start_context::<_, ()>(COLLECT, &NoArgs {})).unwrap();
    let stream = ctx.open_stream().unwrap();
    let (mut sink, flag) = (stream.sink::<u32>(), Flag::raised());
    let waker = Waker::from(Arc::clone(&flag));
    // The driver is not polled, so nothing is written.
    for _ in 0..3 {
        flag.lower();
        let closed = Pin::new(&mut sink).poll_close(&mut Context::from_waker(&waker));
        assert!(closed.is_pending());
    }
    assert!(!flag.lower(), "it woke itself");
    drop(sink);
    drop(stream);
    drop(ctx);
    world.assert_sound();
}

#[test]
fn arguments_that_panic_when_dropped_harm_their_own_dialog_only() {
    let mut world = World::new();
    let portal = world.portal.clone();
    // The request and its cancellation arrive together: the body is dropped before it runs.
    let (mut call, waker) = (Box::pin(portal.call::<_, ()>(BOMB, &NoArgs {})), Waker::noop());
    assert!(call.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    drop(call);
    let run = world.pool.run_until(portal.call::<_, ()>(BOMB, &NoArgs {}));
    assert!(matches!(run, Err(Error::Remote(_))), "{run:?}");
    drop(portal);
    world.assert_sound();
}
