//! The ttl of values.

use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore, StoreError, StoreErrorKind};

use crate::contract::{Checked, End, Life, Scene, Trouble, ensure, refused};

const VALUE: Bytes = Bytes::from_static(b"value");

async fn alive(store: &dyn StitchStore, key: &Key) -> Result<bool, StoreError> {
    Ok(store.get(key).await?.is_some())
}

async fn set(scene: &Scene, key: &Key, ttl: Duration) -> Result<Life, Trouble> {
    scene.born(ttl, scene.store().set(key, VALUE, Some(ttl))).await
}

/// Sets a value with a short ttl and waits for its end.
async fn end(scene: &Scene) -> Result<End, Trouble> {
    let key = scene.key("value");
    let life = set(scene, &key, scene.short()).await?;
    scene.end_of(life, || alive(&*scene.second.store, &key)).await
}

pub(crate) async fn ends(scene: Scene) -> Checked {
    match end(&scene).await? {
        End::Late(after) => {
            Err(Trouble::Violated(format!("a ttl of {:?} was not over after {after:?}", scene.short())))
        }
        End::InTime | End::Early(_) => Ok(()),
    }
}

pub(crate) async fn not_early(scene: Scene) -> Checked {
    match end(&scene).await? {
        End::Early(after) => Err(Trouble::Violated(format!("a ttl of {:?} was over after {after:?}", scene.short()))),
        End::InTime | End::Late(_) => Ok(()),
    }
}

pub(crate) async fn stays(scene: Scene) -> Checked {
    let key = scene.key("value");
    scene.store().set(&key, VALUE, None).await?;
    scene.sleep_past(scene.short() * 2).await;
    let alive = alive(scene.store(), &key).await?;
    scene.store().delete(&key).await?;
    ensure!(alive, "a value without a ttl was gone after {:?}", scene.short() * 2);
    Ok(())
}

pub(crate) async fn resets(scene: Scene) -> Checked {
    let (longer, shorter) = (scene.key("longer"), scene.key("shorter"));
    let short = scene.short();
    for (key, before, after) in [(&longer, short, short * 2), (&shorter, Scene::HOUR, short)] {
        set(&scene, key, before).await?;
        scene.sleep(Duration::from_millis(75)).await;
        let life = set(&scene, key, after).await?;
        let end = scene.end_of(life, || alive(scene.store(), key)).await?;
        ensure!(end == End::InTime, "a ttl of {after:?} set over one of {before:?} ended {end:?}");
    }
    Ok(())
}

pub(crate) async fn clears(scene: Scene) -> Checked {
    let key = scene.key("value");
    set(&scene, &key, scene.short()).await?;
    scene.store().set(&key, VALUE, None).await?;
    scene.sleep_past(scene.short()).await;
    let alive = alive(scene.store(), &key).await?;
    scene.store().delete(&key).await?;
    ensure!(alive, "a value set again without a ttl ended with the ttl it had before");
    Ok(())
}

pub(crate) async fn long(scene: Scene) -> Checked {
    let key = scene.key("value");
    scene.store().set(&key, VALUE, Some(Scene::HOUR * 24 * 365 * 50)).await?;
    let at_once = alive(scene.store(), &key).await?;
    scene.sleep(Duration::from_millis(20)).await;
    let later = alive(scene.store(), &key).await?;
    scene.store().delete(&key).await?;
    ensure!(at_once && later, "a value with a ttl of 50 years is gone");
    Ok(())
}

pub(crate) async fn zero(scene: Scene) -> Checked {
    let (fresh, full) = (scene.key("fresh"), scene.key("full"));
    scene.put(&full, b"before").await?;
    for key in [&fresh, &full] {
        let set = scene.store().set(key, VALUE, Some(Duration::ZERO)).await;
        refused(set, StoreErrorKind::InvalidConfig, "set with a ttl of zero")?;
    }
    let got = (scene.store().get(&fresh).await?, scene.store().get(&full).await?);
    ensure!(
        got.0.is_none() && got.1.as_deref() == Some(b"before"),
        "a refused set left {got:?} where nothing and \"before\" had been"
    );
    Ok(())
}
