//! The error of a Redis client.

use std::error::Error;
use std::fmt;

type Source = Box<dyn Error + Send + Sync>;

/// Failure of a command. The error of the underlying client is kept whole as the source.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The server replied with an error.
    Server {
        /// Error line of the server: `NOAUTH Authentication required.`
        line: String,
        /// Error of the underlying client.
        source: Source,
    },
    /// The server refused the login.
    Login(Source),
    /// No reply arrived in time. The command may have been done.
    Timeout(Source),
    /// There is no connection, or it broke. The command may have been done.
    Connection(Source),
    /// A setting of the client is invalid: a malformed address, a missing feature.
    Setting(Source),
    /// Any other failure.
    Other(Source),
}

impl ClientError {
    /// Returns the error of the underlying client.
    pub(crate) fn into_source(self) -> Source {
        match self {
            Self::Server { source, .. } => source,
            Self::Login(source)
            | Self::Timeout(source)
            | Self::Connection(source)
            | Self::Setting(source)
            | Self::Other(source) => source,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server { .. } => "the server replied with an error",
            Self::Login(_) => "the server refused the login",
            Self::Timeout(_) => "the server did not reply in time",
            Self::Connection(_) => "there is no connection to the server, or it broke",
            Self::Setting(_) => "a setting of the client is invalid",
            Self::Other(_) => "the client failed",
        })
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Server { source, .. } => Some(&**source),
            Self::Login(source)
            | Self::Timeout(source)
            | Self::Connection(source)
            | Self::Setting(source)
            | Self::Other(source) => Some(&**source),
        }
    }
}
