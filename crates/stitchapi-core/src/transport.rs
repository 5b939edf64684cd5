//! The transport: how a request reaches the API server, and the response the caller.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Body, TransportError};

/// HTTP client that sends one request and returns one response.
///
/// A transport never follows a redirect and never retries: the library paces every request, so a transport must not send
/// one that the library does not know of.
///
/// ```
/// use stitchapi_core::{Body, Transport, TransportError, async_trait};
///
/// /// Responds to every request with its own body.
/// #[derive(Debug)]
/// struct Echo;
///
/// #[async_trait]
/// impl Transport for Echo {
///     async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError> {
///         Ok(http::Response::new(request.into_body()))
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends `request` and returns the response once its head has arrived; the body may still be on its way.
    ///
    /// Cancellation: if the future is dropped, the request may have been sent.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no response arrived. A response of any status is `Ok`.
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError> {
        (**self).send(request).await
    }
}
