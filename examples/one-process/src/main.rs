//! One process without a store: an endpoint, declared once and called at ten calls per second.

use std::error::Error;

use serde::{Deserialize, Serialize};
use stitchapi::auth::{self, Secret};
use stitchapi::{Rate, Seam, Stitch, Throttle};

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
async fn main() -> Result<(), Box<dyn Error>> {
    // A real program calls "https://api.github.com"; this one calls a local API, so that it runs without a network.
    let url = example_upstream::start().await?;
    let github = Seam::builder(url)
        .name("github")
        .throttle(Throttle::rate(Rate::per_second(10)))
        .auth(auth::bearer(Secret::value("a token that the local API ignores")))
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
