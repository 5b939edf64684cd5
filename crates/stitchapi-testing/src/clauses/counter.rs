//! Counting.

use std::time::Duration;

use stitchapi_core::{Counter, Key, StoreErrorKind};

use crate::contract::{Checked, End, Facility, Scene, Trouble, ensure, refused};

pub(crate) async fn starts_at_one(scene: Scene) -> Checked {
    let (counter, key) = (scene.first.counter()?, scene.key("count"));
    for expected in 1..=3 {
        let count = counter.incr(&key, Scene::HOUR).await?;
        ensure!(count == expected, "incr number {expected} gave {count}");
    }
    Ok(())
}

pub(crate) async fn keys_apart(scene: Scene) -> Checked {
    let counter = scene.first.counter()?;
    for expected in 1..=2 {
        for name in ["one", "other"] {
            let count = counter.incr(&scene.key(name), Scene::HOUR).await?;
            ensure!(count == expected, "incr number {expected} of the key {name} gave {count}");
        }
    }
    Ok(())
}

pub(crate) async fn concurrent(scene: Scene) -> Checked {
    let counter = scene.first.counter()?;
    exactly(&scene, (0..64).map(|_| counter.clone())).await
}

pub(crate) async fn two_clients(scene: Scene) -> Checked {
    let clients = [scene.first.counter()?, scene.second.counter()?];
    exactly(&scene, (0..64).map(|caller| clients[caller % 2].clone())).await
}

/// Every caller counts once, all at the same time: together they see every number once.
async fn exactly(scene: &Scene, callers: impl Iterator<Item = std::sync::Arc<dyn Counter>>) -> Checked {
    let calls = callers.map(|counter| {
        let key = scene.key("count");
        async move { counter.incr(&key, Scene::HOUR).await }
    });
    let counts: Result<Vec<_>, _> = scene.at_once(calls).await?.into_iter().collect();
    let mut counts = counts?;
    counts.sort_unstable();
    ensure!(counts.iter().copied().eq(1..=counts.len() as u64), "{} callers counted {counts:?}", counts.len());
    Ok(())
}

pub(crate) async fn delete_starts_anew(scene: Scene) -> Checked {
    let (counter, key) = (scene.first.counter()?, scene.key("count"));
    counter.incr(&key, Scene::HOUR).await?;
    counter.incr(&key, Scene::HOUR).await?;
    scene.store().delete(&key).await?;
    let count = scene.second.counter()?.incr(&key, Scene::HOUR).await?;
    ensure!(count == 1, "incr after delete gave {count}");
    Ok(())
}

pub(crate) async fn ttl_zero(scene: Scene) -> Checked {
    let (counter, key) = (scene.first.counter()?, scene.key("count"));
    refused(counter.incr(&key, Duration::ZERO).await, StoreErrorKind::InvalidConfig, "incr with a ttl of zero")?;
    let first = counter.incr(&key, Scene::HOUR).await?;
    refused(counter.incr(&key, Duration::ZERO).await, StoreErrorKind::InvalidConfig, "incr with a ttl of zero")?;
    let second = counter.incr(&key, Scene::HOUR).await?;
    ensure!((first, second) == (1, 2), "between refused calls incr gave {first} and {second}");
    Ok(())
}

/// Counts on with `ttl` until the count starts again, or should have.
async fn end(scene: &Scene, key: &Key, first: Duration, then: Duration, over: Duration) -> Result<End, Trouble> {
    let counter = scene.first.counter()?;
    let life = scene.born(over, counter.incr(key, first)).await?;
    scene.end_of(life, || async { Ok(counter.incr(key, then).await? > 1) }).await
}

pub(crate) async fn ttl_not_early(scene: Scene) -> Checked {
    let ttl = scene.short();
    match end(&scene, &scene.key("count"), ttl, ttl, ttl).await? {
        End::Early(after) => Err(Trouble::Violated(format!("a ttl of {ttl:?} was over after {after:?}"))),
        End::InTime | End::Late(_) => Ok(()),
    }
}

pub(crate) async fn ttl_of_the_creator(scene: Scene) -> Checked {
    let ttl = scene.short();
    for (name, then) in [("same", ttl), ("longer", Scene::HOUR)] {
        if let End::Late(after) = end(&scene, &scene.key(name), ttl, then, ttl).await? {
            return Err(Trouble::Violated(format!(
                "a counter created with a ttl of {ttl:?} and called again with {then:?} went on after {after:?}"
            )));
        }
    }
    Ok(())
}

pub(crate) async fn restarts(scene: Scene) -> Checked {
    let (counter, key, ttl) = (scene.first.counter()?, scene.key("count"), scene.short());
    for life in 1..=3 {
        let begun = scene.runtime().now();
        let counts = (counter.incr(&key, ttl).await?, counter.incr(&key, ttl).await?);
        if counts == (1, 1) && scene.runtime().now() > begun + ttl / 2 {
            return Err(Trouble::too_slow());
        }
        ensure!(counts == (1, 2), "in its life number {life} the counter began with {counts:?}");
        scene.sleep_past(ttl).await;
    }
    Ok(())
}

pub(crate) async fn lost_ttl(scene: Scene) -> Checked {
    let (counter, key, ttl) = (scene.first.counter()?, scene.key("count"), scene.short());
    let strip = match &scene.options.strip_ttl {
        Facility::Given(strip) => strip,
        Facility::Missing => return Err(Trouble::Skipped("no way to take a ttl away was given".into())),
        Facility::Impossible(why) => return Err(Trouble::NotApplicable(why.clone())),
    };
    counter.incr(&key, Scene::HOUR).await?;
    strip(key.clone()).await;
    let end = end(&scene, &key, ttl, Scene::HOUR, ttl).await?;
    ensure!(end == End::InTime, "a counter without a ttl, called with one of {ttl:?}, ended {end:?}");
    Ok(())
}
