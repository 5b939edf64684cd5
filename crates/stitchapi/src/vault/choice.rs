//! Sealed, or not.

use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::envelope::{self, SealError, Unreadable};
use super::{SealingKey, names};
use crate::Result;

/// How the secrets of a seam lie in its store: sealed with a key, or as they are. Cheap to clone.
///
/// * A sealed value is encrypted and authenticated (XChaCha20-Poly1305) together with the place it is written to: moved
///   to another key of the store, or to another principal, it does not open.
/// * What does not open is a miss, never an error: a damaged value, one of another key, one of the other kind of vault.
///   So changing the vault costs one login.
/// * Sealed, keys of the store tell nothing either: what names an account is hashed with a key.
/// * Its `Debug` shows the key's id and no secret.
#[derive(Debug, Clone)]
pub struct Vault(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Sealed(Arc<SealingKey>),
    Plaintext,
}

impl Vault {
    /// Seals sessions with this key; of them a store that is read by others shows sizes and times only.
    #[must_use]
    pub fn sealed(key: SealingKey) -> Self {
        Self(Kind::Sealed(Arc::new(key)))
    }

    /// Seals nothing: whoever reads the store reads the tokens, and whoever writes to it chooses them.
    #[must_use]
    pub fn plaintext() -> Self {
        Self(Kind::Plaintext)
    }

    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the key's id is empty or too long.
    pub(crate) fn judge(&self) -> Result<()> {
        self.key().map_or(Ok(()), SealingKey::judge)
    }

    /// `plain` as it is to be stored in the place that `aad` names.
    ///
    /// # Errors
    ///
    /// [`SealError`], if the operating system has no random bytes. A plaintext vault never fails.
    pub(crate) fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Bytes, SealError> {
        match self.key() {
            Some(key) => envelope::seal(key, aad, plain),
            None => Ok(envelope::wrap(plain)),
        }
    }

    /// What was sealed for the place that `aad` names. Never panics, whatever is stored.
    ///
    /// # Errors
    ///
    /// [`Unreadable`]. A plaintext vault knows damage in the first byte only, and no place.
    pub(crate) fn open(&self, aad: &[u8], stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        match self.key() {
            Some(key) => envelope::open(key, aad, stored),
            None => envelope::unwrap(stored),
        }
    }

    /// 64 hex digits that stand for `parts` in a key of the store, the same in every process with the same vault.
    ///
    /// Sealed, nobody without the key can tell whether given parts are behind it.
    pub(crate) fn digest(&self, parts: &[&[u8]]) -> String {
        names::digest(self.key(), parts)
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
    fn neither_vault_opens_what_the_other_keeps() {
        let (sealed, plaintext) = (sealed(), Vault::plaintext());
        let [secret, open] = [&sealed, &plaintext].map(|vault| vault.seal(b"place", b"value").unwrap());
        assert_eq!(*sealed.open(b"place", &secret).unwrap(), b"value");
        assert_eq!(*plaintext.open(b"place", &open).unwrap(), b"value");
        assert_eq!(sealed.open(b"place", &open).unwrap_err(), Unreadable::Format);
        assert_eq!(plaintext.open(b"place", &secret).unwrap_err(), Unreadable::Format);
    }

    #[test]
    fn nothing_of_a_sealed_value_shows() {
        let stored = sealed().seal(b"place", b"a secret token").unwrap();
        assert!(!stored.windows(6).any(|window| b"a secret token".windows(6).any(|part| part == window)));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", sealed()), r#"Vault(Sealed(SealingKey { id: "k1", .. }))"#);
    }

    #[test]
    fn only_a_sealing_key_can_be_wrong() {
        assert!(Vault::plaintext().judge().is_ok() && sealed().judge().is_ok());
        assert!(Vault::sealed(SealingKey::from_bytes("", [7; 32])).judge().is_err());
    }

    #[test]
    fn both_vaults_hash_names() {
        assert_eq!(sealed().digest(&[b"ada"]).len(), 64);
        assert_ne!(sealed().digest(&[b"ada"]), Vault::plaintext().digest(&[b"ada"]));
    }
}
