//! Settings of the built-in upstream.

use std::time::Duration;

use crate::fleet::options::Options;

/// Settings of the built-in upstream.
#[derive(Debug)]
pub(crate) struct UpstreamConfig {
    /// Requests that the rate limit admits in one period.
    pub(super) limit: usize,
    /// Period of the rate limit.
    pub(super) period: Duration,
    /// OAuth2 client secret that the token endpoint accepts.
    pub(super) client_secret: String,
    /// Token to issue; `None` issues a new random token for each request.
    pub(super) token: Option<String>,
    /// Response time of the token endpoint.
    pub(super) login_takes: Duration,
    /// Response time of the cached resource.
    pub(super) fetch_takes: Duration,
}

impl UpstreamConfig {
    /// Derives the settings from the command line. The limit is the declared rate plus the burst.
    pub(crate) fn new(options: &Options, client_secret: &str) -> Self {
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
