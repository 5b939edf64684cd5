//! Values, without their ttl.

use bytes::Bytes;
use futures_util::FutureExt;

use crate::contract::{Checked, Scene, ensure};

pub(crate) async fn absent(scene: Scene) -> Checked {
    let got = scene.store().get(&scene.key("absent")).await?;
    ensure!(got.is_none(), "get of a key that was never set gave {got:?}");
    Ok(())
}

pub(crate) async fn get_after_set(scene: Scene) -> Checked {
    let key = scene.key("value");
    scene.put(&key, b"one").await?;
    for client in [&scene.first, &scene.second] {
        let got = client.store.get(&key).await?;
        ensure!(got.as_deref() == Some(b"one"), "get after set of \"one\" gave {got:?}");
    }
    Ok(())
}

pub(crate) async fn overwrite(scene: Scene) -> Checked {
    let key = scene.key("value");
    scene.put(&key, b"the first value").await?;
    scene.put(&key, b"second").await?;
    let got = scene.second.store.get(&key).await?;
    ensure!(got.as_deref() == Some(b"second"), "get after a second set gave {got:?}");
    Ok(())
}

pub(crate) async fn empty_value(scene: Scene) -> Checked {
    let key = scene.key("empty");
    scene.put(&key, b"").await?;
    let got = scene.store().get(&key).await?;
    ensure!(got == Some(Bytes::new()), "get after set of an empty value gave {got:?}");
    scene.put(&key, b"full").await?;
    scene.put(&key, b"").await?;
    let got = scene.store().get(&key).await?;
    ensure!(got == Some(Bytes::new()), "get after an empty value replaced another gave {got:?}");
    Ok(())
}

/// Values of all sorts of bytes, as long as the store takes.
pub(super) fn all_sorts(scene: &Scene) -> impl Iterator<Item = Bytes> {
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let long: Vec<u8> = every.iter().rev().copied().cycle().take(60_000).collect();
    let texts: [&[u8]; 6] = [b"\0", b"\xff\xfe", b"\r\n", b" padded ", b"'; drop table values; --", b"42"];
    let longest = scene.store().limits().max_value;
    let values = [Bytes::from(every), long.into()].into_iter().chain(texts.map(Bytes::from_static));
    values.map(move |value| value.slice(..value.len().min(longest)))
}

/// Checks that what was got is what was set.
pub(super) fn same_bytes(got: Option<&Bytes>, set: &Bytes, what: &str) -> Checked {
    let differs = || got.into_iter().flatten().zip(set).position(|(got, set)| got != set);
    ensure!(
        got == Some(set),
        "{what} of {} bytes gave {:?} bytes, different from byte {:?} on",
        set.len(),
        got.map(Bytes::len),
        differs()
    );
    Ok(())
}

pub(crate) async fn any_bytes(scene: Scene) -> Checked {
    for value in all_sorts(&scene) {
        let key = scene.key("bytes");
        scene.put(&key, &value).await?;
        same_bytes(scene.store().get(&key).await?.as_ref(), &value, "get after set")?;
    }
    Ok(())
}

pub(crate) async fn delete(scene: Scene) -> Checked {
    let (key, other) = (scene.key("value"), scene.key("other"));
    scene.put(&key, b"one").await?;
    scene.put(&other, b"two").await?;
    scene.store().delete(&key).await?;
    for client in [&scene.first, &scene.second] {
        let got = client.store.get(&key).await?;
        ensure!(got.is_none(), "get after delete gave {got:?}");
    }
    let got = scene.store().get(&other).await?;
    ensure!(got.as_deref() == Some(b"two"), "get of another key after a delete gave {got:?}");
    Ok(())
}

pub(crate) async fn delete_absent(scene: Scene) -> Checked {
    let key = scene.key("value");
    scene.store().delete(&key).await?;
    scene.put(&key, b"one").await?;
    scene.store().delete(&key).await?;
    scene.store().delete(&key).await?;
    Ok(())
}

pub(crate) async fn dropped(scene: Scene) -> Checked {
    let key = scene.key("value");
    scene.put(&key, b"before").await?;
    for _ in 0..4 {
        // Polled once, if it is not ready at once, and dropped.
        drop(scene.store().set(&key, "after".into(), Some(Scene::HOUR)).now_or_never());
        drop(scene.store().get(&key).now_or_never());
        let got = scene.store().get(&key).await?;
        ensure!(
            matches!(got.as_deref(), Some(b"before" | b"after")),
            "a dropped set of \"after\" over \"before\" left {got:?}"
        );
    }
    let other = scene.key("other");
    scene.put(&other, b"one").await?;
    let got = scene.store().get(&other).await?;
    ensure!(got.as_deref() == Some(b"one"), "after dropped operations a set left {got:?}");
    Ok(())
}
