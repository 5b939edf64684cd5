//! An API that can be told to ask for a pause.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::routing::get;

use crate::clock::{comes_true, now};

/// An API on a port of loopback that answers everything, until it is told otherwise. It ends when this is dropped.
#[derive(Debug)]
pub struct Upstream {
    _runtime: tokio::runtime::Runtime,
    url: String,
    mind: Mind,
}

type Mind = Arc<Mutex<Told>>;

#[derive(Debug, Default)]
struct Told {
    /// What the next caller of the one path is told.
    retry_after: Option<HeaderValue>,
    /// When that happened, in microseconds of the boot clock.
    told_at: Option<u64>,
}

impl Upstream {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mind = Mind::default();
        let app = Router::new().route("/one", get(one)).fallback(async || "done").with_state(mind.clone());
        runtime.handle().spawn(async move { axum::serve(listener, app).await });
        Self { _runtime: runtime, url, mind }
    }

    /// The base URL of all workers but one.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The base URL of the one worker that will be told.
    #[must_use]
    pub fn url_of_one(&self) -> String {
        format!("{}/one", self.url)
    }

    /// Answers the next call of the one worker with 429 and this `Retry-After`; when that happened.
    ///
    /// # Panics
    ///
    /// If it does not call.
    pub fn refuse_next(&self, retry_after: &str) -> u64 {
        *lock(&self.mind) = Told { retry_after: Some(HeaderValue::from_str(retry_after).unwrap()), told_at: None };
        assert!(comes_true(|| lock(&self.mind).told_at.is_some()), "the one worker does not call");
        lock(&self.mind).told_at.unwrap()
    }
}

async fn one(State(mind): State<Mind>) -> (StatusCode, HeaderMap) {
    let mut told = lock(&mind);
    let Some(retry_after) = told.retry_after.take() else { return (StatusCode::OK, HeaderMap::new()) };
    told.told_at = Some(now());
    (StatusCode::TOO_MANY_REQUESTS, HeaderMap::from_iter([(header::RETRY_AFTER, retry_after)]))
}

fn lock(mind: &Mind) -> MutexGuard<'_, Told> {
    mind.lock().unwrap_or_else(PoisonError::into_inner)
}
