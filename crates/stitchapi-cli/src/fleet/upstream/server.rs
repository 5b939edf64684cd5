//! The upstream on a port of its own.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;

use super::gate::Gate;
use super::ledger::Ledger;
use super::routes::{Shared, router};
use super::{Counts, Errand};
use crate::failure::Failure;
use crate::fleet::options::Options;

/// How the upstream behaves.
#[derive(Debug)]
pub(crate) struct Manner {
    /// Arrivals in a period.
    pub(crate) limit: usize,
    pub(crate) period: Duration,
    pub(crate) client_secret: String,
    /// The token that it issues, instead of a random one each time.
    pub(crate) token: Option<String>,
    pub(crate) login_takes: Duration,
    pub(crate) fetch_takes: Duration,
}

impl Manner {
    pub(crate) fn of(options: &Options, client_secret: &str) -> Self {
        let rate = &options.rate.rate;
        Self {
            limit: rate.permits() as usize + options.burst as usize,
            period: rate.period(),
            client_secret: client_secret.to_owned(),
            token: options.token.clone(),
            login_takes: options.login_takes,
            fetch_takes: options.fetch_takes,
        }
    }
}

/// An API with a rate limit, logins and a cacheable resource.
#[derive(Debug)]
pub(crate) struct Upstream {
    listener: TcpListener,
    url: String,
    shared: Arc<Shared>,
}

impl Upstream {
    pub(crate) async fn start(manner: Manner) -> Result<Self, Failure> {
        let broken = |error: &dyn std::error::Error| Failure::broken("the upstream cannot listen", error);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| broken(&error))?;
        let listener = listener.into_std().map_err(|error| broken(&error))?;
        let url = format!("http://{}/", listener.local_addr().map_err(|error| broken(&error))?);
        let gate = Gate::new(manner.limit, manner.period);
        Ok(Self { listener, url, shared: Arc::new(Shared::new(manner, Ledger::new(gate))) })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Answers until dropped.
    pub(crate) async fn serve(&self) {
        let listener = self.listener.try_clone().and_then(tokio::net::TcpListener::from_std);
        let Ok(listener) = listener else { return };
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let _ = axum::serve(listener, router(self.shared.clone())).await;
    }

    /// What has arrived so far.
    pub(crate) fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Waits until a request of this errand has come.
    pub(crate) async fn seen(&self, errand: Errand) {
        loop {
            let next = self.shared.arrivals.notified();
            if self.counts().of(errand) > 0 {
                return;
            }
            next.await;
        }
    }
}
