//! What the upstream and the workers of one run know, and nobody else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The id under which the workers log in.
pub(super) const CLIENT_ID: &str = "fleet";

/// Drawn anew for each run. They reach a worker on its standard input: arguments and the environment show in process
/// lists.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Secrets {
    pub(super) client_secret: String,
    pub(super) sealing_key: [u8; 32],
}

impl Secrets {
    pub(super) fn draw() -> Result<Self, Failure> {
        Ok(Self { client_secret: random_text()?, sealing_key: random()? })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// 128 random bits in hexadecimal digits.
pub(super) fn random_text() -> Result<String, Failure> {
    Ok(format!("{:032x}", u128::from_ne_bytes(random()?)))
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Failure::Broken(format!("the system has no random numbers: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_has_its_own() {
        let (one, other) = (Secrets::draw().unwrap(), Secrets::draw().unwrap());
        assert_eq!(one.client_secret.len(), 32);
        assert_ne!(one.client_secret, other.client_secret);
        assert_ne!(one.sealing_key, other.sealing_key);
        assert_eq!(format!("{one:?}"), "Secrets(..)");
    }
}
