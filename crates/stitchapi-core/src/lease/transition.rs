//! The three changes of a lease, each as a pure function: what to answer and what to write.

use std::time::Duration;

use super::{Holder, Lease, LeaseCell, Waiter};
use crate::time::LARGEST;
use crate::{Owner, StoreTime};

/// A reply, and the cell to write; `None` leaves the store as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition<R> {
    /// What the caller is told.
    pub reply: R,
    /// What the store keeps from now on.
    pub write: Option<LeaseCell>,
}

/// Takes a place, or one in the queue: see [`Leases::acquire`](crate::Leases::acquire).
#[must_use]
pub fn acquire(
    stored: Option<&LeaseCell>,
    now: StoreTime,
    limit: u32,
    ttl: Duration,
    owner: &Owner,
    park: Duration,
) -> Transition<Lease> {
    let mut cell = live(stored, now);
    if let Some(holder) = cell.holders.iter_mut().find(|holder| holder.owner == *owner) {
        holder.ends = after(now, ttl).max(holder.ends);
        let fence = holder.fence;
        return Transition { reply: Lease::Held { fence }, write: Some(cell) };
    }

    let place = cell.waiters.iter().position(|waiter| waiter.owner == *owner);
    let before = place.unwrap_or(cell.waiters.len());
    if cell.holders.len() + before < limit as usize {
        cell.waiters.retain(|waiter| waiter.owner != *owner);
        cell.fence = now.0.max(cell.fence + 1);
        cell.holders.push(Holder { owner: *owner, fence: cell.fence, ends: after(now, ttl) });
        return Transition { reply: Lease::Held { fence: cell.fence }, write: Some(cell) };
    }

    let until = after(now, park);
    match place {
        _ if park.is_zero() => cell.waiters.retain(|waiter| waiter.owner != *owner),
        Some(place) => cell.waiters[place].until = until.max(cell.waiters[place].until),
        None => cell.waiters.push(Waiter { owner: *owner, until }),
    }
    let ends = cell.holders.iter().map(|holder| holder.ends);
    let others = cell.waiters.iter().filter(|waiter| waiter.owner != *owner).map(|waiter| waiter.until);
    let free = ends.chain(others).min().unwrap_or(now);
    let reply = Lease::Busy { retry_after: free.since(now) };
    Transition { reply, write: Some(cell).filter(|cell| stored != Some(cell)) }
}

/// Holds a place for longer: see [`Leases::renew`](crate::Leases::renew).
#[must_use]
pub fn renew(stored: Option<&LeaseCell>, now: StoreTime, ttl: Duration, owner: &Owner) -> Transition<bool> {
    let mut cell = live(stored, now);
    let Some(holder) = cell.holders.iter_mut().find(|holder| holder.owner == *owner) else {
        return Transition { reply: false, write: None };
    };
    holder.ends = after(now, ttl).max(holder.ends);
    Transition { reply: true, write: Some(cell) }
}

/// Gives a place back: see [`Leases::release`](crate::Leases::release).
#[must_use]
pub fn release(stored: Option<&LeaseCell>, now: StoreTime, owner: &Owner) -> Transition<()> {
    let before = live(stored, now);
    let mut cell = before.clone();
    cell.holders.retain(|holder| holder.owner != *owner);
    cell.waiters.retain(|waiter| waiter.owner != *owner);
    Transition { reply: (), write: Some(cell).filter(|cell| *cell != before) }
}

/// The cell without those whose time is over.
fn live(stored: Option<&LeaseCell>, now: StoreTime) -> LeaseCell {
    let mut cell = stored.cloned().unwrap_or_default();
    cell.holders.retain(|holder| holder.ends > now);
    cell.waiters.retain(|waiter| waiter.until > now);
    cell
}

fn after(now: StoreTime, duration: Duration) -> StoreTime {
    StoreTime((now + duration).0.min(LARGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const A: Owner = Owner::from_bytes([1; 16]);
    const B: Owner = Owner::from_bytes([2; 16]);
    const C: Owner = Owner::from_bytes([3; 16]);

    /// One key of a store.
    #[derive(Default)]
    struct Kept(Option<LeaseCell>);

    impl Kept {
        fn acquire(&mut self, now: u64, owner: Owner, park: Duration) -> Option<u64> {
            let stepped = acquire(self.0.as_ref(), StoreTime(now), 1, SECOND, &owner, park);
            self.0 = stepped.write.or(self.0.take());
            match stepped.reply {
                Lease::Held { fence } => Some(fence),
                Lease::Busy { .. } => None,
            }
        }

        fn release(&mut self, now: u64, owner: Owner) {
            let stepped = release(self.0.as_ref(), StoreTime(now), &owner);
            self.0 = stepped.write.or(self.0.take());
        }
    }

    #[test]
    fn the_same_owner_gets_the_same_fence_and_the_next_one_a_larger() {
        let mut kept = Kept::default();
        assert_eq!(kept.acquire(100, A, Duration::ZERO), Some(100));
        assert_eq!(kept.acquire(200, A, Duration::ZERO), Some(100));
        kept.release(200, A);
        assert_eq!(kept.acquire(100, B, Duration::ZERO), Some(101));
    }

    #[test]
    fn a_place_goes_to_who_waits_longest_and_not_to_a_passer_by() {
        let mut kept = Kept::default();
        kept.acquire(0, A, Duration::ZERO);
        assert_eq!(kept.acquire(10, B, SECOND), None);
        assert_eq!(kept.acquire(20, C, SECOND), None);
        kept.release(30, A);
        assert_eq!(kept.acquire(40, C, SECOND), None);
        assert!(kept.acquire(50, B, SECOND).is_some());
        kept.release(60, B);
        assert_eq!(kept.acquire(70, A, Duration::ZERO), None);
        assert!(kept.acquire(80, C, SECOND).is_some());
    }

    #[test]
    fn who_does_not_ask_again_in_time_loses_its_place_in_the_queue() {
        let mut kept = Kept::default();
        kept.acquire(0, A, Duration::ZERO);
        kept.acquire(10, B, Duration::from_micros(100));
        kept.acquire(10, C, SECOND);
        kept.release(20, A);
        assert_eq!(kept.acquire(109, C, SECOND), None);
        assert!(kept.acquire(110, C, SECOND).is_some());
    }

    #[test]
    fn a_holder_that_died_is_gone_at_the_end_of_its_ttl_and_no_earlier() {
        let mut kept = Kept::default();
        kept.acquire(0, A, Duration::ZERO);
        assert_eq!(kept.acquire(999_999, B, Duration::ZERO), None);
        assert!(!renew(kept.0.as_ref(), StoreTime(1_000_000), SECOND, &A).reply);
        assert!(kept.acquire(1_000_000, B, Duration::ZERO).is_some());
    }

    #[test]
    fn a_stranger_renews_and_releases_nothing() {
        let mut kept = Kept::default();
        kept.acquire(0, A, Duration::ZERO);
        let before = kept.0.clone();
        assert!(!renew(kept.0.as_ref(), StoreTime(1), SECOND, &B).reply);
        kept.release(1, B);
        assert_eq!(kept.0, before);
    }
}
