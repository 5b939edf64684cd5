//! Values that belong to somebody else.

use std::time::Duration;

use stitchapi_core::StoreErrorKind::Corrupt;
use stitchapi_core::pace::ReserveRequest;
use stitchapi_core::{Key, StoreTime};

use super::lending::{Places, owners};
use super::pacing;
use super::versioned::{is, versions};
use crate::contract::{Checked, Scene, Trouble, ensure, refused};

/// What might be taken for a count, by one store or another.
const NO_COUNTS: &[&[u8]] =
    &[b"", b"41", b"hello", &[0, 0, 0, 0, 0, 0, 0, 41], b"c\x01\xff\xff\xff\xff\xff\xff\xff\xff"];

/// What might be taken for a cell: one of this format, one of a newer format, and neither.
const NO_CELLS: &[&[u8]] =
    &[b"1 000000000000feed 9 0 0 0 5000 6 calls 60000000 6 7 1 8 42 2", b"2 a newer format", b"", b"{}", b"\xff\xfe"];

/// What might be taken for a lease.
const NO_LEASES: &[&[u8]] =
    &[b"1 9 h abababababababababababababababab 9 9007199254740991", b"1 9", b"2 a newer format", b"", b"\xff\xfe"];

/// What might be taken for a version, with or without a value.
const NO_VERSIONS: &[&[u8]] = &[b"a version's size", b"a version's size, and a value", b"short", b"", &[0; 40]];

pub(crate) async fn plain_on_a_counter(scene: Scene) -> Checked {
    let (counter, key) = (scene.first.counter()?, scene.key("count"));
    counter.incr(&key, Scene::HOUR).await?;
    refused(scene.store().get(&key).await, Corrupt, "get of a counter")?;
    refused(scene.store().set(&key, "7".into(), None).await, Corrupt, "set of a counter")?;
    let count = counter.incr(&key, Scene::HOUR).await?;
    ensure!(count == 2, "incr after a refused set gave {count}");
    Ok(())
}

pub(crate) async fn plain_on_a_cell(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(1);
    pacer.reserve(&key, &request).await?;
    refused(scene.store().get(&key).await, Corrupt, "get of a cell")?;
    refused(scene.store().set(&key, "7".into(), None).await, Corrupt, "set of a cell")?;
    let reply = pacer.reserve(&key, &ReserveRequest { epoch_if_new: !request.epoch_if_new, ..request.clone() }).await?;
    ensure!(reply.cell.epoch == request.epoch_if_new, "a refused set changed the cell");
    Ok(())
}

pub(crate) async fn counter_on_a_value(scene: Scene) -> Checked {
    let counter = scene.first.counter()?;
    for (number, value) in NO_COUNTS.iter().enumerate() {
        let key = scene.key(number.to_string());
        scene.put(&key, value).await?;
        refused(
            counter.incr(&key, Scene::HOUR).await,
            Corrupt,
            &format!("incr on the value {}", value.escape_ascii()),
        )?;
        unchanged(&scene, &key, value).await?;
    }
    Ok(())
}

pub(crate) async fn pacer_on_a_value(scene: Scene) -> Checked {
    scene.first.pacer()?;
    for (number, value) in NO_CELLS.iter().enumerate() {
        let key = scene.key(number.to_string());
        scene.put(&key, value).await?;
        no_cell(&scene, &key, &format!("the value {}", value.escape_ascii())).await?;
        unchanged(&scene, &key, value).await?;
    }
    Ok(())
}

pub(crate) async fn facets_on_each_other(scene: Scene) -> Checked {
    let (pacer, counter) = (scene.first.pacer()?, scene.first.counter()?);
    let (cell, count) = (scene.key("cell"), scene.key("count"));
    let request = pacing::slow(&scene).with_calls(1);
    pacer.reserve(&cell, &request).await?;
    counter.incr(&count, Scene::HOUR).await?;
    refused(counter.incr(&cell, Scene::HOUR).await, Corrupt, "incr on a cell")?;
    no_cell(&scene, &count, "a counter").await?;
    let epoch = pacer.reserve(&cell, &pacing::slow(&scene)).await?.cell.epoch;
    let counted = counter.incr(&count, Scene::HOUR).await?;
    ensure!((epoch, counted) == (request.epoch_if_new, 2), "a refused operation changed the cell or the counter");
    Ok(())
}

/// No operation of a pacer takes what is there.
async fn no_cell(scene: &Scene, key: &Key, on: &str) -> Checked {
    let pacer = scene.first.pacer()?;
    let request = pacing::slow(scene).with_calls(1);
    let elsewhere = scene.key("elsewhere");
    let reply = pacer.reserve(&elsewhere, &request).await?;
    refused(pacer.reserve(key, &request).await, Corrupt, &format!("reserve on {on}"))?;
    refused(pacer.reserve(key, &pacing::slow(scene)).await, Corrupt, &format!("a touch on {on}"))?;
    refused(pacer.refund(key, &reply.tail(&request, 0)).await, Corrupt, &format!("refund on {on}"))?;
    refused(pacer.settle(key, &request.limits[0].id, 1).await, Corrupt, &format!("settle on {on}"))?;
    let until = StoreTime(reply.now.0 + 1_000_000);
    refused(pacer.hold(key, until, Scene::HOUR).await, Corrupt, &format!("hold on {on}"))
}

pub(crate) async fn plain_on_a_lease(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, other] = owners(&scene);
    let fence = places.take(&holder, "where nobody held one").await?;
    refused(scene.store().get(&places.key).await, Corrupt, "get of a lease")?;
    refused(scene.store().set(&places.key, "7".into(), None).await, Corrupt, "set of a lease")?;
    places.find_none(&other, "after a refused set").await?;
    let again = places.ask(&holder).await?;
    ensure!(again == Some(fence), "after a refused set the holder of {fence} was given {again:?}");
    Ok(())
}

pub(crate) async fn plain_on_a_version(scene: Scene) -> Checked {
    let (key, [version]) = (scene.key("value"), versions(&scene));
    scene.first.versioned()?.write_if(&key, None, &version, "one".into(), Some(Scene::HOUR)).await?;
    refused(scene.store().get(&key).await, Corrupt, "get of a versioned value")?;
    refused(scene.store().set(&key, "7".into(), None).await, Corrupt, "set of a versioned value")?;
    is(&scene, &key, Some(("one", &version)), "a refused set").await
}

pub(crate) async fn leases_on_a_value(scene: Scene) -> Checked {
    scene.first.leases()?;
    for (number, value) in NO_LEASES.iter().enumerate() {
        let key = scene.key(number.to_string());
        scene.put(&key, value).await?;
        no_lease(&scene, &key, &format!("the value {}", value.escape_ascii())).await?;
        unchanged(&scene, &key, value).await?;
    }
    Ok(())
}

pub(crate) async fn versions_on_a_value(scene: Scene) -> Checked {
    scene.first.versioned()?;
    for (number, value) in NO_VERSIONS.iter().enumerate() {
        let key = scene.key(number.to_string());
        scene.put(&key, value).await?;
        no_version(&scene, &key, &format!("the value {}", value.escape_ascii())).await?;
        unchanged(&scene, &key, value).await?;
    }
    Ok(())
}

pub(crate) async fn leases_and_others(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder] = owners(&scene);
    let fence = places.take(&holder, "where nobody held one").await?;
    if let Ok(counter) = scene.first.counter() {
        let key = scene.key("count");
        counter.incr(&key, Scene::HOUR).await?;
        no_lease(&scene, &key, "a counter").await?;
        refused(counter.incr(&places.key, Scene::HOUR).await, Corrupt, "incr on a lease")?;
        let count = counter.incr(&key, Scene::HOUR).await?;
        ensure!(count == 2, "after refused operations of leases incr gave {count}");
    }
    if let Ok(pacer) = scene.first.pacer() {
        let (key, request) = (scene.key("cell"), pacing::slow(&scene).with_calls(1));
        pacer.reserve(&key, &request).await?;
        no_lease(&scene, &key, "a cell").await?;
        no_cell(&scene, &places.key, "a lease").await?;
        let epoch = pacer.reserve(&key, &pacing::slow(&scene)).await?.cell.epoch;
        ensure!(epoch == request.epoch_if_new, "a refused operation of leases changed the cell");
    }
    let again = places.ask(&holder).await?;
    ensure!(again == Some(fence), "after refused operations the holder of {fence} was given {again:?}");
    Ok(())
}

pub(crate) async fn versions_and_others(scene: Scene) -> Checked {
    let (versioned, value, [version]) = (scene.first.versioned()?, scene.key("value"), versions(&scene));
    versioned.write_if(&value, None, &version, "one".into(), Some(Scene::HOUR)).await?;
    if let Ok(counter) = scene.first.counter() {
        let key = scene.key("count");
        counter.incr(&key, Scene::HOUR).await?;
        no_version(&scene, &key, "a counter").await?;
        refused(counter.incr(&value, Scene::HOUR).await, Corrupt, "incr on a versioned value")?;
        let count = counter.incr(&key, Scene::HOUR).await?;
        ensure!(count == 2, "after refused operations on versions incr gave {count}");
    }
    if let Ok(pacer) = scene.first.pacer() {
        let (key, request) = (scene.key("cell"), pacing::slow(&scene).with_calls(1));
        pacer.reserve(&key, &request).await?;
        no_version(&scene, &key, "a cell").await?;
        no_cell(&scene, &value, "a versioned value").await?;
        let epoch = pacer.reserve(&key, &pacing::slow(&scene)).await?.cell.epoch;
        ensure!(epoch == request.epoch_if_new, "a refused operation on versions changed the cell");
    }
    if let Ok(places) = Places::new(&scene, "place", 1) {
        let [holder] = owners(&scene);
        let fence = places.take(&holder, "where nobody held one").await?;
        no_version(&scene, &places.key, "a lease").await?;
        no_lease(&scene, &value, "a versioned value").await?;
        let again = places.ask(&holder).await?;
        ensure!(again == Some(fence), "after refused operations the holder of {fence} was given {again:?}");
    }
    is(&scene, &value, Some(("one", &version)), "refused operations").await
}

/// No operation of leases takes what is there.
async fn no_lease(scene: &Scene, key: &Key, on: &str) -> Checked {
    let (leases, [owner]) = (scene.first.leases()?, owners(scene));
    let acquired = leases.acquire(key, 1, Scene::HOUR, &owner, Duration::ZERO).await;
    refused(acquired, Corrupt, &format!("acquire on {on}"))?;
    refused(leases.renew(key, Scene::HOUR, &owner).await, Corrupt, &format!("renew on {on}"))?;
    refused(leases.release(key, &owner).await, Corrupt, &format!("release on {on}"))
}

/// No operation on versions takes what is there.
async fn no_version(scene: &Scene, key: &Key, on: &str) -> Checked {
    let (versioned, [expected, new]) = (scene.first.versioned()?, versions(scene));
    refused(versioned.read(key).await, Corrupt, &format!("read of {on}"))?;
    for expected in [None, Some(&expected)] {
        let written = versioned.write_if(key, expected, &new, "7".into(), Some(Scene::HOUR)).await;
        refused(written, Corrupt, &format!("write_if on {on}"))?;
    }
    Ok(())
}

async fn unchanged(scene: &Scene, key: &Key, value: &[u8]) -> Result<(), Trouble> {
    let got = scene.store().get(key).await?;
    ensure!(got.as_deref() == Some(value), "a refused operation left {got:?} of the value {}", value.escape_ascii());
    Ok(())
}
