//! Sessions: one login for a fleet, replaced when the session expires or is rejected.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::Duration;

use common::separate_calls::SeparateCallsRuntime;
use common::sim_process::{SimProcess, within_a_minute};
use common::spy_store::SpyStore;
use common::test_login::*;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::StatusCode;
use stitchapi::auth::session;
use stitchapi::{Body, Runtime as _, SeamBuilder, StitchStore as _, async_trait, decode};
use stitchapi_testing::{MockTransport, SimRuntime};

#[test]
fn a_fleet_logs_in_once_for_any_interleaving() {
    for seed in 0..100 {
        let (sim, api, login) = (SimRuntime::new(seed), ok_api(), TestLogin::new());
        let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()).latency(STORE_LATENCY));
        let begun = sim.now();
        assert!(within_a_minute(&sim, all_calls(&fleet, 25)).iter().all(Result::is_ok));
        assert_eq!((login.count(), api.requests().len()), (1, 100));
        let took = sim.now().since(begun);
        assert!(took < Duration::from_millis(400), "each call waits little longer than the login takes: {took:?}");
    }
}

#[test]
fn session_of_a_login_is_the_strategy_that_auth_makes_of_the_login() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let store = SpyStore::new(sim.clone());
    let on_the_store = |builder: SeamBuilder| stitch(builder.store(store.clone()).vault(sealed()));
    let of_the_login = on_the_store(seam(sim.clone(), &api, &login));
    let of_the_strategy = on_the_store(seam(sim.clone(), &api, &login).auth(session(login.clone())));
    sim.block_on(of_the_login.call(()).send()).unwrap();
    sim.block_on(of_the_strategy.call(()).send()).unwrap();
    assert_eq!(login.count(), 1, "both use one session in the store");
}

#[test]
fn without_a_shared_store_each_process_logs_in_once() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let alone = || {
        let process = SimProcess::new(&sim);
        (process.clone(), stitch(seam(process, &api, &login)))
    };
    let fleet: Vec<_> = (0..4).map(|_| alone()).collect();
    assert!(within_a_minute(&sim, all_calls(&fleet, 25)).iter().all(Result::is_ok));
    assert_eq!(login.count(), 4);
}

#[test]
fn when_the_process_that_logs_in_is_killed_one_other_process_logs_in_and_no_other_call_fails() {
    for seed in 0..20 {
        let (sim, api, login) = (SimRuntime::new(seed), ok_api(), TestLogin::new());
        let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()).latency(STORE_LATENCY));
        let (victim, rest) = fleet.split_first().unwrap();
        let victims_calls = calls(&victim.0, &victim.1, 5);
        let scenario = async {
            let mut victims_calls = Box::pin(victims_calls);
            assert!((&mut victims_calls).now_or_never().is_none());
            sim.sleep(Duration::from_millis(150)).await;
            assert_eq!(login.count(), 1);
            victim.0.stop();
            let begun = sim.now();
            let results = all_calls(rest, 25).await;
            (results, sim.now().since(begun))
        };
        let (results, took) = within_a_minute(&sim, scenario);
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(login.count(), 2);
        assert!(took < Duration::from_millis(1_400), "the lease expires after a second, then a login: {took:?}");
    }
}

#[test]
fn a_process_paused_beyond_its_lease_uses_the_session_of_the_process_that_logged_in_meanwhile() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()));
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
    assert_eq!(login.count(), 2);
    assert!(tokens(&api).iter().all(|token| token == "secret-2"), "{:?}", tokens(&api));
}

#[test]
fn a_login_continues_when_its_caller_is_dropped() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let stitch = stitch(seam(sim.clone(), &api, &login));
    let scenario = async {
        let mut dropped = Box::pin(stitch.call(()).send());
        assert!((&mut dropped).now_or_never().is_none());
        sim.sleep(Duration::from_millis(100)).await;
        drop(dropped);
        sim.sleep(Duration::from_millis(300)).await;
        stitch.call(()).send().await.unwrap();
    };
    within_a_minute(&sim, scenario);
    assert_eq!(login.count(), 1);
}

#[test]
fn an_expiring_session_is_replaced_once_and_the_login_receives_it() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().lifetime = Duration::from_secs(100);
    let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()));
    let scenario = async {
        all_calls(&fleet, 1).await;
        sim.sleep(Duration::from_secs(89)).await;
        all_calls(&fleet, 1).await;
        assert_eq!(login.count(), 1);
        sim.sleep(Duration::from_secs(2)).await;
        assert!(all_calls(&fleet, 5).await.iter().all(Result::is_ok));
    };
    sim.block_on(scenario);
    assert_eq!(login.count(), 2);
    assert_eq!(login.lock_state().previous_tokens, [None, Some("secret-1".to_owned())]);
}

#[test]
fn a_rejected_session_is_replaced_once_for_the_whole_fleet() {
    for seed in 0..20 {
        let (sim, login) = (SimRuntime::new(seed), TestLogin::new());
        let (good, api) = (ok_api(), rejecting(&["secret-1"]));
        let store = SpyStore::new(sim.clone());
        sim.block_on(all_calls(&fleet(&sim, &good, &login, &store), 1));
        let fleet = fleet(&sim, &api, &login, &store);
        sim.block_on(sim.sleep(10 * SECOND));
        let results = within_a_minute(&sim, all_calls(&fleet, 25));
        assert!(results.iter().all(Result::is_ok), "{:?}", results.iter().find(|result| result.is_err()));
        assert_eq!(login.count(), 2);
    }
}

#[test]
fn a_session_that_is_rejected_within_5_s_of_its_login_is_not_replaced() {
    let (sim, api, login) = (SimRuntime::new(1), rejecting(&["secret-1", "secret-2", "secret-3"]), TestLogin::new());
    let stitch = stitch(seam(sim.clone(), &api, &login));
    let error = sim.block_on(stitch.call(()).send()).unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(StatusCode::UNAUTHORIZED), 1));
    assert_eq!(login.count(), 1);
    sim.block_on(sim.sleep(6 * SECOND));
    assert!(sim.block_on(stitch.call(()).send()).is_err());
    assert_eq!(login.count(), 2);
}

#[test]
fn a_call_with_a_cached_session_does_no_store_operation() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let store = SpyStore::new(sim.clone());
    let stitch = stitch(seam(sim.clone(), &api, &login).store(store.clone()).vault(sealed()));
    sim.block_on(stitch.call(()).send()).unwrap();
    let before = store.operations();
    for _ in 0..100 {
        sim.block_on(stitch.call(()).send()).unwrap();
    }
    assert_eq!(store.operations(), before);
}

#[test]
fn where_callers_cannot_join_each_call_waits_for_the_lease() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let runtime = SeparateCallsRuntime(SimProcess::new(&sim));
    let stitch = stitch(seam(runtime, &api, &login).store(SpyStore::new(sim.clone())).vault(sealed()));
    let results = within_a_minute(&sim, join_all((0..8).map(|_| async { stitch.call(()).await })));
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(login.count(), 1);
}

#[test]
fn a_login_longer_than_a_lease_is_the_only_one() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().duration = 20 * SECOND;
    let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()).latency(STORE_LATENCY));
    assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_ok));
    assert_eq!(login.count(), 1);
}

#[test]
fn a_session_that_expires_during_the_login_is_overwritten() {
    for seed in 0..20 {
        let (sim, api, login) = (SimRuntime::new(seed), ok_api(), TestLogin::new());
        login.lock_state().lifetime = 100 * SECOND;
        let store = SpyStore::new(sim.clone());
        let old = fleet(&sim, &api, &login, &store);
        let scenario = async {
            all_calls(&old, 1).await;
            sim.sleep(Duration::from_millis(99_850)).await;
            assert!(all_calls(&old, 1).await.iter().all(Result::is_ok));
            let new = fleet(&sim, &api, &login, &store);
            assert!(all_calls(&new, 1).await.iter().all(Result::is_ok));
        };
        sim.block_on(scenario);
        assert_eq!(login.count(), 2);
    }
}

#[test]
fn an_expired_session_with_a_refresh_token_is_kept_for_the_next_login() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().lifetime = 100 * SECOND;
    login.lock_state().has_refresh_token = true;
    let store = SpyStore::new(sim.clone());
    let scenario = async {
        all_calls(&fleet(&sim, &api, &login, &store), 1).await;
        sim.sleep(3600 * SECOND).await;
        all_calls(&fleet(&sim, &api, &login, &store), 1).await;
    };
    sim.block_on(scenario);
    assert_eq!(login.lock_state().previous_tokens, [None, Some("secret-1".to_owned())]);
}

#[test]
fn a_session_that_the_store_has_lost_is_kept_in_memory_for_the_next_login() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().lifetime = 100 * SECOND;
    login.lock_state().has_refresh_token = true;
    let store = SpyStore::new(sim.clone());
    let fleet = fleet(&sim, &api, &login, &store);
    let scenario = async {
        all_calls(&fleet, 1).await;
        store.delete(&store.keys("session")[0]).await.unwrap();
        sim.sleep(3600 * SECOND).await;
        all_calls(&fleet, 1).await;
    };
    sim.block_on(scenario);
    assert_eq!(login.lock_state().previous_tokens, [None, Some("secret-1".to_owned())]);
}

#[test]
fn a_session_that_is_expired_when_it_is_obtained_is_used_for_4_5_s() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().lifetime = Duration::ZERO;
    let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()));
    let logins_after = |pause: Duration| {
        sim.block_on(sim.sleep(pause));
        assert!(within_a_minute(&sim, all_calls(&fleet, 5)).iter().all(Result::is_ok));
        login.count()
    };
    assert_eq!(logins_after(Duration::ZERO), 1);
    assert_eq!(logins_after(Duration::from_millis(4_400)), 1);
    assert_eq!(logins_after(Duration::from_millis(200)), 2);
}

#[test]
fn a_session_from_a_process_whose_clock_is_ahead_is_replaced_when_it_is_rejected() {
    let (sim, login, store) = (SimRuntime::new(1), TestLogin::new(), SpyStore::new(SimRuntime::new(1)));
    let on = |process: SimProcess, api: &MockTransport| {
        stitch(seam(process, api, &login).store(store.clone()).vault(sealed()))
    };
    let ahead = SimProcess::new(&sim).wall_clock_ahead(600 * SECOND);
    sim.block_on(on(ahead, &ok_api()).call(()).send()).unwrap();
    sim.block_on(sim.sleep(10 * SECOND));
    let api = rejecting(&["secret-1"]);
    sim.block_on(on(SimProcess::new(&sim), &api).call(()).send()).unwrap();
    assert_eq!(tokens(&api), ["secret-1", "secret-2"]);
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
    let (sim, api, login) = (SimRuntime::new(1), rejecting(&["secret-1"]), TestLogin::new());
    let slow = Slow(api.clone(), sim.clone());
    let seam = seam(sim.clone(), &api, &login).transport(slow).attempt_timeout(30 * SECOND).build().unwrap();
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
    assert_eq!(login.count(), 2);
}
