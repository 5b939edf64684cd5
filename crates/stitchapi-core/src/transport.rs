//! The transport: it sends a request to the API server and returns the response.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Body, TransportError};

/// HTTP client that sends one request and returns one response.
///
/// A transport must never follow a redirect and never retry. The library paces every request, so that a transport must
/// send only the requests that the library passes to it.
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
    /// Sends `request` and returns the response as soon as its head has arrived. The body may arrive later.
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
