//! What the upstream answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use stitchapi::runtime::TokioRuntime;
use stitchapi::{Runtime as _, Tick};
use tokio::sync::Notify;

use super::ledger::{Counts, Ledger};
use super::server::Manner;
use super::token::{Client, judge};
use crate::fleet::secrets::{CLIENT_ID, random_text};

/// In seconds: longer than the longest run.
const TOKEN_LIVES: u32 = 2 * 3_600;

/// What the endpoints have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) manner: Manner,
    ledger: Mutex<Ledger>,
    /// Told of each.
    pub(super) arrivals: Notify,
}

impl Shared {
    pub(super) fn new(manner: Manner, ledger: Ledger) -> Self {
        Self { manner, ledger: Mutex::new(ledger), arrivals: Notify::new() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }

    /// Writes an arrival into the ledger, at the time that is handed over.
    fn count<T>(&self, write: impl FnOnce(&mut Ledger, Tick) -> T) -> T {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let written = write(&mut ledger, Tick::of_boot_clock());
        drop(ledger);
        self.arrivals.notify_waiters();
        written
    }

    /// A token, good from now on.
    fn issue(&self) -> Option<String> {
        let token = self.manner.token.clone().or_else(|| random_text().ok())?;
        self.count(|ledger, _| ledger.issued.insert(token.clone()));
        Some(token)
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().route("/token", post(issue_token)).route("/resource", get(resource)).fallback(call).with_state(shared)
}

/// The API itself, behind its rate limit: every call is counted, and then judged.
async fn call(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> StatusCode {
    shared.count(|ledger, now| {
        if !ledger.gate.lets_pass(now) {
            ledger.counts.rejected += 1;
            return StatusCode::TOO_MANY_REQUESTS;
        }
        ledger.authorize(authorization(&headers))
    })
}

/// A token for who may log in; it takes its time.
async fn issue_token(State(shared): State<Arc<Shared>>, headers: HeaderMap, form: Bytes) -> Response {
    shared.count(|ledger, now| ledger.counts.token_requests.push(now));
    let client = Client { id: CLIENT_ID, secret: &shared.manner.client_secret };
    let judged = judge(&client, &headers, &form);
    take(shared.manner.login_takes).await;
    let not_kept = [(header::CACHE_CONTROL, "no-store")];
    let refused = match judged {
        Ok(()) => {
            let Some(token) = shared.issue() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
            let issued = json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIVES });
            return (not_kept, Json(issued)).into_response();
        }
        Err(refused) => refused,
    };
    if refused.status() == StatusCode::UNAUTHORIZED {
        shared.count(|ledger, _| ledger.counts.unauthorized += 1);
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"fleet\"")];
    (refused.status(), not_kept, challenge, Json(json!({ "error": refused.error() }))).into_response()
}

/// A document that says how often it has been fetched; it takes its time.
async fn resource(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let (status, serial) = shared.count(|ledger, now| {
        ledger.counts.fetches.push(now);
        (ledger.authorize(authorization(&headers)), ledger.counts.fetches.len())
    });
    take(shared.manner.fetch_takes).await;
    if status != StatusCode::OK {
        return status.into_response();
    }
    Json(json!({ "serial": serial })).into_response()
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

async fn take(time: Duration) {
    // A server is in a runtime.
    let Some(clock) = TokioRuntime::current() else { return };
    clock.sleep_until(clock.now() + time).await;
}
