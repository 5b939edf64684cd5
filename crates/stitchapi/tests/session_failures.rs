//! Sessions while logins fail, or while the store fails, hangs or is slow.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::Duration;

use common::sim_process::within_a_minute;
use common::spy_store::SpyStore;
use common::test_login::*;
use futures_util::future::join_all;
use stitchapi::{ErrorKind, Retry, Runtime as _, StoreErrorKind};
use stitchapi_testing::SimRuntime;

#[test]
fn a_failed_login_fails_every_waiting_call_and_those_of_the_next_second() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.fail_first(1, false);
    let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()));
    let scenario = async {
        let results = all_calls(&fleet, 10).await;
        assert!(results.iter().all(|result| result.as_ref().unwrap_err().kind() == ErrorKind::Auth));
        assert!(all_calls(&fleet, 10).await.iter().all(Result::is_err));
        assert_eq!(login.count(), 1);
        sim.sleep(Duration::from_millis(2_100)).await;
        assert!(all_calls(&fleet, 10).await.iter().all(Result::is_ok));
    };
    within_a_minute(&sim, scenario);
    assert_eq!((login.count(), api.requests().len()), (2, 40));
}

#[test]
fn a_retryable_failure_of_a_login_is_retried_by_the_policy_of_the_seam() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.fail_first(2, true);
    sim.block_on(stitch(seam(sim.clone(), &api, &login)).call(()).send()).unwrap();
    assert_eq!(login.count(), 3);
    let login = TestLogin::new();
    login.fail_first(1, true);
    let without_retries = stitch(seam(sim.clone(), &api, &login).retry(Retry::none()));
    assert_eq!(sim.block_on(without_retries.call(()).send()).unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(login.count(), 1);
}

#[test]
fn while_the_store_fails_a_process_uses_its_session_or_logs_in_for_itself() {
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt, StoreErrorKind::Timeout] {
        let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
        let store = SpyStore::new(sim.clone());
        let fleet = fleet(&sim, &api, &login, &store);
        let scenario = async {
            all_calls(&fleet[..2], 1).await;
            store.fail(Some(kind));
            assert!(all_calls(&fleet, 5).await.iter().all(Result::is_ok));
            assert_eq!(login.count(), 3, "two processes had the session, and two logged in");
            store.fail(None);
            assert!(all_calls(&fleet, 5).await.iter().all(Result::is_ok));
        };
        within_a_minute(&sim, scenario);
        assert_eq!(login.count(), 3);
    }
}

#[test]
fn a_single_failure_of_the_store_causes_no_second_login() {
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Timeout, StoreErrorKind::Contended] {
        for number in 1..=60 {
            let (sim, api, login) = (SimRuntime::new(7), ok_api(), TestLogin::new());
            let store = SpyStore::new(sim.clone());
            store.fail_once(number, kind);
            let fleet = fleet(&sim, &api, &login, &store);
            assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_ok));
            assert_eq!(login.count(), 1, "after a failure of operation {number}");
        }
    }
}

#[test]
fn a_short_outage_during_a_login_causes_no_second_login() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().duration = 3 * SECOND;
    let store = SpyStore::new(sim.clone());
    let fleet = fleet(&sim, &api, &login, &store);
    let outage = async {
        sim.sleep(SECOND).await;
        store.fail(Some(StoreErrorKind::Unavailable));
        sim.sleep(Duration::from_millis(400)).await;
        store.fail(None);
    };
    let results = within_a_minute(&sim, futures_util::future::join(all_calls(&fleet, 3), outage)).0;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(login.count(), 1);
}

#[test]
fn a_store_with_a_round_trip_of_two_seconds_causes_no_second_login() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let far = SpyStore::new(sim.clone()).latency(Duration::from_millis(950)).timeout(2 * SECOND);
    let fleet = fleet(&sim, &api, &login, &far);
    assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_ok));
    assert_eq!(login.count(), 1);
}

#[test]
fn a_store_that_hangs_delays_a_call_by_two_timeouts_and_fails_none() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let store = SpyStore::new(sim.clone());
    store.hang(true);
    let fleet = fleet(&sim, &api, &login, &store);
    let begun = sim.now();
    assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_ok));
    let took = sim.now().since(begun);
    assert!(took < Duration::from_millis(300 + 2 * 250 + 50), "{took:?}");
}

#[test]
fn a_login_that_hangs_ends_at_the_deadline_of_the_seam() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().duration = 3600 * SECOND;
    let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()));
    let scenario = async {
        assert!(all_calls(&fleet, 2).await.iter().all(Result::is_err));
        login.lock_state().duration = SECOND;
        sim.sleep(5 * SECOND).await;
        assert!(all_calls(&fleet, 2).await.iter().all(Result::is_ok));
    };
    sim.block_on(scenario);
}

#[test]
fn a_failed_login_fails_no_call_before_the_old_session_expires() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().lifetime = 100 * SECOND;
    let stitch = stitch(seam(sim.clone(), &api, &login));
    let scenario = async {
        stitch.call(()).send().await.unwrap();
        login.fail_first(u32::MAX, true);
        sim.sleep(95 * SECOND).await;
        stitch.call(()).send().await.unwrap();
        sim.sleep(6 * SECOND).await;
        assert_eq!(stitch.call(()).send().await.unwrap_err().kind(), ErrorKind::Auth);
    };
    sim.block_on(scenario);
}

#[test]
fn a_failure_with_a_retry_after_delays_the_next_login_and_is_stated_to_callers() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.fail_first(u32::MAX, true);
    login.lock_state().retry_after = Some(30 * SECOND);
    let fleet = fleet(&sim, &api, &login, &SpyStore::new(sim.clone()));
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
    assert!(login.count() <= 3, "{}", login.count());
}

#[test]
fn without_a_store_a_failed_login_delays_the_next_one_as_well() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.fail_first(u32::MAX, false);
    let stitch = stitch(seam(sim.clone(), &api, &login));
    sim.block_on(async { join_all((0..20).map(|_| async { stitch.call(()).await })).await });
    for _ in 0..20 {
        assert!(sim.block_on(stitch.call(()).send()).is_err());
    }
    assert_eq!(login.count(), 1);
}
