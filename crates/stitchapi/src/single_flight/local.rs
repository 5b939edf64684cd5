//! Single flight in one process.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use stitchapi_core::{BoxFuture, Key};

/// What all callers of one flight wait for.
pub(crate) type Joined<T> = Shared<BoxFuture<'static, T>>;

/// The flights under way in this process, by what they fetch.
///
/// A flight belongs to those who wait for it: each of them drives it, so that a first caller that leaves costs no second
/// fetch, and when the last one leaves it is dropped.
pub(crate) struct Flights<T> {
    under_way: Arc<Mutex<UnderWay<T>>>,
    /// What all get if a flight panics: a future that did must not be polled again.
    on_panic: fn() -> T,
}

struct UnderWay<T> {
    flights: HashMap<Key, (u64, WeakShared<BoxFuture<'static, T>>)>,
    begun: u64,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(crate) fn new(on_panic: fn() -> T) -> Self {
        Self { under_way: Arc::new(Mutex::new(UnderWay { flights: HashMap::new(), begun: 0 })), on_panic }
    }

    /// Joins the flight for `key`, or begins it; says whether this caller has begun it.
    pub(crate) fn join(&self, key: &Key, begin: impl FnOnce() -> BoxFuture<'static, T>) -> (Joined<T>, bool) {
        let mut under_way = lock(&self.under_way);
        if let Some(flight) = under_way.flights.get(key).and_then(|(_, flight)| flight.upgrade()) {
            return (flight, false);
        }
        under_way.begun += 1;
        let number = under_way.begun;
        let leaving = Leaving { under_way: self.under_way.clone(), key: key.clone(), number };
        let (flight, on_panic) = (AssertUnwindSafe(begin()).catch_unwind(), self.on_panic);
        let flight: BoxFuture<'static, T> = Box::pin(async move {
            let _leaving = leaving;
            // The panic has said so itself.
            flight.await.unwrap_or_else(|_| on_panic())
        });
        let flight = flight.shared();
        if let Some(weak) = flight.downgrade() {
            under_way.flights.insert(key.clone(), (number, weak));
        }
        (flight, true)
    }
}

/// Takes a flight off the list when it has landed, or when nobody waits for it any more.
struct Leaving<T> {
    under_way: Arc<Mutex<UnderWay<T>>>,
    key: Key,
    number: u64,
}

impl<T> Drop for Leaving<T> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.under_way);
        // Another flight for the same thing may have begun since.
        if under_way.flights.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            under_way.flights.remove(&self.key);
        }
    }
}

fn lock<T>(under_way: &Mutex<UnderWay<T>>) -> MutexGuard<'_, UnderWay<T>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> fmt::Debug for Flights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("under_way", &lock(&self.under_way).flights.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use stitchapi_testing::SimRuntime;

    use super::*;

    fn counting(sim: &SimRuntime, fetches: &Arc<AtomicU32>) -> BoxFuture<'static, u32> {
        let (sim, fetches) = (sim.clone(), fetches.clone());
        Box::pin(async move {
            sim.sleep(std::time::Duration::from_millis(10)).await;
            fetches.fetch_add(1, Ordering::Relaxed) + 1
        })
    }

    #[test]
    fn all_that_wait_at_once_get_one_answer_and_the_next_one_a_new_one() {
        let (sim, fetches, flights) = (SimRuntime::new(1), Arc::default(), Flights::new(|| 0));
        let key = Key::new("test");
        let join = || flights.join(&key, || counting(&sim, &fetches)).0;
        assert_eq!(sim.block_on(join_all((0..5).map(|_| join()))), [1; 5]);
        assert_eq!(sim.block_on(join()), 2);
        assert!(lock(&flights.under_way).flights.is_empty());
    }

    #[test]
    fn a_first_caller_that_leaves_costs_no_second_fetch() {
        let (sim, fetches, flights) = (SimRuntime::new(1), Arc::default(), Flights::new(|| 0));
        let key = Key::new("test");
        let (mut first, began) = flights.join(&key, || counting(&sim, &fetches));
        assert!(began && (&mut first).now_or_never().is_none());
        let (second, began) = flights.join(&key, || counting(&sim, &fetches));
        assert!(!began);
        drop(first);
        assert_eq!(sim.block_on(second), 1);
    }

    #[test]
    fn a_flight_that_panics_has_an_answer_for_everybody() {
        let (sim, flights) = (SimRuntime::new(1), Flights::new(|| 7));
        let key = Key::new("test");
        let join = || flights.join(&key, || Box::pin(async { panic!("on purpose") })).0;
        assert_eq!(sim.block_on(join_all((0..3).map(|_| join()))), [7; 3]);
        assert_eq!(sim.block_on(flights.join(&key, || Box::pin(async { 1 })).0), 1);
    }

    #[test]
    fn a_flight_that_nobody_waits_for_is_dropped() {
        let (sim, fetches, flights) = (SimRuntime::new(1), Arc::default(), Flights::new(|| 0));
        let key = Key::new("test");
        let (mut only, _) = flights.join(&key, || counting(&sim, &fetches));
        assert!((&mut only).now_or_never().is_none());
        drop(only);
        assert!(lock(&flights.under_way).flights.is_empty());
        assert_eq!(sim.block_on(flights.join(&key, || counting(&sim, &fetches)).0), 1);
    }
}
