//! How the secrets of a seam are stored: sealed with a key, or in plaintext.
//!
//! A [`Vault`] takes a value and the name of the place where it will be stored, and returns the bytes to store; it also
//! converts the bytes back into the value. Sessions are stored in this way. The vault also hashes private values, such
//! as user ids, for the store keys of auth, cache and throttle ([`Vault::digest`]). [`envelope`] defines the layout of
//! the bytes, [`digest`] the hash, and [`SealingKey`] is the key of both.

mod digest;
mod envelope;
mod key;
mod sealed_or_plaintext;

pub use key::SealingKey;
pub use sealed_or_plaintext::Vault;
