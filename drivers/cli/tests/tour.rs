//! The program as a user runs it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

fn scipp(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scipp")).args(args).output().unwrap()
}

#[test]
fn the_tour_succeeds_and_leaves_nothing_behind() {
    let dir = std::env::temp_dir().join(format!("scipp-tour-test-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let tour = Command::new(env!("CARGO_BIN_EXE_scipp")).arg("tour").env("TMPDIR", &dir).output().unwrap();
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().collect();
    std::fs::remove_dir_all(&dir).unwrap();
    let text = String::from_utf8(tour.stdout).unwrap();
    assert!(tour.status.success(), "{text}\n{}", String::from_utf8_lossy(&tour.stderr));
    assert!(text.contains("22 dialogs, 0 wrong"), "{text}");
    assert!(left.is_empty(), "{left:?}");
    assert!(!text.contains('\x1b'), "colours without a terminal");
    assert!(!text.contains("not legal"), "{text}");
}

#[test]
fn what_is_not_understood_is_explained() {
    for args in [&[][..], &["tuor"], &["tour", "--fast"], &["tour", "twice"]] {
        let answer = scipp(args);
        assert_eq!(answer.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&answer.stderr).contains("Usage: scipp"), "{args:?}");
    }
    assert!(scipp(&["--help"]).status.success());
    assert!(scipp(&["--version"]).status.success());
}

#[test]
fn output_that_goes_nowhere_is_a_failure_and_no_panic() {
    for args in [["--help"], ["tour"]] {
        let fails = |stdout: Stdio| {
            let answer =
                Command::new(env!("CARGO_BIN_EXE_scipp")).args(args).stdout(stdout).output().unwrap();
            assert_eq!(answer.status.code(), Some(1), "{}", String::from_utf8_lossy(&answer.stderr));
        };
        let (abandoned, reader) = UnixStream::pair().unwrap();
        drop(reader);
        fails(OwnedFd::from(abandoned).into());
        // A device that is always full, where there is one.
        if let Ok(full) = File::options().write(true).open("/dev/full") {
            fails(full.into());
        }
    }
}

#[test]
fn a_killed_tour_leaves_nothing_behind() {
    let dir = std::env::temp_dir().join(format!("scipp-tour-killed-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_scipp"));
    let mut tour = command.arg("tour").env("TMPDIR", &dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(tour.stdout.take().unwrap()).lines().map(Result::unwrap);
    out.find(|line| line.contains("over Unix")).expect("the second half of the tour");
    out.find(|line| line.contains("a call")).expect("the first dialog after the handshake");
    tour.kill().unwrap();
    tour.wait().unwrap();
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().collect();
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(left.is_empty(), "{left:?}");
}
