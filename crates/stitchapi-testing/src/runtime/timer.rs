//! One thread that wakes sleepers.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use stitchapi_core::Tick;

/// Sleepers in the order of their ends, and the thread that waits for the first of them.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleepers: Mutex<Sleepers>,
    earlier: Condvar,
}

#[derive(Debug, Default)]
struct Sleepers {
    wakers: BTreeMap<(Tick, u64), Waker>,
    numbers: u64,
}

impl Timer {
    /// The timer of this process; its thread starts with the first call.
    #[expect(clippy::disallowed_methods, reason = "the timer is a thread")]
    pub(super) fn of_the_process() -> &'static Self {
        static TIMER: OnceLock<Timer> = OnceLock::new();
        static THREAD: OnceLock<()> = OnceLock::new();
        let timer = TIMER.get_or_init(Self::default);
        THREAD.get_or_init(|| drop(std::thread::spawn(|| timer.run())));
        timer
    }

    pub(super) async fn sleep_until(&'static self, at: Tick) {
        let sleeper = Sleeper { timer: self, key: (at, self.number()) };
        poll_fn(|context| {
            if Tick::of_boot_clock() >= at {
                return Poll::Ready(());
            }
            self.lock().wakers.insert(sleeper.key, context.waker().clone());
            self.earlier.notify_one();
            Poll::Pending
        })
        .await;
    }

    fn number(&self) -> u64 {
        let mut sleepers = self.lock();
        sleepers.numbers += 1;
        sleepers.numbers
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut sleepers = self.lock();
        loop {
            let now = Tick::of_boot_clock();
            while let Some(first) = sleepers.wakers.first_entry().filter(|first| first.key().0 <= now) {
                first.remove().wake();
            }
            let next = sleepers.wakers.first_key_value().map(|((at, _), _)| at.since(now));
            sleepers = match next {
                Some(wait) => self.earlier.wait_timeout(sleepers, wait).unwrap_or_else(PoisonError::into_inner).0,
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
        self.timer.lock().wakers.remove(&self.key);
    }
}
