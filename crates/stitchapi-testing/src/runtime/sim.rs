//! Single-threaded executor with a virtual clock.
//!
//! In: a seed, a future for [`SimRuntime::block_on`], and the tasks and timers that it creates. Out: a run that the same
//! seed repeats, task switch by task switch. The simulated fleet and most tests of the workspace run on it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use stitchapi_core::{BoxFuture, Runtime, Tick};

use crate::random::Random;

/// [`Runtime`] with a virtual clock, on one thread: a simulated hour takes no real time.
///
/// * The clock stands still while a task is ready to run. When none is, the clock jumps to the end of the earliest sleep.
/// * The seed selects which ready task is polled next, and all random numbers: one seed always gives the same
///   interleaving, another seed gives another one.
/// * Tasks run only inside [`SimRuntime::block_on`]. A task that is unfinished when `block_on` returns continues with the
///   next call.
/// * Clones share one runtime.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::Runtime as _;
/// use stitchapi_testing::SimRuntime;
///
/// let sim = SimRuntime::new(7);
/// let before = sim.now();
/// sim.block_on(sim.sleep(Duration::from_secs(3_600)));
/// assert_eq!(sim.now().since(before), Duration::from_secs(3_600));
/// ```
#[derive(Clone)]
pub struct SimRuntime(Arc<Sim>);

struct Sim {
    /// Virtual time, in microseconds.
    now: AtomicU64,
    state: Mutex<State>,
}

struct State {
    /// Source of [`Runtime::random`].
    random: Random,
    /// Source of the scheduling order.
    schedule: Random,
    tasks: HashMap<u64, Task>,
    /// Numbers of the tasks that are ready, unordered: one is picked at random and replaced by the last one.
    ready: Vec<u64>,
    /// Wakers of the pending sleeps, by end and number.
    sleepers: BTreeMap<(Tick, u64), Waker>,
    /// Last number given to a task or a sleep.
    last_number: u64,
    /// Number of polls since the clock last moved.
    polls: usize,
    /// `true` while `block_on` runs.
    is_running: bool,
}

struct Task {
    /// `None` while the task is polled, and always for the main future.
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
    is_ready: bool,
}

/// Task number of the future that was passed to `block_on`.
const MAIN: u64 = 0;
/// Maximum number of polls without progress of the clock, plus 100 for each task. More polls are a livelock.
const MAX_POLLS: usize = 1_000_000;
/// Clock reading at the beginning of a run: one hour after the boot.
const START: Tick = Tick(3_600_000_000);
/// Wall clock at the beginning of a run, since 1970: the start of 2026.
const START_OF_2026: Duration = Duration::from_secs(1_767_225_600);

impl SimRuntime {
    /// Creates a runtime whose schedule and random numbers follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            schedule: Random::new(!seed),
            tasks: HashMap::new(),
            ready: Vec::new(),
            sleepers: BTreeMap::new(),
            last_number: MAIN,
            polls: 0,
            is_running: false,
        };
        Self(Arc::new(Sim { now: AtomicU64::new(START.0), state: Mutex::new(state) }))
    }

    /// Sleeps for `duration` of virtual time.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now() + duration)
    }

    /// Runs `future` to its end, and all spawned tasks as far as they get until then.
    ///
    /// # Panics
    ///
    /// * Deadlock: `future` is unfinished, no task is ready and none sleeps.
    /// * Livelock: tasks are polled a million times and more while the clock stands still.
    /// * Called from inside another `block_on` of the same runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _running = Running::new(&self.0);
        let mut future = pin!(future);
        self.0.lock().add(MAIN, None, &self.0);
        loop {
            let Some(Next { number, future: task, waker }) = self.0.next() else {
                let at = self.now();
                panic!("deadlock at {at}: the future is unfinished, but no task is ready and none sleeps");
            };
            let mut context = Context::from_waker(&waker);
            match task {
                Some(task) => self.0.poll(number, task, &mut context),
                None => {
                    if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                        return output;
                    }
                }
            }
        }
    }

    /// Drops all tasks.
    ///
    /// A task may hold a clone of the runtime that owns it: without this call neither would ever be freed.
    pub(crate) fn drop_tasks(&self) {
        loop {
            // Dropped outside the lock: the destructors use the runtime and may spawn further tasks.
            let tasks = std::mem::take(&mut self.0.lock().tasks);
            if tasks.is_empty() {
                return;
            }
            drop(tasks);
        }
    }
}

/// Task to be polled next. `future` is `None` for the main future.
struct Next {
    number: u64,
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
}

impl Sim {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Tick {
        Tick(self.now.load(Ordering::Relaxed))
    }

    /// Picks a ready task. If there is none, moves the clock to the earliest sleep until one is ready; `None` on deadlock.
    fn next(&self) -> Option<Next> {
        let mut state = self.lock();
        loop {
            while !state.ready.is_empty() {
                let ready = state.ready.len();
                let pick = state.schedule.below(ready);
                let number = state.ready.swap_remove(pick);
                let Some(task) = state.tasks.get_mut(&number) else { continue };
                task.is_ready = false;
                let next = Next { number, future: task.future.take(), waker: task.waker.clone() };
                state.polls += 1;
                let max_polls = MAX_POLLS + 100 * state.tasks.len();
                assert!(state.polls < max_polls, "livelock at {}: some task is always ready", self.now());
                return Some(next);
            }
            let ((at, _), waker) = state.sleepers.pop_first()?;
            if self.now.fetch_max(at.0, Ordering::Relaxed) < at.0 {
                state.polls = 0;
            }
            drop(state);
            waker.wake();
            state = self.lock();
        }
    }

    /// Polls a task outside the lock: the task uses the runtime, and so may its destructor.
    fn poll(&self, number: u64, mut future: BoxFuture<'static, ()>, context: &mut Context<'_>) {
        let is_done = future.as_mut().poll(context).is_ready();
        let mut state = self.lock();
        if is_done {
            state.tasks.remove(&number);
        } else if let Some(task) = state.tasks.get_mut(&number) {
            task.future = Some(future);
            return;
        }
        drop(state);
    }
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn add(&mut self, number: u64, future: Option<BoxFuture<'static, ()>>, sim: &Arc<Sim>) {
        let waker = Waker::from(Arc::new(TaskWaker { number, sim: sim.clone() }));
        self.tasks.insert(number, Task { future, waker, is_ready: true });
        self.ready.push(number);
    }
}

impl Runtime for SimRuntime {
    fn now(&self) -> Tick {
        self.0.now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + START_OF_2026 + self.now().since(START)
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        let number = self.0.lock().next_number();
        Box::pin(Sleep { sim: self.0.clone(), key: (at, number), is_registered: false })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut state = self.0.lock();
        let number = state.next_number();
        state.add(number, Some(task), &self.0);
    }

    fn random(&self) -> u64 {
        self.0.lock().random.next()
    }

    fn joins_callers(&self) -> bool {
        true
    }
}

impl fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.0.lock().tasks.len();
        f.debug_struct("SimRuntime").field("now", &self.0.now()).field("tasks", &tasks).finish_non_exhaustive()
    }
}

struct Sleep {
    sim: Arc<Sim>,
    key: (Tick, u64),
    /// `true` once the sleep has been entered into `sleepers`.
    is_registered: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.sim.now() >= self.key.0 {
            return Poll::Ready(());
        }
        self.is_registered = true;
        self.sim.lock().sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

/// Removes the sleep, so that the clock does not stop at the end of a dropped sleep.
impl Drop for Sleep {
    fn drop(&mut self) {
        if self.is_registered {
            let waker = self.sim.lock().sleepers.remove(&self.key);
            drop(waker);
        }
    }
}

struct TaskWaker {
    number: u64,
    sim: Arc<Sim>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.sim.lock();
        let State { tasks, ready, .. } = &mut *state;
        if let Some(task) = tasks.get_mut(&self.number).filter(|task| !task.is_ready) {
            task.is_ready = true;
            ready.push(self.number);
        }
    }
}

/// Marks the runtime as being inside `block_on` until dropped.
struct Running<'a>(&'a Sim);

impl<'a> Running<'a> {
    fn new(sim: &'a Sim) -> Self {
        let was_running = std::mem::replace(&mut sim.lock().is_running, true);
        assert!(!was_running, "block_on was called inside block_on");
        Self(sim)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_running = false;
        state.tasks.remove(&MAIN);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{Either, join_all, select};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Runs ten tasks with random sleeps and returns when each of them woke.
    fn trace(seed: u64) -> Vec<(usize, Tick)> {
        let sim = SimRuntime::new(seed);
        let woken = Arc::new(Mutex::new(Vec::new()));
        for task in 0..10 {
            let (sim, woken) = (sim.clone(), woken.clone());
            sim.clone().spawn(Box::pin(async move {
                for _ in 0..5 {
                    sim.sleep(Duration::from_micros(sim.random() % 3)).await;
                    woken.lock().unwrap().push((task, sim.now()));
                }
            }));
        }
        sim.block_on(sim.sleep(HOUR));
        Arc::try_unwrap(woken).unwrap().into_inner().unwrap()
    }

    #[test]
    fn one_seed_repeats_its_interleaving_and_another_seed_gives_another_one() {
        assert_eq!(trace(1), trace(1));
        assert_ne!(trace(1), trace(2));
    }

    #[test]
    fn an_hour_takes_no_real_time_and_is_exact_to_the_microsecond() {
        let sim = SimRuntime::new(1);
        let (before, wall) = (sim.now(), sim.wall());
        sim.block_on(sim.sleep(HOUR));
        assert_eq!(sim.now(), before + HOUR);
        assert_eq!(sim.wall(), wall + HOUR);
    }

    #[test]
    fn sleeps_end_in_the_order_of_their_deadlines() {
        let sim = SimRuntime::new(1);
        let woken = Mutex::new(Vec::new());
        sim.block_on(join_all([3, 1, 2].map(|hours| {
            let sleep = sim.sleep(HOUR * hours);
            let woken = &woken;
            async move {
                sleep.await;
                woken.lock().unwrap().push(hours);
            }
        })));
        assert_eq!(woken.into_inner().unwrap(), [1, 2, 3]);
    }

    #[test]
    fn the_clock_does_not_stop_at_a_dropped_sleep() {
        let sim = SimRuntime::new(1);
        let before = sim.now();
        let first = sim.block_on(select(sim.sleep(HOUR * 9), sim.sleep(HOUR)));
        assert!(matches!(first, Either::Right(_)));
        drop(first);
        sim.block_on(sim.sleep(HOUR));
        assert_eq!(sim.now(), before + HOUR * 2);
    }

    #[test]
    fn an_unfinished_task_continues_with_the_next_call() {
        let sim = SimRuntime::new(1);
        let done = Arc::new(Mutex::new(false));
        let (sleep, is_done) = (sim.sleep(HOUR * 2), done.clone());
        sim.spawn(Box::pin(async move {
            sleep.await;
            *is_done.lock().unwrap() = true;
        }));
        sim.block_on(sim.sleep(HOUR));
        assert!(!*done.lock().unwrap());
        sim.block_on(sim.sleep(HOUR * 2));
        assert!(*done.lock().unwrap());
    }

    #[test]
    #[should_panic(expected = "deadlock at 3600000000 us")]
    fn a_future_that_nothing_can_wake_is_a_deadlock() {
        SimRuntime::new(1).block_on(std::future::pending::<()>());
    }

    #[test]
    #[should_panic(expected = "livelock at 3600000000 us")]
    fn a_task_that_is_always_ready_is_a_livelock() {
        SimRuntime::new(1).block_on(std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
    }

    #[test]
    #[should_panic(expected = "block_on was called inside block_on")]
    fn block_on_inside_block_on_panics() {
        let sim = SimRuntime::new(1);
        sim.block_on(async { sim.block_on(async {}) });
    }
}
