//! Shortens keys that are too long for a store.

use sha2::{Digest, Sha256};
use stitchapi_core::{Key, Prefix};

/// Returns `key` if it has at most `max_key` bytes. Otherwise returns a key of the same kind that contains the SHA-256
/// of `key`.
pub(crate) fn fit_key(key: Key, max_key: usize) -> Key {
    if key.rendered_len() <= max_key {
        return key;
    }
    let digest = Sha256::digest(key.render(&Prefix::default()));
    Key::new(key.kind()).part("sha256").part(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_that_is_too_long_is_hashed() {
        let key = Key::new("pace").part("a".repeat(200));
        assert_eq!(fit_key(key.clone(), 207), key);
        let short = fit_key(key, 206);
        assert_eq!(short.rendered_len(), "{pace:sha256:}".len() + 64);
        assert_ne!(short, fit_key(Key::new("pace").part("a".repeat(201)), 206));
    }
}
