//! Digests that replace private values, such as user ids, in the keys of a store.

use sha2::{Digest, Sha256};

use super::SealingKey;
use super::key::mac;

/// Returns the HMAC-SHA256 of `parts` under `key`, or their SHA-256 without a key, as 64 hex digits.
///
/// Each part is preceded by its length (8 bytes, big-endian), so that different parts never hash the same bytes.
pub(super) fn digest(key: Option<&SealingKey>, parts: &[&[u8]]) -> String {
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
    let flat: Vec<&[u8]> = lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]).collect();
    let digest: [u8; 32] = match key {
        Some(key) => mac(key.digest_subkey(), &flat),
        None => flat.iter().fold(Sha256::new(), Digest::chain_update).finalize().into(),
    };
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(key: u8, parts: &[&[u8]]) -> String {
        digest(Some(&SealingKey::from_bytes("k", [key; 32])), parts)
    }

    #[test]
    fn different_parts_have_different_digests() {
        let all = [&[b"ab".as_slice(), b"c"][..], &[b"a", b"bc"], &[b"abc"], &[b"abc", b""], &[b"", b"abc"], &[]];
        for (i, one) in all.iter().enumerate() {
            for other in &all[..i] {
                assert_ne!(digest(None, one), digest(None, other));
                assert_ne!(keyed(1, one), keyed(1, other));
            }
        }
    }

    #[test]
    fn a_digest_depends_on_the_key() {
        assert_ne!(keyed(1, &[b"ada"]), keyed(2, &[b"ada"]));
        assert_ne!(keyed(1, &[b"ada"]), digest(None, &[b"ada"]));
        assert_eq!(keyed(1, &[b"ada"]), keyed(1, &[b"ada"]));
    }

    /// Store keys are also used by processes with other versions of the library, so these values must not change.
    #[test]
    fn a_digest_never_changes() {
        assert_eq!(digest(None, &[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest(None, &[b"a", b"bc"]), "3fafa1cf2f19a7c1129beb20cf0983f73a489a221fc0dd2f16d1be292d089205");
        assert_eq!(keyed(1, &[b"a", b"bc"]), "6e12f67ee6e4f5328e56217815e3d1fb77948dadb905cb495b7922d5ef9f28aa");
    }
}
