//! Runs the contract kit on a real server.
#![cfg(feature = "redis-rs")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{RedisServer, SetBackClient, TokioRuntime, tokio};
use redis::aio::ConnectionManager;
use stitchapi_core::{BoxFuture, Key, Prefix, StitchStore};
use stitchapi_redis::RedisStore;
use stitchapi_testing::{ContractOptions, TestBinary, verify_store_contract};

/// Environment variable with the URL of the server, for child processes.
const URL: &str = "STITCHAPI_REDIS_URL";

async fn connect(url: &str) -> RedisStore {
    RedisStore::connect(url).await.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Runs the kit on `store`, or on new stores on the same server; with `clock`, also the clauses that set a clock back.
async fn verify(server: &RedisServer, store: Option<RedisStore>, clock: Option<SetBackClient>) {
    let url = server.url();
    let client = redis::Client::open(&*url).unwrap();
    let raw = ConnectionManager::new(client).await.unwrap();
    let (plain, prefixed) = (url.clone(), url.clone());
    let options = ContractOptions::new(Arc::new(TokioRuntime::current()))
        .prefixed(move |prefix: Prefix| -> BoxFuture<'static, Arc<dyn StitchStore>> {
            let url = prefixed.clone();
            Box::pin(async move { Arc::new(connect(&url).await.with_prefix(prefix)) as _ })
        })
        .strip_ttl(move |key: Key| {
            let mut raw = raw.clone();
            Box::pin(async move {
                let mut persist = redis::cmd("PERSIST");
                persist.arg(key.render(&Prefix::default())).exec_async(&mut raw).await.unwrap();
            })
        })
        .processes(TestBinary::new("another_process").env(URL, url), 2);
    let options = match clock {
        Some(clock) => options.set_clock_back(move |by| {
            clock.set_back(by);
            Box::pin(async {})
        }),
        None => options.cannot_set_clock("a client cannot set the clock of its server"),
    };
    let make = move || -> BoxFuture<'static, Arc<dyn StitchStore>> {
        let (url, store) = (plain.clone(), store.clone());
        Box::pin(async move {
            match store {
                Some(store) => Arc::new(store) as _,
                None => Arc::new(connect(&url).await) as _,
            }
        })
    };
    let report = verify_store_contract(make, options).await;
    println!("{report}");
    report.assert_clean();
}

#[test]
fn the_server_keeps_the_contract() {
    let server = server!();
    tokio().block_on(verify(&server, None, None));
}

#[test]
fn a_server_whose_clock_is_set_back_keeps_the_contract() {
    let server = server!();
    tokio().block_on(async {
        let client = SetBackClient::connect(&server.url()).await;
        verify(&server, Some(RedisStore::new(client.clone())), Some(client)).await;
    });
}

#[test]
fn a_server_that_forgets_its_scripts_every_5_ms_keeps_the_contract() {
    let server = server!();
    let runtime = tokio();
    let client = redis::Client::open(server.url()).unwrap();
    let flusher = runtime.handle().spawn(async move {
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        loop {
            redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut raw).await.unwrap();
            common::runtime::sleep(Duration::from_millis(5)).await;
        }
    });
    runtime.block_on(verify(&server, None, None));
    flusher.abort();
}

#[test]
fn a_store_keeps_the_contract_after_a_restart_of_its_server() {
    let mut server = server!();
    let runtime = tokio();
    let store = runtime.block_on(connect(&server.url()));
    server.restart();
    let error = runtime.block_on(store.get(&Key::new("test"))).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    runtime.block_on(verify(&server, Some(store), None));
}

#[test]
fn another_process() {
    let Some(part) = TestBinary::part() else { return };
    let reply = tokio().block_on(async {
        let store = Arc::new(connect(&std::env::var(URL).unwrap()).await);
        part.run(store, Arc::new(TokioRuntime::current())).await
    });
    TestBinary::reply(&reply);
}
