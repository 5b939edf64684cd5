//! The key that seals.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use zeroize::Zeroize;

use crate::{Error, Result};

/// The longest id, in bytes.
const LONGEST_ID: usize = 64;

/// A subkey; zeroized when dropped.
pub(super) type Subkey = SecretBox<[u8; 32]>;

/// A key of 32 random bytes and its id. The same in every process that shares the store.
///
/// * The id is public: it lies in front of every sealed value, so that a later key can be told from this one. It is
///   neither empty nor longer than 64 bytes; the seam's `build` says so.
/// * The key itself is used for nothing. Sealing and the names of store keys have a subkey each, the HMAC-SHA256 of a
///   constant text under it (as HKDF-Expand does, RFC 5869); only these are kept, and zeroized when dropped.
/// * Its `Debug` shows the id only.
pub struct SealingKey {
    id: String,
    envelopes: Subkey,
    names: Subkey,
}

impl SealingKey {
    /// The key `id`, of 32 bytes from a source of real randomness. A password is no key.
    ///
    /// A copy of `key` that the caller keeps is the caller's to erase.
    #[must_use]
    pub fn from_bytes(id: impl Into<String>, mut key: [u8; 32]) -> Self {
        let [envelopes, names] = [b"stitchapi envelopes v1".as_slice(), b"stitchapi key names v1"]
            .map(|purpose| SecretBox::init_with_mut(|subkey| *subkey = mac(&key, &[purpose])));
        key.zeroize();
        Self { id: id.into(), envelopes, names }
    }

    pub(super) fn judge(&self) -> Result<()> {
        match self.id.len() {
            0 => Err(Error::config("the sealing key's id is empty")),
            1..=LONGEST_ID => Ok(()),
            _ => Err(Error::config(format!("the sealing key's id is longer than {LONGEST_ID} bytes"))),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn envelopes(&self) -> &[u8; 32] {
        self.envelopes.expose_secret()
    }

    pub(super) fn names(&self) -> &[u8; 32] {
        self.names.expose_secret()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// HMAC-SHA256 (RFC 2104) of `parts`, one after the other.
pub(super) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn an_id_has_1_to_64_bytes() {
        let judged = |length: usize| SealingKey::from_bytes("k".repeat(length), [1; 32]).judge();
        assert!(judged(1).is_ok() && judged(64).is_ok());
        for length in [0, 65, 300] {
            assert_eq!(judged(length).unwrap_err().kind(), ErrorKind::Config);
        }
    }

    #[test]
    fn debug_shows_the_id_only() {
        assert_eq!(format!("{:?}", SealingKey::from_bytes("2026-12", [7; 32])), r#"SealingKey { id: "2026-12", .. }"#);
    }

    /// RFC 4231, test case 2 has a shorter key: `Jefe`, which HMAC pads with zeros.
    #[test]
    fn the_mac_is_hmac_sha256() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let hex: String =
            mac(&key, &[b"what do ya want ", b"for nothing?"]).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn the_subkeys_are_neither_each_other_nor_the_key() {
        let key = SealingKey::from_bytes("k", [7; 32]);
        assert_ne!(key.envelopes(), key.names());
        assert!(key.envelopes() != &[7; 32] && key.names() != &[7; 32]);
    }
}
