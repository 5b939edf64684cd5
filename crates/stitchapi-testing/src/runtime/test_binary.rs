//! Other processes, for tests under libtest.

use std::process::Command;

use futures_channel::oneshot;
use stitchapi_core::BoxFuture;

use crate::{Part, Processes};

/// Tells the child what to do.
const PART: &str = "STITCHAPI_KIT_PART";
/// Stand around the answer in what the child prints.
const MARKS: (&str, &str) = ("<stitchapi-kit-answer>", "</stitchapi-kit-answer>");

/// Starts this test binary again, to run one test that does a part of a clause.
///
/// That test asks for its [part](Self::part), opens the store as the parent [told it](Self::env), runs the part and
/// [answers](Self::answer). In an ordinary run there is no part, and it has nothing to do. The README has an example.
///
/// A dropped [run](Processes::run) leaves the process to end by itself.
#[derive(Debug, Clone)]
pub struct TestBinary {
    test: String,
    envs: Vec<(String, String)>,
}

impl TestBinary {
    /// This binary, to run the test of this name (its whole path: `tests::another_process`).
    #[must_use]
    pub fn new(test: impl Into<String>) -> Self {
        Self { test: test.into(), envs: Vec::new() }
    }

    /// Tells the child something, such as where the store is.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// In the child: what to do. `None` in an ordinary run.
    #[must_use]
    pub fn part() -> Option<Part> {
        std::env::var(PART).ok()?.parse().ok()
    }

    /// In the child: prints the answer for the parent.
    pub fn answer(answer: &str) {
        println!("\n{}{answer}{}", MARKS.0, MARKS.1);
    }

    /// Waits for the child.
    fn start(&self, part: &Part) -> Result<String, String> {
        let binary = std::env::current_exe().map_err(|error| format!("this binary is not to be found: {error}"))?;
        let mut command = Command::new(binary);
        command.args([&*self.test, "--exact", "--nocapture", "--include-ignored"]);
        command.envs(self.envs.iter().cloned()).env(PART, part.to_string());
        let done = command.output().map_err(|error| format!("it did not start: {error}"))?;
        let printed = String::from_utf8_lossy(&done.stdout);
        let answer = printed.split_once(MARKS.0).and_then(|(_, rest)| rest.split_once(MARKS.1));
        match answer {
            Some((answer, _)) => Ok(answer.into()),
            None => {
                let said = String::from_utf8_lossy(&done.stderr);
                Err(format!("no answer from the test {:?}, {}: {said}", self.test, done.status))
            }
        }
    }
}

impl Processes for TestBinary {
    #[expect(clippy::disallowed_methods, reason = "waiting for a process takes a thread")]
    fn run(&self, part: Part) -> BoxFuture<'static, Result<String, String>> {
        let this = self.clone();
        let (tell, told) = oneshot::channel();
        std::thread::spawn(move || drop(tell.send(this.start(&part))));
        Box::pin(async move { told.await.unwrap_or_else(|_| Err("the thread that waited for it is gone".into())) })
    }
}
