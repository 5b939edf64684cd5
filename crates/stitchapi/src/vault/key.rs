//! The key of a vault.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use zeroize::Zeroize;

use crate::error::{Error, Result};

/// Maximum length of an id, in bytes.
const MAX_ID_LEN: usize = 64;

/// A key derived for one purpose; zeroized when dropped.
pub(super) type Subkey = SecretBox<[u8; 32]>;

/// A key of 32 random bytes with an id, for [`Vault::sealed`](crate::Vault::sealed). Every process that shares the
/// store must use the same key.
///
/// * The id is public: it is stored in front of every sealed value, so that a value sealed with another key is
///   recognized. It has 1 to 64 bytes; with another length `build` of the seam fails.
/// * Sealing uses one subkey, and the digests in store keys use another. Each is the HMAC-SHA256 of a constant text
///   under the key (similar to HKDF-Expand, RFC 5869). Only the subkeys are kept, and they are zeroized when dropped.
/// * `Debug` shows the id only.
///
/// ```
/// use stitchapi::{SealingKey, Vault};
///
/// # let from_your_secret_manager = [7; 32];
/// let key: [u8; 32] = from_your_secret_manager;
/// let vault = Vault::sealed(SealingKey::from_bytes("2026-12", key));
/// # let _ = vault;
/// ```
pub struct SealingKey {
    id: String,
    sealing: Subkey,
    digests: Subkey,
}

impl SealingKey {
    /// Creates the key `id` from 32 bytes of a cryptographic random source. A password is not a key.
    ///
    /// This function zeroizes its own copy of `key`; the caller erases every other copy.
    #[must_use]
    pub fn from_bytes(id: impl Into<String>, mut key: [u8; 32]) -> Self {
        let [sealing, digests] = [b"stitchapi envelopes v1".as_slice(), b"stitchapi key names v1"]
            .map(|purpose| SecretBox::init_with_mut(|subkey| *subkey = mac(&key, &[purpose])));
        key.zeroize();
        Self { id: id.into(), sealing, digests }
    }

    /// Checks the id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the id is empty or longer than 64 bytes.
    pub(super) fn validate(&self) -> Result<()> {
        match self.id.len() {
            0 => Err(Error::config("sealing key: the id is empty, expected 1 to 64 bytes")),
            1..=MAX_ID_LEN => Ok(()),
            length => Err(Error::config(format!("sealing key: the id has {length} bytes, expected 1 to {MAX_ID_LEN}"))),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn sealing_subkey(&self) -> &[u8; 32] {
        self.sealing.expose_secret()
    }

    pub(super) fn digest_subkey(&self) -> &[u8; 32] {
        self.digests.expose_secret()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Returns the HMAC-SHA256 (RFC 2104) of the concatenated `parts`.
pub(super) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_id_has_1_to_64_bytes() {
        let validate = |length: usize| SealingKey::from_bytes("k".repeat(length), [1; 32]).validate();
        assert!(validate(1).is_ok() && validate(64).is_ok());
        for length in [0, 65, 300] {
            assert_eq!(validate(length).unwrap_err().kind(), ErrorKind::Config);
        }
    }

    #[test]
    fn debug_shows_the_id_only() {
        assert_eq!(format!("{:?}", SealingKey::from_bytes("2026-12", [7; 32])), r#"SealingKey { id: "2026-12", .. }"#);
    }

    /// RFC 4231, test case 2. Its key `Jefe` is shorter than 32 bytes; zeros are appended here, as HMAC itself does.
    #[test]
    fn the_mac_is_hmac_sha256() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let hex: String =
            mac(&key, &[b"what do ya want ", b"for nothing?"]).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn the_subkeys_differ_from_each_other_and_from_the_key() {
        let key = SealingKey::from_bytes("k", [7; 32]);
        assert_ne!(key.sealing_subkey(), key.digest_subkey());
        assert!(key.sealing_subkey() != &[7; 32] && key.digest_subkey() != &[7; 32]);
    }
}
