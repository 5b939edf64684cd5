//! Runs commands in the root of the workspace: prints each command, streams its output, and keeps the counts that the
//! contract kit prints.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::counts;
use crate::verdict::{Stop, Verdict};

/// Runs commands in the root of the workspace.
#[derive(Debug)]
pub(crate) struct Runner {
    root: PathBuf,
    is_ci: bool,
    is_long: bool,
    shares_builds: bool,
    counts: Vec<String>,
}

impl Runner {
    /// Creates a runner for the workspace that cargo runs this program from. Outside of cargo it is the workspace that the
    /// program was built from: two clones may share a target directory.
    pub(crate) fn new(is_long: bool) -> Self {
        let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let xtask = Path::new(&xtask);
        let root = xtask.parent().unwrap_or(xtask).to_path_buf();
        let is_ci = env::var_os("CI").is_some_and(|ci| ci == "true");
        Self { root, is_ci, is_long, shares_builds: false, counts: Vec::new() }
    }

    /// Makes every lane build with the features of the whole workspace, so that lanes share what they build.
    #[must_use]
    pub(crate) fn share_builds(mut self, is_shared: bool) -> Self {
        self.shares_builds = is_shared;
        self
    }

    /// Returns `true` if lanes share what they build.
    pub(crate) fn shares_builds(&self) -> bool {
        self.shares_builds
    }

    /// Returns the root of the workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns `true` in CI, where a skip is a failure.
    pub(crate) fn is_ci(&self) -> bool {
        self.is_ci
    }

    /// Returns `true` for `--long`: lanes run what takes minutes, too.
    pub(crate) fn is_long(&self) -> bool {
        self.is_long
    }

    /// Returns the lines in which the contract kit counted its clauses, in the order of the output.
    pub(crate) fn counts(&self) -> &[String] {
        &self.counts
    }

    /// Returns a cargo command with these arguments.
    pub(crate) fn cargo<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }

    /// Returns a command that runs in the root of the workspace without input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        // `cargo run` describes this package in variables; build scripts that watch them would run again.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Prints the command, runs it and streams its output.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if the command does not start or exits with an error.
    pub(crate) fn run(&mut self, mut command: Command) -> Verdict {
        let line = command_line(&command);
        println!("$ {line}");
        let failed = |error: io::Error| Stop::Failed(format!("`{line}` could not be run: {error}"));
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
        if let Some(stdout) = child.stdout.take() {
            self.stream(BufReader::new(stdout), &mut io::stdout()).map_err(failed)?;
        }
        let status = child.wait().map_err(failed)?;
        if status.success() { Ok(()) } else { Err(Stop::Failed(format!("`{line}` ended with {status}"))) }
    }

    /// Runs the command and returns its standard output; streams its standard error.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if the command does not start, exits with an error, or prints output that is not UTF-8.
    pub(crate) fn read(&self, mut command: Command) -> Result<String, Stop> {
        let line = command_line(&command);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Stop::Failed(format!("`{line}` could not be run: {error}")))?;
        if !output.status.success() {
            return Err(Stop::Failed(format!("`{line}` ended with {}", output.status)));
        }
        String::from_utf8(output.stdout).map_err(|error| Stop::Failed(format!("the output of `{line}`: {error}")))
    }

    fn stream(&mut self, mut from: impl BufRead, to: &mut impl Write) -> io::Result<()> {
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line)? > 0 {
            to.write_all(&line)?;
            to.flush()?;
            self.counts.extend(counts::find(&String::from_utf8_lossy(&line)).map(str::to_owned));
            line.clear();
        }
        Ok(())
    }
}

/// Returns the command as a shell would take it, with the variables that are set for it.
pub(crate) fn command_line(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())));
        }
    }
    let program = Path::new(command.get_program());
    words.push(program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(|argument| quoted(&argument.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    if word.contains([' ', '\\', '|', '*']) { format!("'{word}'") } else { word.to_owned() }
}

/// Measures a duration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts the stopwatch.
    #[expect(clippy::disallowed_methods, reason = "a command has no `Runtime`, and this is its only clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Blocks this thread between two attempts.
#[expect(clippy::disallowed_methods, reason = "a command has no `Runtime`")]
pub(crate) fn pause(duration: Duration) {
    thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_printed_as_a_shell_takes_it() {
        let mut command = Command::new("/some/where/cargo");
        command.args(["doc", "--config", "a b"]).env("RUSTDOCFLAGS", "-D warnings").env_remove("OTHER");
        assert_eq!(command_line(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --config 'a b'");
    }

    #[test]
    fn output_is_streamed_unchanged_and_counts_are_kept() {
        let mut runner = Runner::new(false);
        let output = "running 1 test\nsqlite: 4 passed, 0 violated, 0 skipped, 1 not applicable\nno line feed";
        let mut streamed = Vec::new();
        runner.stream(output.as_bytes(), &mut streamed).unwrap();
        assert_eq!(streamed, output.as_bytes());
        assert_eq!(runner.counts(), ["sqlite: 4 passed, 0 violated, 0 skipped, 1 not applicable"]);
    }
}
