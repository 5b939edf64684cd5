//! Parts of store keys that show nothing of what they are made of.

use sha2::{Digest, Sha256};

use super::SealingKey;
use super::key::mac;

/// The HMAC-SHA256 of `parts` under `key`, in hex; without a key their SHA-256.
///
/// Each part goes with its length (8 bytes, big-endian), so that no other parts come to the same bytes.
pub(super) fn digest(key: Option<&SealingKey>, parts: &[&[u8]]) -> String {
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
    let flat: Vec<&[u8]> = lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]).collect();
    let digest: [u8; 32] = match key {
        Some(key) => mac(key.names(), &flat),
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
    fn parts_do_not_run_into_each_other() {
        let all = [&[b"ab".as_slice(), b"c"][..], &[b"a", b"bc"], &[b"abc"], &[b"abc", b""], &[b"", b"abc"], &[]];
        for (i, one) in all.iter().enumerate() {
            for other in &all[..i] {
                assert_ne!(digest(None, one), digest(None, other));
                assert_ne!(keyed(1, one), keyed(1, other));
            }
        }
    }

    #[test]
    fn it_takes_the_key_to_tell_what_a_name_is_made_of() {
        assert_ne!(keyed(1, &[b"ada"]), keyed(2, &[b"ada"]));
        assert_ne!(keyed(1, &[b"ada"]), digest(None, &[b"ada"]));
        assert_eq!(keyed(1, &[b"ada"]), keyed(1, &[b"ada"]));
    }

    /// Names outlive a process and its version: these values may not change.
    #[test]
    fn a_name_is_the_same_for_ever() {
        assert_eq!(digest(None, &[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest(None, &[b"a", b"bc"]), "3fafa1cf2f19a7c1129beb20cf0983f73a489a221fc0dd2f16d1be292d089205");
        assert_eq!(keyed(1, &[b"a", b"bc"]), "6e12f67ee6e4f5328e56217815e3d1fb77948dadb905cb495b7922d5ef9f28aa");
    }
}
