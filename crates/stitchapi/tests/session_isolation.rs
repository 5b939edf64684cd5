//! Sessions are sealed, and separate for each principal.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Mutex;

use common::recording_sink;
use common::spy_store::SpyStore;
use common::test_login::*;
use stitchapi::trace::{Event, EventKind, Unreadable};
use stitchapi::{ErrorKind, SealingKey, Vault, decode};
use stitchapi_testing::SimRuntime;

/// Returns the number of recorded events of a kind.
fn count(events: &Mutex<Vec<Event>>, is_wanted: impl Fn(&EventKind) -> bool) -> usize {
    events.lock().unwrap().iter().filter(|event| is_wanted(&event.kind)).count()
}

#[test]
fn a_sealed_store_shows_no_token_no_account_and_no_user() {
    let (sim, api, login, store) = (SimRuntime::new(1), ok_api(), TestLogin::new(), SpyStore::new(SimRuntime::new(1)));
    let stitch = stitch(seam(sim.clone(), &api, &login).store(store.clone()).vault(sealed()));
    sim.block_on(stitch.as_principal("grace@example.com").call(()).send()).unwrap();
    assert_eq!(tokens(&api), ["secret-1"]);
    assert_eq!(store.keys("session").len(), 1);
    for secret in ["secret-1", "secret", "ada@", "grace@"] {
        assert!(!store.contains_text(secret), "{secret}");
    }
    let plain = SpyStore::new(sim.clone());
    let open = seam(sim.clone(), &api, &login).store(plain.clone()).vault(Vault::plaintext());
    sim.block_on(self::stitch(open).call(()).send()).unwrap();
    assert!(plain.contains_text("secret-2"), "a plaintext vault stores the token, and the search above finds tokens");
}

#[test]
fn a_session_that_was_changed_in_the_store_is_a_miss_and_an_event() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let store = SpyStore::new(sim.clone());
    let on = |vault: Vault| {
        let (sink, recorded) = recording_sink();
        (stitch(seam(sim.clone(), &api, &login).store(store.clone()).vault(vault).sink(sink)), recorded)
    };
    sim.block_on(on(sealed()).0.call(()).send()).unwrap();
    sim.block_on(store.tamper("session"));
    let (tampered, recorded) = on(sealed());
    sim.block_on(tampered.call(()).send()).unwrap();
    assert_eq!(login.count(), 2);
    sim.block_on(sim.sleep(SECOND));
    let unreadable = |kind: &EventKind| *kind == EventKind::Unreadable { what: Unreadable::Session };
    assert!(count(&recorded, unreadable) > 0);

    let (whole, recorded) = on(sealed());
    sim.block_on(whole.call(()).send()).unwrap();
    assert_eq!(login.count(), 2, "the session that replaced it can be read");
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(count(&recorded, unreadable), 0);
}

#[test]
fn each_user_has_a_session_of_its_own() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    let seam = seam(sim.clone(), &api, &login).build().unwrap();
    let of = |user: &str| seam.as_principal(user).get("/a").build_with::<(), ()>(decode::empty).unwrap();
    for user in ["ada", "grace", "ada"] {
        sim.block_on(of(user).call(()).send()).unwrap();
    }
    assert_eq!(tokens(&api), ["secret-1", "secret-2", "secret-1"]);
}

#[test]
fn sessions_in_a_store_need_a_vault_and_the_error_says_so() {
    let (sim, login) = (SimRuntime::new(1), TestLogin::new());
    let on_a_store = || seam(sim.clone(), &ok_api(), &login).store(SpyStore::new(sim.clone()));
    let error = on_a_store().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("Vault::sealed"), "{error}");
    assert!(on_a_store().vault(Vault::plaintext()).build().is_ok());
    let no_id = Vault::sealed(SealingKey::from_bytes("", [7; 32]));
    assert_eq!(on_a_store().vault(no_id).build().unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_login_that_is_not_per_principal_has_one_session_for_all_users() {
    let (sim, api, login) = (SimRuntime::new(1), ok_api(), TestLogin::new());
    login.lock_state().is_per_principal = false;
    let stitch = stitch(seam(sim.clone(), &api, &login).store(SpyStore::new(sim.clone())).vault(sealed()));
    for user in ["ada", "grace", "edsger"] {
        sim.block_on(stitch.as_principal(user).call(()).send()).unwrap();
    }
    assert_eq!(login.count(), 1);
}

#[test]
fn a_session_that_was_moved_to_another_user_is_a_miss_and_an_event() {
    let (sim, api, login, store) = (SimRuntime::new(1), ok_api(), TestLogin::new(), SpyStore::new(SimRuntime::new(1)));
    let on = || {
        let (sink, recorded) = recording_sink();
        (stitch(seam(sim.clone(), &api, &login).store(store.clone()).vault(sealed()).sink(sink)), recorded)
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
