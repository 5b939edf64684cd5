//! An API that a test can instruct to respond with 429 and a `Retry-After`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::routing::get;

use crate::clock::{now, wait_for};

/// An API on a port of loopback. It responds with 200 unless a test instructs it otherwise. Dropping this value ends it.
#[derive(Debug)]
pub struct Upstream {
    _runtime: tokio::runtime::Runtime,
    url: String,
    shared: Shared,
}

type Shared = Arc<Mutex<Refusal>>;

#[derive(Debug, Default)]
struct Refusal {
    /// `Retry-After` of the next response on the path `/refused`.
    retry_after: Option<HeaderValue>,
    /// Time of that response on the boot clock in microseconds.
    sent_at: Option<u64>,
}

impl Upstream {
    /// Starts the API.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared::default();
        let app = Router::new().route("/refused", get(refused)).fallback(async || "ok").with_state(shared.clone());
        runtime.handle().spawn(async move { axum::serve(listener, app).await });
        Self { _runtime: runtime, url, shared }
    }

    /// Returns the base URL on which no request is refused.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the base URL on which [`refuse_next`](Self::refuse_next) takes effect.
    #[must_use]
    pub fn refused_url(&self) -> String {
        format!("{}/refused", self.url)
    }

    /// Responds to the next request on [`refused_url`](Self::refused_url) with 429 and this `Retry-After`. Returns the time of the
    /// response on the boot clock in microseconds.
    ///
    /// # Panics
    ///
    /// If no request arrives within ten seconds.
    pub fn refuse_next(&self, retry_after: &str) -> u64 {
        *lock(&self.shared) = Refusal { retry_after: Some(HeaderValue::from_str(retry_after).unwrap()), sent_at: None };
        assert!(wait_for(|| lock(&self.shared).sent_at.is_some()), "no request arrived that could be refused");
        lock(&self.shared).sent_at.unwrap()
    }
}

async fn refused(State(shared): State<Shared>) -> (StatusCode, HeaderMap) {
    let mut refusal = lock(&shared);
    let Some(retry_after) = refusal.retry_after.take() else { return (StatusCode::OK, HeaderMap::new()) };
    refusal.sent_at = Some(now());
    (StatusCode::TOO_MANY_REQUESTS, HeaderMap::from_iter([(header::RETRY_AFTER, retry_after)]))
}

fn lock(shared: &Shared) -> MutexGuard<'_, Refusal> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
