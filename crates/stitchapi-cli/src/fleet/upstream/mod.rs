//! The built-in upstream: an HTTP API with a rate limit, an OAuth2 token endpoint and a cacheable resource.
//!
//! In: an [`UpstreamConfig`]. Out: a URL for the workers and [`RequestCounts`] at the end. `run.rs` starts one
//! [`Upstream`] per phase. Read on in `server.rs`, then `routes.rs`.

mod config;
mod counts;
mod routes;
mod server;
mod shared_state;
mod state;
mod token_request;
mod window_limit;

pub(super) use config::UpstreamConfig;
pub(super) use counts::RequestCounts;
pub(super) use server::Upstream;
