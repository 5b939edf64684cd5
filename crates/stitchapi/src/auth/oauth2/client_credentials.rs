//! The OAuth 2.0 client credentials grant: a login with the id and the secret of an application.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::oauth2::basic::BasicClient;
use ::oauth2::{AuthType, ClientId, ClientSecret, Scope, TokenResponse, TokenUrl};
use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::json;
use url::{Position, Url};

use super::lifetime::{DEFAULT_LIFETIME, bound_lifetime};
use super::token_endpoint::TokenEndpoint;
use crate::auth::bearer::Authorization;
use crate::auth::context::AuthContext;
use crate::auth::error::AuthError;
use crate::auth::login::Login;
use crate::auth::secret::Secret;
use crate::auth::session::Session;
use crate::auth::strategy::Credential;
use crate::endpoint::parse_http_url;

/// Login with a client's own id and secret (RFC 6749, section 4.4). Requests carry the token as `Authorization:
/// Bearer`.
///
/// * The token request is sent through the transport of the seam. It is bounded by the attempt timeout, it is not
///   throttled, and redirects are not followed.
/// * The secret is read at each login. It is sent in the header `Authorization`, or in the
///   [body](Self::credentials_in_body).
/// * The lifetime of a token counts from the sending of the token request. `expires_in` may be a number, or text with a
///   number; less than a second becomes 30 s, and more than 30 days becomes 30 days. If it is missing or not a number,
///   the lifetime is [`default_lifetime`](Self::default_lifetime).
/// * A token request without a response or with the status 408, 429 or 5xx is retryable; another refusal is not. An
///   error shows the status and the OAuth error code, and nothing else of the response.
/// * All calls of the seam share one token, whatever their [principal](crate::Seam::as_principal).
/// * `Debug` shows no secret, no query and no value of a parameter.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// use stitchapi::auth::oauth2::ClientCredentials;
/// use stitchapi::{Seam, env};
///
/// let login = ClientCredentials::new("https://login.example.com/token", "my-client", env("CLIENT_SECRET"))
///     .scope("orders.read");
/// let api = Seam::builder("https://api.example.com").auth(login).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientCredentials {
    token_url: Result<Url, String>,
    client_id: String,
    client_secret: Secret,
    scopes: Vec<String>,
    params: Vec<(String, String)>,
    credentials_in_body: bool,
    default_lifetime: Duration,
}

impl ClientCredentials {
    /// Creates the login of the client `client_id` at a token endpoint.
    ///
    /// The URL must have the scheme `https` or `http`, no credentials and no fragment; otherwise `build` of the seam
    /// fails with [`ErrorKind::Config`](crate::ErrorKind::Config). With `http` the secret is sent unencrypted.
    pub fn new(token_url: impl Into<String>, client_id: impl Into<String>, client_secret: impl Into<Secret>) -> Self {
        Self {
            token_url: parse_token_url(&token_url.into()),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            scopes: Vec::new(),
            params: Vec::new(),
            credentials_in_body: false,
            default_lifetime: DEFAULT_LIFETIME,
        }
    }

    /// Adds a scope, or several separated by spaces. May be repeated.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.extend(scope.split_ascii_whitespace().map(str::to_owned));
        self
    }

    /// Adds a parameter to the token request, such as `audience` or `resource`. May be repeated.
    ///
    /// Parameters are a part of the account's identity, so they must not contain secrets.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Sends id and secret in the body of the token request (`client_secret_post`). The default is the header
    /// `Authorization` (`client_secret_basic`), which every server must support (RFC 6749, section 2.3.1).
    pub fn credentials_in_body(mut self) -> Self {
        self.credentials_in_body = true;
        self
    }

    /// Sets the lifetime of a token whose response states none. The default is an hour; less than a second becomes 30
    /// s, and more than 30 days becomes 30 days.
    pub fn default_lifetime(mut self, lifetime: Duration) -> Self {
        self.default_lifetime = lifetime;
        self
    }
}

#[async_trait]
impl Login for ClientCredentials {
    /// Returns token URL, client id, scopes and parameters. Scopes and parameters are sorted, so that the order in
    /// which they were added does not matter.
    fn account(&self) -> String {
        let (mut scopes, mut params) = (self.scopes.clone(), self.params.clone());
        scopes.sort_unstable();
        scopes.dedup();
        params.sort_unstable();
        json!([self.token_url.as_ref().map(Url::as_str).ok(), self.client_id, scopes, params]).to_string()
    }

    /// Requests a new token. This grant has no refresh token, so the previous session is not used.
    async fn login(&self, context: &AuthContext<'_>, _: Option<&Session>) -> Result<Session, AuthError> {
        let token_url = self.token_url.clone().map_err(AuthError::new)?;
        let secret = self.client_secret.resolve()?;
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            .set_auth_type(if self.credentials_in_body { AuthType::RequestBody } else { AuthType::BasicAuth })
            .set_token_uri(TokenUrl::from_url(token_url));
        let mut request = client.exchange_client_credentials().add_scopes(self.scopes.iter().cloned().map(Scope::new));
        for (name, value) in &self.params {
            request = request.add_extra_param(name, value);
        }
        let (endpoint, requested_at) = (TokenEndpoint::new(*context), context.runtime().wall());
        let response = request.request_async(&endpoint).await.map_err(|error| endpoint.convert_error(error))?;
        let token = response.access_token().secret().as_str();
        if token.is_empty() {
            return Err(AuthError::new("the token endpoint returned an empty token"));
        }
        let lifetime = bound_lifetime(endpoint.lifetime().unwrap_or(self.default_lifetime));
        let session = Session::new(token, requested_at + lifetime);
        // The login fails if no request can carry the token, so that such a token is not stored.
        self.credential(&session)?;
        Ok(session)
    }

    fn is_per_principal(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), AuthError> {
        self.token_url.as_ref().map(drop).map_err(|what| AuthError::new(what.clone()))
    }

    fn credential(&self, session: &Session) -> Result<Arc<dyn Credential>, AuthError> {
        Ok(Arc::new(Authorization::bearer(session.token(), Some(session.expires_at()))?))
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params: Vec<&str> = self.params.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ClientCredentials")
            .field("token_url", &self.token_url.as_ref().map(|url| &url[..Position::AfterPath]))
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .field("scopes", &self.scopes)
            .field("params", &params)
            .field("credentials_in_body", &self.credentials_in_body)
            .field("default_lifetime", &self.default_lifetime)
            .finish()
    }
}

/// Parses the URL of a token endpoint, and checks that a request can be sent to it.
///
/// # Errors
///
/// Text that says what is wrong with the URL. It does not show the URL itself, which may contain a password.
fn parse_token_url(text: &str) -> Result<Url, String> {
    let url = parse_http_url(text).map_err(|error| format!("token URL: {error}"))?;
    // A request has an `http::Uri`, which rejects some valid URLs, such as those longer than 64 KiB.
    http::Uri::try_from(url.as_str()).map_err(|error| format!("token URL: not a valid URI: {error}"))?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> ClientCredentials {
        ClientCredentials::new("https://a.example/token?v=1", "me", Secret::value("hunter2"))
    }

    #[test]
    fn two_accounts_have_two_identities() {
        let all = [
            client(),
            ClientCredentials::new("https://a.example/token?v=2", "me", Secret::value("hunter2")),
            ClientCredentials::new("https://a.example/token?v=1", "you", Secret::value("hunter2")),
            client().scope("a"),
            client().scope("a b"),
            client().param("a", "b"),
            client().param("b", "a"),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|other| other.account() != one.account()), "{one:?}");
        }
    }

    #[test]
    fn the_identity_does_not_depend_on_the_order_of_setters() {
        let one = client().scope("a b").param("x", "1").param("y", "2");
        let other = client().scope("b").scope("a").scope("b").param("y", "2").param("x", "1").credentials_in_body();
        assert_eq!(one.account(), other.account());
    }

    #[test]
    fn neither_account_nor_debug_shows_a_secret() {
        let client = client().param("audience", "value");
        assert!(!client.account().contains("hunter2"));
        let shown = format!("{client:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("v=1") && !shown.contains("value\""), "{shown}");
    }

    #[test]
    fn a_token_url_is_http_or_https_without_credentials_and_fragment() {
        for valid in ["https://a.example/token?api-version=1", "http://127.0.0.1:8080/token"] {
            assert!(parse_token_url(valid).is_ok(), "{valid}");
        }
        for invalid in ["", "/token", "ftp://a.example/", "https://a:hunter2@a.example/", "https://a.example/#b"] {
            let error = parse_token_url(invalid).unwrap_err();
            assert!(error.starts_with("token URL: ") && !error.contains("hunter2"), "{error}");
        }
    }
}
