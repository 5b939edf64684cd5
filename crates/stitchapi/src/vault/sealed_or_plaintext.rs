//! The vault of a seam: it seals values, or stores them in plaintext.

use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::digest;
use super::envelope::{self, OpenError, SealError};
use super::key::SealingKey;
use crate::error::Result;

/// How the secrets of a seam are kept in its store: sealed with a key, or in plaintext. Cheap to clone.
///
/// * A sealed value is encrypted and authenticated (XChaCha20-Poly1305). The place where it is stored is authenticated,
///   too: a value that was moved to another key of the store or to another principal does not open.
/// * A value that does not open counts as missing and is no error: a damaged value, a value sealed with another key, a
///   value of the other kind of vault. Therefore a change of the vault costs one login for each session.
/// * With a key, accounts and principals in store keys are hashed with that key, so that a reader of the store cannot
///   guess them. In plaintext they are hashed without a key.
/// * `Debug` shows the id of the key and no secret.
///
/// ```no_run
/// # #[cfg(feature = "oauth2")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// use stitchapi::auth::oauth2::ClientCredentials;
/// use stitchapi::{MemoryStore, SealingKey, Seam, Vault, env};
///
/// # let key_bytes = [7; 32];
/// let login = ClientCredentials::new("https://login.example.com/token", "my-client", env("CLIENT_SECRET"));
/// let api = Seam::builder("https://api.example.com")
///     .store(MemoryStore::new())
///     .auth(login)
///     .vault(Vault::sealed(SealingKey::from_bytes("2026-12", key_bytes)))
///     .build()?;
/// # Ok(()) }
/// # #[cfg(not(feature = "oauth2"))] fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct Vault(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Sealed(Arc<SealingKey>),
    Plaintext,
}

impl Vault {
    /// Seals sessions with `key`. A reader of the store sees only the size and the expiry of a session.
    #[must_use]
    pub fn sealed(key: SealingKey) -> Self {
        Self(Kind::Sealed(Arc::new(key)))
    }

    /// Seals nothing: every reader of the store can read the tokens, and every writer can replace them.
    #[must_use]
    pub fn plaintext() -> Self {
        Self(Kind::Plaintext)
    }

    /// Checks the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the id of the key is empty or longer than 64 bytes.
    pub(crate) fn validate(&self) -> Result<()> {
        self.key().map_or(Ok(()), SealingKey::validate)
    }

    /// Returns the bytes to store for `plain` in the place that `aad` (associated data) names.
    ///
    /// # Errors
    ///
    /// [`SealError`] if the operating system provides no random bytes. A plaintext vault never fails.
    pub(crate) fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Bytes, SealError> {
        match self.key() {
            Some(key) => envelope::seal(key, aad, plain),
            None => Ok(envelope::encode_plaintext(plain)),
        }
    }

    /// Returns the value that [`seal`](Self::seal) encoded for the place that `aad` (associated data) names. It never
    /// panics, whatever the bytes.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the bytes were not sealed with this key for this place. A plaintext vault checks only the first
    /// byte, and does not check the place.
    pub(crate) fn open(&self, aad: &[u8], stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        match self.key() {
            Some(key) => envelope::open(key, aad, stored),
            None => envelope::decode_plaintext(stored),
        }
    }

    /// Returns 64 hex digits that stand for `parts` in a store key. They are the same in every process with the same
    /// vault.
    ///
    /// With a sealing key, only a process that has the key can check whether a digest is that of given parts.
    pub(crate) fn digest(&self, parts: &[&[u8]]) -> String {
        digest::digest(self.key(), parts)
    }

    fn key(&self) -> Option<&SealingKey> {
        match &self.0 {
            Kind::Sealed(key) => Some(key),
            Kind::Plaintext => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vault {
        Vault::sealed(SealingKey::from_bytes("k1", [7; 32]))
    }

    #[test]
    fn neither_kind_of_vault_opens_a_value_of_the_other() {
        let (sealed, plaintext) = (sealed(), Vault::plaintext());
        let [secret, plain] = [&sealed, &plaintext].map(|vault| vault.seal(b"place", b"value").unwrap());
        assert_eq!(*sealed.open(b"place", &secret).unwrap(), b"value");
        assert_eq!(*plaintext.open(b"place", &plain).unwrap(), b"value");
        assert_eq!(sealed.open(b"place", &plain).unwrap_err(), OpenError::Format);
        assert_eq!(plaintext.open(b"place", &secret).unwrap_err(), OpenError::Format);
    }

    #[test]
    fn a_sealed_value_shows_no_part_of_the_plaintext() {
        let stored = sealed().seal(b"place", b"a secret token").unwrap();
        assert!(!stored.windows(6).any(|window| b"a secret token".windows(6).any(|part| part == window)));
    }

    #[test]
    fn debug_shows_the_id_and_no_key() {
        assert_eq!(format!("{:?}", sealed()), r#"Vault(Sealed(SealingKey { id: "k1", .. }))"#);
    }

    #[test]
    fn a_vault_with_an_invalid_key_is_invalid() {
        assert!(Vault::plaintext().validate().is_ok() && sealed().validate().is_ok());
        assert!(Vault::sealed(SealingKey::from_bytes("", [7; 32])).validate().is_err());
    }

    #[test]
    fn both_kinds_of_vault_hash_parts_of_store_keys() {
        assert_eq!(sealed().digest(&[b"ada"]).len(), 64);
        assert_ne!(sealed().digest(&[b"ada"]), Vault::plaintext().digest(&[b"ada"]));
    }
}
