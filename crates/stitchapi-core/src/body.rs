//! The body of a request or a response.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::TransportError;

/// Source of the chunks of a body that have not arrived yet.
///
/// ```
/// use stitchapi_core::{Body, Chunks, TransportError, async_trait};
///
/// /// Chunks that are all here already.
/// struct Queue(std::collections::VecDeque<bytes::Bytes>);
///
/// #[async_trait]
/// impl Chunks for Queue {
///     async fn next(&mut self) -> Result<Option<bytes::Bytes>, TransportError> {
///         Ok(self.0.pop_front())
///     }
/// }
///
/// let body = Body::chunks(Queue(["hello, ".into(), "world".into()].into()));
/// # futures_executor::block_on(async {
/// assert_eq!(&body.collect(100).await?.bytes[..], b"hello, world");
/// # Ok::<(), TransportError>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait Chunks: Send + 'static {
    /// Waits for the next chunk and returns it, or `None` at the end of the body.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the connection failed before the end.
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError>;
}

/// Body of a request or a response: complete, or in chunks that are still to arrive.
///
/// ```
/// use stitchapi_core::Body;
///
/// let body = Body::from("hello, world");
/// assert_eq!(body.as_bytes().map(|bytes| bytes.len()), Some(12));
///
/// # futures_executor::block_on(async {
/// let collected = body.collect(5).await?;
/// assert_eq!((&collected.bytes[..], collected.complete), (&b"hello"[..], false));
/// # Ok::<(), stitchapi_core::TransportError>(())
/// # }).unwrap();
/// ```
#[derive(Default)]
pub struct Body(Inner);

enum Inner {
    Complete(Bytes),
    Chunks(Box<dyn Chunks>),
}

impl Default for Inner {
    fn default() -> Self {
        Self::Complete(Bytes::new())
    }
}

impl Body {
    /// Creates a body whose chunks arrive one by one.
    #[must_use]
    pub fn chunks(chunks: impl Chunks) -> Self {
        Self(Inner::Chunks(Box::new(chunks)))
    }

    /// Returns the bytes of a complete body; `None` for a body in chunks.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Complete(bytes) => Some(bytes),
            Inner::Chunks(_) => None,
        }
    }

    /// Reads the body to its end, or until it is known to be longer than `limit` bytes. Returns at most `limit` bytes.
    ///
    /// Cancellation: if the future is dropped, the bytes read so far and the rest of the body are lost.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the connection failed before the end.
    pub async fn collect(self, limit: usize) -> Result<Collected, TransportError> {
        match self.0 {
            Inner::Complete(mut bytes) => {
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

/// Result of [`Body::collect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// First bytes of the body, up to the limit.
    pub bytes: Bytes,
    /// Whether `bytes` is the whole body.
    pub complete: bool,
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self(Inner::Complete(bytes.into()))
    }
}

impl Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Complete(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Inner::Chunks(_) => f.write_str("Body(chunks)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;

    struct EndlessChunks;
    #[async_trait]
    impl Chunks for EndlessChunks {
        async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
            Ok(Some(Bytes::from_static(b"abc")))
        }
    }

    #[test]
    fn an_endless_body_is_cut_at_the_limit() {
        let read = block_on(Body::chunks(EndlessChunks).collect(7)).unwrap();
        assert_eq!(read, Collected { bytes: Bytes::from_static(b"abcabca"), complete: false });
    }

    #[test]
    fn a_body_of_exactly_the_limit_is_complete() {
        let read = block_on(Body::from("abc").collect(3)).unwrap();
        assert_eq!(read, Collected { bytes: Bytes::from_static(b"abc"), complete: true });
    }
}
