//! The [`Transport`](stitchapi_core::Transport)s of this crate.

#[cfg(feature = "reqwest")]
mod reqwest;

#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
