//! The program as a user runs it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn scipp(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scipp")).args(args).output().unwrap()
}

/// Takes a tour that has to succeed and to leave nothing behind. Returns what it printed.
fn take(args: &[&str]) -> String {
    let dir = temporary(args.last().unwrap());
    // Waits until nobody holds standard error any more, peers included.
    let tour = Command::new(env!("CARGO_BIN_EXE_scipp")).args(args).env("TMPDIR", &dir).output().unwrap();
    let text = String::from_utf8(tour.stdout).unwrap();
    assert!(tour.status.success(), "{text}\n{}", String::from_utf8_lossy(&tour.stderr));
    assert_eq!(left_in(&dir), [""; 0]);
    assert!(!text.contains('\x1b'), "colours without a terminal");
    assert!(!text.contains("not legal"), "{text}");
    text
}

/// A new directory for temporary files.
fn temporary(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("scipp-test-{name}-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    dir
}

/// Removes the directory, and tells what was in it.
fn left_in(dir: &Path) -> Vec<String> {
    let left = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    let left = left.collect();
    std::fs::remove_dir_all(dir).unwrap();
    left
}

/// How many lines of the summary are good and of this setting.
fn good(text: &str, setting: [&str; 3]) -> usize {
    let summary = text.split_once("━━ summary").unwrap().1;
    let words = summary.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter(|words| words.ends_with(&["ok"]) && words.windows(3).any(|three| three == setting)).count()
}

#[test]
fn the_tour_shows_each_driver_at_each_end() {
    let text = take(&["tour"]);
    assert!(text.contains("22 dialogs, 0 wrong"), "{text}");
    for (parent, child) in [("blocking", "smol"), ("smol", "blocking")] {
        let held = ["TCP", "Unix"].map(|transport| good(&text, [parent, child, transport]));
        assert_eq!(held.iter().sum::<usize>(), 11, "{parent}, {child}: {text}");
    }
}

#[test]
fn the_whole_tour_is_every_pair_of_drivers_over_every_transport() {
    let text = take(&["tour", "--all"]);
    assert!(text.contains("88 dialogs, 0 wrong"), "{text}");
    for parent in ["blocking", "smol"] {
        for child in ["blocking", "smol"] {
            for transport in ["TCP", "Unix"] {
                let setting = [parent, child, transport];
                assert_eq!(good(&text, setting), 11, "{setting:?}: {text}");
            }
        }
    }
}

#[test]
fn what_is_not_understood_is_explained() {
    let unclear: [&[&str]; 6] =
        [&[], &["tuor"], &["tour", "--fast"], &["tour", "twice"], &["tour-peer"], &["tour-peer", "nobody"]];
    for args in unclear {
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
    let dir = temporary("killed");
    let mut command = Command::new(env!("CARGO_BIN_EXE_scipp"));
    command.arg("tour").env("TMPDIR", &dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tour = command.spawn().unwrap();
    let mut out = BufReader::new(tour.stdout.take().unwrap()).lines().map(Result::unwrap);
    out.find(|line| line.contains("over Unix")).expect("a Unix socket");
    out.find(|line| line.contains("Start tour:")).expect("the first dialog after the handshake");
    tour.kill().unwrap();
    // Once nobody holds standard error any more the peer is gone, too.
    tour.wait_with_output().unwrap();
    assert_eq!(left_in(&dir), [""; 0]);
}
