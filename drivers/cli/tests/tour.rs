//! The program as a user runs it.

use std::process::{Command, Output};

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
