//! The client credentials grant against a mock token endpoint: the request, and every kind of response.

#![cfg(feature = "oauth2")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::seam;
use http::response::Parts;
use http::{HeaderMap, Method, Request, Response};
use secrecy::ExposeSecret;
use stitchapi::auth::oauth2::ClientCredentials;
use stitchapi::auth::{AuthContext, AuthError, AuthStrategy, Credential, Login, Secret, Session, Verdict};
use stitchapi::{ErrorKind, Runtime, Stitch, TransportErrorKind, async_trait, decode};
use stitchapi_testing::{MockTransport, SimRuntime};

const TOKEN: &str = "/token";

/// A session; or the texts of an error, and whether it is retryable.
type LoginResult = Result<Session, (String, bool)>;

/// Strategy that logs in at each call and keeps the results.
#[derive(Debug, Clone)]
struct LoginPerCall {
    login: ClientCredentials,
    results: Arc<Mutex<Vec<LoginResult>>>,
}

#[async_trait]
impl AuthStrategy for LoginPerCall {
    async fn prepare(&self, context: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError> {
        let result = self.login.login(context, None).await;
        let shown =
            result.as_ref().map(Session::clone).map_err(|error| (format!("{error} {error:?}"), error.is_retryable()));
        self.results.lock().unwrap().push(shown);
        self.login.credential(&result?)
    }

    async fn rejected(&self, _: &AuthContext<'_>, _: &dyn Credential, _: &Parts) -> Result<Verdict, AuthError> {
        Ok(Verdict::GiveUp)
    }
}

fn client() -> ClientCredentials {
    ClientCredentials::new("https://login.example.com/token", "my client", Secret::value("hunter2:ü&"))
}

/// Logs in at `api`.
fn log_in(login: ClientCredentials, api: &MockTransport, sim: &SimRuntime) -> LoginResult {
    let strategy = LoginPerCall { login, results: Arc::default() };
    let results = strategy.results.clone();
    let stitch: Stitch<(), ()> =
        seam(sim, api).auth(strategy).build().unwrap().get("/a").build_with(decode::empty).unwrap();
    let _ = sim.block_on(stitch.call(()).send());
    results.lock().unwrap().remove(0)
}

/// Logs in at an endpoint with this response.
fn respond(status: u16, body: &str) -> LoginResult {
    let api = MockTransport::routes().on(Method::POST, TOKEN, status, body.to_owned());
    log_in(client(), &api, &SimRuntime::new(1))
}

/// Logs in at an endpoint with this response, and returns the texts of the error, which is not retryable.
fn refused(status: u16, body: &str) -> String {
    let (text, retryable) = respond(status, body).unwrap_err();
    assert!(!retryable, "{text}");
    text
}

fn good() -> MockTransport {
    MockTransport::routes().on(
        Method::POST,
        TOKEN,
        200,
        r#"{"access_token":"t-1","token_type":"Bearer","expires_in":60}"#,
    )
}

fn form(request: &Request<Bytes>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_token_request_follows_rfc_6749_with_basic_credentials() {
    let (api, sim) = (good(), SimRuntime::new(1));
    log_in(client().scope("a").scope("b c").param("audience", "x&y"), &api, &sim).unwrap();
    let request = &api.requests()[0];
    assert_eq!(
        (request.method(), request.uri().to_string().as_str()),
        (&Method::POST, "https://login.example.com/token")
    );
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers()["accept"], "application/json");
    // Id and secret are form-encoded first (section 2.3.1): `my+client:hunter2%3A%C3%BC%26`.
    assert_eq!(request.headers()["authorization"], "Basic bXkrY2xpZW50Omh1bnRlcjIlM0ElQzMlQkMlMjY=");
    assert!(request.headers()["authorization"].is_sensitive());
    let expected = pairs(&[("grant_type", "client_credentials"), ("scope", "a b c"), ("audience", "x&y")]);
    assert_eq!(form(request), expected);
}

#[test]
fn credentials_in_body_sends_id_and_secret_in_the_body() {
    let (api, sim) = (good(), SimRuntime::new(1));
    log_in(client().credentials_in_body(), &api, &sim).unwrap();
    let request = &api.requests()[0];
    assert!(!request.headers().contains_key("authorization"));
    let credentials = [("client_id", "my client"), ("client_secret", "hunter2:ü&")];
    assert_eq!(form(request), pairs(&[&[("grant_type", "client_credentials")][..], &credentials].concat()));
}

#[test]
fn a_call_carries_the_token_as_a_sensitive_bearer_header() {
    let (api, sim) = (good(), SimRuntime::new(1));
    let session = log_in(client(), &api, &sim).unwrap();
    assert_eq!(session.token().expose_secret(), "t-1");
    let requests = api.requests();
    let header = &requests[1].headers()["authorization"];
    assert!(header == "Bearer t-1" && header.is_sensitive());
    let credential = client().credential(&session).unwrap();
    assert_eq!(credential.expires_at(), Some(session.expires_at()));
    assert!(!format!("{credential:?}").contains("t-1"));
}

#[test]
fn the_lifetime_of_a_token_counts_from_the_sending_of_its_request() {
    let sim = SimRuntime::new(1);
    let api = good().latency(Duration::from_secs(7), Arc::new(sim.clone()));
    let requested_at = sim.wall();
    assert_eq!(log_in(client(), &api, &sim).unwrap().expires_at(), requested_at + Duration::from_secs(60));
}

#[test]
fn a_lifetime_is_30_s_to_30_days_and_an_hour_by_default() {
    let lifetime = |login: ClientCredentials, expires_in: &str| {
        let body = format!(r#"{{"access_token":"t"{expires_in}}}"#);
        let (api, sim) = (MockTransport::routes().on(Method::POST, TOKEN, 200, body), SimRuntime::new(1));
        let requested_at = sim.wall();
        let session = log_in(login, &api, &sim).unwrap();
        session.expires_at().duration_since(requested_at).unwrap().as_secs()
    };
    let cases = [
        ("", 3_600),
        (r#","expires_in":null"#, 3_600),
        (r#","expires_in":"soon""#, 3_600),
        (r#","expires_in":[]"#, 3_600),
        (r#","expires_in":120"#, 120),
        (r#","expires_in":120.9"#, 120),
        (r#","expires_in":"120""#, 120),
        (r#","expires_in":0"#, 30),
        (r#","expires_in":-1"#, 30),
        (r#","expires_in":1000000000000"#, 2_592_000),
        (r#","expires_in":1e300"#, 2_592_000),
    ];
    for (expires_in, expected) in cases {
        assert_eq!(lifetime(client(), expires_in), expected, "{expires_in}");
    }
    let default = |default_lifetime| lifetime(client().default_lifetime(default_lifetime), "");
    assert_eq!(default(Duration::from_secs(300)), 300);
    assert_eq!(default(Duration::ZERO), 30);
    assert_eq!(default(Duration::MAX), 2_592_000);
}

#[test]
fn an_oauth_error_shows_its_code_and_nothing_else() {
    let body = r#"{"error":"invalid_client","error_description":"no client has hunter2:ü&","error_uri":"hunter2"}"#;
    let text = refused(401, body);
    assert!(text.contains("the token endpoint responded 401 Unauthorized: invalid_client"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(refused(200, body).contains("invalid_client"));
    let text = refused(400, r#"{"error":"hunter2"}"#);
    assert!(text.contains("responded 400 Bad Request") && !text.contains("hunter2"), "{text}");
}

#[test]
fn an_error_shows_nothing_of_a_response_that_is_not_a_token_response() {
    for body in ["", "hunter2", r#"{"access_token":["hunter2"]}"#, r#"{"token":"hunter2"}"#, r#"["hunter2"]"#] {
        let text = refused(200, body);
        assert!(text.contains("is not a token response") && !text.contains("hunter2"), "{text}");
    }
    for status in [201, 302, 404] {
        let text = refused(status, r#"{"access_token":"hunter2","token_type":"Bearer"}"#);
        assert!(text.contains("without an OAuth error code") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_token_that_a_header_cannot_have_fails_the_login() {
    for token in ["", "a\\nb", "a\\u0000b"] {
        let text = refused(200, &format!(r#"{{"access_token":"{token}"}}"#));
        assert!(text.contains("empty token") || text.contains("a header value cannot have"), "{text}");
    }
}

#[test]
fn a_token_type_is_bearer_in_any_case_or_missing() {
    for kind in ["", r#","token_type":"bearer""#, r#","token_type":"BEARER""#, r#","token_type":null"#] {
        assert!(respond(200, &format!(r#"{{"access_token":"t"{kind}}}"#)).is_ok(), "{kind}");
    }
    assert!(refused(200, r#"{"access_token":"t","token_type":"mac"}"#).contains("not a bearer token"));
}

#[test]
fn a_temporary_failure_of_the_endpoint_is_retryable() {
    for status in [408, 429, 500, 502, 503, 504] {
        let (text, retryable) = respond(status, r#"{"error":"invalid_client","x":"hunter2"}"#).unwrap_err();
        assert!(retryable && text.contains(&status.to_string()) && !text.contains("hunter2"), "{text}");
    }
    assert!(respond(400, r#"{"error":"temporarily_unavailable"}"#).unwrap_err().1);
    let silent = good().failing(1, TransportErrorKind::Connect);
    assert!(log_in(client(), &silent, &SimRuntime::new(1)).unwrap_err().1);
    let sim = SimRuntime::new(1);
    let slow = good().latency(Duration::from_secs(11), Arc::new(sim.clone()));
    assert!(log_in(client(), &slow, &sim).unwrap_err().1, "longer than one attempt");
}

#[test]
fn a_missing_secret_and_an_invalid_token_url_are_errors_before_a_request_is_sent() {
    let api = good();
    let missing = ClientCredentials::new("https://a.example/token", "me", stitchapi::env("STITCHAPI_NO_SUCH_SECRET"));
    let (text, _) = log_in(missing, &api, &SimRuntime::new(1)).unwrap_err();
    assert!(text.contains("STITCHAPI_NO_SUCH_SECRET"), "{text}");
    for url in ["a.example/token", "ftp://a.example/", "https://me:hunter2@a.example/", "https://a.example/#a"] {
        let invalid = ClientCredentials::new(url, "me", Secret::value("hunter2"));
        let error = seam(&SimRuntime::new(1), &api).auth(invalid).build().unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(text.contains("token URL: ") && !text.contains("hunter2"), "{text}");
    }
    assert!(api.requests().is_empty());
}

/// An API with a token endpoint: each login returns a new token with a lifetime of a minute, and the API accepts the newest
/// token only.
fn rotating() -> MockTransport {
    let newest = Mutex::new(0);
    MockTransport::new(move |request| {
        let mut newest = newest.lock().unwrap();
        let (status, body) = match request.uri().path() {
            TOKEN => {
                *newest += 1;
                (200, format!(r#"{{"access_token":"t-{newest}","token_type":"bearer","expires_in":60}}"#))
            }
            _ if bearer(request.headers()) == format!("Bearer t-{newest}") => (200, String::new()),
            _ => (401, String::new()),
        };
        Response::builder().status(status).body(body.into()).unwrap()
    })
}

fn bearer(headers: &HeaderMap) -> &str {
    headers.get("authorization").map_or("", |value| value.to_str().unwrap())
}

fn logins(api: &MockTransport) -> usize {
    api.requests().iter().filter(|request| request.uri().path() == TOKEN).count()
}

#[test]
fn calls_log_in_once_and_again_after_the_token_has_expired() {
    let (sim, api) = (SimRuntime::new(1), rotating());
    let seam = seam(&sim, &api).auth(client()).build().unwrap();
    let stitch: Stitch<(), ()> = seam.get("/a").build_with(decode::empty).unwrap();
    sim.block_on(async {
        for _ in 0..3 {
            stitch.call(()).await.unwrap();
        }
        assert_eq!(logins(&api), 1);
        sim.sleep(Duration::from_secs(61)).await;
        stitch.call(()).await.unwrap();
        assert_eq!(logins(&api), 2);
    });
}

#[test]
fn a_refused_login_fails_the_call_and_is_not_retried() {
    let body = r#"{"error":"invalid_client"}"#;
    let (sim, api) = (SimRuntime::new(1), MockTransport::routes().on(Method::POST, TOKEN, 401, body));
    let seam = seam(&sim, &api).auth(client()).build().unwrap();
    let stitch: Stitch<(), ()> = seam.get("/a").build_with(decode::empty).unwrap();
    let error = sim.block_on(stitch.call(()).send()).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), api.requests().len()), (ErrorKind::Auth, false, 1));
}
