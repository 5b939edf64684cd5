//! How a call shows who it is.

mod bearer;
mod keep;
mod login;
#[cfg(feature = "oauth2")]
pub mod oauth2;
mod secret;
mod session;
mod sessions;
mod strategy;

pub use bearer::{Bearer, bearer};
pub use login::Login;
pub use secret::{Secret, env};
pub use session::Session;
pub use sessions::{Sessions, session};
pub use strategy::{AuthContext, AuthError, AuthStrategy, Credential, Verdict};
