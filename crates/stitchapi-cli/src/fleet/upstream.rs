//! The upstream HTTP API: counts every arrival, and answers 429 above its limit.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::serve::ListenerExt as _;
use stitchapi::Tick;

use super::options::DeclaredRate;
use crate::failure::Failure;

/// A rate-limited API on a port of its own.
pub(super) struct Upstream {
    listener: TcpListener,
    url: String,
    gate: Arc<Gate>,
}

/// Answers 429 when the last period, half open, already holds `permits + burst` arrivals: one more than an exact fleet
/// ever sends, to leave room for the network's own jitter.
struct Gate {
    limit: usize,
    period: Duration,
    arrivals: Mutex<Arrivals>,
}

#[derive(Default)]
struct Arrivals {
    recent: VecDeque<Tick>,
    rejected: u64,
}

impl Upstream {
    pub(super) async fn start(rate: &DeclaredRate, burst: u32) -> Result<Self, Failure> {
        let broken = |error: &dyn std::error::Error| Failure::broken("the upstream cannot listen", error);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| broken(&error))?;
        let listener = listener.into_std().map_err(|error| broken(&error))?;
        let url = format!("http://{}/", listener.local_addr().map_err(|error| broken(&error))?);
        let limit = rate.rate.permits() as usize + burst as usize;
        let gate = Gate { limit, period: rate.rate.period(), arrivals: Mutex::default() };
        Ok(Self { listener, url, gate: Arc::new(gate) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Answers until dropped.
    pub(super) async fn serve(&self) {
        let app = Router::new().fallback(arrive).with_state(self.gate.clone());
        let listener = self.listener.try_clone().and_then(tokio::net::TcpListener::from_std);
        let Ok(listener) = listener else { return };
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let _ = axum::serve(listener, app).await;
    }

    /// How many arrivals were answered 429.
    pub(super) fn rejected(&self) -> u64 {
        self.gate.arrivals.lock().unwrap_or_else(PoisonError::into_inner).rejected
    }
}

async fn arrive(State(gate): State<Arc<Gate>>) -> StatusCode {
    gate.answer()
}

impl Gate {
    /// The clock is read under the lock, so arrivals stand in the order of their times.
    fn answer(&self) -> StatusCode {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Tick::of_boot_clock();
        while arrivals.recent.front().is_some_and(|first| *first + self.period <= now) {
            arrivals.recent.pop_front();
        }
        let over = arrivals.recent.len() >= self.limit;
        arrivals.recent.push_back(now);
        if over {
            arrivals.rejected += 1;
            return StatusCode::TOO_MANY_REQUESTS;
        }
        StatusCode::OK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_holds_the_permits_and_the_burst_and_no_more() {
        let gate = Gate { limit: 3, period: Duration::from_secs(60), arrivals: Mutex::default() };
        let answers: Vec<u16> = (0..5).map(|_| gate.answer().as_u16()).collect();
        assert_eq!(answers, [200, 200, 200, 429, 429]);
    }
}
