//! A small HTTP API for the examples, so that they run without a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

/// The token that every login returns.
const TOKEN: &str = "the only token";

/// Running API: its URL and the number of logins and fetches.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Base URL of the API.
    pub url: String,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    logins: AtomicU32,
    fetches: AtomicU32,
}

impl Upstream {
    /// Returns the number of token requests.
    #[must_use]
    pub fn logins(&self) -> u32 {
        self.counts.logins.load(Ordering::Relaxed)
    }

    /// Returns the number of fetches of the prices.
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
    /// Number of fetches so far, this one included.
    serial: u32,
}

/// Starts the API on a free port of the loopback interface and returns its base URL.
///
/// The API runs in a task of the current Tokio runtime until that runtime ends.
///
/// # Errors
///
/// No port can be bound.
pub async fn start() -> std::io::Result<String> {
    Ok(start_counting().await?.url)
}

/// Starts the API as [`start`] does, and returns its URL and its counts.
///
/// # Errors
///
/// No port can be bound.
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
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if authorization != Some(&format!("Bearer {TOKEN}")) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(Json(Prices { serial: counts.fetches.fetch_add(1, Ordering::Relaxed) + 1 }))
}
