//! The upstream's endpoints: `/token`, `/resource`, and the rate-limited API on every other path.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use stitchapi::Runtime as _;
use stitchapi::runtime::TokioRuntime;

use super::shared_state::SharedState;
use super::token_request::{RegisteredClient, validate};
use crate::fleet::secrets::CLIENT_ID;

/// Lifetime of a token in seconds: longer than the longest run.
const TOKEN_LIFETIME_SECS: u32 = 2 * 3_600;

/// Returns the router over all endpoints.
pub(super) fn router(shared: Arc<SharedState>) -> Router {
    Router::new()
        .route("/token", post(token))
        .route("/resource", get(resource))
        .fallback(limited_call)
        .with_state(shared)
}

/// Handles a call to the rate-limited API: 429 above the limit, then 401 without a valid token, then 200.
async fn limited_call(State(shared): State<Arc<SharedState>>, headers: HeaderMap) -> StatusCode {
    shared.update(|state, now| {
        if !state.limit.admit(now) {
            state.counts.rejected += 1;
            return StatusCode::TOO_MANY_REQUESTS;
        }
        state.authorize(authorization(&headers))
    })
}

/// Handles a token request, after the configured response time.
async fn token(State(shared): State<Arc<SharedState>>, headers: HeaderMap, form: Bytes) -> Response {
    shared.update(|state, now| state.counts.token_requests.push(now));
    let client = RegisteredClient { id: CLIENT_ID, secret: &shared.config.client_secret };
    let validated = validate(&client, &headers, &form);
    sleep(shared.config.login_takes).await;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let error = match validated {
        Ok(()) => {
            let Some(token) = shared.issue_token() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
            let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME_SECS });
            return (no_store, Json(body)).into_response();
        }
        Err(error) => error,
    };
    if error.status() == StatusCode::UNAUTHORIZED {
        shared.update(|state, _| state.counts.unauthorized += 1);
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"fleet\"")];
    (error.status(), no_store, challenge, Json(json!({ "error": error.code() }))).into_response()
}

/// Handles a fetch of the cacheable resource, after the configured response time. The body is the number of fetches so
/// far.
async fn resource(State(shared): State<Arc<SharedState>>, headers: HeaderMap) -> Response {
    let (status, serial) = shared.update(|state, now| {
        state.counts.fetches.push(now);
        (state.authorize(authorization(&headers)), state.counts.fetches.len())
    });
    sleep(shared.config.fetch_takes).await;
    if status != StatusCode::OK {
        return status.into_response();
    }
    Json(json!({ "serial": serial })).into_response()
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

async fn sleep(duration: Duration) {
    // A handler always runs inside a Tokio runtime.
    let Some(clock) = TokioRuntime::current() else { return };
    clock.sleep_until(clock.now() + duration).await;
}
