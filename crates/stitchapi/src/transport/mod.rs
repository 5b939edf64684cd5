//! Implementations of [`Transport`](stitchapi_core::Transport): how requests are sent.

#[cfg(feature = "reqwest")]
mod reqwest;

#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
