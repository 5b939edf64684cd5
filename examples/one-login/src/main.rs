//! Two workers that log in once and fetch once between them. Here they are two seams of one program on one file; on two
//! machines with one Redis the code is the same.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use futures_util::future::try_join_all;
use serde::Deserialize;
use stitchapi::auth::Secret;
use stitchapi::auth::oauth2::ClientCredentials;
use stitchapi::{Cache, SealingKey, Seam, Stitch, Vault};
use stitchapi_sqlite::SqliteStore;

#[derive(Deserialize)]
struct Prices {
    answer: u32,
}

/// One worker of the fleet: what it calls, and how it shows who it is.
fn worker(url: &str, file: &Path) -> Result<Stitch<(), Prices>, Box<dyn Error>> {
    let login = ClientCredentials::new(format!("{url}/token"), "worker", Secret::value("hunter2".to_owned()));
    // Not from the program's text: from where its other secrets are.
    let key = SealingKey::from_bytes("2026-11", [7; 32]);
    let shop = Seam::builder(url)
        .name("shop")
        .store(SqliteStore::open(file)?)
        .vault(Vault::sealed(key))
        .auth(login)
        .build()?;
    let hour = Cache::ttl(Duration::from_secs(3600));
    Ok(shop.get("/prices").cache(hour.shared()).build()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let upstream = example_upstream::start_counting().await?;
    let folder = tempfile::tempdir()?;
    let workers = [0, 1].map(|_| worker(&upstream.url, &folder.path().join("fleet.db")));
    let calls = workers.iter().flatten().flat_map(|prices| (0..10).map(|_| async { prices.call(()).await }));
    let answers: Vec<Prices> = try_join_all(calls).await?;
    println!("{} calls got answer number {}", answers.len(), answers[0].answer);
    println!("logins: {}, fetches: {}", upstream.logins(), upstream.fetches());
    if (answers.len(), upstream.logins(), upstream.fetches()) == (20, 1, 1) {
        return Ok(());
    }
    Err("more than one login or one fetch".into())
}
