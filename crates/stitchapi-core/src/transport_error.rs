//! The error of a transport.

use std::error::Error;
use std::fmt;

/// Kind of a [`TransportError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection was made, and nothing was sent.
    Connect,
    /// The transport's own timeout expired. The request may have been sent.
    Timeout,
    /// The connection failed while the request or the response was being transferred.
    Broken,
    /// Any other failure, such as a request that this transport cannot send.
    Other,
}

/// Failure to send a request or to receive its whole response. The text contains no URL.
///
/// ```
/// use stitchapi_core::{TransportError, TransportErrorKind};
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = TransportError::new(TransportErrorKind::Connect, refused);
/// assert_eq!(error.to_string(), "no connection to the API server");
/// ```
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

impl TransportError {
    /// Creates an error of this kind with the HTTP client's error as its source. The source must not contain the URL,
    /// whose query may be a secret.
    #[must_use]
    pub fn new(kind: TransportErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    /// Returns the kind of the failure.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "no connection to the API server",
            TransportErrorKind::Timeout => "the transport's timeout ended before the response arrived",
            TransportErrorKind::Broken => "the connection to the API server broke",
            TransportErrorKind::Other => "the transport cannot send the request",
        })
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
