//! OAuth 2.0 logins (RFC 6749), for [`auth::session`](super::session()). The feature `oauth2`.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
//! use stitchapi::auth::oauth2::ClientCredentials;
//! use stitchapi::{Vault, auth};
//! use stitchapi::{Seam, env};
//!
//! let login = ClientCredentials::new("https://login.example.com/token", "my-client", env("CLIENT_SECRET"))
//!     .scope("orders.read")
//!     .param("audience", "https://api.example.com");
//! let api = Seam::builder("https://api.example.com").auth(auth::session(login)).vault(Vault::plaintext()).build()?;
//! # Ok(()) }
//! ```

mod answer;
mod client_credentials;
mod endpoint;
mod lifetime;

pub use client_credentials::ClientCredentials;
