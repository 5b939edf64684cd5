//! How long a place is held, and the fences of those who hold it one after the other.

use std::time::Duration;

use futures_util::future::try_join;
use stitchapi_core::{Owner, StoreError};

use super::lending::{Places, owners};
use crate::contract::{Checked, End, Scene, Trouble, ensure};

/// Longer than what is under a key outlives its last holder.
const FORGOTTEN: Duration = Duration::from_millis(1_200);

/// Takes a place for a short ttl, and waits for somebody else to get it.
async fn end(scene: &Scene, places: &Places) -> Result<End, Trouble> {
    let [dies, next] = owners(scene);
    let life = scene.born(scene.short(), places.ask_for(scene.short(), &dies)).await?;
    scene.end_of(life, || taken(places, &next)).await
}

async fn taken(places: &Places, next: &Owner) -> Result<bool, StoreError> {
    Ok(places.ask(next).await?.is_none())
}

pub(crate) async fn ends(scene: Scene) -> Checked {
    let (alone, beside) = (Places::new(&scene, "alone", 1)?, Places::new(&scene, "beside", 2)?);
    let [stays] = owners(&scene);
    beside.take(&stays, "where nobody held one").await?;
    let (alone, beside) = try_join(end(&scene, &alone), end(&scene, &beside)).await?;
    for (end, who) in [(alone, "the only holder"), (beside, "one of two holders")] {
        if let End::Late(after) = end {
            return Err(Trouble::Violated(format!(
                "the place of {who}, held for {:?}, was not free after {after:?}",
                scene.short()
            )));
        }
    }
    Ok(())
}

pub(crate) async fn not_early(scene: Scene) -> Checked {
    match end(&scene, &Places::new(&scene, "place", 1)?).await? {
        End::Early(after) => {
            Err(Trouble::Violated(format!("a place held for {:?} was free after {after:?}", scene.short())))
        }
        End::InTime | End::Late(_) => Ok(()),
    }
}

pub(crate) async fn renewed(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder] = owners(&scene);
    let renewal = places.second.renew(&places.key, scene.short(), &holder);
    holds_on(&scene, &places, &holder, renewal).await
}

pub(crate) async fn asked_again(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [holder] = owners(&scene);
    let again = async { Ok(places.ask_for(scene.short(), &holder).await?.is_some()) };
    holds_on(&scene, &places, &holder, again).await
}

/// Takes a place, then what should hold it for longer, and waits for the end of that.
async fn holds_on(
    scene: &Scene,
    places: &Places,
    holder: &Owner,
    longer: impl Future<Output = Result<bool, StoreError>> + Send,
) -> Checked {
    let (ttl, [next]) = (scene.short(), owners(scene));
    let begun = scene.runtime().now();
    places.ask_for(ttl, holder).await?;
    scene.sleep(Duration::from_millis(75)).await;
    let mut held = false;
    let life = scene.born(ttl, async { longer.await.map(|answer| held = answer) }).await?;
    if scene.runtime().now() > begun + ttl - scene.options.scaled(Duration::from_millis(20)) {
        return Err(Trouble::too_slow());
    }
    ensure!(held, "a holder could not hold its place for longer");
    let end = scene.end_of(life, || taken(places, &next)).await?;
    ensure!(end == End::InTime, "a place held for another {ttl:?} after half of {ttl:?} ended {end:?}");
    Ok(())
}

pub(crate) async fn not_renewed(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [late, other] = owners(&scene);
    places.ask_for(scene.short(), &late).await?;
    scene.sleep_past(scene.short()).await;
    ensure!(!places.renew(&late).await?, "a place was renewed after its end");
    places.take(&other, "after the renewal of one that was over").await?;
    Ok(())
}

pub(crate) async fn fences(scene: Scene) -> Checked {
    let mut latest = 0;
    for limit in [1, 3] {
        let places = Places::new(&scene, "place", limit)?;
        for owner in owners::<3>(&scene) {
            latest = larger(latest, places.take(&owner, "within the limit").await?, "of the next holder")?;
            if limit == 1 {
                places.release(&owner).await?;
            }
        }
    }
    Ok(())
}

fn larger(latest: u64, fence: u64, whose: &str) -> Result<u64, Trouble> {
    ensure!(fence > latest, "after the fence {latest} that {whose} was {fence}");
    Ok(fence)
}

pub(crate) async fn fence_after_delete(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let mut latest = 0;
    for owner in owners::<3>(&scene) {
        latest = larger(latest, places.take(&owner, "where nobody held one").await?, "of a holder after delete")?;
        scene.store().delete(&places.key).await?;
        // The next fence is the clock's.
        scene.sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

pub(crate) async fn fence_after_end(scene: Scene) -> Checked {
    let places = Places::new(&scene, "place", 1)?;
    let [one, other] = owners(&scene);
    let ttl = scene.options.scaled(Duration::from_millis(20));
    let Some(first) = places.ask_for(ttl, &one).await? else {
        return Err(Trouble::Violated("where nobody held one no place was given".into()));
    };
    scene.sleep(FORGOTTEN).await;
    larger(first, places.take(&other, "long after the end of its holder").await?, "of a holder long after its end")?;
    Ok(())
}
