//! How a call shows who it is.

mod bearer;
mod secret;
mod strategy;

pub use bearer::{Bearer, bearer};
pub use secret::{Secret, env};
pub use strategy::{AuthContext, AuthError, AuthStrategy, Credential, Verdict};
