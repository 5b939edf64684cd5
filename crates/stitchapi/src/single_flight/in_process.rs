//! Single flight in one process: callers that need the same value share one future.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use stitchapi_core::{BoxFuture, Key};

/// The future of a flight, one clone for each caller.
pub(crate) type SharedFlight<T> = Shared<BoxFuture<'static, T>>;

/// The running flights of this process, by the key of the value that each fetches.
///
/// Every caller of a flight polls its future, so that the flight continues when the caller that began it is dropped.
/// When its last caller is dropped, the flight is dropped.
pub(crate) struct InProcessFlights<T> {
    table: Arc<Mutex<FlightTable<T>>>,
    /// Returns the output that all callers of a flight receive if it panics. A future that panicked must not be polled
    /// again.
    panic_output: fn() -> T,
}

struct FlightTable<T> {
    /// Number and future of each running flight.
    flights: HashMap<Key, (u64, WeakShared<BoxFuture<'static, T>>)>,
    /// Number of flights begun so far, which is also the number of the newest flight.
    begun: u64,
}

impl<T: Clone + Send + Sync + 'static> InProcessFlights<T> {
    pub(crate) fn new(panic_output: fn() -> T) -> Self {
        Self { table: Arc::new(Mutex::new(FlightTable { flights: HashMap::new(), begun: 0 })), panic_output }
    }

    /// Returns the running flight for `key` and `false`, or begins one and returns it with `true`.
    pub(crate) fn join(&self, key: &Key, begin: impl FnOnce() -> BoxFuture<'static, T>) -> (SharedFlight<T>, bool) {
        let mut table = lock(&self.table);
        if let Some(flight) = table.flights.get(key).and_then(|(_, flight)| flight.upgrade()) {
            return (flight, false);
        }
        table.begun += 1;
        let number = table.begun;
        let entry = TableEntry { table: self.table.clone(), key: key.clone(), number };
        let (flight, panic_output) = (AssertUnwindSafe(begin()).catch_unwind(), self.panic_output);
        let flight: BoxFuture<'static, T> = Box::pin(async move {
            let _entry = entry;
            // The panic is not reported here, because the panic hook has reported it.
            flight.await.unwrap_or_else(|_| panic_output())
        });
        let flight = flight.shared();
        if let Some(weak) = flight.downgrade() {
            table.flights.insert(key.clone(), (number, weak));
        }
        (flight, true)
    }
}

/// Guard that removes the entry of a flight from the table. The future of the flight owns the guard, and drops it when
/// the future ends or the last caller of the flight is dropped.
struct TableEntry<T> {
    table: Arc<Mutex<FlightTable<T>>>,
    key: Key,
    number: u64,
}

impl<T> Drop for TableEntry<T> {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        // Another flight for the same key may have begun since.
        if table.flights.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            table.flights.remove(&self.key);
        }
    }
}

fn lock<T>(table: &Mutex<FlightTable<T>>) -> MutexGuard<'_, FlightTable<T>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> fmt::Debug for InProcessFlights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessFlights").field("flights", &lock(&self.table).flights.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use stitchapi_testing::SimRuntime;

    use super::*;

    /// Returns the number of this fetch, from 1, after 10 ms.
    fn numbered_fetch(sim: &SimRuntime, fetches: &Arc<AtomicU32>) -> BoxFuture<'static, u32> {
        let (sim, fetches) = (sim.clone(), fetches.clone());
        Box::pin(async move {
            sim.sleep(std::time::Duration::from_millis(10)).await;
            fetches.fetch_add(1, Ordering::Relaxed) + 1
        })
    }

    #[test]
    fn concurrent_callers_share_one_fetch_and_a_later_caller_gets_a_new_one() {
        let (sim, fetches, flights) = (SimRuntime::new(1), Arc::default(), InProcessFlights::new(|| 0));
        let key = Key::new("test");
        let join = || flights.join(&key, || numbered_fetch(&sim, &fetches)).0;
        assert_eq!(sim.block_on(join_all((0..5).map(|_| join()))), [1; 5]);
        assert_eq!(sim.block_on(join()), 2);
        assert!(lock(&flights.table).flights.is_empty());
    }

    #[test]
    fn dropping_the_first_caller_causes_no_second_fetch() {
        let (sim, fetches, flights) = (SimRuntime::new(1), Arc::default(), InProcessFlights::new(|| 0));
        let key = Key::new("test");
        let (mut first, begun) = flights.join(&key, || numbered_fetch(&sim, &fetches));
        assert!(begun && (&mut first).now_or_never().is_none());
        let (second, begun) = flights.join(&key, || numbered_fetch(&sim, &fetches));
        assert!(!begun);
        drop(first);
        assert_eq!(sim.block_on(second), 1);
    }

    #[test]
    fn a_flight_that_panics_returns_the_panic_output_to_all_its_callers() {
        let (sim, flights) = (SimRuntime::new(1), InProcessFlights::new(|| 7));
        let key = Key::new("test");
        let join = || flights.join(&key, || Box::pin(async { panic!("on purpose") })).0;
        assert_eq!(sim.block_on(join_all((0..3).map(|_| join()))), [7; 3]);
        assert_eq!(sim.block_on(flights.join(&key, || Box::pin(async { 1 })).0), 1);
    }

    #[test]
    fn a_flight_is_dropped_with_its_last_caller() {
        let (sim, fetches, flights) = (SimRuntime::new(1), Arc::default(), InProcessFlights::new(|| 0));
        let key = Key::new("test");
        let (mut only, _) = flights.join(&key, || numbered_fetch(&sim, &fetches));
        assert!((&mut only).now_or_never().is_none());
        drop(only);
        assert!(lock(&flights.table).flights.is_empty());
        assert_eq!(sim.block_on(flights.join(&key, || numbered_fetch(&sim, &fetches)).0), 1);
    }
}
