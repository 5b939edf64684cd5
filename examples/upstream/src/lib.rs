//! A stand-in for the API that the examples call, so that they run without a network.

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Page {
    page: u32,
}

#[derive(Serialize)]
struct Issue {
    title: String,
}

/// Starts it on a port of its own; gives its URL.
///
/// # Errors
///
/// If no port can be had.
pub async fn start() -> std::io::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new().route("/repos/{owner}/{repo}/issues", get(issues));
    tokio::runtime::Handle::current().spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn issues(Path((owner, repo)): Path<(String, String)>, Query(Page { page }): Query<Page>) -> Json<[Issue; 1]> {
    Json([Issue { title: format!("{owner}/{repo}, page {page}") }])
}
