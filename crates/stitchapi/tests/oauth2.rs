//! The client credentials grant, against token endpoints of every kind.

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
use stitchapi::auth::{self, AuthContext, AuthError, AuthStrategy, Credential, Login, Secret, Session, Verdict};
use stitchapi::{ErrorKind, Runtime, SealingKey, Stitch, TransportErrorKind, Vault, async_trait, decode};
use stitchapi_testing::{MockTransport, SimRuntime};

const TOKEN: &str = "/token";

/// A session, or everything an error shows and whether it may be made good.
type Outcome = Result<Session, (String, bool)>;

/// Logs in at each call, and keeps what came of it.
#[derive(Debug, Clone)]
struct EachCall {
    login: ClientCredentials,
    got: Arc<Mutex<Vec<Outcome>>>,
}

#[async_trait]
impl AuthStrategy for EachCall {
    async fn prepare(&self, context: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError> {
        let got = self.login.login(context, None).await;
        let kept =
            got.as_ref().map(Session::clone).map_err(|error| (format!("{error} {error:?}"), error.is_retryable()));
        self.got.lock().unwrap().push(kept);
        self.login.credential(&got?)
    }

    async fn rejected(&self, _: &AuthContext<'_>, _: &dyn Credential, _: &Parts) -> Result<Verdict, AuthError> {
        Ok(Verdict::GiveUp)
    }
}

fn client() -> ClientCredentials {
    ClientCredentials::new("https://login.example.com/token", "my client", Secret::value("hunter2:ü&"))
}

/// What a login at `api` brings.
fn log_in(login: ClientCredentials, api: &MockTransport, sim: &SimRuntime) -> Outcome {
    let strategy = EachCall { login, got: Arc::default() };
    let got = strategy.got.clone();
    let stitch: Stitch<(), ()> =
        seam(sim, api).auth(strategy).build().unwrap().get("/a").build_with(decode::empty).unwrap();
    let _ = sim.block_on(stitch.call(()).send());
    got.lock().unwrap().remove(0)
}

/// What a login brings if the endpoint answers so.
fn answered(status: u16, body: &str) -> Outcome {
    let api = MockTransport::routes().on(Method::POST, TOKEN, status, body.to_owned());
    log_in(client(), &api, &SimRuntime::new(1))
}

fn refused(status: u16, body: &str) -> String {
    let (text, retryable) = answered(status, body).unwrap_err();
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
fn the_request_is_that_of_rfc_6749_with_basic_credentials() {
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
fn credentials_go_in_the_body_if_that_is_said() {
    let (api, sim) = (good(), SimRuntime::new(1));
    log_in(client().credentials_in_body(), &api, &sim).unwrap();
    let request = &api.requests()[0];
    assert!(!request.headers().contains_key("authorization"));
    let credentials = [("client_id", "my client"), ("client_secret", "hunter2:ü&")];
    assert_eq!(form(request), pairs(&[&[("grant_type", "client_credentials")][..], &credentials].concat()));
}

#[test]
fn the_token_goes_with_the_call_as_a_sensitive_bearer() {
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
fn a_tokens_life_is_counted_from_when_it_was_asked_for() {
    let sim = SimRuntime::new(1);
    let api = good().taking(Duration::from_secs(7), Arc::new(sim.clone()));
    let asked_at = sim.wall();
    assert_eq!(log_in(client(), &api, &sim).unwrap().expires_at(), asked_at + Duration::from_secs(60));
}

#[test]
fn no_lifetime_is_for_ever() {
    let lifetime = |login: ClientCredentials, expires_in: &str| {
        let body = format!(r#"{{"access_token":"t"{expires_in}}}"#);
        let (api, sim) = (MockTransport::routes().on(Method::POST, TOKEN, 200, body), SimRuntime::new(1));
        let asked_at = sim.wall();
        let session = log_in(login, &api, &sim).unwrap();
        session.expires_at().duration_since(asked_at).unwrap().as_secs()
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
    let unsaid = |lifetime_if_unsaid| lifetime(client().lifetime_if_unsaid(lifetime_if_unsaid), "");
    assert_eq!(unsaid(Duration::from_secs(300)), 300);
    assert_eq!(unsaid(Duration::ZERO), 30);
    assert_eq!(unsaid(Duration::MAX), 2_592_000);
}

#[test]
fn an_oauth_error_shows_its_code_and_nothing_else() {
    let body = r#"{"error":"invalid_client","error_description":"no client has hunter2:ü&","error_uri":"hunter2"}"#;
    let text = refused(401, body);
    assert!(text.contains("the token endpoint answered 401 Unauthorized: invalid_client"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(refused(200, body).contains("invalid_client"));
    let text = refused(400, r#"{"error":"hunter2"}"#);
    assert!(text.contains("answered 400 Bad Request") && !text.contains("hunter2"), "{text}");
}

#[test]
fn an_answer_that_is_no_token_response_is_an_error_without_its_body() {
    for body in ["", "hunter2", r#"{"access_token":["hunter2"]}"#, r#"{"token":"hunter2"}"#, r#"["hunter2"]"#] {
        let text = refused(200, body);
        assert!(text.contains("is no token response") && !text.contains("hunter2"), "{text}");
    }
    for status in [201, 302, 404] {
        let text = refused(status, r#"{"access_token":"hunter2","token_type":"Bearer"}"#);
        assert!(text.contains("and no OAuth error") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_token_that_no_request_can_carry_is_an_error() {
    for token in ["", "a\\nb", "a\\u0000b"] {
        let text = refused(200, &format!(r#"{{"access_token":"{token}"}}"#));
        assert!(text.contains("empty token") || text.contains("no header can carry"), "{text}");
    }
}

#[test]
fn a_type_of_token_is_bearer_in_any_letters_or_none_at_all() {
    for kind in ["", r#","token_type":"bearer""#, r#","token_type":"BEARER""#, r#","token_type":null"#] {
        assert!(answered(200, &format!(r#"{{"access_token":"t"{kind}}}"#)).is_ok(), "{kind}");
    }
    assert!(refused(200, r#"{"access_token":"t","token_type":"mac"}"#).contains("no bearer token"));
}

#[test]
fn what_the_endpoint_cannot_do_now_may_be_tried_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let (text, retryable) = answered(status, r#"{"error":"invalid_client","x":"hunter2"}"#).unwrap_err();
        assert!(retryable && text.contains(&status.to_string()) && !text.contains("hunter2"), "{text}");
    }
    assert!(answered(400, r#"{"error":"temporarily_unavailable"}"#).unwrap_err().1);
    let silent = good().failing(1, TransportErrorKind::Connect);
    assert!(log_in(client(), &silent, &SimRuntime::new(1)).unwrap_err().1);
    let sim = SimRuntime::new(1);
    let slow = good().taking(Duration::from_secs(11), Arc::new(sim.clone()));
    assert!(log_in(client(), &slow, &sim).unwrap_err().1, "longer than one attempt");
}

#[test]
fn what_is_wrong_with_the_client_is_said_before_anything_is_sent() {
    let api = good();
    let missing = ClientCredentials::new("https://a.example/token", "me", stitchapi::env("STITCHAPI_NO_SUCH_SECRET"));
    let (text, _) = log_in(missing, &api, &SimRuntime::new(1)).unwrap_err();
    assert!(text.contains("STITCHAPI_NO_SUCH_SECRET"), "{text}");
    for url in ["a.example/token", "ftp://a.example/", "https://me:hunter2@a.example/", "https://a.example/#a"] {
        let wrong = ClientCredentials::new(url, "me", Secret::value("hunter2"));
        let error = seam(&SimRuntime::new(1), &api).auth(auth::session(wrong)).build().unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(text.contains("token URL: ") && !text.contains("hunter2"), "{text}");
    }
    assert!(api.requests().is_empty());
}

/// Hands out a new token at each login, each good for a minute, and takes the newest only.
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
fn a_session_is_logged_in_for_once_and_again_when_it_has_ended() {
    let (sim, api) = (SimRuntime::new(1), rotating());
    let vault = Vault::sealed(SealingKey::from_bytes("k1", [7; 32]));
    let seam = seam(&sim, &api).auth(auth::session(client())).vault(vault).build().unwrap();
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
fn a_login_that_is_refused_fails_the_call_and_is_not_tried_again() {
    let body = r#"{"error":"invalid_client"}"#;
    let (sim, api) = (SimRuntime::new(1), MockTransport::routes().on(Method::POST, TOKEN, 401, body));
    let seam = seam(&sim, &api).auth(auth::session(client())).vault(Vault::plaintext()).build().unwrap();
    let stitch: Stitch<(), ()> = seam.get("/a").build_with(decode::empty).unwrap();
    let error = sim.block_on(stitch.call(()).send()).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), api.requests().len()), (ErrorKind::Auth, false, 1));
}
