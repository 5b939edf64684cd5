//! Other processes, started from a test under libtest.

use std::process::Command;

use futures_channel::oneshot;
use stitchapi_core::BoxFuture;

use super::part::Part;
use super::runner::Processes;

/// Environment variable that carries the part to the child process.
const PART: &str = "STITCHAPI_KIT_PART";
/// Markers around the reply in the child's standard output.
const MARKERS: (&str, &str) = ("<stitchapi-kit-reply>", "</stitchapi-kit-reply>");

/// Starts the running test binary again, so that the child runs one test that does a part of a clause.
///
/// That test reads its [part](Self::part), opens the store at the place that the parent set with [`env`](Self::env), runs
/// the part and [prints the reply](Self::reply). In an ordinary run there is no part, and the test returns at once.
///
/// A dropped [run](Processes::run) does not end the child: it ends by itself.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use stitchapi_core::{MemoryStore, StitchStore};
/// use stitchapi_testing::{ContractOptions, StdRuntime, TestBinary};
///
/// # fn open(path: String) -> Arc<dyn StitchStore> { Arc::new(MemoryStore::new()) }
/// // In the test of the contract:
/// let options = ContractOptions::new(Arc::new(StdRuntime::new()))
///     .processes(TestBinary::new("another_process").env("MY_STORE", "/tmp/shared.db"), 4);
///
/// // #[test]
/// fn another_process() {
///     let Some(part) = TestBinary::part() else { return };
///     let (runtime, store) = (StdRuntime::new(), open(std::env::var("MY_STORE").unwrap()));
///     TestBinary::reply(&runtime.block_on(part.run(store, Arc::new(runtime))));
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TestBinary {
    test: String,
    envs: Vec<(String, String)>,
}

impl TestBinary {
    /// Creates a starter for the test with this full path, such as `tests::another_process`.
    #[must_use]
    pub fn new(test: impl Into<String>) -> Self {
        Self { test: test.into(), envs: Vec::new() }
    }

    /// Sets an environment variable of the child, such as the address of the store.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// Returns, in the child, the part to run; `None` in an ordinary run of the test.
    #[must_use]
    pub fn part() -> Option<Part> {
        std::env::var(PART).ok()?.parse().ok()
    }

    /// Prints, in the child, the reply that the parent reads.
    pub fn reply(reply: &str) {
        println!("\n{}{reply}{}", MARKERS.0, MARKERS.1);
    }

    /// Starts the child, waits for its end and returns its reply.
    fn run_child(&self, part: &Part) -> Result<String, String> {
        let binary = std::env::current_exe().map_err(|error| format!("path of the test binary is unknown: {error}"))?;
        let mut command = Command::new(binary);
        command.args([&*self.test, "--exact", "--nocapture", "--include-ignored"]);
        command.envs(self.envs.iter().cloned()).env(PART, part.to_string());
        let output = command.output().map_err(|error| format!("process did not start: {error}"))?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let reply = stdout.split_once(MARKERS.0).and_then(|(_, rest)| rest.split_once(MARKERS.1));
        match reply {
            Some((reply, _)) => Ok(reply.into()),
            None => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                Err(format!("no reply from the test {:?}, {}: {stderr}", self.test, output.status))
            }
        }
    }
}

impl Processes for TestBinary {
    #[expect(clippy::disallowed_methods, reason = "waiting for a process blocks a thread")]
    fn run(&self, part: Part) -> BoxFuture<'static, Result<String, String>> {
        let this = self.clone();
        let (sender, receiver) = oneshot::channel();
        std::thread::spawn(move || drop(sender.send(this.run_child(&part))));
        Box::pin(
            async move { receiver.await.unwrap_or_else(|_| Err("thread that waits for the process ended".into())) },
        )
    }
}
