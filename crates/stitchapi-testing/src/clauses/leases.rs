//! Taking places, holding them and giving them back.

use std::time::Duration;

use futures_util::FutureExt;
use stitchapi_core::{Lease, StoreErrorKind};

use super::lending::{Places, fence, owners};
use crate::contract::{Checked, Scene, ensure, refused};

pub(crate) async fn free(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 2)?;
    let [one, other] = owners(&scene);
    places.take(&one, "where nobody held one").await?;
    places.take(&other, "where one of two was free").await?;
    Ok(())
}

pub(crate) async fn limit(scene: Scene) -> Checked {
    let [one, two, three, other] = owners(&scene);
    for (name, holders) in [("one", &[one][..]), ("three", &[one, two, three])] {
        let limit = u32::try_from(holders.len()).unwrap_or_default();
        let places = Places::new(&scene, name, limit)?;
        for holder in holders {
            places.take(holder, "within the limit").await?;
        }
        places.find_none(&other, &format!("where {limit} of {limit} were held")).await?;
        ensure!(places.ask(&other).await?.is_none(), "where {limit} of {limit} were held a place was given");
    }
    Ok(())
}

pub(crate) async fn concurrent(scene: Scene) -> Checked {
    for limit in [1, 3] {
        let places = Places::new(&scene, &limit.to_string(), limit)?;
        let asks = owners::<10>(&scene).into_iter().enumerate().map(|(caller, owner)| {
            let leases = if caller % 2 == 0 { places.first.clone() } else { places.second.clone() };
            let key = places.key.clone();
            async move { leases.acquire(&key, limit, Scene::HOUR, &owner, Duration::ZERO).await }
        });
        let answers: Result<Vec<_>, _> = scene.at_once(asks).await?.into_iter().collect();
        let mut fences: Vec<_> = answers?.into_iter().filter_map(fence).collect();
        let held = fences.len();
        ensure!(held == limit as usize, "of ten owners at once {held} were given one of {limit} places");
        fences.sort_unstable();
        fences.dedup();
        ensure!(fences.len() == held, "{held} holders at once have the fences {fences:?}");
    }
    Ok(())
}

pub(crate) async fn keys_apart(scene: Scene) -> Checked {
    let [one, other] = owners(&scene);
    let (here, there) = (Places::new(&scene, "here", 1)?, Places::new(&scene, "there", 1)?);
    here.take(&one, "where nobody held one").await?;
    there.take(&other, "under a second key").await?;
    there.release(&other).await?;
    here.find_none(&other, "after a release under a second key").await?;
    there.take(&one, "under a second key, to a holder of another,").await?;
    Ok(())
}

pub(crate) async fn same_owner(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 2)?;
    let [one, other, last] = owners(&scene);
    let first = places.take(&one, "where nobody held one").await?;
    for _ in 0..2 {
        let again = places.take(&one, "to its holder").await?;
        ensure!(again == first, "an owner that held the fence {first} was given {again}");
    }
    places.take(&other, "where the same owner had asked three times for one of two").await?;
    places.find_none(&last, "where two owners held two places").await?;
    let again = places.take(&one, "to its holder, with all places held,").await?;
    ensure!(again == first, "an owner that held the fence {first} was given {again}");
    Ok(())
}

pub(crate) async fn release(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other] = owners(&scene);
    places.take(&one, "where nobody held one").await?;
    places.release(&one).await?;
    places.take(&other, "after a release").await?;
    places.find_none(&one, "to one that had released its own").await?;
    Ok(())
}

pub(crate) async fn stranger(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder, stranger, last] = owners(&scene);
    ensure!(!places.renew(&stranger).await?, "where nobody held one a place was renewed");
    places.release(&stranger).await?;
    let fence = places.take(&holder, "after the renewal and the release of a stranger").await?;
    ensure!(!places.renew(&stranger).await?, "a stranger renewed a place");
    places.release(&stranger).await?;
    places.find_none(&last, "after the release of a stranger").await?;
    let again = places.ask(&holder).await?;
    ensure!(again == Some(fence), "after the release of a stranger the holder of {fence} was given {again:?}");
    ensure!(places.renew(&holder).await?, "after the release of a stranger its holder could not renew");
    Ok(())
}

pub(crate) async fn given_back(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other] = owners(&scene);
    places.take(&one, "where nobody held one").await?;
    places.release(&one).await?;
    ensure!(!places.renew(&one).await?, "a place that had been given back was renewed");
    places.take(&other, "after the renewal of one that had given it back").await?;
    Ok(())
}

pub(crate) async fn repeated(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other, last] = owners(&scene);
    places.take(&one, "where nobody held one").await?;
    for _ in 0..2 {
        ensure!(places.renew(&one).await?, "a holder could not renew");
    }
    for _ in 0..2 {
        places.release(&one).await?;
    }
    let fence = places.take(&other, "after a repeated release").await?;
    places.release(&one).await?;
    places.find_none(&last, "after the repeated release of an earlier holder").await?;
    let again = places.ask(&other).await?;
    ensure!(again == Some(fence), "after a repeated release the holder of {fence} was given {again:?}");
    Ok(())
}

pub(crate) async fn ttl_zero(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other] = owners(&scene);
    let (leases, key, zero) = (&places.first, &places.key, Duration::ZERO);
    let what = "acquire with a ttl of zero";
    refused(leases.acquire(key, 1, zero, &other, zero).await, StoreErrorKind::InvalidConfig, what)?;
    let fence = places.take(&one, "after a refused acquire").await?;
    refused(leases.acquire(key, 1, zero, &one, zero).await, StoreErrorKind::InvalidConfig, what)?;
    refused(leases.renew(key, zero, &one).await, StoreErrorKind::InvalidConfig, "renew with a ttl of zero")?;
    places.find_none(&other, "after a refused acquire and a refused renewal").await?;
    let again = places.ask(&one).await?;
    ensure!(again == Some(fence), "after refused operations the holder of {fence} was given {again:?}");
    Ok(())
}

pub(crate) async fn limit_zero(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other] = owners(&scene);
    let acquire = |owner| places.first.acquire(&places.key, 0, Scene::HOUR, owner, Duration::ZERO);
    let what = "acquire with a limit of zero";
    refused(acquire(&other).await, StoreErrorKind::InvalidConfig, what)?;
    let fence = places.take(&one, "after a refused acquire").await?;
    refused(acquire(&one).await, StoreErrorKind::InvalidConfig, what)?;
    places.find_none(&other, "after a refused acquire").await?;
    let again = places.ask(&one).await?;
    ensure!(again == Some(fence), "after refused operations the holder of {fence} was given {again:?}");
    Ok(())
}

pub(crate) async fn busy(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other] = owners(&scene);
    let ttl = Duration::from_secs(600);
    places.ask_for(ttl, &one).await?;
    let held = scene.runtime().now();
    for client in [&places.first, &places.second] {
        scene.sleep(Duration::from_millis(30)).await;
        let asked = scene.runtime().now();
        let lease = client.acquire(&places.key, 1, Scene::HOUR, &other, Duration::ZERO).await?;
        let Lease::Busy { retry_after } = lease else {
            return Err(crate::contract::Trouble::Violated("where one of one was held a place was given".into()));
        };
        let longest = ttl - asked.since(held) + scene.options.scaled(Duration::from_millis(20));
        ensure!(
            !retry_after.is_zero() && retry_after <= longest,
            "{:?} into a ttl of {ttl:?} one who asked was told to come back in {retry_after:?}",
            asked.since(held)
        );
    }
    Ok(())
}

pub(crate) async fn delete(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other] = owners(&scene);
    places.take(&one, "where nobody held one").await?;
    scene.store().delete(&places.key).await?;
    ensure!(!places.renew(&one).await?, "after delete a place was renewed");
    places.take(&other, "after delete").await?;
    Ok(())
}

pub(crate) async fn dropped(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other] = owners(&scene);
    for _ in 0..4 {
        // Polled once, if it is not ready at once, and dropped.
        drop(places.ask(&one).now_or_never());
        drop(places.renew(&one).now_or_never());
        // In this order: the dropped acquire may still be on its way, on another connection than a renewal.
        let found = places.ask(&other).await?;
        let held = places.renew(&one).await?;
        ensure!(
            held != found.is_some(),
            "after a dropped acquire its owner and another one both held, or neither could"
        );
        drop(places.release(&one).now_or_never());
        places.release(&one).await?;
        places.release(&other).await?;
    }
    places.take(&other, "after dropped operations").await?;
    Ok(())
}
