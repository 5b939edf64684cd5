//! Keys that fit a store.

use sha2::{Digest, Sha256};
use stitchapi_core::{Key, Prefix};

/// `key`, or a short one made of its SHA-256 where it is longer than `max_key` bytes.
pub(crate) fn fitted(key: Key, max_key: usize) -> Key {
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
        assert_eq!(fitted(key.clone(), 207), key);
        let short = fitted(key, 206);
        assert_eq!(short.rendered_len(), "{pace:sha256:}".len() + 64);
        assert_ne!(short, fitted(Key::new("pace").part("a".repeat(201)), 206));
    }
}
