//! State that the server and its request handlers share.

use std::sync::{Mutex, PoisonError};

use stitchapi::Tick;
use tokio::sync::Notify;

use super::config::UpstreamConfig;
use super::counts::RequestCounts;
use super::state::UpstreamState;
use super::window_limit::WindowLimit;
use crate::fleet::secrets::random_hex;

/// Settings and locked state of an upstream, shared by all handlers.
#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) config: UpstreamConfig,
    state: Mutex<UpstreamState>,
    /// Notified after every change of the state.
    pub(super) changed: Notify,
}

impl SharedState {
    pub(super) fn new(config: UpstreamConfig) -> Self {
        let limit = WindowLimit::new(config.limit, config.period);
        Self { config, state: Mutex::new(UpstreamState::new(limit)), changed: Notify::new() }
    }

    /// Returns a copy of the counts so far.
    pub(super) fn counts(&self) -> RequestCounts {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }

    /// Changes the state under its lock and notifies waiters.
    ///
    /// `change` receives the current time. The clock is read under the lock, so that arrivals are in the order of their
    /// times.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut UpstreamState, Tick) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state, Tick::of_boot_clock());
        drop(state);
        self.changed.notify_waiters();
        result
    }

    /// Issues a token, valid from now on. Returns `None` if the operating system returns no random bytes.
    pub(super) fn issue_token(&self) -> Option<String> {
        let token = self.config.token.clone().or_else(|| random_hex().ok())?;
        self.update(|state, _| state.issued_tokens.insert(token.clone()));
        Some(token)
    }
}
