//! Waiting for a place.
//!
//! A store may wait for a release as long as it is told to, or answer at once: who waits first is given the longest
//! park, and still waits when the others have had their answers.

use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::Owner;

use super::lending::{Places, Waits, fence, owners};
use crate::contract::{Checked, End, Scene, Trouble, ensure};

/// The parks of who waits first, second, third and last.
const PARKS: [Duration; 4] =
    [Duration::from_millis(1_000), Duration::from_millis(800), Duration::from_millis(400), Duration::from_millis(100)];
/// How long the clauses wait for an answer that is due.
const DUE: Duration = Duration::from_secs(2);

pub(crate) async fn order(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, first, second] = owners(&scene);
    places.take(&holder, "where nobody held one").await?;
    let waits = places.wait(&scene, &first, PARKS[0]).await?;
    let waits_too = places.wait(&scene, &second, PARKS[2]).await?;
    places.release(&holder).await?;
    in_turn(&scene, &places, [(&first, waits), (&second, waits_too)]).await
}

pub(crate) async fn keeps_its_turn(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, first, second] = owners(&scene);
    places.take(&holder, "where nobody held one").await?;
    let before = places.wait(&scene, &first, PARKS[0]).await?;
    let waits_too = places.wait(&scene, &second, PARKS[1]).await?;
    before.still(&scene)?;
    let waits = places.wait(&scene, &first, PARKS[2]).await?;
    places.release(&holder).await?;
    in_turn(&scene, &places, [(&first, waits), (&second, waits_too)]).await
}

/// The place is free: the first one gets it before the second, and the second after it.
async fn in_turn(scene: &Scene, places: &Places, [first, second]: [(&Owner, Waits); 2]) -> Checked {
    let park = scene.options.scaled(PARKS[3]);
    let overtakes = places.second.acquire(&places.key, 1, Scene::HOUR, second.0, park).await?;
    first.1.still(scene)?;
    second.1.still(scene)?;
    ensure!(fence(overtakes).is_none(), "a place was given to one who waited for it less long than another");
    let gets = places.ask(first.0).await?;
    first.1.still(scene)?;
    ensure!(gets.is_some(), "a free place was not given to the one who waited for it longest");
    places.release(first.0).await?;
    let gets = places.ask(second.0).await?;
    second.1.still(scene)?;
    ensure!(gets.is_some(), "a free place was not given to the only one who waited for it");
    Ok(())
}

pub(crate) async fn passer_by(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, first, passes] = owners(&scene);
    places.take(&holder, "where nobody held one").await?;
    let waits = places.wait(&scene, &first, PARKS[2]).await?;
    places.release(&holder).await?;
    let overtakes = places.ask(&passes).await?;
    let gets = places.ask(&first).await?;
    waits.still(&scene)?;
    ensure!(overtakes.is_none(), "a place that somebody waited for was given to one who passed by");
    ensure!(gets.is_some(), "a free place was not given to the only one who waited for it");
    Ok(())
}

pub(crate) async fn spare(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 2)?;
    let [one, other, first, passes, last] = owners(&scene);
    for holder in [&one, &other] {
        places.take(holder, "within the limit").await?;
    }
    let waits = places.wait(&scene, &first, PARKS[2]).await?;
    for holder in [&one, &other] {
        places.release(holder).await?;
    }
    let spare = places.ask(&passes).await?;
    let overtakes = places.ask(&last).await?;
    waits.still(&scene)?;
    ensure!(spare.is_some(), "of two free places, with one owner waiting, the other one was not given");
    ensure!(overtakes.is_none(), "a place that somebody waited for was given to one who passed by");
    Ok(())
}

pub(crate) async fn stops_asking(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, stops, next] = owners(&scene);
    places.take(&holder, "where nobody held one").await?;
    let park = scene.short();
    let wait = places.first.acquire(&places.key, 1, Scene::HOUR, &stops, park);
    let life = scene.born(park, wait).await?;
    places.release(&holder).await?;
    let end = scene.end_of(life, || async { Ok(places.ask(&next).await?.is_none()) }).await?;
    ensure!(end == End::InTime, "the turn of one who asked once, with a park of {park:?}, ended {end:?}");
    Ok(())
}

pub(crate) async fn park_of_zero(scene: Scene) -> Checked {
    let [holder, never, leaves, next] = owners(&scene);
    let places = Places::new(&scene, "never", 1)?;
    places.take(&holder, "where nobody held one").await?;
    places.find_none(&never, "where one of one was held").await?;
    places.release(&holder).await?;
    places.take(&next, "after one who did not wait for it").await?;

    let places = Places::new(&scene, "leaves", 1)?;
    places.take(&holder, "where nobody held one").await?;
    let _ = places.wait(&scene, &leaves, PARKS[2]).await?;
    places.find_none(&leaves, "where one of one was held").await?;
    places.release(&holder).await?;
    places.take(&next, "after one who stopped to wait for it").await?;
    Ok(())
}

pub(crate) async fn release_leaves(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, leaves, next] = owners(&scene);
    let fence = places.take(&holder, "where nobody held one").await?;
    let _ = places.wait(&scene, &leaves, PARKS[2]).await?;
    places.release(&leaves).await?;
    let again = places.ask(&holder).await?;
    ensure!(again == Some(fence), "after the release of one who waited the holder of {fence} was given {again:?}");
    places.release(&holder).await?;
    places.take(&next, "after one who waited and released").await?;
    Ok(())
}

pub(crate) async fn waits_and_holds_nothing(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, waits, other] = owners(&scene);
    places.take(&holder, "where nobody held one").await?;
    let _ = places.wait(&scene, &waits, PARKS[2]).await?;
    ensure!(!places.renew(&waits).await?, "one who waited for a place renewed it");
    places.release(&waits).await?;
    places.find_none(&other, "where one of one was held").await?;
    Ok(())
}

pub(crate) async fn answered_within_its_park(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, waits] = owners(&scene);
    places.take(&holder, "where nobody held one").await?;
    let park = scene.short();
    let wait = places.second.acquire(&places.key, 1, Scene::HOUR, &waits, park);
    match select(wait, Box::pin(scene.sleep(Duration::from_millis(150) + DUE))).await {
        Either::Left((lease, _)) => {
            ensure!(fence(lease?).is_none(), "where one of one was held a place was given");
            Ok(())
        }
        Either::Right(_) => Err(Trouble::Violated(format!(
            "one who waited with a park of {park:?} had no answer {:?} later",
            scene.options.scaled(DUE)
        ))),
    }
}

pub(crate) async fn keeps_asking(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, waits] = owners(&scene);
    places.take(&holder, "where nobody held one").await?;
    let (begun, after) = (scene.runtime().now(), Duration::from_millis(50));
    let asks = async {
        let park = scene.short();
        while fence(places.second.acquire(&places.key, 1, Scene::HOUR, &waits, park).await?).is_none() {
            scene.sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, Trouble>(())
    };
    let gives = async {
        scene.sleep(after).await;
        places.first.release(&places.key, &holder).await?;
        scene.sleep(DUE).await;
        Ok::<_, Trouble>(())
    };
    match select(Box::pin(asks), Box::pin(gives)).await {
        Either::Left((asked, _)) => {
            let before = scene.runtime().now() < begun + scene.options.scaled(after);
            ensure!(asked.is_err() || !before, "one who kept asking had a place before it was given back");
            asked
        }
        Either::Right((gave, _)) => gave.and(Err(Trouble::Violated(format!(
            "one who kept asking had no place {:?} after it was given back",
            scene.options.scaled(DUE)
        )))),
    }
}
