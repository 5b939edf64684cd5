//! Wrong input: one line on standard error and exit status 2.

use std::fs;
use std::process::Command;

use crate::harness::{STITCH, TestFolder};

#[test]
fn wrong_input_prints_one_line_and_exits_with_status_2() {
    let test = TestFolder::new();
    let missing_folder = test.folder.path().join("missing/fleet.db").display().to_string();
    let not_a_database = test.folder.path().join("text");
    fs::write(&not_a_database, "this text is not a database, and it is longer than the header of a database").unwrap();
    let text = not_a_database.display().to_string();
    for (arguments, expected) in [
        (&["--rate", "10"][..], "10/s"),
        (&["--rate", "0/s"], "rate"),
        (&["--rate", "10/0s"], "rate"),
        (&["--rate", "-1/s"], "whole number"),
        (&["--rate", "18446744073709551616/s"], "above 4294967295"),
        (&["--rate", "10/99ms"], "100 ms"),
        (&["--workers", "0"], "--workers"),
        (&["--tasks", "many"], "--tasks"),
        (&["--burst", "0"], "--burst"),
        (&["--duration", "soon"], "--duration"),
        (&["--store", "postgres:x"], "sqlite:PATH"),
        (&["--store", "postgres://:s3cret@127.0.0.1:9"], "redis://HOST"),
        (&["--store", "redis://:s3cret@127.0.0.1:9"], "redis://127.0.0.1:9 cannot be reached"),
        (&["--store", "redis://:s3cret@127.0.0.1:port"], "cannot be reached"),
        (&["--store", &format!("sqlite:{missing_folder}")], "cannot be opened"),
        (&["--store", &format!("sqlite:{text}")], "cannot be opened"),
        (&["--url", "ftp://example.com"], "http"),
        (&["--url", "http://127.0.0.1:9/"], "cannot be reached"),
        (&["--stamps", "/missing/stamps.csv"], "cannot be written"),
        (&["--report", "/missing/report.html"], "cannot be written"),
        (&["--kill", "sleep"], "login, fetch"),
        (&["--kill", "login", "--store", "memory:"], "share"),
        (&["--kill", "login", "--url", "http://127.0.0.1:9/"], "--url"),
        (&["--login-takes", "6s"], "at most 5s"),
        (&["--frobnicate"], "--frobnicate"),
    ] {
        let output = Command::new(STITCH).arg("fleet").args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(expected), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("s3cret"), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}
