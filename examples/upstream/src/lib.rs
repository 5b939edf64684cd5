//! A stand-in for the API that the examples call, so that they run without a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

const TOKEN: &str = "the only token";

/// The API under way: its address, and how often it was asked for what should be asked for once.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its base URL.
    pub url: String,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    logins: AtomicU32,
    fetches: AtomicU32,
}

impl Upstream {
    /// How many tokens were asked for.
    #[must_use]
    pub fn logins(&self) -> u32 {
        self.counts.logins.load(Ordering::Relaxed)
    }

    /// How often the prices were fetched.
    #[must_use]
    pub fn fetches(&self) -> u32 {
        self.counts.fetches.load(Ordering::Relaxed)
    }
}

#[derive(Deserialize)]
struct Page {
    page: u32,
}

#[derive(Serialize)]
struct Issue {
    title: String,
}

#[derive(Serialize)]
struct Token {
    access_token: &'static str,
    token_type: &'static str,
    expires_in: u32,
}

#[derive(Serialize)]
struct Prices {
    answer: u32,
}

/// Starts it on a port of its own; gives its URL.
///
/// # Errors
///
/// If no port can be had.
pub async fn start() -> std::io::Result<String> {
    Ok(start_counting().await?.url)
}

/// Starts it on a port of its own.
///
/// # Errors
///
/// If no port can be had.
pub async fn start_counting() -> std::io::Result<Upstream> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let counts = Arc::<Counts>::default();
    let app = Router::new()
        .route("/repos/{owner}/{repo}/issues", get(issues))
        .route("/token", post(token))
        .route("/prices", get(prices))
        .with_state(counts.clone());
    tokio::runtime::Handle::current().spawn(async move { axum::serve(listener, app).await });
    Ok(Upstream { url, counts })
}

async fn issues(Path((owner, repo)): Path<(String, String)>, Query(Page { page }): Query<Page>) -> Json<[Issue; 1]> {
    Json([Issue { title: format!("{owner}/{repo}, page {page}") }])
}

async fn token(State(counts): State<Arc<Counts>>) -> Json<Token> {
    counts.logins.fetch_add(1, Ordering::Relaxed);
    Json(Token { access_token: TOKEN, token_type: "Bearer", expires_in: 3600 })
}

async fn prices(State(counts): State<Arc<Counts>>, headers: HeaderMap) -> Result<Json<Prices>, StatusCode> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown != Some(&format!("Bearer {TOKEN}")) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(Json(Prices { answer: counts.fetches.fetch_add(1, Ordering::Relaxed) + 1 }))
}
