//! Sleeping on the boot clock, to a fraction of a millisecond.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use crate::Tick;

/// Sleeps until the machine's boot clock ([`Tick::of_boot_clock`]) has come to `at`, never less.
///
/// One thread of the process, `stitchapi-timer`, wakes all sleepers; it starts with the first of them and stays. The
/// timers of runtimes have a grain of a millisecond and more, which is late for a slot whose guard is one. It works
/// under any executor.
///
/// Dropped: nobody is woken.
pub async fn sleep_until(at: Tick) {
    if Tick::of_boot_clock() >= at {
        return;
    }
    let timer = Timer::of_the_process();
    let sleeper = Sleeper { timer, key: (at, timer.number()) };
    poll_fn(|context| {
        if Tick::of_boot_clock() >= at {
            return Poll::Ready(());
        }
        timer.put(sleeper.key, context.waker().clone());
        Poll::Pending
    })
    .await;
}

/// Sleepers in the order of their ends, and the thread that waits for the first of them.
#[derive(Debug, Default)]
struct Timer {
    sleepers: Mutex<Sleepers>,
    earlier: Condvar,
}

#[derive(Debug, Default)]
struct Sleepers {
    wakers: BTreeMap<(Tick, u64), Waker>,
    numbers: u64,
    /// Until when the thread sleeps; nothing while it is awake or waits for the first sleeper.
    thread_until: Option<Tick>,
}

impl Timer {
    #[expect(clippy::disallowed_methods, reason = "the timer is a thread")]
    fn of_the_process() -> &'static Self {
        static TIMER: OnceLock<Timer> = OnceLock::new();
        static THREAD: OnceLock<()> = OnceLock::new();
        let timer = TIMER.get_or_init(Self::default);
        THREAD.get_or_init(|| {
            let thread = std::thread::Builder::new().name("stitchapi-timer".to_owned());
            thread.spawn(|| timer.run()).expect("a process that cannot start a thread cannot go on");
        });
        timer
    }

    fn number(&self) -> u64 {
        let mut sleepers = self.lock();
        sleepers.numbers += 1;
        sleepers.numbers
    }

    fn put(&self, key: (Tick, u64), waker: Waker) {
        let mut sleepers = self.lock();
        sleepers.wakers.insert(key, waker);
        // The thread only has to hear of an end that comes before the one it waits for, though that sleeper may be gone:
        // a timeout that is set and taken back for every operation wakes nobody.
        if sleepers.thread_until.is_none_or(|until| key.0 < until) {
            sleepers.thread_until = Some(key.0);
            self.earlier.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        // Linux lets a thread's timers be 50 us late unless it asks for less. Where it cannot, it is.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        let mut sleepers = self.lock();
        loop {
            let now = Tick::of_boot_clock();
            let later = sleepers.wakers.split_off(&(Tick(now.0 + 1), 0));
            let due = std::mem::replace(&mut sleepers.wakers, later);
            if !due.is_empty() {
                // Awake, it looks again before it sleeps.
                sleepers.thread_until = Some(now);
                drop(sleepers);
                due.into_values().for_each(Waker::wake);
                sleepers = self.lock();
                continue;
            }
            let next = sleepers.wakers.first_key_value().map(|((at, _), _)| *at);
            sleepers.thread_until = next;
            sleepers = match next {
                Some(at) => {
                    self.earlier.wait_timeout(sleepers, at.since(now)).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.earlier.wait(sleepers).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Takes its waker along when it is dropped.
struct Sleeper {
    timer: &'static Timer,
    key: (Tick, u64),
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _waker = self.timer.lock().wakers.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_executor::block_on;
    use futures_util::future::join_all;

    use super::*;

    #[test]
    fn nobody_wakes_early_whatever_the_order_of_asking() {
        let begun = Tick::of_boot_clock();
        let sleeps = [30, 1, 20, 0, 7].map(|millis| async move {
            let at = begun + Duration::from_millis(millis);
            sleep_until(at).await;
            assert!(Tick::of_boot_clock() >= at);
        });
        block_on(join_all(sleeps));
    }
}
