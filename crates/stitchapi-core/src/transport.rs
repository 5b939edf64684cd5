//! How a request gets to the API and the answer back.

use std::error::Error;
use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

/// Sends one request and gives back one answer.
///
/// It never follows a redirect and never retries: every start is paced by the library, none is made behind its back.
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends `request` and waits for the head of the answer; its body may still be on the way.
    ///
    /// Dropped: the request may have been sent.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no answer came. An answer of any status is `Ok`.
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError> {
        (**self).send(request).await
    }
}

/// The rest of a body that comes in pieces.
#[async_trait]
pub trait Chunks: Send + 'static {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the connection failed before the end.
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError>;
}

/// The body of a request or an answer: whole, or in pieces still to come.
#[derive(Default)]
pub struct Body(Inner);

enum Inner {
    Whole(Bytes),
    Chunks(Box<dyn Chunks>),
}

impl Default for Inner {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl Body {
    /// A body that arrives piece by piece.
    #[must_use]
    pub fn chunks(chunks: impl Chunks) -> Self {
        Self(Inner::Chunks(Box::new(chunks)))
    }

    /// The bytes, if all of them are here.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Whole(bytes) => Some(bytes),
            Inner::Chunks(_) => None,
        }
    }

    /// Reads to the end, but no more than `limit` bytes; `complete` says whether that was all.
    ///
    /// Dropped: what has been read is lost, and the connection with it.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the connection failed before the end.
    pub async fn collect(self, limit: usize) -> Result<Collected, TransportError> {
        match self.0 {
            Inner::Whole(mut bytes) => {
                let complete = bytes.len() <= limit;
                bytes.truncate(limit);
                Ok(Collected { bytes, complete })
            }
            Inner::Chunks(mut chunks) => {
                let mut bytes = BytesMut::new();
                while let Some(chunk) = chunks.next().await? {
                    let room = limit - bytes.len();
                    bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        return Ok(Collected { bytes: bytes.freeze(), complete: false });
                    }
                }
                Ok(Collected { bytes: bytes.freeze(), complete: true })
            }
        }
    }
}

/// What [`Body::collect`] read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// The first bytes, at most as many as were asked for.
    pub bytes: Bytes,
    /// Whether the body ended there.
    pub complete: bool,
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self(Inner::Whole(bytes.into()))
    }
}

impl Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Inner::Chunks(_) => f.write_str("Body(chunks)"),
        }
    }
}

/// What sort of failure a [`TransportError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: nothing was sent.
    Connect,
    /// The transport's own time was up; the request may have been sent.
    Timeout,
    /// The connection failed while the request or the answer was on its way.
    Broken,
    /// Anything else, such as a request that this transport cannot send.
    Other,
}

/// A request that got no answer. Its text has no URL in it.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

impl TransportError {
    /// A failure of this kind, with the client's own error, which must not name the URL (its query may be a secret).
    #[must_use]
    pub fn new(kind: TransportErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "no connection to the API",
            TransportErrorKind::Timeout => "the transport's time was up",
            TransportErrorKind::Broken => "the connection broke",
            TransportErrorKind::Other => "the request could not be sent",
        })
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;

    struct Endless;
    #[async_trait]
    impl Chunks for Endless {
        async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
            Ok(Some(Bytes::from_static(b"abc")))
        }
    }

    #[test]
    fn an_endless_body_is_cut_at_the_limit() {
        let read = block_on(Body::chunks(Endless).collect(7)).unwrap();
        assert_eq!(read, Collected { bytes: Bytes::from_static(b"abcabca"), complete: false });
    }

    #[test]
    fn a_body_of_just_the_limit_is_complete() {
        let read = block_on(Body::from("abc").collect(3)).unwrap();
        assert_eq!(read, Collected { bytes: Bytes::from_static(b"abc"), complete: true });
    }
}
