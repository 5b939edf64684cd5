//! Values that belong to somebody else.

use stitchapi_core::StoreErrorKind::Corrupt;
use stitchapi_core::pace::Pace;
use stitchapi_core::{Key, StoreTime};

use super::pacing;
use crate::contract::{Checked, Scene, Trouble, ensure, refused};

/// What might be taken for a count, by one store or another.
const NO_COUNTS: &[&[u8]] =
    &[b"", b"41", b"hello", &[0, 0, 0, 0, 0, 0, 0, 41], b"c\x01\xff\xff\xff\xff\xff\xff\xff\xff"];

/// What might be taken for a cell: one of this format, one of a newer format, and neither.
const NO_CELLS: &[&[u8]] =
    &[b"1 000000000000feed 9 0 0 0 5000 6 calls 60000000 6 7 1 8 42 2", b"2 a newer format", b"", b"{}", b"\xff\xfe"];

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
    let pace = pacing::slow(&scene).with_calls(1);
    pacer.reserve(&key, &pace).await?;
    refused(scene.store().get(&key).await, Corrupt, "get of a cell")?;
    refused(scene.store().set(&key, "7".into(), None).await, Corrupt, "set of a cell")?;
    let reply = pacer.reserve(&key, &Pace { epoch_if_new: !pace.epoch_if_new, ..pace.clone() }).await?;
    ensure!(reply.cell.epoch == pace.epoch_if_new, "a refused set changed the cell");
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
    let pace = pacing::slow(&scene).with_calls(1);
    pacer.reserve(&cell, &pace).await?;
    counter.incr(&count, Scene::HOUR).await?;
    refused(counter.incr(&cell, Scene::HOUR).await, Corrupt, "incr on a cell")?;
    no_cell(&scene, &count, "a counter").await?;
    let epoch = pacer.reserve(&cell, &pacing::slow(&scene)).await?.cell.epoch;
    let counted = counter.incr(&count, Scene::HOUR).await?;
    ensure!((epoch, counted) == (pace.epoch_if_new, 2), "a refused operation changed the cell or the counter");
    Ok(())
}

/// No operation of a pacer takes what is there.
async fn no_cell(scene: &Scene, key: &Key, on: &str) -> Checked {
    let pacer = scene.first.pacer()?;
    let pace = pacing::slow(scene).with_calls(1);
    let elsewhere = scene.key("elsewhere");
    let reply = pacer.reserve(&elsewhere, &pace).await?;
    refused(pacer.reserve(key, &pace).await, Corrupt, &format!("reserve on {on}"))?;
    refused(pacer.reserve(key, &pacing::slow(scene)).await, Corrupt, &format!("a touch on {on}"))?;
    refused(pacer.refund(key, &reply.tail(&pace, 0)).await, Corrupt, &format!("refund on {on}"))?;
    refused(pacer.settle(key, &pace.limits[0].id, 1).await, Corrupt, &format!("settle on {on}"))?;
    let until = StoreTime(reply.now.0 + 1_000_000);
    refused(pacer.hold(key, until, Scene::HOUR).await, Corrupt, &format!("hold on {on}"))
}

async fn unchanged(scene: &Scene, key: &Key, value: &[u8]) -> Result<(), Trouble> {
    let got = scene.store().get(key).await?;
    ensure!(got.as_deref() == Some(value), "a refused operation left {got:?} of the value {}", value.escape_ascii());
    Ok(())
}
