//! Secrets: given as a value, or read from an environment variable at each use.

use std::fmt;

use secrecy::SecretString;

use super::error::AuthError;

/// Reference to a secret: the name of an environment variable, or the value itself.
///
/// An environment variable is read at each use, so that a changed value takes effect without a restart. `Debug` shows
/// the name of the variable and never the secret.
///
/// ```
/// use stitchapi::auth::{Secret, bearer};
/// use stitchapi::env;
///
/// let from_environment = bearer(env("API_TOKEN"));
/// let from_a_file = bearer(Secret::value("the text that the file holds"));
/// assert_eq!(format!("{:?}", env("API_TOKEN")), "env(API_TOKEN)");
/// # let _ = (from_environment, from_a_file);
/// ```
#[derive(Clone)]
pub struct Secret(Source);

#[derive(Clone)]
enum Source {
    Env(String),
    Value(SecretString),
}

/// Refers to the environment variable `name`, which is read at each use.
///
/// If it is not set, empty or not Unicode, the call fails with [`ErrorKind::Auth`](crate::ErrorKind::Auth) and the
/// error names the variable.
///
/// ```
/// use stitchapi::{auth, env};
///
/// let strategy = auth::bearer(env("API_TOKEN"));
/// # let _ = strategy;
/// ```
#[must_use]
pub fn env(name: impl Into<String>) -> Secret {
    Secret(Source::Env(name.into()))
}

impl Secret {
    /// Creates a secret from its value.
    #[must_use]
    pub fn value(secret: impl Into<SecretString>) -> Self {
        Self(Source::Value(secret.into()))
    }

    /// Reads the secret.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if the environment variable is not set, empty or not Unicode. The error names the variable.
    pub(super) fn resolve(&self) -> Result<SecretString, AuthError> {
        match &self.0 {
            Source::Value(secret) => Ok(secret.clone()),
            Source::Env(name) => match std::env::var(name) {
                Ok(secret) if !secret.is_empty() => Ok(secret.into()),
                Ok(_) => Err(AuthError::new(format!("the environment variable {name} is empty"))),
                // The error of the standard library is not kept as a source, because it shows the bytes of the
                // variable.
                Err(_) => Err(AuthError::new(format!("the environment variable {name} is not set to Unicode text"))),
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
