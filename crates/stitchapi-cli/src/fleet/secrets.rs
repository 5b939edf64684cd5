//! Secrets of one run, shared by the upstream and the workers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// OAuth2 client id of the workers.
pub(super) const CLIENT_ID: &str = "fleet";

/// Client secret and sealing key, drawn at random for each run.
///
/// A worker receives them on its standard input, because process lists show arguments and environment variables.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Secrets {
    /// OAuth2 client secret.
    pub(super) client_secret: String,
    /// Key with which the workers seal the session in the store.
    pub(super) sealing_key: [u8; 32],
}

impl Secrets {
    /// Draws new secrets.
    pub(super) fn random() -> Result<Self, CliError> {
        Ok(Self { client_secret: random_hex()?, sealing_key: random_bytes()? })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// Returns 128 random bits as 32 hexadecimal digits.
pub(super) fn random_hex() -> Result<String, CliError> {
    Ok(format!("{:032x}", u128::from_ne_bytes(random_bytes()?)))
}

fn random_bytes<const N: usize>() -> Result<[u8; N], CliError> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(CliError::Internal(format!("the operating system returned no random bytes: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_draws_other_secrets_and_debug_hides_them() {
        let (one, other) = (Secrets::random().unwrap(), Secrets::random().unwrap());
        assert_eq!(one.client_secret.len(), 32);
        assert_ne!(one.client_secret, other.client_secret);
        assert_ne!(one.sealing_key, other.sealing_key);
        assert_eq!(format!("{one:?}"), "Secrets(..)");
    }
}
