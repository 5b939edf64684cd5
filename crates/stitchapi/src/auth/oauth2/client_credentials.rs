//! The client credentials grant.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::oauth2::basic::BasicClient;
use ::oauth2::{AuthType, ClientId, ClientSecret, Scope, TokenResponse, TokenUrl};
use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::json;
use url::{Position, Url};

use super::endpoint::Endpoint;
use super::lifetime::{UNSAID, bounded};
use crate::auth::bearer::Authorization;
use crate::auth::{AuthContext, AuthError, Credential, Login, Secret, Session};
use crate::endpoint::parse_http_url;

/// Logs in with a client's own id and secret (RFC 6749, section 4.4); requests carry the token as
/// `Authorization: Bearer`.
///
/// * The token request goes through the seam's transport: one attempt's time, no redirect, not paced.
/// * The secret is read at each login. It goes in the `Authorization` header, or in the
///   [body](Self::credentials_in_body).
/// * A token's life is counted from when it was asked for. `expires_in` may be a number or text that is one; 0 and less
///   is 30 s, and nothing is longer than 30 days. If nothing is said, it is
///   [`lifetime_if_unsaid`](Self::lifetime_if_unsaid).
/// * 408, 429, 5xx and no answer may be made good by trying again; what the endpoint refuses may not. An error shows the
///   status and the OAuth code, and nothing else of the answer.
/// * Its `Debug` shows no secret, no query and no value of a parameter.
#[derive(Clone)]
#[must_use]
pub struct ClientCredentials {
    token_url: Result<Url, String>,
    client_id: String,
    client_secret: Secret,
    scopes: Vec<String>,
    params: Vec<(String, String)>,
    in_body: bool,
    if_unsaid: Duration,
}

impl ClientCredentials {
    /// The client `client_id` at this token endpoint. `http` is taken, too, and then whoever is on the way reads the
    /// secret.
    ///
    /// A URL that is none, has another scheme, credentials or a fragment is reported when the seam is built.
    pub fn new(token_url: impl Into<String>, client_id: impl Into<String>, client_secret: impl Into<Secret>) -> Self {
        Self {
            token_url: judged(&token_url.into()),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            scopes: Vec::new(),
            params: Vec::new(),
            in_body: false,
            if_unsaid: UNSAID,
        }
    }

    /// Asks for this scope, or for several with spaces between. May be repeated.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.extend(scope.split_ascii_whitespace().map(str::to_owned));
        self
    }

    /// Sends another parameter, such as `audience` or `resource`. May be repeated. Not for secrets: it tells one account
    /// from another.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Sends id and secret as parameters (`client_secret_post`). The default is the `Authorization` header
    /// (`client_secret_basic`), which every server has to take.
    pub fn credentials_in_body(mut self) -> Self {
        self.in_body = true;
        self
    }

    /// How long a token is good for if the answer does not say. The default is an hour; less than a second is 30 s, and
    /// nothing is longer than 30 days.
    pub fn lifetime_if_unsaid(mut self, lifetime: Duration) -> Self {
        self.if_unsaid = lifetime;
        self
    }
}

#[async_trait]
impl Login for ClientCredentials {
    /// The token URL, the client's id, the scopes and the parameters, each in an order of its own.
    fn account(&self) -> String {
        let (mut scopes, mut params) = (self.scopes.clone(), self.params.clone());
        scopes.sort_unstable();
        scopes.dedup();
        params.sort_unstable();
        json!([self.token_url.as_ref().map(Url::as_str).ok(), self.client_id, scopes, params]).to_string()
    }

    /// Asks for a new token; there is none that could last longer.
    async fn login(&self, context: &AuthContext<'_>, _: Option<&Session>) -> Result<Session, AuthError> {
        let token_url = self.token_url.clone().map_err(AuthError::new)?;
        let secret = self.client_secret.resolve()?;
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            .set_auth_type(if self.in_body { AuthType::RequestBody } else { AuthType::BasicAuth })
            .set_token_uri(TokenUrl::from_url(token_url));
        let mut request = client.exchange_client_credentials().add_scopes(self.scopes.iter().cloned().map(Scope::new));
        for (name, value) in &self.params {
            request = request.add_extra_param(name, value);
        }
        let (endpoint, asked_at) = (Endpoint::new(*context), context.runtime().wall());
        let answer = request.request_async(&endpoint).await.map_err(|error| endpoint.failed(error))?;
        let token = answer.access_token().secret().as_str();
        if token.is_empty() {
            return Err(AuthError::new("the token endpoint gave an empty token"));
        }
        let lifetime = bounded(endpoint.lifetime().unwrap_or(self.if_unsaid));
        let session = Session::new(token, asked_at + lifetime);
        // None is kept that no request can carry.
        self.credential(&session)?;
        Ok(session)
    }

    /// The client's own token, whoever the call is for.
    fn is_per_principal(&self) -> bool {
        false
    }

    fn judge(&self) -> Result<(), AuthError> {
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
            .field("in_body", &self.in_body)
            .field("if_unsaid", &self.if_unsaid)
            .finish()
    }
}

/// Validates a token URL. The error does not show the text, which may hold a password.
fn judged(text: &str) -> Result<Url, String> {
    let url = parse_http_url(text).map_err(|error| format!("token URL: {error}"))?;
    // The type that the transport takes.
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
    fn what_differs_between_accounts_differs() {
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
    fn the_same_account_is_the_same_however_it_is_said() {
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
    fn a_token_url_is_http_without_credentials_and_fragment() {
        for right in ["https://a.example/token?api-version=1", "http://127.0.0.1:8080/token"] {
            assert!(judged(right).is_ok(), "{right}");
        }
        for wrong in ["", "/token", "ftp://a.example/", "https://a:hunter2@a.example/", "https://a.example/#b"] {
            let error = judged(wrong).unwrap_err();
            assert!(error.starts_with("token URL: ") && !error.contains("hunter2"), "{error}");
        }
    }
}
