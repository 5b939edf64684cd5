//! Tests of the README's promises beyond the contract, on a real server.
#![cfg(feature = "redis-rs")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{MINUTE, Proxy, Recorder, RedisServer, tokio};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use redis::aio::{ConnectionManager, MultiplexedConnection};
use stitchapi_core::pace::{Booking, LimitId, LimitSpec, ReserveRequest, limits};
use stitchapi_core::{
    Counter as _, Key, Lease, Leases as _, Owner, Pacer as _, Prefix, StitchStore as _, StoreError, StoreErrorKind,
    StoreTime, Tick, Version, Versioned as _,
};
use stitchapi_redis::RedisStore;

const SECOND: Duration = Duration::from_secs(1);
const OWNER: Owner = Owner::from_bytes([1; 16]);
const OLD: Version = Version::from_bytes([b'o'; 16]);
const NEW: Version = Version::from_bytes([b'n'; 16]);

fn key(name: &str) -> Key {
    Key::new("test").part(name)
}

fn raw_key(name: &str) -> String {
    key(name).render(&Prefix::default())
}

async fn connect(server: &RedisServer) -> RedisStore {
    RedisStore::connect(&server.url()).await.unwrap_or_else(|error| panic!("{error:?}"))
}

async fn raw(server: &RedisServer) -> MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Sends a command given as one line.
async fn send<T: redis::FromRedisValue>(connection: &mut MultiplexedConnection, line: &str) -> T {
    let mut command = redis::Cmd::new();
    for word in line.split(' ') {
        command.arg(word);
    }
    command.query_async(connection).await.unwrap()
}

fn kind<T: Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}

fn per_second(permits: u32) -> ReserveRequest {
    let declared = LimitSpec { id: id(), permits, burst: None };
    ReserveRequest::new(limits(&[declared]).unwrap(), Duration::from_millis(5), 7)
}

fn id() -> LimitId {
    LimitId::calls(SECOND)
}

fn booking() -> Booking {
    Booking { epoch: 7, seq: 1, tats: Vec::new() }
}

/// Calls every operation on one key, and returns the kinds of their errors.
async fn every_operation(store: &RedisStore, key: &Key) -> Vec<(&'static str, Option<StoreErrorKind>)> {
    let kind = |error: StoreError| error.kind();
    vec![
        ("get", store.get(key).await.err().map(kind)),
        ("set", store.set(key, "x".into(), None).await.err().map(kind)),
        ("incr", store.incr(key, MINUTE).await.err().map(kind)),
        ("reserve", store.reserve(key, &per_second(3)).await.err().map(kind)),
        ("refund", store.refund(key, &booking()).await.err().map(kind)),
        ("settle", store.settle(key, &id(), 1).await.err().map(kind)),
        ("hold", store.hold(key, StoreTime(u64::MAX), SECOND).await.err().map(kind)),
        ("acquire", store.acquire(key, 1, SECOND, &OWNER, SECOND).await.err().map(kind)),
        ("renew", store.renew(key, SECOND, &OWNER).await.err().map(kind)),
        ("release", store.release(key, &OWNER).await.err().map(kind)),
        ("read", store.read(key).await.err().map(kind)),
        ("write_if", store.write_if(key, None, &NEW, "x".into(), None).await.err().map(kind)),
    ]
}

#[test]
fn stored_values_have_the_forms_in_the_readme() {
    let server = server!();
    tokio().block_on(async {
        let (store, mut raw) = (connect(&server).await, raw(&server).await);
        store.set(&key("plain"), "hello".into(), None).await.unwrap();
        store.incr(&key("count"), MINUTE).await.unwrap();
        store.write_if(&key("version"), None, &OLD, "hello".into(), Some(MINUTE)).await.unwrap();
        let Lease::Held { fence } = store.acquire(&key("lease"), 1, SECOND, &OWNER, SECOND).await.unwrap() else {
            panic!("busy")
        };
        let reservation = store.reserve(&key("cell"), &per_second(3)).await.unwrap();
        let mut get = async |name| send::<String>(&mut raw, &format!("GET {}", raw_key(name))).await;
        assert_eq!(get("plain").await, "shello");
        assert_eq!(get("count").await, "1");
        assert_eq!(get("version").await, format!("v{}hello", "o".repeat(16)));
        assert_eq!(get("lease").await, format!("l1 {fence} h {OWNER} {fence} {}", fence + 1_000_000));
        assert_eq!(get("cell").await, format!("p{}", reservation.cell.to_text()));
        store.with_prefix(Prefix::new("mine:")).set(&key("plain"), "mine".into(), None).await.unwrap();
        assert_eq!(send::<String>(&mut raw, "GET mine:{test:plain}").await, "smine");
    });
}

#[test]
fn every_operation_is_one_command_and_a_script_is_sent_once() {
    let server = server!();
    tokio().block_on(async {
        let (store, mut raw) = (connect(&server).await, raw(&server).await);
        for name in ["a", "b", "c"] {
            send::<()>(&mut raw, "CONFIG RESETSTAT").await;
            every_operation(&store, &key(&format!("{name}-plain"))).await;
            store.incr(&key(name), MINUTE).await.unwrap();
            store.delete(&key(name)).await.unwrap();
            let calls = calls(&send::<String>(&mut raw, "INFO commandstats").await);
            // `get` and `read` are commands. The commands that scripts call are counted under their own names.
            assert_eq!(calls.get("evalsha"), Some(&11), "{calls:?}");
            assert_eq!(calls.get("eval").copied().unwrap_or(0), if name == "a" { 10 } else { 0 }, "{calls:?}");
            assert_eq!(calls.get("del"), Some(&1));
        }
    });
}

/// Parses the number of calls of each command from `INFO commandstats`.
fn calls(info: &str) -> HashMap<String, u64> {
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split_once(',')?.0.parse().ok()?))
    };
    info.lines().filter_map(line).collect()
}

#[test]
fn a_foreign_or_damaged_value_is_corrupt_and_not_changed() {
    let server = server!();
    tokio().block_on(async {
        let (store, mut raw) = (connect(&server).await, raw(&server).await);
        let cell = "1 0000000000000007 1 0 0 0 0 0 4 11 12 calls 1000000 3 7 1 8 42 2";
        let owner = "ab".repeat(16);
        let foreign = [
            "",
            "hello",
            "-5",
            "007",
            "9223372036854775807",
            "c\u{1}________x",
            "v",
            "vshort",
            "p",
            "p2 whatever",
            &format!("p{cell} "),
            &format!("p{}", cell.replace(" 42 2", " 42 3")),
            &format!("p{}", cell.replace(" 42 2", " 42")),
            &format!("p{}", cell.replace(" 42 2", " 0x2a 2")),
            &format!("p{}", cell.replace("42 2", "9007199254740992 2")),
            &format!("p{}", cell.replace(" calls", "  calls")),
            &format!("p{}", cell.replace("1000000", "0")),
            &format!("p{}", cell.replace(" 11 ", " 4294967296 ")),
            "l",
            "l2 9",
            "l1 x",
            "l1 9 ",
            &format!("l1 9 w {owner} 8 h {owner} 9 7"),
            &format!("l1 9 h {owner} 9"),
        ];
        for (number, value) in foreign.into_iter().enumerate() {
            let name = number.to_string();
            let set = async |connection: &mut MultiplexedConnection| {
                redis::cmd("SET").arg(raw_key(&name)).arg(value).exec_async(connection).await.unwrap();
            };
            set(&mut raw).await;
            for (operation, failed) in every_operation(&store, &key(&name)).await {
                assert_eq!(failed, Some(StoreErrorKind::Corrupt), "{operation} on {value:?}");
            }
            assert_eq!(send::<String>(&mut raw, &format!("GET {}", raw_key(&name))).await, value);
        }
        send::<()>(&mut raw, &format!("RPUSH {} x", raw_key("list"))).await;
        for (operation, failed) in every_operation(&store, &key("list")).await {
            assert_eq!(failed, Some(StoreErrorKind::Corrupt), "{operation}");
        }
        assert_eq!(send::<u64>(&mut raw, &format!("LLEN {}", raw_key("list"))).await, 1);
        store.delete(&key("list")).await.unwrap();
        store.set(&key("list"), "ours".into(), None).await.unwrap();
    });
}

#[test]
fn a_ttl_of_any_length_is_accepted() {
    let server = server!();
    tokio().block_on(async {
        let (store, mut raw) = (connect(&server).await, raw(&server).await);
        store.set(&key("plain"), "x".into(), Some(Duration::MAX)).await.unwrap();
        store.incr(&key("count"), Duration::MAX).await.unwrap();
        store.write_if(&key("version"), None, &NEW, "x".into(), Some(Duration::MAX)).await.unwrap();
        let _ = store.acquire(&key("lease"), 1, Duration::MAX, &OWNER, Duration::MAX).await.unwrap();
        store.hold(&key("cell"), StoreTime(u64::MAX), Duration::MAX).await.unwrap();
        for name in ["plain", "count", "version", "lease", "cell"] {
            let left: i64 = send(&mut raw, &format!("PTTL {}", raw_key(name))).await;
            assert!(left > 7_000_000_000_000, "{name}: {left}");
        }
        store.set(&key("plain"), "x".into(), Some(Duration::from_nanos(1))).await.unwrap();
        common::runtime::sleep(Duration::from_millis(5)).await;
        assert_eq!(store.get(&key("plain")).await.unwrap(), None);
    });
}

#[test]
fn a_key_or_value_beyond_the_limits_is_refused_before_anything_is_sent() {
    let server = server!();
    tokio().block_on(async {
        let store = connect(&server).await;
        let most = store.limits();
        let large = Bytes::from(vec![b'x'; most.max_value + 1]);
        assert_eq!(kind(store.set(&key("a"), large.clone(), None).await), StoreErrorKind::TooLarge);
        let written = store.write_if(&key("a"), None, &NEW, large.clone(), None).await;
        assert_eq!(kind(written), StoreErrorKind::TooLarge);
        let long = key(&"k".repeat(most.max_key));
        for (operation, failed) in every_operation(&store, &long).await {
            assert_eq!(failed, Some(StoreErrorKind::TooLarge), "{operation}");
        }
        // Without the timeout of 200 ms of `connect`: a busy machine may take longer.
        let no_timeout = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(server.url()).unwrap();
        let client = client.get_multiplexed_async_connection_with_config(&no_timeout).await.unwrap();
        let (store, fits) = (RedisStore::new(client), large.slice(1..));
        store.set(&key("a"), fits.clone(), None).await.unwrap();
        assert!(store.get(&key("a")).await.unwrap() == Some(fits.clone()));
        assert!(store.write_if(&key("b"), None, &NEW, fits.clone(), None).await.unwrap());
        assert!(store.read(&key("b")).await.unwrap() == Some((fits, NEW)));
        let fits = key(&"k".repeat(most.max_key - key("").rendered_len() + 1));
        assert_eq!(fits.rendered_len(), most.max_key);
        assert_eq!(store.incr(&fits, MINUTE).await.unwrap(), 1);
    });
}

#[test]
fn a_malformed_address_is_invalid_config_without_the_password_in_the_text() {
    tokio().block_on(async {
        for url in ["", "nonsense", "http://u:hunter2@localhost", "redis://u:hunter2@localhost:port", "redis://"] {
            let error = RedisStore::connect(url).await.unwrap_err();
            assert_eq!((error.kind(), error.operation()), (StoreErrorKind::InvalidConfig, "connect"), "{url}");
            let text = format!("{error} {error:?} {:?}", error.source());
            assert!(!text.contains("hunter2"), "{text}");
        }
    });
}

#[cfg(not(feature = "tls-rustls"))]
#[test]
fn tls_without_the_feature_is_invalid_config_that_names_the_feature() {
    let error = tokio().block_on(RedisStore::connect("rediss://:hunter2@localhost")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::InvalidConfig);
    assert!(error.to_string().contains("tls-rustls"), "{error}");
}

/// Tolerance: 500 ms for a refusal.
#[test]
fn an_absent_server_is_unavailable_at_once() {
    let mut server = server!();
    server.stop();
    let start = Tick::of_boot_clock();
    let error = tokio().block_on(RedisStore::connect(&server.url())).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    assert!(error.source().is_some_and(<dyn std::error::Error>::is::<redis::RedisError>));
    assert!(Tick::of_boot_clock().since(start) < Duration::from_millis(500));
}

#[test]
fn a_wrong_password_is_denied_and_the_store_recovers_when_it_is_right_again() {
    let Some(server) = RedisServer::start(&["--requirepass", "hunter2"]) else { return };
    let at = |login: &str| format!("redis://{login}127.0.0.1:{}", server.port());
    tokio().block_on(async {
        for login in [":wrong1@", "nobody:hunter2@", ""] {
            let error = RedisStore::connect(&at(login)).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
            assert!(!error.is_retryable());
            let text = format!("{error} {error:?}");
            assert!(!text.contains("wrong1") && !text.contains("hunter2"), "{text}");
        }
        let store = RedisStore::connect(&at(":hunter2@")).await.unwrap();
        let client = redis::Client::open(at(":hunter2@")).unwrap();
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 1);
        send::<()>(&mut raw, "CONFIG SET requirepass other").await;
        send::<u64>(&mut raw, "CLIENT KILL TYPE normal").await;
        assert_eq!(kind(store.incr(&key("n"), MINUTE).await), StoreErrorKind::Unavailable);
        assert_eq!(kind(store.incr(&key("n"), MINUTE).await), StoreErrorKind::Denied);
        assert_eq!(kind(store.incr(&key("n"), MINUTE).await), StoreErrorKind::Denied);
        send::<()>(&mut raw, "CONFIG SET requirepass hunter2").await;
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 2);
    });
}

#[test]
fn a_user_without_permission_for_scripts_is_denied() {
    let server = server!();
    tokio().block_on(async {
        let mut raw = raw(&server).await;
        send::<()>(&mut raw, "ACL SETUSER reader on >word ~* +get").await;
        let url = format!("redis://reader:word@127.0.0.1:{}", server.port());
        let store = RedisStore::connect(&url).await.unwrap();
        assert_eq!(store.get(&key("a")).await.unwrap(), None);
        let error = store.incr(&key("n"), MINUTE).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
    });
}

#[test]
fn a_database_that_does_not_exist_is_invalid_config() {
    let server = server!();
    tokio().block_on(async {
        let error = RedisStore::connect(&format!("{}/99", server.url())).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::InvalidConfig, "{error:?}");
    });
}

/// Tolerance: 250 ms beyond the 200 ms that a reply may take.
#[cfg(unix)]
#[test]
fn a_frozen_server_is_a_timeout_and_works_again_when_it_resumes() {
    let server = server!();
    tokio().block_on(async {
        let store = connect(&server).await;
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 1);
        server.freeze();
        let start = Tick::of_boot_clock();
        let error = store.incr(&key("n"), MINUTE).await.unwrap_err();
        let took = Tick::of_boot_clock().since(start);
        server.thaw();
        assert_eq!(error.kind(), StoreErrorKind::Timeout, "{error:?}");
        assert!(took < Duration::from_millis(450), "{took:?}");
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 3, "the operation without a reply was done, once");
    });
}

#[cfg(unix)]
#[test]
fn dropped_operations_do_not_mix_up_the_replies_of_later_ones() {
    let server = server!();
    tokio().block_on(async {
        let store = connect(&server).await;
        store.set(&key("a"), "of a".into(), None).await.unwrap();
        store.set(&key("b"), "of b".into(), None).await.unwrap();
        server.freeze();
        for _ in 0..20 {
            let dropped = key("a");
            let mut get = store.get(&dropped);
            assert!((&mut get).now_or_never().is_none());
            ::tokio::task::yield_now().await;
            drop(get);
        }
        server.thaw();
        assert_eq!(store.get(&key("b")).await.unwrap().as_deref(), Some(&b"of b"[..]));
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 1);
        assert_eq!(store.get(&key("a")).await.unwrap().as_deref(), Some(&b"of a"[..]));
    });
}

/// Tolerance: 500 ms for each refusal.
#[test]
fn a_store_recovers_with_its_server_at_the_first_call() {
    let Some(mut server) = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]) else { return };
    tokio().block_on(async {
        let store = connect(&server).await;
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 1);
        server.stop();
        for _ in 0..5 {
            let start = Tick::of_boot_clock();
            assert_eq!(kind(store.incr(&key("n"), MINUTE).await), StoreErrorKind::Unavailable);
            assert!(Tick::of_boot_clock().since(start) < Duration::from_millis(500));
        }
        server.restart();
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 2, "and the server kept its files");
    });
}

#[test]
fn a_hundred_calls_after_a_restart_share_one_new_connection() {
    let mut server = server!();
    tokio().block_on(async {
        let store = connect(&server).await;
        server.restart();
        assert_eq!(kind(store.get(&key("a")).await), StoreErrorKind::Unavailable);
        let key = key("n");
        let calls = futures_util::future::join_all((0..100).map(|_| store.incr(&key, MINUTE))).await;
        assert!(calls.iter().all(Result::is_ok));
        let mut raw = raw(&server).await;
        let info: String = send(&mut raw, "INFO clients").await;
        assert!(info.contains("connected_clients:2\r\n"), "{info}");
    });
}

/// Tolerance: the server may take 100 ms to start.
#[test]
fn an_abandoned_attempt_to_connect_does_not_fail_a_later_call() {
    let mut server = server!();
    tokio().block_on(async {
        let store = connect(&server).await;
        server.stop();
        let silent = std::net::TcpListener::bind(("127.0.0.1", server.port())).unwrap();
        let key = key("n");
        assert_eq!(kind(store.incr(&key, MINUTE).await), StoreErrorKind::Unavailable);
        let timeout = common::runtime::sleep(Duration::from_millis(100));
        let call = store.incr(&key, MINUTE);
        assert!(matches!(select(Box::pin(timeout), call).await, Either::Left(_)));
        common::runtime::sleep(Duration::from_millis(1_100)).await;
        drop(silent);
        server.restart();
        assert_eq!(store.incr(&key, MINUTE).await.unwrap(), 1);
    });
}

#[test]
fn the_connection_to_a_demoted_primary_is_replaced() {
    let server = server!();
    tokio().block_on(async {
        let (store, mut raw) = (connect(&server).await, raw(&server).await);
        let connections = async |connection: &mut MultiplexedConnection| {
            let info: String = send(connection, "INFO stats").await;
            let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
            line.unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 1);
        let before = connections(&mut raw).await;
        send::<()>(&mut raw, "REPLICAOF 127.0.0.1 1").await;
        let error = store.incr(&key("n"), MINUTE).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        send::<()>(&mut raw, "REPLICAOF NO ONE").await;
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 2);
        assert_eq!(connections(&mut raw).await, before + 1);
    });
}

#[test]
fn a_command_whose_reply_was_lost_is_not_repeated() {
    let server = server!();
    tokio().block_on(async {
        let proxy = Proxy::before(server.port());
        let client = redis::Client::open(proxy.url()).unwrap();
        let manager = ConnectionManager::new(client).await.unwrap();
        let ours = RedisStore::connect(&proxy.url()).await.unwrap();
        for (name, store) in [("ours", ours), ("manager", RedisStore::new(manager))] {
            // The first call loads the script, so the lost reply is that of `EVALSHA`.
            assert_eq!(store.incr(&key(name), MINUTE).await.unwrap(), 1);
            proxy.lose_next_reply();
            let error = store.incr(&key(name), MINUTE).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
            assert_eq!(
                store.incr(&key(name), MINUTE).await.unwrap(),
                3,
                "{name} counted the call whose reply was lost once"
            );
        }
    });
}

#[test]
fn a_multiplexed_connection_never_recovers_and_a_manager_does() {
    let mut server = server!();
    tokio().block_on(async {
        let client = redis::Client::open(server.url()).unwrap();
        let bare = RedisStore::new(client.get_multiplexed_async_connection().await.unwrap());
        let managed = RedisStore::new(ConnectionManager::new(client).await.unwrap());
        for store in [&bare, &managed] {
            store.set(&key("a"), "x".into(), None).await.unwrap();
        }
        server.restart();
        for _ in 0..20 {
            assert_eq!(kind(bare.get(&key("a")).await), StoreErrorKind::Unavailable);
        }
        assert_eq!(kind(managed.get(&key("a")).await), StoreErrorKind::Unavailable);
        assert_eq!(managed.get(&key("a")).await.unwrap(), None);
    });
}

#[test]
fn a_store_works_on_a_client_of_the_user() {
    let server = server!();
    tokio().block_on(async {
        let store = Arc::new(RedisStore::new(Arc::new(Recorder::connect(&server.url()).await)));
        let counter = store.clone().counter().unwrap();
        assert_eq!(counter.incr(&key("n"), MINUTE).await.unwrap(), 1);
        assert_eq!(store.name(), "redis");
        assert!(store.limits().volatile && !store.limits().boot_clock);
    });
}

/// A cluster of one node that has every hash slot: it has the rules of a cluster for keys and clients.
#[cfg(feature = "cluster")]
#[test]
fn every_operation_works_on_a_cluster() {
    let Some(server) = RedisServer::start(&["--cluster-enabled", "yes"]) else { return };
    tokio().block_on(async {
        let mut raw = raw(&server).await;
        send::<()>(&mut raw, "CLUSTER ADDSLOTSRANGE 0 16383").await;
        while !send::<String>(&mut raw, "CLUSTER INFO").await.contains("cluster_state:ok") {
            common::runtime::sleep(Duration::from_millis(20)).await;
        }
        let client = redis::cluster::ClusterClientBuilder::new([server.url()]).retries(0).build().unwrap();
        let store = RedisStore::new(client.get_async_connection().await.unwrap());
        for name in ["set", "incr", "reserve", "acquire", "write_if"] {
            let outcome = every_operation(&store, &key(name)).await;
            assert!(outcome.iter().all(|(_, failed)| matches!(failed, None | Some(StoreErrorKind::Corrupt))));
        }
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 1);
        assert_eq!(store.incr(&key("n"), MINUTE).await.unwrap(), 2);
        let booked = store.reserve(&key("cell"), &per_second(3).with_calls(2)).await.unwrap();
        assert_eq!(booked.granted, 2);
    });
}
