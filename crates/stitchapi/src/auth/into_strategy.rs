//! What [`SeamBuilder::auth`](crate::SeamBuilder::auth) accepts: strategies and logins.

use super::login::Login;
use super::sessions::{Sessions, session};
use super::strategy::AuthStrategy;

/// A value that [`SeamBuilder::auth`](crate::SeamBuilder::auth) accepts: an [`AuthStrategy`], or a [`Login`], which
/// becomes the strategy [`session(login)`](session()).
///
/// It is implemented for every type that implements one of these two traits, so implement one of them and not this
/// trait. The type parameter `Kind` distinguishes the two implementations and is inferred. For a type that implements
/// both traits write `.auth(session(login))`.
///
/// ```
/// use stitchapi::auth::{IntoAuthStrategy, bearer};
/// use stitchapi::env;
///
/// fn accepts<Kind>(_: impl IntoAuthStrategy<Kind>) {}
///
/// accepts(bearer(env("API_TOKEN")));
/// # #[cfg(feature = "oauth2")] {
/// use stitchapi::auth::oauth2::ClientCredentials;
///
/// accepts(ClientCredentials::new("https://login.example.com/token", "my-client", env("CLIENT_SECRET")));
/// # }
/// ```
///
/// For any other type, the compiler reports an error that says what to write:
///
/// ```compile_fail,E0277
/// # use stitchapi::auth::IntoAuthStrategy;
/// # fn accepts<Kind>(_: impl IntoAuthStrategy<Kind>) {}
/// accepts("my-token");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot authenticate the calls of a seam",
    label = "neither an `AuthStrategy` nor a `Login`",
    note = "for a token write `.auth(auth::bearer(env(\"TOKEN\")))`, or `auth::bearer(Secret::value(token))`",
    note = "for OAuth2 client credentials write `.auth(auth::oauth2::ClientCredentials::new(url, id, secret))` (feature `oauth2`)",
    note = "for a login of your own implement `auth::Login`, for anything else `auth::AuthStrategy`"
)]
pub trait IntoAuthStrategy<Kind> {
    /// The strategy.
    type Strategy: AuthStrategy;

    /// Converts the value into a strategy.
    fn into_auth_strategy(self) -> Self::Strategy;
}

/// The parameter `Kind` of [`IntoAuthStrategy`] for types that implement [`AuthStrategy`].
#[derive(Debug)]
pub enum StrategyKind {}

/// The parameter `Kind` of [`IntoAuthStrategy`] for types that implement [`Login`].
#[derive(Debug)]
pub enum LoginKind {}

impl<A: AuthStrategy> IntoAuthStrategy<StrategyKind> for A {
    type Strategy = A;

    fn into_auth_strategy(self) -> A {
        self
    }
}

impl<L: Login> IntoAuthStrategy<LoginKind> for L {
    type Strategy = Sessions;

    fn into_auth_strategy(self) -> Sessions {
        session(self)
    }
}
