//! What a throttle is at a moment, for people and dashboards.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::Tick;

use super::bucket::Bucket;
use super::pacing::{Source, State};
use super::settings::Settings;

/// The throttles of a seam at a moment: from [`Seam::throttle_status`](crate::Seam::throttle_status).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ThrottleStatus {
    /// The buckets in the order of their names: the seam's, those of its stitches, and where each principal has one, that
    /// of the principal who asks.
    pub buckets: Vec<BucketStatus>,
    /// For how many principals this process keeps a bucket.
    pub principals: usize,
}

/// One bucket, as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketStatus {
    /// What tells it from others: the seam's name, or its parts with `/` between them.
    pub name: String,
    /// Its limits, the shortest period first.
    pub limits: Vec<LimitStatus>,
    /// How long a call of one unit would wait that came now, behind those who wait in this process. Nothing is known while
    /// no answer of the store is there, and in an outage without pacing.
    pub next_start: Option<Duration>,
    /// How many callers of this process wait for a slot.
    pub waiting: usize,
    /// How many unstarted slots this process holds.
    pub booked: usize,
    /// For how long nobody starts, anywhere in the fleet, because the API has asked for a pause.
    pub held: Option<Duration>,
    /// Whether another process brings a stricter setting, which holds.
    pub is_stricter_elsewhere: bool,
    /// Since when this process goes without the store.
    pub outage: Option<Duration>,
    /// The calls under way, where their number is bounded.
    pub places: Option<PlacesStatus>,
    /// How old the newest answer of the store is. `None` without a store, and before the first answer.
    pub age: Option<Duration>,
}

/// The places of a bucket, as this process sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlacesStatus {
    /// How many there are in the fleet.
    pub limit: u32,
    /// How many this process holds.
    pub held: usize,
    /// How many callers of this process wait for one.
    pub waiting: usize,
}

/// One limit of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitStatus {
    /// What it counts: `calls`, unless said otherwise.
    pub unit: String,
    /// So many units in a period. Of a cap this is what is left for the rest of the period beside its burst.
    pub permits: u32,
    /// The period.
    pub period: Duration,
    /// So many at once after a pause.
    pub burst: u32,
    /// After so long the whole burst is there again, if nothing more is drawn: the cursor of the fleet.
    pub full_in: Option<Duration>,
}

impl Bucket {
    /// What it is now. Asks the store, unless that is away; one that does not answer is an outage from now on.
    ///
    /// Dropped: it has asked or not.
    pub(super) async fn status(self: &Arc<Self>, name: &[String]) -> BucketStatus {
        let (now, random) = (self.runtime().now(), self.runtime().random());
        let touch = self.state().touch(self.settings(), now, random);
        if let Some(touch) = touch {
            self.clone().fetch(touch).await;
        }
        let now = self.runtime().now();
        let places = self.places().map(|places| PlacesStatus {
            limit: places.limit(),
            held: places.held(),
            waiting: places.waiting(),
        });
        BucketStatus { places, ..self.state().status(name.join("/"), self.settings(), now) }
    }
}

impl State {
    fn status(&self, name: String, settings: &Settings, now: Tick) -> BucketStatus {
        let full = self.full_in(now);
        let limits = settings.limits.iter().enumerate().map(|(index, limit)| LimitStatus {
            unit: limit.id.unit().to_owned(),
            permits: limit.permits,
            period: limit.id.period(),
            burst: limit.burst,
            full_in: full.as_ref().and_then(|full| full.get(index).copied()),
        });
        let (held, cell) = match &self.source {
            Source::Here(pacing) => (pacing.held_until().since(now), None),
            Source::Cell(cell) => (cell.known.held_for(now), Some(cell)),
        };
        BucketStatus {
            name,
            limits: limits.collect(),
            next_start: self.estimate(settings, &settings.one_call, now).map(|due| due.since(now)),
            waiting: self.queue.len(),
            booked: self.slots.len(),
            held: Some(held).filter(|held| !held.is_zero()),
            is_stricter_elsewhere: cell.is_some_and(|cell| cell.known.is_stricter()),
            places: None,
            outage: cell.and_then(|cell| cell.outage.as_ref()).map(|outage| now.since(outage.began)),
            age: cell.and_then(|cell| cell.known.confirmed()).map(|sent| now.since(sent)),
        }
    }

    /// After how long each limit is full again, if that is known.
    fn full_in(&self, now: Tick) -> Option<Vec<Duration>> {
        let pacing = match &self.source {
            Source::Here(pacing) => pacing,
            Source::Cell(cell) => match &cell.outage {
                Some(outage) => &outage.pacing,
                None => return cell.known.full_in(now),
            },
        };
        Some(pacing.full_at().map(|at| at.since(now)).collect())
    }
}
