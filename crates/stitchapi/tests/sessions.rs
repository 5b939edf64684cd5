//! One login for a fleet, whatever happens to the process that makes it, to the store and to the session.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::events;
use common::process::{Process, within_a_minute};
use common::spy::Spy;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::{HeaderValue, StatusCode};
use stitchapi::auth::{AuthContext, AuthError, Credential, Login, Session, session};
use stitchapi::trace::{Event, EventKind, Unreadable};
use stitchapi::{
    Body, ErrorKind, Retry, Runtime, SealingKey, Seam, SeamBuilder, Stitch, StitchStore, StoreErrorKind, Vault,
    async_trait, decode,
};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
/// Longest time of a message to the store or back.
const STORE_DELAY: Duration = Duration::from_millis(5);

/// An account at a login service: each login returns the next of the tokens `secret-1`, `secret-2`, ...
#[derive(Debug, Clone)]
struct Account(Arc<Mutex<LoginService>>);

#[derive(Debug)]
struct LoginService {
    /// Number of logins so far.
    logins: u32,
    /// Time that a login takes.
    takes: Duration,
    /// Lifetime of a session.
    lifetime: Duration,
    /// Number of the first logins that fail, and whether their failure is retryable.
    failing: (u32, bool),
    /// Time that a failure asks to wait.
    retry_after: Option<Duration>,
    /// Whether a session has a refresh token.
    refreshable: bool,
    per_principal: bool,
    /// Token of the previous session that each login received.
    previous: Vec<Option<String>>,
}

#[derive(Debug)]
struct Token(String);

impl Credential for Token {
    fn apply(&self, request: &mut http::Request<Body>) -> Result<(), AuthError> {
        request.headers_mut().insert("x-token", HeaderValue::try_from(&self.0).unwrap());
        Ok(())
    }
    fn expires_at(&self) -> Option<std::time::SystemTime> {
        None
    }
}

impl Account {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(LoginService {
            logins: 0,
            takes: Duration::from_millis(300),
            lifetime: Duration::from_secs(3600),
            failing: (0, false),
            retry_after: None,
            refreshable: false,
            per_principal: true,
            previous: Vec::new(),
        })))
    }

    fn service(&self) -> std::sync::MutexGuard<'_, LoginService> {
        self.0.lock().unwrap()
    }

    fn logins(&self) -> u32 {
        self.service().logins
    }
}

#[async_trait]
impl Login for Account {
    fn account(&self) -> String {
        "ada@example.com".to_owned()
    }

    async fn login(&self, context: &AuthContext<'_>, previous: Option<&Session>) -> Result<Session, AuthError> {
        let runtime = context.runtime();
        let (number, takes, lifetime, fails) = {
            let mut service = self.service();
            service.logins += 1;
            service.previous.push(previous.map(secret));
            let fails = (service.failing.0 >= service.logins).then_some(service.failing.1);
            (service.logins, service.takes, service.lifetime, fails)
        };
        runtime.sleep_until(runtime.now() + takes).await;
        match fails {
            Some(retryable) => {
                let after = self.service().retry_after;
                Err(AuthError::new("the login service is closed").with_retryable(retryable).with_retry_after(after))
            }
            None => {
                let session = Session::new(format!("secret-{number}"), runtime.wall() + lifetime);
                Ok(if self.service().refreshable { session.with_refresh_token("refresh".to_owned()) } else { session })
            }
        }
    }

    fn credential(&self, session: &Session) -> Result<Arc<dyn Credential>, AuthError> {
        Ok(Arc::new(Token(secret(session))))
    }

    fn is_per_principal(&self) -> bool {
        self.service().per_principal
    }
}

fn secret(session: &Session) -> String {
    use secrecy::ExposeSecret as _;
    session.token().expose_secret().to_owned()
}

fn sealed() -> Vault {
    Vault::sealed(SealingKey::from_bytes("k1", [7; 32]))
}

fn ok() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

/// An API that responds 401 to these tokens.
fn rejecting(rejected: &'static [&'static str]) -> MockTransport {
    MockTransport::new(|request| {
        let token = request.headers()["x-token"].to_str().unwrap();
        let mut response = http::Response::new(Bytes::new());
        if rejected.contains(&token) {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        response
    })
}

fn tokens(api: &MockTransport) -> Vec<String> {
    api.requests().iter().map(|request| request.headers()["x-token"].to_str().unwrap().to_owned()).collect()
}

fn seam(runtime: impl Runtime, api: &MockTransport, account: &Account) -> SeamBuilder {
    Seam::builder("https://api.example.com").runtime(runtime).transport(api.clone()).auth(account.clone())
}

fn stitch(seam: SeamBuilder) -> Stitch<(), ()> {
    seam.build().unwrap().get("/a").build_with(decode::empty).unwrap()
}

/// Four processes on one store, each with its stitch.
fn fleet(
    sim: &SimRuntime,
    api: &MockTransport,
    account: &Account,
    store: &(impl StitchStore + Clone),
) -> Vec<(Process, Stitch<(), ()>)> {
    let process = |_| {
        let process = Process::on(sim);
        let seam = seam(process.clone(), api, account).store(store.clone()).vault(sealed());
        (process, stitch(seam))
    };
    (0..4).map(process).collect()
}

/// Makes `number` calls at once in a process, and returns their results.
async fn calls(process: &Process, stitch: &Stitch<(), ()>, number: usize) -> Vec<Result<(), stitchapi::Error>> {
    let stitch = stitch.clone();
    process.run(async move { join_all((0..number).map(|_| async { stitch.call(()).await })).await }).await
}

async fn all_calls(fleet: &[(Process, Stitch<(), ()>)], each: usize) -> Vec<Result<(), stitchapi::Error>> {
    join_all(fleet.iter().map(|(process, stitch)| calls(process, stitch, each))).await.concat_all()
}

trait ConcatAll<T> {
    fn concat_all(self) -> Vec<T>;
}
impl<T> ConcatAll<T> for Vec<Vec<T>> {
    fn concat_all(self) -> Vec<T> {
        self.into_iter().flatten().collect()
    }
}

fn count(events: &Mutex<Vec<Event>>, wanted: impl Fn(&EventKind) -> bool) -> usize {
    events.lock().unwrap().iter().filter(|event| wanted(&event.kind)).count()
}

#[test]
fn a_fleet_logs_in_once_whatever_the_interleaving() {
    for seed in 0..100 {
        let (sim, api, account) = (SimRuntime::new(seed), ok(), Account::new());
        let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()).far(STORE_DELAY));
        let begun = sim.now();
        assert!(within_a_minute(&sim, all_calls(&fleet, 25)).iter().all(Result::is_ok));
        assert_eq!((account.logins(), api.requests().len()), (1, 100));
        let took = sim.now().since(begun);
        assert!(took < Duration::from_millis(400), "each call waits little longer than the login takes: {took:?}");
    }
}

#[test]
fn session_of_a_login_is_the_strategy_that_auth_makes_of_the_login() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let store = Spy::on(sim.clone());
    let on_the_store = |builder: SeamBuilder| stitch(builder.store(store.clone()).vault(sealed()));
    let of_the_login = on_the_store(seam(sim.clone(), &api, &account));
    let of_the_strategy = on_the_store(seam(sim.clone(), &api, &account).auth(session(account.clone())));
    sim.block_on(of_the_login.call(()).send()).unwrap();
    sim.block_on(of_the_strategy.call(()).send()).unwrap();
    assert_eq!(account.logins(), 1, "both use one session in the store");
}

#[test]
fn without_a_shared_store_each_process_logs_in_once() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let alone = || {
        let process = Process::on(&sim);
        (process.clone(), stitch(seam(process, &api, &account)))
    };
    let fleet: Vec<_> = (0..4).map(|_| alone()).collect();
    assert!(within_a_minute(&sim, all_calls(&fleet, 25)).iter().all(Result::is_ok));
    assert_eq!(account.logins(), 4);
}

#[test]
fn when_the_process_that_logs_in_is_killed_one_other_process_logs_in_and_no_other_call_fails() {
    for seed in 0..20 {
        let (sim, api, account) = (SimRuntime::new(seed), ok(), Account::new());
        let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()).far(STORE_DELAY));
        let (victim, rest) = fleet.split_first().unwrap();
        let victims_calls = calls(&victim.0, &victim.1, 5);
        let scenario = async {
            let mut victims_calls = Box::pin(victims_calls);
            assert!((&mut victims_calls).now_or_never().is_none());
            sim.sleep(Duration::from_millis(150)).await;
            assert_eq!(account.logins(), 1);
            victim.0.stop();
            let begun = sim.now();
            let results = all_calls(rest, 25).await;
            (results, sim.now().since(begun))
        };
        let (results, took) = within_a_minute(&sim, scenario);
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(account.logins(), 2);
        assert!(took < Duration::from_millis(1_400), "the lease expires after a second, then a login: {took:?}");
    }
}

#[test]
fn a_process_paused_beyond_its_lease_uses_the_session_of_the_process_that_logged_in_meanwhile() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()));
    let (frozen, rest) = fleet.split_first().unwrap();
    let scenario = async {
        let mut thawed = Box::pin(calls(&frozen.0, &frozen.1, 1));
        assert!((&mut thawed).now_or_never().is_none());
        sim.sleep(Duration::from_millis(150)).await;
        frozen.0.stop();
        assert!(all_calls(rest, 5).await.iter().all(Result::is_ok));
        frozen.0.resume();
        assert!(thawed.await.iter().all(Result::is_ok));
        assert!(calls(&frozen.0, &frozen.1, 1).await.iter().all(Result::is_ok));
    };
    within_a_minute(&sim, scenario);
    assert_eq!(account.logins(), 2);
    assert!(tokens(&api).iter().all(|token| token == "secret-2"), "{:?}", tokens(&api));
}

#[test]
fn a_login_continues_when_its_caller_is_dropped() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let stitch = stitch(seam(sim.clone(), &api, &account));
    let scenario = async {
        let mut dropped = Box::pin(stitch.call(()).send());
        assert!((&mut dropped).now_or_never().is_none());
        sim.sleep(Duration::from_millis(100)).await;
        drop(dropped);
        sim.sleep(Duration::from_millis(300)).await;
        stitch.call(()).send().await.unwrap();
    };
    within_a_minute(&sim, scenario);
    assert_eq!(account.logins(), 1);
}

#[test]
fn an_expiring_session_is_replaced_once_and_the_login_receives_it() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().lifetime = Duration::from_secs(100);
    let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()));
    let scenario = async {
        all_calls(&fleet, 1).await;
        sim.sleep(Duration::from_secs(89)).await;
        all_calls(&fleet, 1).await;
        assert_eq!(account.logins(), 1);
        sim.sleep(Duration::from_secs(2)).await;
        assert!(all_calls(&fleet, 5).await.iter().all(Result::is_ok));
    };
    sim.block_on(scenario);
    assert_eq!(account.logins(), 2);
    assert_eq!(account.service().previous, [None, Some("secret-1".to_owned())]);
}

#[test]
fn a_rejected_session_is_replaced_once_for_the_whole_fleet() {
    for seed in 0..20 {
        let (sim, account) = (SimRuntime::new(seed), Account::new());
        let (good, api) = (ok(), rejecting(&["secret-1"]));
        let store = Spy::on(sim.clone());
        sim.block_on(all_calls(&fleet(&sim, &good, &account, &store), 1));
        let fleet = fleet(&sim, &api, &account, &store);
        sim.block_on(sim.sleep(10 * SECOND));
        let results = within_a_minute(&sim, all_calls(&fleet, 25));
        assert!(results.iter().all(Result::is_ok), "{:?}", results.iter().find(|results| results.is_err()));
        assert_eq!(account.logins(), 2);
    }
}

#[test]
fn a_session_that_is_rejected_within_5_s_of_its_login_is_not_replaced() {
    let (sim, api, account) = (SimRuntime::new(1), rejecting(&["secret-1", "secret-2", "secret-3"]), Account::new());
    let stitch = stitch(seam(sim.clone(), &api, &account));
    let error = sim.block_on(stitch.call(()).send()).unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(StatusCode::UNAUTHORIZED), 1));
    assert_eq!(account.logins(), 1);
    sim.block_on(sim.sleep(6 * SECOND));
    assert!(sim.block_on(stitch.call(()).send()).is_err());
    assert_eq!(account.logins(), 2);
}

#[test]
fn a_failed_login_fails_every_waiting_call_and_those_of_the_next_second() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().failing = (1, false);
    let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()));
    let scenario = async {
        let results = all_calls(&fleet, 10).await;
        assert!(results.iter().all(|results| results.as_ref().unwrap_err().kind() == ErrorKind::Auth));
        assert!(all_calls(&fleet, 10).await.iter().all(Result::is_err));
        assert_eq!(account.logins(), 1);
        sim.sleep(Duration::from_millis(2_100)).await;
        assert!(all_calls(&fleet, 10).await.iter().all(Result::is_ok));
    };
    within_a_minute(&sim, scenario);
    assert_eq!((account.logins(), api.requests().len()), (2, 40));
}

#[test]
fn a_retryable_failure_of_a_login_is_retried_by_the_policy_of_the_seam() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().failing = (2, true);
    sim.block_on(stitch(seam(sim.clone(), &api, &account)).call(()).send()).unwrap();
    assert_eq!(account.logins(), 3);
    let account = Account::new();
    account.service().failing = (1, true);
    let without_retries = stitch(seam(sim.clone(), &api, &account).retry(Retry::none()));
    assert_eq!(sim.block_on(without_retries.call(()).send()).unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(account.logins(), 1);
}

#[test]
fn a_sealed_store_shows_no_token_no_account_and_no_user() {
    let (sim, api, account, store) = (SimRuntime::new(1), ok(), Account::new(), Spy::on(SimRuntime::new(1)));
    let stitch = stitch(seam(sim.clone(), &api, &account).store(store.clone()).vault(sealed()));
    sim.block_on(stitch.as_principal("grace@example.com").call(()).send()).unwrap();
    assert_eq!(tokens(&api), ["secret-1"]);
    assert_eq!(store.keys("session").len(), 1);
    for secret in ["secret-1", "secret", "ada@", "grace@"] {
        assert!(!store.has_seen(secret), "{secret}");
    }
    let plain = Spy::on(sim.clone());
    let open = seam(sim.clone(), &api, &account).store(plain.clone()).vault(Vault::plaintext());
    sim.block_on(self::stitch(open).call(()).send()).unwrap();
    assert!(plain.has_seen("secret-2"), "a plaintext vault stores the token, and the search above finds tokens");
}

#[test]
fn a_session_that_was_changed_in_the_store_is_a_miss_and_an_event() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let store = Spy::on(sim.clone());
    let on = |vault: Vault| {
        let (sink, recorded) = events();
        (stitch(seam(sim.clone(), &api, &account).store(store.clone()).vault(vault).sink(sink)), recorded)
    };
    sim.block_on(on(sealed()).0.call(()).send()).unwrap();
    sim.block_on(store.tamper("session"));
    let (tampered, recorded) = on(sealed());
    sim.block_on(tampered.call(()).send()).unwrap();
    assert_eq!(account.logins(), 2);
    sim.block_on(sim.sleep(SECOND));
    let unreadable = |kind: &EventKind| *kind == EventKind::Unreadable { what: Unreadable::Session };
    assert!(count(&recorded, unreadable) > 0);

    let (whole, recorded) = on(sealed());
    sim.block_on(whole.call(()).send()).unwrap();
    assert_eq!(account.logins(), 2, "the session that replaced it can be read");
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(count(&recorded, unreadable), 0);
}

#[test]
fn each_user_has_a_session_of_its_own() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let seam = seam(sim.clone(), &api, &account).build().unwrap();
    let of = |user: &str| seam.as_principal(user).get("/a").build_with::<(), ()>(decode::empty).unwrap();
    for user in ["ada", "grace", "ada"] {
        sim.block_on(of(user).call(()).send()).unwrap();
    }
    assert_eq!(tokens(&api), ["secret-1", "secret-2", "secret-1"]);
}

#[test]
fn sessions_in_a_store_need_a_vault_and_the_error_says_so() {
    let (sim, account) = (SimRuntime::new(1), Account::new());
    let on_a_store = || seam(sim.clone(), &ok(), &account).store(Spy::on(sim.clone()));
    let error = on_a_store().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("Vault::sealed"), "{error}");
    assert!(on_a_store().vault(Vault::plaintext()).build().is_ok());
    let no_id = Vault::sealed(SealingKey::from_bytes("", [7; 32]));
    assert_eq!(on_a_store().vault(no_id).build().unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn while_the_store_fails_a_process_uses_its_session_or_logs_in_for_itself() {
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt, StoreErrorKind::Timeout] {
        let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
        let store = Spy::on(sim.clone());
        let fleet = fleet(&sim, &api, &account, &store);
        let scenario = async {
            all_calls(&fleet[..2], 1).await;
            store.fail(Some(kind));
            assert!(all_calls(&fleet, 5).await.iter().all(Result::is_ok));
            assert_eq!(account.logins(), 3, "two processes had the session, and two logged in");
            store.fail(None);
            assert!(all_calls(&fleet, 5).await.iter().all(Result::is_ok));
        };
        within_a_minute(&sim, scenario);
        assert_eq!(account.logins(), 3);
    }
}

#[test]
fn a_call_with_a_cached_session_does_no_store_operation() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let store = Spy::on(sim.clone());
    let stitch = stitch(seam(sim.clone(), &api, &account).store(store.clone()).vault(sealed()));
    sim.block_on(stitch.call(()).send()).unwrap();
    let before = store.operations();
    for _ in 0..100 {
        sim.block_on(stitch.call(()).send()).unwrap();
    }
    assert_eq!(store.operations(), before);
}

#[test]
fn where_callers_cannot_join_each_call_waits_for_the_lease() {
    #[derive(Debug)]
    struct Worker(Process);
    impl Runtime for Worker {
        fn now(&self) -> stitchapi::Tick {
            self.0.now()
        }
        fn wall(&self) -> std::time::SystemTime {
            self.0.wall()
        }
        fn sleep_until(&self, at: stitchapi::Tick) -> stitchapi::BoxFuture<'static, ()> {
            self.0.sleep_until(at)
        }
        fn spawn(&self, task: stitchapi::BoxFuture<'static, ()>) {
            self.0.spawn(task);
        }
        fn random(&self) -> u64 {
            self.0.random()
        }
        fn joins_callers(&self) -> bool {
            false
        }
    }
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let worker = Worker(Process::on(&sim));
    let stitch = stitch(seam(worker, &api, &account).store(Spy::on(sim.clone())).vault(sealed()));
    let results = within_a_minute(&sim, join_all((0..8).map(|_| async { stitch.call(()).await })));
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(account.logins(), 1);
}

#[test]
fn a_single_failure_of_the_store_causes_no_second_login() {
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Timeout, StoreErrorKind::Contended] {
        for number in 1..=60 {
            let (sim, api, account) = (SimRuntime::new(7), ok(), Account::new());
            let store = Spy::on(sim.clone());
            store.fail_once(number, kind);
            let fleet = fleet(&sim, &api, &account, &store);
            assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_ok));
            assert_eq!(account.logins(), 1, "after a failure of operation {number}");
        }
    }
}

#[test]
fn a_short_outage_during_a_login_causes_no_second_login() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().takes = 3 * SECOND;
    let store = Spy::on(sim.clone());
    let fleet = fleet(&sim, &api, &account, &store);
    let outage = async {
        sim.sleep(SECOND).await;
        store.fail(Some(StoreErrorKind::Unavailable));
        sim.sleep(Duration::from_millis(400)).await;
        store.fail(None);
    };
    let results = within_a_minute(&sim, futures_util::future::join(all_calls(&fleet, 3), outage)).0;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(account.logins(), 1);
}

#[test]
fn a_login_longer_than_a_lease_is_the_only_one() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().takes = 20 * SECOND;
    let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()).far(STORE_DELAY));
    assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_ok));
    assert_eq!(account.logins(), 1);
}

#[test]
fn a_store_with_a_round_trip_of_two_seconds_causes_no_second_login() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let far = Spy::on(sim.clone()).far(Duration::from_millis(950)).timeout(2 * SECOND);
    let fleet = fleet(&sim, &api, &account, &far);
    assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_ok));
    assert_eq!(account.logins(), 1);
}

#[test]
fn a_store_that_hangs_delays_a_call_by_two_timeouts_and_fails_none() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    let store = Spy::on(sim.clone());
    store.hang(true);
    let fleet = fleet(&sim, &api, &account, &store);
    let begun = sim.now();
    assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_ok));
    let took = sim.now().since(begun);
    assert!(took < Duration::from_millis(300 + 2 * 250 + 50), "{took:?}");
}

#[test]
fn a_login_that_hangs_ends_at_the_deadline_of_the_seam() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().takes = 3600 * SECOND;
    let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()));
    let scenario = async {
        assert!(all_calls(&fleet, 2).await.iter().all(Result::is_err));
        account.service().takes = SECOND;
        sim.sleep(5 * SECOND).await;
        assert!(all_calls(&fleet, 2).await.iter().all(Result::is_ok));
    };
    sim.block_on(scenario);
}

#[test]
fn a_session_that_expires_during_the_login_is_overwritten() {
    for seed in 0..20 {
        let (sim, api, account) = (SimRuntime::new(seed), ok(), Account::new());
        account.service().lifetime = 100 * SECOND;
        let store = Spy::on(sim.clone());
        let old = fleet(&sim, &api, &account, &store);
        let scenario = async {
            all_calls(&old, 1).await;
            sim.sleep(Duration::from_millis(99_850)).await;
            assert!(all_calls(&old, 1).await.iter().all(Result::is_ok));
            let new = fleet(&sim, &api, &account, &store);
            assert!(all_calls(&new, 1).await.iter().all(Result::is_ok));
        };
        sim.block_on(scenario);
        assert_eq!(account.logins(), 2);
    }
}

#[test]
fn an_expired_session_with_a_refresh_token_is_kept_for_the_next_login() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    (account.service().lifetime, account.service().refreshable) = (100 * SECOND, true);
    let store = Spy::on(sim.clone());
    let scenario = async {
        all_calls(&fleet(&sim, &api, &account, &store), 1).await;
        sim.sleep(3600 * SECOND).await;
        all_calls(&fleet(&sim, &api, &account, &store), 1).await;
    };
    sim.block_on(scenario);
    assert_eq!(account.service().previous, [None, Some("secret-1".to_owned())]);
}

#[test]
fn a_session_that_the_store_has_lost_is_kept_in_memory_for_the_next_login() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    (account.service().lifetime, account.service().refreshable) = (100 * SECOND, true);
    let store = Spy::on(sim.clone());
    let fleet = fleet(&sim, &api, &account, &store);
    let scenario = async {
        all_calls(&fleet, 1).await;
        store.delete(&store.keys("session")[0]).await.unwrap();
        sim.sleep(3600 * SECOND).await;
        all_calls(&fleet, 1).await;
    };
    sim.block_on(scenario);
    assert_eq!(account.service().previous, [None, Some("secret-1".to_owned())]);
}

#[test]
fn a_session_that_is_expired_when_it_is_obtained_is_used_for_4_5_s() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().lifetime = Duration::ZERO;
    let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()));
    let logins_after = |pause: Duration| {
        sim.block_on(sim.sleep(pause));
        assert!(within_a_minute(&sim, all_calls(&fleet, 5)).iter().all(Result::is_ok));
        account.logins()
    };
    assert_eq!(logins_after(Duration::ZERO), 1);
    assert_eq!(logins_after(Duration::from_millis(4_400)), 1);
    assert_eq!(logins_after(Duration::from_millis(200)), 2);
}

#[test]
fn a_failed_login_fails_no_call_before_the_old_session_expires() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().lifetime = 100 * SECOND;
    let stitch = stitch(seam(sim.clone(), &api, &account));
    let scenario = async {
        stitch.call(()).send().await.unwrap();
        account.service().failing = (u32::MAX, true);
        sim.sleep(95 * SECOND).await;
        stitch.call(()).send().await.unwrap();
        sim.sleep(6 * SECOND).await;
        assert_eq!(stitch.call(()).send().await.unwrap_err().kind(), ErrorKind::Auth);
    };
    sim.block_on(scenario);
}

#[test]
fn a_failure_with_a_retry_after_delays_the_next_login_and_is_stated_to_callers() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    (account.service().failing, account.service().retry_after) = ((u32::MAX, true), Some(30 * SECOND));
    let fleet = fleet(&sim, &api, &account, &Spy::on(sim.clone()));
    let scenario = async {
        for _ in 0..50 {
            for error in all_calls(&fleet, 1).await.into_iter().map(Result::unwrap_err) {
                assert!(error.is_retryable(), "{error:?}");
                assert!(error.retry_after().unwrap() > Duration::ZERO);
            }
            sim.sleep(SECOND).await;
        }
    };
    sim.block_on(scenario);
    assert!(account.logins() <= 3, "{}", account.logins());
}

#[test]
fn without_a_store_a_failed_login_delays_the_next_one_as_well() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().failing = (u32::MAX, false);
    let stitch = stitch(seam(sim.clone(), &api, &account));
    sim.block_on(async { join_all((0..20).map(|_| async { stitch.call(()).await })).await });
    for _ in 0..20 {
        assert!(sim.block_on(stitch.call(()).send()).is_err());
    }
    assert_eq!(account.logins(), 1);
}

#[test]
fn a_session_from_a_process_whose_clock_is_ahead_is_replaced_when_it_is_rejected() {
    let (sim, account, store) = (SimRuntime::new(1), Account::new(), Spy::on(SimRuntime::new(1)));
    let on = |process: Process, api: &MockTransport| {
        stitch(seam(process, api, &account).store(store.clone()).vault(sealed()))
    };
    let ahead = Process::on(&sim).ahead(600 * SECOND);
    sim.block_on(on(ahead, &ok()).call(()).send()).unwrap();
    sim.block_on(sim.sleep(10 * SECOND));
    let api = rejecting(&["secret-1"]);
    sim.block_on(on(Process::on(&sim), &api).call(()).send()).unwrap();
    assert_eq!(tokens(&api), ["secret-1", "secret-2"]);
}

#[test]
fn a_login_that_is_not_per_principal_has_one_session_for_all_users() {
    let (sim, api, account) = (SimRuntime::new(1), ok(), Account::new());
    account.service().per_principal = false;
    let stitch = stitch(seam(sim.clone(), &api, &account).store(Spy::on(sim.clone())).vault(sealed()));
    for user in ["ada", "grace", "edsger"] {
        sim.block_on(stitch.as_principal(user).call(()).send()).unwrap();
    }
    assert_eq!(account.logins(), 1);
}

#[test]
fn a_session_that_was_moved_to_another_user_is_a_miss_and_an_event() {
    let (sim, api, account, store) = (SimRuntime::new(1), ok(), Account::new(), Spy::on(SimRuntime::new(1)));
    let on = || {
        let (sink, recorded) = events();
        (stitch(seam(sim.clone(), &api, &account).store(store.clone()).vault(sealed()).sink(sink)), recorded)
    };
    sim.block_on(on().0.as_principal("ada").call(()).send()).unwrap();
    let adas = store.keys("session");
    sim.block_on(on().0.as_principal("grace").call(()).send()).unwrap();
    let graces = store.keys("session").into_iter().find(|key| !adas.contains(key)).unwrap();
    sim.block_on(store.copy(&adas[0], &graces));
    let (stitch, recorded) = on();
    sim.block_on(stitch.as_principal("grace").call(()).send()).unwrap();
    assert_eq!(tokens(&api), ["secret-1", "secret-2", "secret-3"]);
    sim.block_on(sim.sleep(SECOND));
    assert!(count(&recorded, |kind| *kind == EventKind::Unreadable { what: Unreadable::Session }) > 0);
}

#[test]
fn the_rejection_of_a_replaced_token_does_not_reject_its_replacement() {
    /// Sends requests for `/slow` after 20 s.
    #[derive(Debug)]
    struct Slow(MockTransport, SimRuntime);
    #[async_trait]
    impl stitchapi::Transport for Slow {
        async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, stitchapi::TransportError> {
            if request.uri().path() == "/slow" {
                self.1.sleep(20 * SECOND).await;
            }
            self.0.send(request).await
        }
    }
    let (sim, api, account) = (SimRuntime::new(1), rejecting(&["secret-1"]), Account::new());
    let slow = Slow(api.clone(), sim.clone());
    let seam = seam(sim.clone(), &api, &account).transport(slow).attempt_timeout(30 * SECOND).build().unwrap();
    let on = |path: &str| seam.get(path).build_with::<(), ()>(decode::empty).unwrap();
    let (slow, quick) = (on("/slow"), on("/a"));
    let scenario = async {
        let later = async {
            sim.sleep(6 * SECOND).await;
            quick.call(()).send().await
        };
        let (first, second) = futures_util::future::join(slow.call(()).send(), later).await;
        first.and(second).unwrap();
    };
    sim.block_on(scenario);
    assert_eq!(account.logins(), 2);
}
