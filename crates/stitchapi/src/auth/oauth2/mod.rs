//! OAuth 2.0 logins (RFC 6749) for [`SeamBuilder::auth`](crate::SeamBuilder::auth). Requires the feature `oauth2`.
//!
//! The `oauth2` crate builds the token request and reads the response. The request is sent through the transport of the
//! seam ([`AuthContext::send`](super::AuthContext::send)). A response that deviates from the RFC is normalized before
//! the crate reads it.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
//! use stitchapi::auth::oauth2::ClientCredentials;
//! use stitchapi::{Seam, env};
//!
//! let login = ClientCredentials::new("https://login.example.com/token", "my-client", env("CLIENT_SECRET"))
//!     .scope("orders.read")
//!     .param("audience", "https://api.example.com");
//! let api = Seam::builder("https://api.example.com").auth(login).build()?;
//! # Ok(()) }
//! ```

mod client_credentials;
mod lifetime;
mod token_endpoint;
mod token_response;

pub use client_credentials::ClientCredentials;
