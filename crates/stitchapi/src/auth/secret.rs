//! Secrets by reference.

use std::fmt;

use secrecy::SecretString;

use super::AuthError;

/// Where a secret is; it is read at each call, so that a changed one is noticed.
///
/// Its `Debug` shows where and never what.
#[derive(Clone)]
pub struct Secret(Source);

#[derive(Clone)]
enum Source {
    Env(String),
    Value(SecretString),
}

/// The value of an environment variable. An unset or empty one fails the call with
/// [`ErrorKind::Auth`](crate::ErrorKind::Auth), naming the variable.
#[must_use]
pub fn env(name: impl Into<String>) -> Secret {
    Secret(Source::Env(name.into()))
}

impl Secret {
    /// A secret that is here already.
    #[must_use]
    pub fn value(secret: impl Into<SecretString>) -> Self {
        Self(Source::Value(secret.into()))
    }

    pub(super) fn resolve(&self) -> Result<SecretString, AuthError> {
        match &self.0 {
            Source::Value(secret) => Ok(secret.clone()),
            Source::Env(name) => match std::env::var(name) {
                Ok(secret) if !secret.is_empty() => Ok(secret.into()),
                Ok(_) => Err(AuthError::new(format!("the environment variable {name} is empty"))),
                // Not the error itself: it shows the variable's bytes.
                Err(_) => Err(AuthError::new(format!("the environment variable {name} is not set to text"))),
            },
        }
    }
}

impl From<SecretString> for Secret {
    fn from(secret: SecretString) -> Self {
        Self::value(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Env(name) => write!(f, "env({name})"),
            Source::Value(_) => f.write_str("Secret(..)"),
        }
    }
}
