//! The examples, run as a user runs them.

use std::process::Command;

fn run(name: &str) -> String {
    let args = ["run", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--example", name];
    let output = Command::new(env!("CARGO")).args(args).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_core_runs_in_a_loop_of_mio() {
    assert_eq!(run("mio"), "answers: [42, 42]\n");
}

#[test]
fn the_core_runs_on_tokio() {
    assert_eq!(run("tokio"), "counted [1, 2, 3]\n");
}
