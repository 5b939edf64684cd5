//! The README's program after the README's two-line change. `tests/two_lines.rs` compares it with the README.
use serde::{Deserialize, Serialize};
use stitchapi::{Rate, Seam, Stitch, Throttle};
use stitchapi_redis::RedisStore;

#[derive(Serialize)]
struct Page {
    owner: String,
    repo: String,
    page: u32,
}

#[derive(Deserialize)]
struct Issue {
    title: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let github = Seam::builder("https://api.github.com")
        .store(RedisStore::connect("redis://127.0.0.1").await?)
        .throttle(Throttle::rate(Rate::per_second(10)))
        .build()?;
    let issues: Stitch<Page, Vec<Issue>> = github.get("/repos/{owner}/{repo}/issues").build()?;
    for page in 1..=20 {
        let page = Page { owner: "rust-lang".into(), repo: "rust".into(), page };
        for issue in issues.call(page).await? {
            println!("{}", issue.title);
        }
    }
    Ok(())
}
