//! Attaches the store to a seam, like any other store.

use example_own_store::MyStore;
use stitchapi::{Seam, Stitch, Throttle, decode};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let api = Seam::builder(example_upstream::start().await?)
        .store(MyStore::default())
        .throttle(Throttle::rate("50/s"))
        .build()?;
    let issues: Stitch<(&str, &str, u32), String> =
        api.get("/repos/{owner}/{repo}/issues").query("page", "{page}").build_with(decode::text)?;
    for page in 1..=10 {
        println!("{}", issues.call(("rust-lang", "rust", page)).await?);
    }
    Ok(())
}
