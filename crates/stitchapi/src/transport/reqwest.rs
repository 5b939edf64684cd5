//! The transport that sends through `reqwest`.

use async_trait::async_trait;
use bytes::Bytes;
use stitchapi_core::{Body, Chunks, Transport, TransportError, TransportErrorKind};

/// [`Transport`] that sends requests through a `reqwest::Client`.
///
/// By default `reqwest` follows redirects and repeats some requests. Both send requests that the throttle has not
/// permitted. [`build`](Self::build) disables both. [`new`](Self::new) takes a client as it is; if that client follows
/// a redirect, the response is an error.
///
/// ```
/// use stitchapi::transport::ReqwestTransport;
///
/// let transport = ReqwestTransport::build(reqwest::Client::builder().user_agent("my-app"))?;
/// # let _ = transport; Ok::<(), stitchapi::TransportError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// Wraps a client that was built with `redirect(Policy::none())` and `retry(retry::never())`.
    #[must_use]
    pub fn new(client: reqwest::Client) -> Self {
        Self { client }
    }

    /// Builds a client from `builder`, with redirects and repetitions disabled.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the client cannot be built, for example because no TLS roots are found.
    pub fn build(builder: reqwest::ClientBuilder) -> Result<Self, TransportError> {
        let client = builder.redirect(reqwest::redirect::Policy::none()).retry(reqwest::retry::never()).build();
        client.map(Self::new).map_err(|error| without_url(TransportErrorKind::Other, error))
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError> {
        let (parts, body) = request.into_parts();
        let Some(bytes) = body.as_bytes().cloned() else {
            return Err(TransportError::new(
                TransportErrorKind::Other,
                "a streamed request body is not supported: pass the body as bytes",
            ));
        };
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, bytes))
            .map_err(|error| without_url(TransportErrorKind::Other, error))?;
        let requested = request.url().clone();
        let response = self.client.execute(request).await.map_err(classify)?;
        if *response.url() != requested {
            let why = "the client followed a redirect: build it with redirect::Policy::none()";
            return Err(TransportError::new(TransportErrorKind::Other, why));
        }
        let mut head = http::Response::new(());
        *head.status_mut() = response.status();
        *head.version_mut() = response.version();
        *head.headers_mut() = response.headers().clone();
        Ok(head.map(|()| Body::chunks(RemainingBody(response))))
    }
}

/// The part of a response body that has not arrived yet.
struct RemainingBody(reqwest::Response);

#[async_trait]
impl Chunks for RemainingBody {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.0.chunk().await.map_err(classify)
    }
}

/// Converts an error of `reqwest`. `Connect` means that nothing was sent. `Timeout` and `Broken` mean that the request
/// may have been sent.
fn classify(error: reqwest::Error) -> TransportError {
    let kind = if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_builder() {
        TransportErrorKind::Other
    } else {
        TransportErrorKind::Broken
    };
    without_url(kind, error)
}

/// Converts an error without its URL, because the query of the URL may contain a secret.
fn without_url(kind: TransportErrorKind, error: reqwest::Error) -> TransportError {
    TransportError::new(kind, error.without_url())
}
