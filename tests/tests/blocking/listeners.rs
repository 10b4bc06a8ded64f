//! Listeners: how they stop and what they leave behind.

use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::thread;

use scipp_blocking::Actor;

use crate::rig::Dir;

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
