//! How secrets lie in a store.

mod choice;
mod envelope;
mod key;
mod names;

pub use choice::Vault;
pub use key::SealingKey;
