//! A login inside the test, and fleets whose processes use it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderValue, StatusCode};
use secrecy::ExposeSecret as _;
use stitchapi::auth::{AuthContext, AuthError, Credential, Login, Session};
use stitchapi::{Body, Error, Runtime, SealingKey, Seam, SeamBuilder, Stitch, StitchStore, Vault, async_trait, decode};
use stitchapi_testing::{MockTransport, SimRuntime};

use super::sim_process::SimProcess;

pub const SECOND: Duration = Duration::from_secs(1);
/// Upper bound of the latency of one direction between a process and the store.
pub const STORE_LATENCY: Duration = Duration::from_millis(5);

/// Login that takes 300 ms and returns the tokens `secret-1`, `secret-2`, and so on.
#[derive(Debug, Clone)]
pub struct TestLogin(Arc<Mutex<TestLoginState>>);

/// Settings and counts of a [`TestLogin`].
#[derive(Debug)]
pub struct TestLoginState {
    logins: u32,
    /// Duration of a login.
    pub duration: Duration,
    /// Lifetime of a session.
    pub lifetime: Duration,
    /// Number of logins, from the first one, that fail.
    failures: u32,
    failures_are_retryable: bool,
    /// `retry_after` of a failure.
    pub retry_after: Option<Duration>,
    /// `true` gives each session a refresh token.
    pub has_refresh_token: bool,
    pub is_per_principal: bool,
    /// Token of the previous session that each login received.
    pub previous_tokens: Vec<Option<String>>,
}

/// Credential that sends a token in the header `x-token`.
#[derive(Debug)]
struct Token(String);

impl Credential for Token {
    fn apply(&self, request: &mut http::Request<Body>) -> Result<(), AuthError> {
        request.headers_mut().insert("x-token", HeaderValue::try_from(&self.0).unwrap());
        Ok(())
    }
    fn expires_at(&self) -> Option<SystemTime> {
        None
    }
}

impl TestLogin {
    /// Creates a login that succeeds, with sessions of an hour, one per principal.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(TestLoginState {
            logins: 0,
            duration: Duration::from_millis(300),
            lifetime: Duration::from_secs(3600),
            failures: 0,
            failures_are_retryable: false,
            retry_after: None,
            has_refresh_token: false,
            is_per_principal: true,
            previous_tokens: Vec::new(),
        })))
    }

    /// Locks the settings, to change or read them.
    pub fn lock_state(&self) -> MutexGuard<'_, TestLoginState> {
        self.0.lock().unwrap()
    }

    /// Fails the first `failures` logins, counted from the very first one.
    pub fn fail_first(&self, failures: u32, are_retryable: bool) {
        let mut state = self.lock_state();
        (state.failures, state.failures_are_retryable) = (failures, are_retryable);
    }

    /// Returns the number of logins so far.
    pub fn count(&self) -> u32 {
        self.lock_state().logins
    }
}

#[async_trait]
impl Login for TestLogin {
    fn account(&self) -> String {
        "ada@example.com".to_owned()
    }

    async fn login(&self, context: &AuthContext<'_>, previous: Option<&Session>) -> Result<Session, AuthError> {
        let runtime = context.runtime();
        let (number, duration, lifetime, failure) = {
            let mut state = self.lock_state();
            state.logins += 1;
            state.previous_tokens.push(previous.map(token_of));
            let failure = (state.failures >= state.logins).then_some(state.failures_are_retryable);
            (state.logins, state.duration, state.lifetime, failure)
        };
        runtime.sleep_until(runtime.now() + duration).await;
        match failure {
            Some(is_retryable) => {
                let after = self.lock_state().retry_after;
                Err(AuthError::new("the login failed").with_retryable(is_retryable).with_retry_after(after))
            }
            None => {
                let session = Session::new(format!("secret-{number}"), runtime.wall() + lifetime);
                let has_refresh_token = self.lock_state().has_refresh_token;
                Ok(if has_refresh_token { session.with_refresh_token("refresh".to_owned()) } else { session })
            }
        }
    }

    fn credential(&self, session: &Session) -> Result<Arc<dyn Credential>, AuthError> {
        Ok(Arc::new(Token(token_of(session))))
    }

    fn is_per_principal(&self) -> bool {
        self.lock_state().is_per_principal
    }
}

fn token_of(session: &Session) -> String {
    session.token().expose_secret().to_owned()
}

/// Returns a vault that seals with a constant key.
pub fn sealed() -> Vault {
    Vault::sealed(SealingKey::from_bytes("k1", [7; 32]))
}

/// Returns an API that accepts every request.
pub fn ok_api() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

/// Returns an API that responds with status 401 to these tokens and accepts all others.
pub fn rejecting(rejected: &'static [&'static str]) -> MockTransport {
    MockTransport::new(|request| {
        let token = request.headers()["x-token"].to_str().unwrap();
        let mut response = http::Response::new(Bytes::new());
        if rejected.contains(&token) {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        response
    })
}

/// Returns the tokens of all requests, in order.
pub fn tokens(api: &MockTransport) -> Vec<String> {
    api.requests().iter().map(|request| request.headers()["x-token"].to_str().unwrap().to_owned()).collect()
}

/// Returns the builder of a seam that logs in with `login`.
pub fn seam(runtime: impl Runtime, api: &MockTransport, login: &TestLogin) -> SeamBuilder {
    Seam::builder("https://api.example.com").runtime(runtime).transport(api.clone()).auth(login.clone())
}

/// Builds the seam and declares one stitch on it.
pub fn stitch(seam: SeamBuilder) -> Stitch<(), ()> {
    seam.build().unwrap().get("/a").build_with(decode::empty).unwrap()
}

/// Returns four processes on one store, each with its stitch.
pub fn fleet(
    sim: &SimRuntime,
    api: &MockTransport,
    login: &TestLogin,
    store: &(impl StitchStore + Clone),
) -> Vec<(SimProcess, Stitch<(), ()>)> {
    let process = |_| {
        let process = SimProcess::new(sim);
        let seam = seam(process.clone(), api, login).store(store.clone()).vault(sealed());
        (process, stitch(seam))
    };
    (0..4).map(process).collect()
}

/// Makes `number` calls at once in a process and returns their results.
pub async fn calls(process: &SimProcess, stitch: &Stitch<(), ()>, number: usize) -> Vec<Result<(), Error>> {
    let stitch = stitch.clone();
    process.run(async move { join_all((0..number).map(|_| async { stitch.call(()).await })).await }).await
}

/// Makes `each` calls at once in every process of a fleet and returns all results.
pub async fn all_calls(fleet: &[(SimProcess, Stitch<(), ()>)], each: usize) -> Vec<Result<(), Error>> {
    let results = join_all(fleet.iter().map(|(process, stitch)| calls(process, stitch, each))).await;
    results.into_iter().flatten().collect()
}
