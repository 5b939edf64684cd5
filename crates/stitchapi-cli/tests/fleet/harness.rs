//! Runs `stitch fleet` from a test and reads its output.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// Path of the program under test.
pub(crate) const STITCH: &str = env!("CARGO_BIN_EXE_stitch");

/// Returns a guard that one test holds at a time. Two fleets at once would share the processors and disturb each
/// other's timing.
pub(crate) fn exclusive() -> MutexGuard<'static, ()> {
    static FLEET: Mutex<()> = Mutex::new(());
    FLEET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Folder of one test, and commands that write into it.
pub(crate) struct TestFolder {
    pub(crate) folder: tempfile::TempDir,
}

impl TestFolder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Returns the path that [`command`](Self::command) passes as `--stamps`.
    pub(crate) fn stamps(&self) -> PathBuf {
        self.folder.path().join("stamps.csv")
    }

    /// Returns `stitch fleet` with these arguments, `--json` and `--stamps`, and with captured output.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(STITCH);
        command.arg("fleet").args(arguments).arg("--json").arg("--stamps").arg(self.stamps());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Asserts success and returns the printed JSON object.
pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
