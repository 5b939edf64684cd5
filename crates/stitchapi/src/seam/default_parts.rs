//! The runtime and the transport of a seam that declares none.

use std::sync::Arc;

use stitchapi_core::{Runtime, Transport};

use crate::error::{Error, Result};

/// Returns the current tokio runtime.
///
/// # Errors
///
/// [`ErrorKind::Config`](crate::ErrorKind::Config) if there is none, or the feature `tokio` is off.
pub(super) fn default_runtime() -> Result<Arc<dyn Runtime>> {
    #[cfg(feature = "tokio")]
    match crate::runtime::TokioRuntime::current() {
        Some(runtime) => Ok(Arc::new(runtime)),
        None => Err(Error::config("runtime: no tokio runtime is current; build inside one, or set .runtime(..)")),
    }
    #[cfg(not(feature = "tokio"))]
    Err(Error::config("runtime: the feature `tokio` is off; enable it, or set .runtime(..)"))
}

/// Returns a transport with a new `reqwest` client that uses rustls.
///
/// # Errors
///
/// [`ErrorKind::Config`](crate::ErrorKind::Config) if the client cannot be created, or the feature `rustls` is off.
pub(super) fn default_transport() -> Result<Arc<dyn Transport>> {
    #[cfg(feature = "rustls")]
    match crate::transport::ReqwestTransport::build(reqwest::Client::builder()) {
        Ok(transport) => Ok(Arc::new(transport)),
        Err(error) => Err(Error::config("transport: the default HTTP client cannot be created; set .transport(..)")
            .with_source(error)),
    }
    #[cfg(not(feature = "rustls"))]
    Err(Error::config("transport: the feature `rustls` is off; enable it, or set .transport(..)"))
}
