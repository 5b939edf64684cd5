//! The three changes of a [`LeaseCell`]: acquire, renew and release.
//!
//! Each is a pure function that takes the stored cell and returns a reply and the cell to write.

use std::time::Duration;

use super::cell::{Holder, LeaseCell, Waiter};
use super::reply::Lease;
use crate::time::MAX_SAFE_INTEGER;
use crate::{Owner, StoreTime};

pub use crate::transition::Transition;

/// Acquires a lease or a position in the queue, as [`Leases::acquire`](crate::Leases::acquire) describes.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::lease::{Lease, transition};
/// use stitchapi_core::{Owner, StoreTime};
///
/// let (owner, second) = (Owner::from_bytes([1; 16]), Duration::from_secs(1));
/// let acquired = transition::acquire(None, StoreTime(100), 1, second, &owner, Duration::ZERO);
/// assert_eq!(acquired.reply, Lease::Held { fence: 100 });
/// assert_eq!(acquired.write.map(|cell| cell.holders.len()), Some(1));
/// ```
#[must_use]
pub fn acquire(
    stored: Option<&LeaseCell>,
    now: StoreTime,
    limit: u32,
    ttl: Duration,
    owner: &Owner,
    queue_ttl: Duration,
) -> Transition<LeaseCell, Lease> {
    let mut cell = without_expired(stored, now);
    if let Some(holder) = cell.holders.iter_mut().find(|holder| holder.owner == *owner) {
        holder.deadline = deadline(now, ttl).max(holder.deadline);
        let fence = holder.fence;
        return Transition { reply: Lease::Held { fence }, write: Some(cell) };
    }

    let position = cell.waiters.iter().position(|waiter| waiter.owner == *owner);
    let waiters_before = position.unwrap_or(cell.waiters.len());
    if cell.holders.len() + waiters_before < limit as usize {
        cell.waiters.retain(|waiter| waiter.owner != *owner);
        cell.fence = now.0.max(cell.fence + 1);
        cell.holders.push(Holder { owner: *owner, fence: cell.fence, deadline: deadline(now, ttl) });
        return Transition { reply: Lease::Held { fence: cell.fence }, write: Some(cell) };
    }

    let ask_again_by = deadline(now, queue_ttl);
    match position {
        _ if queue_ttl.is_zero() => cell.waiters.retain(|waiter| waiter.owner != *owner),
        Some(position) => cell.waiters[position].deadline = ask_again_by.max(cell.waiters[position].deadline),
        None => cell.waiters.push(Waiter { owner: *owner, deadline: ask_again_by }),
    }
    let holders = cell.holders.iter().map(|holder| holder.deadline);
    let other_waiters = cell.waiters.iter().filter(|waiter| waiter.owner != *owner).map(|waiter| waiter.deadline);
    let next_free = holders.chain(other_waiters).min().unwrap_or(now);
    let reply = Lease::Busy { retry_after: next_free.since(now) };
    Transition { reply, write: Some(cell).filter(|cell| stored != Some(cell)) }
}

/// Extends a lease, as [`Leases::renew`](crate::Leases::renew) describes.
#[must_use]
pub fn renew(stored: Option<&LeaseCell>, now: StoreTime, ttl: Duration, owner: &Owner) -> Transition<LeaseCell, bool> {
    let mut cell = without_expired(stored, now);
    let Some(holder) = cell.holders.iter_mut().find(|holder| holder.owner == *owner) else {
        return Transition::unchanged(false);
    };
    holder.deadline = deadline(now, ttl).max(holder.deadline);
    Transition { reply: true, write: Some(cell) }
}

/// Releases a lease or a position in the queue, as [`Leases::release`](crate::Leases::release) describes.
#[must_use]
pub fn release(stored: Option<&LeaseCell>, now: StoreTime, owner: &Owner) -> Transition<LeaseCell, ()> {
    let before = without_expired(stored, now);
    let mut cell = before.clone();
    cell.holders.retain(|holder| holder.owner != *owner);
    cell.waiters.retain(|waiter| waiter.owner != *owner);
    Transition { reply: (), write: Some(cell).filter(|cell| *cell != before) }
}

/// Returns the stored cell without the holders and waiters whose deadline has passed.
fn without_expired(stored: Option<&LeaseCell>, now: StoreTime) -> LeaseCell {
    let mut cell = stored.cloned().unwrap_or_default();
    cell.holders.retain(|holder| holder.deadline > now);
    cell.waiters.retain(|waiter| waiter.deadline > now);
    cell
}

/// Returns `now + duration`, but at most the largest time that a cell can store.
fn deadline(now: StoreTime, duration: Duration) -> StoreTime {
    StoreTime((now + duration).0.min(MAX_SAFE_INTEGER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const A: Owner = Owner::from_bytes([1; 16]);
    const B: Owner = Owner::from_bytes([2; 16]);
    const C: Owner = Owner::from_bytes([3; 16]);

    /// Store of one lease cell that grants one lease at a time.
    #[derive(Default)]
    struct Stored(Option<LeaseCell>);

    impl Stored {
        fn acquire(&mut self, now: u64, owner: Owner, queue_ttl: Duration) -> Option<u64> {
            let transition = acquire(self.0.as_ref(), StoreTime(now), 1, SECOND, &owner, queue_ttl);
            self.0 = transition.write.or(self.0.take());
            match transition.reply {
                Lease::Held { fence } => Some(fence),
                Lease::Busy { .. } => None,
            }
        }

        fn release(&mut self, now: u64, owner: Owner) {
            let transition = release(self.0.as_ref(), StoreTime(now), &owner);
            self.0 = transition.write.or(self.0.take());
        }
    }

    #[test]
    fn the_same_owner_receives_the_same_fence_and_the_next_owner_a_larger_one() {
        let mut stored = Stored::default();
        assert_eq!(stored.acquire(100, A, Duration::ZERO), Some(100));
        assert_eq!(stored.acquire(200, A, Duration::ZERO), Some(100));
        stored.release(200, A);
        assert_eq!(stored.acquire(100, B, Duration::ZERO), Some(101));
    }

    #[test]
    fn a_free_lease_is_granted_to_the_longest_waiter() {
        let mut stored = Stored::default();
        stored.acquire(0, A, Duration::ZERO);
        assert_eq!(stored.acquire(10, B, SECOND), None);
        assert_eq!(stored.acquire(20, C, SECOND), None);
        stored.release(30, A);
        assert_eq!(stored.acquire(40, C, SECOND), None);
        assert!(stored.acquire(50, B, SECOND).is_some());
        stored.release(60, B);
        assert_eq!(stored.acquire(70, A, Duration::ZERO), None);
        assert!(stored.acquire(80, C, SECOND).is_some());
    }

    #[test]
    fn a_waiter_that_does_not_ask_again_in_time_loses_its_position() {
        let mut stored = Stored::default();
        stored.acquire(0, A, Duration::ZERO);
        stored.acquire(10, B, Duration::from_micros(100));
        stored.acquire(10, C, SECOND);
        stored.release(20, A);
        assert_eq!(stored.acquire(109, C, SECOND), None);
        assert!(stored.acquire(110, C, SECOND).is_some());
    }

    #[test]
    fn a_lease_that_is_not_renewed_ends_with_its_ttl_and_no_earlier() {
        let mut stored = Stored::default();
        stored.acquire(0, A, Duration::ZERO);
        assert_eq!(stored.acquire(999_999, B, Duration::ZERO), None);
        assert!(!renew(stored.0.as_ref(), StoreTime(1_000_000), SECOND, &A).reply);
        assert!(stored.acquire(1_000_000, B, Duration::ZERO).is_some());
    }

    #[test]
    fn another_owner_renews_and_releases_nothing() {
        let mut stored = Stored::default();
        stored.acquire(0, A, Duration::ZERO);
        let before = stored.0.clone();
        assert!(!renew(stored.0.as_ref(), StoreTime(1), SECOND, &B).reply);
        stored.release(1, B);
        assert_eq!(stored.0, before);
    }
}
