//! One login and one fetch for the whole fleet, also if the worker that makes it is killed; sealed in the store.

use std::fs;
use std::path::Path;

use serde_json::Value;
use stitchapi_testing::RedisServer;

use crate::harness::{TestFolder, exclusive, json};
use crate::start_bounds::{assert_start_bounds, read_stamps};

const TOKEN: &str = "token-4f9d1c07b2e6a853";
const SECRET: &str = "secret-90b3e7d25ac1f648";

/// Returns `true` if a file below the folder contains these bytes.
fn contains_bytes(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return contains_bytes(&path, bytes);
        }
        fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

/// Asserts that the store's files contain `stored`, but neither the token nor the client secret in plain text.
fn assert_sealed(folder: &Path, stored: &[u8]) {
    assert!(contains_bytes(folder, stored), "the searched files are not those of the store");
    for plain in [TOKEN, SECRET] {
        assert!(!contains_bytes(folder, plain.as_bytes()), "{plain} is in the store");
    }
}

fn assert_no_failures(phase: &Value) {
    for figure in ["rejected_401", "failures"] {
        assert_eq!(phase[figure], 0, "{figure}");
    }
}

/// Kills the worker that logs in, and in a second run the worker that fetches. Asserts that another worker makes the
/// request once more and that no call fails.
///
/// The cached resource does not expire within the phase, so each further fetch is due to the kill.
fn assert_another_takes_over(store: &dyn Fn(&str) -> String) {
    for (request, token_requests, fetches) in [("login", 2, 1), ("fetch", 1, 2)] {
        let test = TestFolder::new();
        let arguments = ["--duration", "3s", "--login-takes", "600ms", "--fetch-takes", "600ms", "--kill", request];
        let store = store(request);
        let figures = json(&test.command(&arguments).args(["--store", &store]).output().unwrap());
        println!("{figures:#}");
        let with = &figures["with_store"];
        assert!(figures["killed_worker"].as_u64().is_some_and(|worker| worker < 4), "no worker was killed");
        assert_eq!(
            (&with["token_requests"], &with["cached_resource_fetches"]),
            (&token_requests.into(), &fetches.into())
        );
        assert_no_failures(with);
        assert!(with["starts"].as_u64().unwrap() > 20, "the other workers stopped");
        assert_start_bounds(&read_stamps(&test.stamps()), 50.0, 1.0);
    }
}

#[test]
fn another_worker_takes_over_the_login_or_fetch_of_a_killed_worker() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    assert_another_takes_over(&|request| format!("sqlite:{}/{request}.db", folder.path().display()));
}

#[test]
fn a_sqlite_file_contains_neither_the_token_nor_the_secret() {
    let _exclusive = exclusive();
    let (test, folder) = (TestFolder::new(), tempfile::tempdir().unwrap());
    let store = format!("sqlite:{}", folder.path().join("fleet.db").display());
    let arguments = ["--duration", "1s", "--store", &store, "--token", TOKEN, "--client-secret", SECRET];
    let figures = json(&test.command(&arguments).output().unwrap());
    assert_eq!(figures["with_store"]["token_requests"], 1);
    assert_no_failures(&figures["with_store"]);
    assert_sealed(folder.path(), b"{\"serial\":1}");
}

#[test]
fn redis_gives_one_login_one_fetch_sealed_values_and_takeover() {
    let _exclusive = exclusive();
    // Every command is logged to disk, uncompressed.
    let Some(server) = RedisServer::start(&["--appendonly", "yes", "--rdbcompression", "no"]) else { return };
    let test = TestFolder::new();
    let arguments = ["--duration", "4s", "--store", &server.url(), "--token", TOKEN, "--client-secret", SECRET];
    let figures = json(&test.command(&arguments).output().unwrap());
    println!("{figures:#}");
    let (without, with) = (&figures["without_store"], &figures["with_store"]);
    assert_eq!((&without["token_requests"], &with["token_requests"]), (&4.into(), &1.into()));
    assert!((1..=2).contains(&with["cached_resource_fetches"].as_u64().unwrap()), "{with}");
    assert_no_failures(with);
    // The phase is short, so the time before the first call is a larger part of it.
    assert!((0.8..=1.0).contains(&with["utilisation"].as_f64().unwrap()), "{with}");
    assert_start_bounds(&read_stamps(&test.stamps()), 50.0, 1.0);

    // All keys, in addition to the log of commands.
    assert_eq!(server.command("SAVE").unwrap(), "+OK\r\n");
    assert!(server.folder().join("dump.rdb").metadata().unwrap().len() > 0);
    assert_sealed(server.folder(), b"{\"serial\":1}");
    // Each run has a seam name of its own, so it starts without state on the same server.
    assert_another_takes_over(&|_| server.url());
}
