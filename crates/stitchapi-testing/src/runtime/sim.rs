//! A runtime in which time is a number.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use stitchapi_core::{BoxFuture, Runtime, Tick};

use super::random::Random;

/// A [`Runtime`] with a virtual clock, on one thread: a whole fleet runs in no time, and again from the same seed.
///
/// * The clock stands still while anybody can run; then it jumps to the next sleeper's end.
/// * Of the tasks that can run the seed picks the next one: another seed is another interleaving, the same seed the
///   same one, with the same random numbers.
/// * Tasks run within [`SimRuntime::block_on`]; what is not finished when that ends goes on with the next call.
/// * Clones are one runtime.
#[derive(Clone)]
pub struct SimRuntime(Arc<Sim>);

struct Sim {
    now: AtomicU64,
    state: Mutex<State>,
}

struct State {
    random: Random,
    picks: Random,
    tasks: HashMap<u64, Task>,
    /// In no order: the next one is picked at random, and the last one takes its place.
    ready: Vec<u64>,
    sleepers: BTreeMap<(Tick, u64), Waker>,
    numbers: u64,
    /// How many polls there were since time passed.
    polls: usize,
    running: bool,
}

struct Task {
    /// Not here while it is polled; of the main future never.
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
    is_ready: bool,
}

/// The future that `block_on` was given, among the tasks.
const MAIN: u64 = 0;
/// So many polls at one time, and a hundred for each task, are somebody who never stops.
const MOST_POLLS: usize = 1_000_000;
/// When virtual time begins: an hour after the boot, at the start of 2026.
const START: Tick = Tick(3_600_000_000);
const START_OF_2026: Duration = Duration::from_secs(1_767_225_600);

impl SimRuntime {
    /// A runtime at the beginning of its time.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            picks: Random::new(!seed),
            tasks: HashMap::new(),
            ready: Vec::new(),
            sleepers: BTreeMap::new(),
            numbers: MAIN,
            polls: 0,
            running: false,
        };
        Self(Arc::new(Sim { now: AtomicU64::new(START.0), state: Mutex::new(state) }))
    }

    /// Sleeps for this long, in virtual time.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now() + duration)
    }

    /// Runs a future to its end, and the tasks beside it as far as they get.
    ///
    /// # Panics
    ///
    /// If nobody can run and nobody sleeps while the future is not finished, if somebody runs again and again while no time
    /// passes, and if it is called inside itself.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _running = Running::new(&self.0);
        let mut future = pin!(future);
        self.0.lock().add(MAIN, None, &self.0);
        loop {
            let Some(Next { number, future: task, waker }) = self.0.next() else {
                let at = self.now();
                panic!("deadlock at {at}: the future is not finished, nobody can run and nobody sleeps");
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

    /// Drops all tasks. A task may hold the runtime that holds it: without this neither would ever go.
    pub(crate) fn drop_tasks(&self) {
        loop {
            // Outside the lock: their drops use the runtime, and may spawn others.
            let tasks = std::mem::take(&mut self.0.lock().tasks);
            if tasks.is_empty() {
                return;
            }
            drop(tasks);
        }
    }
}

/// A task that is polled next; the main future where there is no future.
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

    /// Picks a task that can run; when there is none, lets time pass until there is.
    fn next(&self) -> Option<Next> {
        let mut state = self.lock();
        loop {
            while !state.ready.is_empty() {
                let ready = state.ready.len();
                let pick = state.picks.below(ready);
                let number = state.ready.swap_remove(pick);
                let Some(task) = state.tasks.get_mut(&number) else { continue };
                task.is_ready = false;
                let next = Next { number, future: task.future.take(), waker: task.waker.clone() };
                state.polls += 1;
                let most = MOST_POLLS + 100 * state.tasks.len();
                assert!(state.polls < most, "livelock at {}: somebody can always run", self.now());
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

    /// Outside the lock: the task will use the runtime, and so may its drop.
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
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
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
        let number = self.0.lock().number();
        Box::pin(Sleep { sim: self.0.clone(), key: (at, number), sleeps: false })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut state = self.0.lock();
        let number = state.number();
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
    /// Whether it is among the sleepers, as far as it knows.
    sleeps: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.sim.now() >= self.key.0 {
            return Poll::Ready(());
        }
        self.sleeps = true;
        self.sim.lock().sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

/// Time does not wait for a sleeper that is gone.
impl Drop for Sleep {
    fn drop(&mut self) {
        if self.sleeps {
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

/// That somebody is inside `block_on`.
struct Running<'a>(&'a Sim);

impl<'a> Running<'a> {
    fn new(sim: &'a Sim) -> Self {
        let was_running = std::mem::replace(&mut sim.lock().running, true);
        assert!(!was_running, "block_on was called inside block_on");
        Self(sim)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running = false;
        state.tasks.remove(&MAIN);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{Either, join_all, select};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Ten tasks that sleep at random and say when they woke.
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
    fn the_same_seed_gives_the_same_trace_and_another_one_another() {
        assert_eq!(trace(1), trace(1));
        assert_ne!(trace(1), trace(2));
    }

    #[test]
    fn an_hour_passes_at_once_and_to_the_microsecond() {
        let sim = SimRuntime::new(1);
        let (before, wall) = (sim.now(), sim.wall());
        sim.block_on(sim.sleep(HOUR));
        assert_eq!(sim.now(), before + HOUR);
        assert_eq!(sim.wall(), wall + HOUR);
    }

    #[test]
    fn sleepers_wake_in_the_order_of_their_ends() {
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
    fn time_does_not_wait_for_a_sleeper_that_is_gone() {
        let sim = SimRuntime::new(1);
        let before = sim.now();
        let first = sim.block_on(select(sim.sleep(HOUR * 9), sim.sleep(HOUR)));
        assert!(matches!(first, Either::Right(_)));
        drop(first);
        sim.block_on(sim.sleep(HOUR));
        assert_eq!(sim.now(), before + HOUR * 2);
    }

    #[test]
    fn a_task_goes_on_with_the_next_call() {
        let sim = SimRuntime::new(1);
        let done = Arc::new(Mutex::new(false));
        let (sleep, told) = (sim.sleep(HOUR * 2), done.clone());
        sim.spawn(Box::pin(async move {
            sleep.await;
            *told.lock().unwrap() = true;
        }));
        sim.block_on(sim.sleep(HOUR));
        assert!(!*done.lock().unwrap());
        sim.block_on(sim.sleep(HOUR * 2));
        assert!(*done.lock().unwrap());
    }

    #[test]
    #[should_panic(expected = "deadlock at 3600000000 us")]
    fn waiting_for_nobody_is_a_deadlock() {
        SimRuntime::new(1).block_on(std::future::pending::<()>());
    }

    #[test]
    #[should_panic(expected = "livelock at 3600000000 us")]
    fn a_task_that_never_stops_is_a_livelock() {
        SimRuntime::new(1).block_on(std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
    }

    #[test]
    #[should_panic(expected = "block_on was called inside block_on")]
    fn it_does_not_run_inside_itself() {
        let sim = SimRuntime::new(1);
        sim.block_on(async { sim.block_on(async {}) });
    }
}
