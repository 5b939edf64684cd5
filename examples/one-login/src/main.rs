//! Two workers that share one login and one cached response. Here they are two seams of one program on one SQLite file;
//! on two machines with one Redis server the code is the same.

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
    serial: u32,
}

/// Declares the seam of one worker, with its login and its store, and returns the stitch that it calls.
fn worker(url: &str, file: &Path) -> Result<Stitch<(), Prices>, Box<dyn Error>> {
    let login = ClientCredentials::new(format!("{url}/token"), "worker", Secret::value("hunter2".to_owned()));
    // A real program reads the sealing key from its secret store, not from its source code.
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
    let responses: Vec<Prices> = try_join_all(calls).await?;
    println!("{} calls returned fetch number {}", responses.len(), responses[0].serial);
    println!("logins: {}, fetches: {}", upstream.logins(), upstream.fetches());
    if (responses.len(), upstream.logins(), upstream.fetches()) == (20, 1, 1) {
        return Ok(());
    }
    Err("expected 20 responses from one login and one fetch".into())
}
