//! The examples, run as a user runs them.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use scipp_smol::proto::{CloseReason, RemoteErrorKind};
use scipp_smol::{Actor, Error, NoArgs};

/// Cargo becomes the example once that is built.
fn example(name: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--example", name]);
    cargo
}

fn run(name: &str) -> String {
    let Output { status, stdout, stderr } = example(name).output().unwrap();
    assert!(status.success(), "{name}: {status}\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn the_members_of_the_chat_hear_each_other() {
    assert!(run("chat").contains("bob hears: ann: hello bob"));
}

#[test]
fn a_hundred_contexts_run_at_once() {
    assert!(run("fan_out").contains("from 100 contexts: 332833500"));
}

#[test]
fn the_driver_runs_on_tokio() {
    assert_eq!(run("on_tokio"), "42\n");
}

/// A running server, and what it prints.
fn server() -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut server = example("server").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    (server, lines)
}

#[test]
fn a_server_that_gets_a_signal_tells_its_peers_and_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let (mut server, mut lines) = server();
        let addr: SocketAddr = lines.next().unwrap().unwrap().parse().unwrap();
        smol::block_on(async {
            let (portal, mut driver) = Actor::builder("client").build().connect_tcp(addr).await.unwrap();
            let kill = || Command::new("kill").args([format!("-{signal}"), server.id().to_string()]).status();
            let told = async {
                let (ctx, _) = portal.start_context::<_, String>(("server", "echo"), &NoArgs {}).await?;
                let stream = ctx.open_stream()?;
                stream.send("one").await?;
                assert_eq!(stream.receive().await?, Some("one".to_owned()));
                assert!(kill().unwrap().success());
                ctx.wait().await
            };
            match driver.run_until(told).await {
                Err(Error::Remote(error)) => assert_eq!(error.kind(), RemoteErrorKind::ContextCancelled),
                other => panic!("expected the news that it was cancelled, got {other:?}"),
            }
            assert_eq!(driver.await, CloseReason::Eof);
        });
        assert!(server.wait().unwrap().success());
        let rest: Vec<_> = lines.map(Result::unwrap).collect();
        assert!(rest[1].starts_with("echo after 1 items: cancelled"), "{rest:?}");
        assert_eq!(rest[2], "ended");
    }
}
