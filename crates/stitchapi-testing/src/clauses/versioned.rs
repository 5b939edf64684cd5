//! Values that are written only over what their writer has seen.

use bytes::Bytes;
use futures_util::FutureExt;
use stitchapi_core::{Key, StoreError, Version, Versioned};

use super::plain;
use crate::contract::{Checked, Scene, ensure};

/// So many versions.
pub(super) fn versions<const N: usize>(scene: &Scene) -> [Version; N] {
    std::array::from_fn(|_| Version::random(scene.runtime()))
}

/// Writes a value that stays for the rest of the clause.
async fn write(
    versioned: &dyn Versioned,
    key: &Key,
    expected: Option<&Version>,
    new: &Version,
    value: &'static str,
) -> Result<bool, StoreError> {
    versioned.write_if(key, expected, new, value.into(), Some(Scene::HOUR)).await
}

/// Creates a value where there is none.
async fn create(scene: &Scene, key: &Key, version: &Version, value: &'static str) -> Checked {
    let written = write(&*scene.first.versioned()?, key, None, version, value).await?;
    ensure!(written, "a write that expected nothing was refused where nothing was");
    Ok(())
}

/// Checks what is there, for both clients.
pub(super) async fn is(scene: &Scene, key: &Key, expected: Option<(&str, &Version)>, after: &str) -> Checked {
    let expected = expected.map(|(value, version)| (Bytes::copy_from_slice(value.as_bytes()), *version));
    for client in [&scene.first, &scene.second] {
        let found = client.versioned()?.read(key).await?;
        ensure!(found == expected, "after {after} there is {found:?}, not {expected:?}");
    }
    Ok(())
}

pub(crate) async fn absent(scene: Scene) -> Checked {
    let found = scene.first.versioned()?.read(&scene.key("absent")).await?;
    ensure!(found.is_none(), "read of a key that was never written gave {found:?}");
    Ok(())
}

pub(crate) async fn creates(scene: Scene) -> Checked {
    let (key, [version]) = (scene.key("value"), versions(&scene));
    create(&scene, &key, &version, "one").await?;
    is(&scene, &key, Some(("one", &version)), "the first write").await
}

pub(crate) async fn replaces(scene: Scene) -> Checked {
    let (key, [one, two, three]) = (scene.key("value"), versions(&scene));
    create(&scene, &key, &one, "one").await?;
    for (client, expected, new, value) in [(&scene.second, &one, &two, "two"), (&scene.first, &two, &three, "")] {
        let written = write(&*client.versioned()?, &key, Some(expected), new, value).await?;
        ensure!(written, "a write over the version that was there was refused");
        is(&scene, &key, Some((value, new)), "a second write").await?;
    }
    Ok(())
}

pub(crate) async fn another_version(scene: Scene) -> Checked {
    let (versioned, key) = (scene.second.versioned()?, scene.key("value"));
    let [one, two, never, new] = versions(&scene);
    create(&scene, &key, &one, "one").await?;
    let written = write(&*versioned, &key, Some(&never), &new, "lost").await?;
    ensure!(!written, "a write over a version that never was is said to be done");
    is(&scene, &key, Some(("one", &one)), "a write over a version that never was").await?;
    write(&*versioned, &key, Some(&one), &two, "two").await?;
    let written = write(&*versioned, &key, Some(&one), &new, "lost").await?;
    ensure!(!written, "a write over the version before is said to be done");
    is(&scene, &key, Some(("two", &two)), "a write over the version before").await
}

pub(crate) async fn not_absent(scene: Scene) -> Checked {
    let (key, [one, new]) = (scene.key("value"), versions(&scene));
    create(&scene, &key, &one, "one").await?;
    let written = write(&*scene.second.versioned()?, &key, None, &new, "lost").await?;
    ensure!(!written, "a write that expected nothing is said to be done where a value was");
    is(&scene, &key, Some(("one", &one)), "a write that expected nothing").await
}

pub(crate) async fn not_there(scene: Scene) -> Checked {
    let (key, [expected, new]) = (scene.key("value"), versions(&scene));
    let written = write(&*scene.second.versioned()?, &key, Some(&expected), &new, "lost").await?;
    ensure!(!written, "a write that expected a version is said to be done where nothing was");
    is(&scene, &key, None, "a write that expected a version").await
}

pub(crate) async fn own_write(scene: Scene) -> Checked {
    let (versioned, key) = (scene.second.versioned()?, scene.key("value"));
    let [one, two] = versions(&scene);
    create(&scene, &key, &one, "one").await?;
    let again = write(&*versioned, &key, None, &one, "again").await?;
    ensure!(again, "the write that created what is there was refused when it was repeated");
    is(&scene, &key, Some(("one", &one)), "a repeated write").await?;
    write(&*versioned, &key, Some(&one), &two, "two").await?;
    for (expected, when) in [(Some(&one), "as it was"), (Some(&two), "over itself"), (None, "over nothing")] {
        let again = write(&*versioned, &key, expected, &two, "again").await?;
        ensure!(again, "the write that made what is there was refused when it was repeated {when}");
        is(&scene, &key, Some(("two", &two)), "a repeated write").await?;
    }
    Ok(())
}

pub(crate) async fn concurrent(scene: Scene) -> Checked {
    let (clients, key) = ([scene.first.versioned()?, scene.second.versioned()?], scene.key("value"));
    let mut expected = None;
    for over in ["over nothing", "over one version"] {
        let writes = versions::<16>(&scene).into_iter().enumerate().map(|(writer, new)| {
            let (versioned, key) = (clients[writer % 2].clone(), key.clone());
            async move {
                let value = Bytes::copy_from_slice(new.as_bytes());
                let written = versioned.write_if(&key, expected.as_ref(), &new, value, Some(Scene::HOUR)).await?;
                Ok::<_, StoreError>(written.then_some(new))
            }
        });
        let answers: Result<Vec<_>, _> = scene.at_once(writes).await?.into_iter().collect();
        let winners: Vec<_> = answers?.into_iter().flatten().collect();
        ensure!(winners.len() == 1, "of 16 writers {over} {} were told that they wrote", winners.len());
        let found = clients[0].read(&key).await?;
        let won = winners.first().map(|version| (Bytes::copy_from_slice(version.as_bytes()), *version));
        ensure!(found == won, "of 16 writers {over} {won:?} won, and there is {found:?}");
        expected = winners.first().copied();
    }
    Ok(())
}

pub(crate) async fn for_life(scene: Scene) -> Checked {
    let (versioned, key) = (scene.second.versioned()?, scene.key("value"));
    let [old, recreated, new] = versions(&scene);
    create(&scene, &key, &old, "old").await?;
    scene.store().delete(&key).await?;
    create(&scene, &key, &recreated, "recreated").await?;
    for (expected, new, what) in [
        (Some(&old), &new, "a write over the version of a deleted value"),
        (None, &old, "the write of a deleted value, repeated,"),
    ] {
        let written = write(&*versioned, &key, expected, new, "lost").await?;
        ensure!(!written, "{what} is said to be done over a value created since");
        is(&scene, &key, Some(("recreated", &recreated)), what).await?;
    }
    Ok(())
}

pub(crate) async fn keys_apart(scene: Scene) -> Checked {
    let (one, other, versions) = (scene.key("one"), scene.key("other"), versions::<2>(&scene));
    create(&scene, &one, &versions[0], "one").await?;
    create(&scene, &other, &versions[1], "other").await?;
    let written = write(&*scene.first.versioned()?, &other, Some(&versions[0]), &versions[0], "lost").await?;
    ensure!(!written, "a write over the version of another key is said to be done");
    is(&scene, &one, Some(("one", &versions[0])), "a write under another key").await?;
    is(&scene, &other, Some(("other", &versions[1])), "a write over the version of another key").await
}

pub(crate) async fn empty_value(scene: Scene) -> Checked {
    let (key, [empty, new]) = (scene.key("empty"), versions(&scene));
    create(&scene, &key, &empty, "").await?;
    is(&scene, &key, Some(("", &empty)), "the write of an empty value").await?;
    let written = write(&*scene.first.versioned()?, &key, None, &new, "lost").await?;
    ensure!(!written, "a write that expected nothing is said to be done where an empty value was");
    is(&scene, &key, Some(("", &empty)), "a write that expected nothing").await
}

pub(crate) async fn any_bytes(scene: Scene) -> Checked {
    let (versioned, key) = (scene.first.versioned()?, scene.key("bytes"));
    let mut expected = None;
    for (number, value) in plain::all_sorts(&scene).enumerate() {
        let [random] = versions(&scene);
        // Versions of any bytes, too.
        let new =
            [[0; 16], [0xff; 16], *b"\r\n' \0h w 1 2 3 4"].get(number).map_or(random, |it| Version::from_bytes(*it));
        let written = versioned.write_if(&key, expected.as_ref(), &new, value.clone(), Some(Scene::HOUR)).await?;
        ensure!(written, "a write of {} bytes over the version {expected:?} was refused", value.len());
        let found = versioned.read(&key).await?;
        plain::same_bytes(found.as_ref().map(|(found, _)| found), &value, "read after write_if")?;
        let version = found.map(|(_, version)| version);
        ensure!(version == Some(new), "a value of the version {new} has the version {version:?}");
        expected = Some(new);
    }
    Ok(())
}

pub(crate) async fn delete(scene: Scene) -> Checked {
    let (key, [one, two]) = (scene.key("value"), versions(&scene));
    create(&scene, &key, &one, "one").await?;
    scene.store().delete(&key).await?;
    is(&scene, &key, None, "delete").await?;
    let written = write(&*scene.second.versioned()?, &key, Some(&one), &two, "lost").await?;
    ensure!(!written, "a write over a deleted version is said to be done");
    create(&scene, &key, &two, "two").await?;
    is(&scene, &key, Some(("two", &two)), "delete and a new value").await
}

pub(crate) async fn dropped(scene: Scene) -> Checked {
    let (versioned, key) = (scene.first.versioned()?, scene.key("value"));
    let [mut latest] = versions(&scene);
    create(&scene, &key, &latest, "before").await?;
    for _ in 0..4 {
        let [new] = versions(&scene);
        // Polled once, if it is not ready at once, and dropped.
        drop(write(&*versioned, &key, Some(&latest), &new, "after").now_or_never());
        drop(versioned.read(&key).now_or_never());
        let found = versioned.read(&key).await?;
        let done = found.as_ref().is_some_and(|(_, version)| *version == new);
        let whole = found.as_ref().is_some_and(|(value, version)| match &**value {
            b"after" => done || *version == latest,
            value => value == b"before" && *version == latest,
        });
        ensure!(whole, "a dropped write left {found:?}");
        latest = if done { new } else { latest };
    }
    let [new] = versions(&scene);
    let written = write(&*versioned, &key, Some(&latest), &new, "last").await?;
    ensure!(written, "after dropped writes a write over the version that was there was refused");
    is(&scene, &key, Some(("last", &new)), "dropped writes and another one").await
}
