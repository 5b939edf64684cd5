//! The upstream's HTTP server on a port of the loopback interface.

use std::net::TcpListener;
use std::sync::Arc;

use axum::serve::ListenerExt as _;

use super::config::UpstreamConfig;
use super::counts::RequestCounts;
use super::routes::router;
use super::shared_state::SharedState;
use crate::error::CliError;
use crate::fleet::protocol::SharedRequest;

/// HTTP API with a rate limit, logins and a cacheable resource.
#[derive(Debug)]
pub(crate) struct Upstream {
    listener: TcpListener,
    url: String,
    shared: Arc<SharedState>,
}

impl Upstream {
    /// Listens on a free port. [`serve`](Self::serve) handles the requests.
    pub(crate) async fn start(config: UpstreamConfig) -> Result<Self, CliError> {
        let listen_error = |error: &dyn std::error::Error| CliError::internal("the upstream cannot listen", error);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| listen_error(&error))?;
        let listener = listener.into_std().map_err(|error| listen_error(&error))?;
        let url = format!("http://{}/", listener.local_addr().map_err(|error| listen_error(&error))?);
        Ok(Self { listener, url, shared: Arc::new(SharedState::new(config)) })
    }

    /// Returns the URL of the rate-limited API.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Handles requests until the future is dropped. Returns only if the server fails.
    pub(crate) async fn serve(&self) {
        let listener = self.listener.try_clone().and_then(tokio::net::TcpListener::from_std);
        let Ok(listener) = listener else { return };
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let _ = axum::serve(listener, router(self.shared.clone())).await;
    }

    /// Returns the counts so far.
    pub(crate) fn counts(&self) -> RequestCounts {
        self.shared.counts()
    }

    /// Waits until the upstream has received a login or a fetch.
    pub(crate) async fn wait_for(&self, request: SharedRequest) {
        loop {
            let changed = self.shared.changed.notified();
            if self.counts().of(request) > 0 {
                return;
            }
            changed.await;
        }
    }
}
