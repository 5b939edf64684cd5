//! How the secrets of a seam are stored: sealed with a key, or in plaintext.
//!
//! In: a value and the place where it is stored. Out: the bytes to store, and the value again when they are read. Sessions
//! are sealed; auth, cache and throttle also derive the parts of their store keys here ([`Vault::digest`]).
//! [`envelope`] is the layout of the bytes, [`digest`] the hash in store keys, [`SealingKey`] the key for both.

mod digest;
mod envelope;
mod key;
mod sealed_or_plaintext;

pub use key::SealingKey;
pub use sealed_or_plaintext::Vault;
