//! Authentication: how the requests of a seam get the credentials that the API requires.
//!
//! [`SeamBuilder::auth`](crate::SeamBuilder::auth) accepts a strategy ([`AuthStrategy`], such as [`bearer`]) or a login
//! ([`Login`], such as `oauth2::ClientCredentials`). A call prepares a [`Credential`] before the throttle books its
//! slot (start time), and applies it to the request when the slot begins. A login becomes the strategy [`Sessions`],
//! which keeps one session for the whole fleet: it reads the session from memory, then from the store, and otherwise
//! logs in by single flight, once for all callers that wait.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
//! use stitchapi::{Seam, auth, env};
//!
//! let api = Seam::builder("https://api.example.com").auth(auth::bearer(env("API_TOKEN"))).build()?;
//! # Ok(()) }
//! ```

mod bearer;
mod context;
mod error;
mod into_strategy;
mod login;
mod login_settings;
#[cfg(feature = "oauth2")]
pub mod oauth2;
mod secret;
mod session;
mod sessions;
mod strategy;

pub use bearer::{Bearer, bearer};
pub use context::AuthContext;
pub use error::AuthError;
pub use into_strategy::{IntoAuthStrategy, LoginKind, StrategyKind};
pub use login::Login;
pub(crate) use login_settings::LoginSettings;
pub use secret::{Secret, env};
pub use session::Session;
pub use sessions::{Sessions, session};
pub use strategy::{AuthStrategy, Credential, Verdict};
