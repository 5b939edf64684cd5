//! Requests through `reqwest`.

use async_trait::async_trait;
use bytes::Bytes;
use stitchapi_core::{Body, Chunks, Transport, TransportError, TransportErrorKind};

/// Sends requests through a `reqwest::Client`.
///
/// `reqwest` follows redirects and repeats some requests unless told otherwise; neither may happen behind the
/// throttle's back. [`ReqwestTransport::build`] tells it; a client of your own is taken by
/// [`ReqwestTransport::new`] as it is, and an answer that came by a redirect is then an error.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// Your client, built with `redirect(Policy::none())` and `retry(retry::never())`.
    #[must_use]
    pub fn new(client: reqwest::Client) -> Self {
        Self { client }
    }

    /// A client as `builder` describes it, with redirects and repetitions off.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the client cannot be made, such as for want of TLS roots.
    pub fn build(builder: reqwest::ClientBuilder) -> Result<Self, TransportError> {
        let client = builder.redirect(reqwest::redirect::Policy::none()).retry(reqwest::retry::never()).build();
        client.map(Self::new).map_err(|error| failed(TransportErrorKind::Other, error))
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError> {
        let (parts, body) = request.into_parts();
        let Some(bytes) = body.as_bytes().cloned() else {
            return Err(TransportError::new(TransportErrorKind::Other, "a request body in pieces is not supported"));
        };
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, bytes))
            .map_err(|error| failed(TransportErrorKind::Other, error))?;
        let asked = request.url().clone();
        let response = self.client.execute(request).await.map_err(classified)?;
        if *response.url() != asked {
            let why = "the client followed a redirect: build it with redirect::Policy::none()";
            return Err(TransportError::new(TransportErrorKind::Other, why));
        }
        let mut head = http::Response::new(());
        *head.status_mut() = response.status();
        *head.version_mut() = response.version();
        *head.headers_mut() = response.headers().clone();
        Ok(head.map(|()| Body::chunks(Rest(response))))
    }
}

struct Rest(reqwest::Response);

#[async_trait]
impl Chunks for Rest {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.0.chunk().await.map_err(classified)
    }
}

fn classified(error: reqwest::Error) -> TransportError {
    let kind = if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_builder() {
        TransportErrorKind::Other
    } else {
        TransportErrorKind::Broken
    };
    failed(kind, error)
}

/// The URL goes: its query may hold a secret.
fn failed(kind: TransportErrorKind, error: reqwest::Error) -> TransportError {
    TransportError::new(kind, error.without_url())
}
