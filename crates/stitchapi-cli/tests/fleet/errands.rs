//! One login and one fetch for the whole fleet, whoever dies on the way.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::promise::{assert_promise, read_stamps};
use crate::redis_server::RedisServer;
use crate::scene::{Scene, alone, json};

const TOKEN: &str = "token-4f9d1c07b2e6a853";
const SECRET: &str = "secret-90b3e7d25ac1f648";

/// Whether any file below the folder holds these bytes.
fn is_found(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_found(&path, bytes);
        }
        fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

fn assert_sealed(folder: &Path, is_kept: &[u8]) {
    assert!(is_found(folder, is_kept), "what is searched is what the store has kept");
    for plain in [TOKEN, SECRET] {
        assert!(!is_found(folder, plain.as_bytes()), "{plain} is in the store");
    }
}

fn assert_nobody_failed(half: &Value) {
    for figure in ["rejected_401", "failures"] {
        assert_eq!(half[figure], 0, "{figure}");
    }
}

/// Kills the worker that logs in, and the one that fetches: one more request, and nobody fails. The resource outlives
/// the run.
fn assert_another_takes_over(store: &dyn Fn(&str) -> String) {
    for (errand, token_requests, fetches) in [("login", 2, 1), ("fetch", 1, 2)] {
        let scene = Scene::new();
        let arguments = ["--duration", "3s", "--login-takes", "600ms", "--fetch-takes", "600ms", "--kill", errand];
        let store = store(errand);
        let figures = json(&scene.command(&arguments).args(["--store", &store]).output().unwrap());
        println!("{figures:#}");
        let with = &figures["with_store"];
        assert!(figures["killed_worker"].as_u64().is_some_and(|worker| worker < 4), "nobody was killed");
        assert_eq!(
            (&with["token_requests"], &with["cached_resource_fetches"]),
            (&token_requests.into(), &fetches.into())
        );
        assert_nobody_failed(with);
        assert!(with["starts"].as_u64().unwrap() > 20, "the others go on");
        assert_promise(&read_stamps(&scene.stamps()), 50.0, 1.0);
    }
}

#[test]
fn another_worker_takes_over_the_login_or_fetch_of_a_killed_one() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    assert_another_takes_over(&|errand| format!("sqlite:{}/{errand}.db", folder.path().display()));
}

#[test]
fn a_sqlite_file_holds_neither_the_token_nor_the_secret() {
    let _alone = alone();
    let (scene, folder) = (Scene::new(), tempfile::tempdir().unwrap());
    let store = format!("sqlite:{}", folder.path().join("fleet.db").display());
    let arguments = ["--duration", "1s", "--store", &store, "--token", TOKEN, "--client-secret", SECRET];
    let figures = json(&scene.command(&arguments).output().unwrap());
    assert_eq!(figures["with_store"]["token_requests"], 1);
    assert_nobody_failed(&figures["with_store"]);
    assert_sealed(folder.path(), b"{\"serial\":1}");
}

#[test]
fn on_redis_all_of_it_holds() {
    let _alone = alone();
    let Some(server) = RedisServer::start() else { return };
    let scene = Scene::new();
    let arguments = ["--duration", "4s", "--store", server.url(), "--token", TOKEN, "--client-secret", SECRET];
    let figures = json(&scene.command(&arguments).output().unwrap());
    println!("{figures:#}");
    let (without, with) = (&figures["without_store"], &figures["with_store"]);
    assert_eq!((&without["token_requests"], &with["token_requests"]), (&4.into(), &1.into()));
    assert!((1..=2).contains(&with["cached_resource_fetches"].as_u64().unwrap()), "{with}");
    assert_nobody_failed(with);
    // A short run, so that the login and the start weigh more than in a long one.
    assert!((0.8..=1.0).contains(&with["utilisation"].as_f64().unwrap()), "{with}");
    assert_promise(&read_stamps(&scene.stamps()), 50.0, 1.0);

    server.save();
    assert_sealed(server.folder(), b"{\"serial\":1}");
    // Each run begins anew on the same server.
    assert_another_takes_over(&|_| server.url().to_owned());
}
