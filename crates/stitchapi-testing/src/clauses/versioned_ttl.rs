//! The ttl of versioned values.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use stitchapi_core::{Key, StoreErrorKind, Version};

use super::versioned::{is, versions};
use crate::contract::{Checked, End, Life, Scene, Trouble, ensure, refused};

const VALUE: Bytes = Bytes::from_static(b"value");

/// Writes a value that is to live for `ttl`, over what is there.
async fn write(
    scene: &Scene,
    key: &Key,
    expected: Option<&Version>,
    ttl: Duration,
) -> Result<(Life, Version), Trouble> {
    let (versioned, [new]) = (scene.first.versioned()?, versions(scene));
    let mut written = false;
    let write = versioned.write_if(key, expected, &new, VALUE, Some(ttl));
    let life = scene.born(ttl, async { write.await.map(|answer| written = answer) }).await?;
    ensure!(written, "a write over what was there was refused");
    Ok((life, new))
}

/// Waits for the end of a value.
async fn end_of(scene: &Scene, key: &Key, life: Life) -> Result<End, Trouble> {
    let versioned = scene.second.versioned()?;
    scene.end_of(life, || async { Ok(versioned.read(key).await?.is_some()) }).await
}

async fn end(scene: &Scene) -> Result<End, Trouble> {
    let key = scene.key("value");
    let (life, _) = write(scene, &key, None, scene.short()).await?;
    end_of(scene, &key, life).await
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
    let (versioned, [one, two]) = (scene.first.versioned()?, versions(&scene));
    let (fresh, cleared) = (scene.key("fresh"), scene.key("cleared"));
    versioned.write_if(&fresh, None, &one, VALUE, None).await?;
    let (_, before) = write(&scene, &cleared, None, scene.short()).await?;
    versioned.write_if(&cleared, Some(&before), &two, VALUE, None).await?;
    scene.sleep_past(scene.short()).await;
    let found = (versioned.read(&fresh).await?, versioned.read(&cleared).await?);
    scene.store().delete(&fresh).await?;
    scene.store().delete(&cleared).await?;
    ensure!(found.0.is_some(), "a value written without a ttl was gone after {:?}", scene.short());
    ensure!(found.1.is_some(), "a value written again without a ttl ended with the ttl it had before");
    Ok(())
}

pub(crate) async fn resets(scene: Scene) -> Checked {
    let short = scene.short();
    let rewritten = |name: &'static str, before: Duration| {
        let (scene, key) = (&scene, scene.key(name));
        async move {
            let (_, version) = write(scene, &key, None, before).await?;
            scene.sleep(Duration::from_millis(75)).await;
            let (life, _) = write(scene, &key, Some(&version), short).await?;
            end_of(scene, &key, life).await
        }
    };
    let (longer, shorter) = try_join(rewritten("longer", short), rewritten("shorter", Scene::HOUR)).await?;
    for (end, before) in [(longer, short), (shorter, Scene::HOUR)] {
        ensure!(end == End::InTime, "a ttl of {short:?} written over one of {before:?} ended {end:?}");
    }
    Ok(())
}

pub(crate) async fn kept(scene: Scene) -> Checked {
    let versioned = scene.first.versioned()?;
    let rewritten = |name: &'static str, again: bool| {
        let (scene, versioned, key, [other]) = (&scene, &versioned, scene.key(name), versions(&scene));
        async move {
            let (life, version) = write(scene, &key, None, scene.short()).await?;
            let new = if again { version } else { other };
            versioned.write_if(&key, None, &new, VALUE, Some(Scene::HOUR)).await?;
            end_of(scene, &key, life).await
        }
    };
    let (repeated, refused) = try_join(rewritten("repeated", true), rewritten("refused", false)).await?;
    for (end, what) in [(repeated, "repeated"), (refused, "refused")] {
        ensure!(
            end == End::InTime,
            "a ttl of {:?}, after a {what} write with a longer one, ended {end:?}",
            scene.short()
        );
    }
    Ok(())
}

pub(crate) async fn zero(scene: Scene) -> Checked {
    let (versioned, [before, new]) = (scene.first.versioned()?, versions(&scene));
    let (fresh, full) = (scene.key("fresh"), scene.key("full"));
    versioned.write_if(&full, None, &before, "before".into(), Some(Scene::HOUR)).await?;
    for (key, expected) in [(&fresh, None), (&full, Some(&before))] {
        let written = versioned.write_if(key, expected, &new, VALUE, Some(Duration::ZERO)).await;
        refused(written, StoreErrorKind::InvalidConfig, "write_if with a ttl of zero")?;
    }
    is(&scene, &fresh, None, "a refused write").await?;
    is(&scene, &full, Some(("before", &before)), "a refused write").await
}
