//! A timer on the boot clock with a resolution of microseconds.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use crate::Tick;

/// Sleeps until the machine's boot clock ([`Tick::of_boot_clock`]) has reached `at`, and never wakes earlier.
///
/// One thread of the process, `stitchapi-timer`, wakes all sleepers. The first call that has to sleep starts the
/// thread, which runs until the process ends. The timers of async runtimes have a resolution of a millisecond or more,
/// which is too coarse for a call that may start at most one millisecond late. This timer works under any executor.
///
/// Cancellation: if the future is dropped, the timer forgets it.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::{Tick, boot_timer};
///
/// # futures_executor::block_on(async {
/// let at = Tick::of_boot_clock() + Duration::from_micros(300);
/// boot_timer::sleep_until(at).await;
/// assert!(Tick::of_boot_clock() >= at);
/// # });
/// ```
pub async fn sleep_until(at: Tick) {
    if Tick::of_boot_clock() >= at {
        return;
    }
    let timer = Timer::of_the_process();
    let sleeper = Sleeper { timer, key: (at, timer.next_number()) };
    poll_fn(|context| {
        if Tick::of_boot_clock() >= at {
            return Poll::Ready(());
        }
        timer.register(sleeper.key, context.waker().clone());
        Poll::Pending
    })
    .await;
}

/// Registered sleepers, and the signal by which a new sleeper wakes the thread if it would sleep too long.
#[derive(Debug, Default)]
struct Timer {
    sleepers: Mutex<Sleepers>,
    earlier: Condvar,
}

#[derive(Debug, Default)]
struct Sleepers {
    wakers: BTreeMap<(Tick, u64), Waker>,
    last_number: u64,
    /// Time until which the thread sleeps. While the thread is awake, this is a past time, so that a registration does not
    /// notify it. `None` while the thread waits for the next registration.
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
            thread.spawn(|| timer.run()).expect("the process can start one more thread");
        });
        timer
    }

    fn next_number(&self) -> u64 {
        let mut sleepers = self.lock();
        sleepers.last_number += 1;
        sleepers.last_number
    }

    fn register(&self, key: (Tick, u64), waker: Waker) {
        let mut sleepers = self.lock();
        sleepers.wakers.insert(key, waker);
        // Notify the thread only if it must wake earlier than planned. Therefore a series of operations that each set
        // and cancel a timeout does not wake the thread for each operation.
        if sleepers.thread_until.is_none_or(|until| key.0 < until) {
            sleepers.thread_until = Some(key.0);
            self.earlier.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        // Linux delays the timers of a thread by up to 50 us unless the thread asks for less. A failure only costs
        // precision.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        let mut sleepers = self.lock();
        loop {
            let now = Tick::of_boot_clock();
            let later = sleepers.wakers.split_off(&(Tick(now.0 + 1), 0));
            let due = std::mem::replace(&mut sleepers.wakers, later);
            if !due.is_empty() {
                // The thread checks the sleepers again before it sleeps, so no registration until then notifies it.
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

/// Registration of one sleeper. Dropping it removes the waker.
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
    fn no_sleeper_wakes_early_in_any_order_of_registration() {
        let begun = Tick::of_boot_clock();
        let sleeps = [30, 1, 20, 0, 7].map(|millis| async move {
            let at = begun + Duration::from_millis(millis);
            sleep_until(at).await;
            assert!(Tick::of_boot_clock() >= at);
        });
        block_on(join_all(sleeps));
    }
}
