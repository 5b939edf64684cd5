//! Running commands: what is run is printed, its output is streamed, and the kit's counts are kept from it.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::counts;
use crate::lane::{Stop, Verdict};

/// Runs commands in the root of the workspace.
#[derive(Debug)]
pub(crate) struct Runner {
    root: PathBuf,
    ci: bool,
    counts: Vec<String>,
}

impl Runner {
    /// A runner for the workspace that cargo runs this program from, or else for the one that it was built from: two
    /// clones may share what they build.
    pub(crate) fn here() -> Self {
        let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let xtask = Path::new(&xtask);
        let root = xtask.parent().unwrap_or(xtask).to_path_buf();
        Self { root, ci: env::var_os("CI").is_some_and(|ci| ci == "true"), counts: Vec::new() }
    }

    /// The root of the workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this is CI, where nothing may be skipped.
    pub(crate) fn is_ci(&self) -> bool {
        self.ci
    }

    /// The lines in which the testing kit counted its cases, in the order they came.
    pub(crate) fn counts(&self) -> &[String] {
        &self.counts
    }

    /// A cargo command with these arguments.
    pub(crate) fn cargo<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }

    /// A command in the root of the workspace, without input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        // `cargo run` describes this package to us; build scripts that watch these variables would run again.
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
    /// [`Stop::Failed`] if it does not start or does not exit with 0.
    pub(crate) fn run(&mut self, mut command: Command) -> Verdict {
        let line = shown(&command);
        println!("$ {line}");
        let failed = |error: io::Error| Stop::Failed(format!("`{line}` could not be run: {error}"));
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
        if let Some(stdout) = child.stdout.take() {
            self.stream(BufReader::new(stdout), &mut io::stdout()).map_err(failed)?;
        }
        let status = child.wait().map_err(failed)?;
        if status.success() { Ok(()) } else { Err(Stop::Failed(format!("`{line}` ended with {status}"))) }
    }

    /// What the command prints; its standard error is streamed.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if it does not start, does not exit with 0, or prints what is not UTF-8.
    pub(crate) fn read(&self, mut command: Command) -> Result<String, Stop> {
        let line = shown(&command);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Stop::Failed(format!("`{line}` could not be run: {error}")))?;
        if !output.status.success() {
            return Err(Stop::Failed(format!("`{line}` ended with {}", output.status)));
        }
        String::from_utf8(output.stdout).map_err(|error| Stop::Failed(format!("`{line}` printed no text: {error}")))
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

/// The command as one would type it, with the variables set for it.
fn shown(command: &Command) -> String {
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

/// Measures how long something took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "a command has no `Runtime`: this is its one clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago it started.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits, for what can only be asked again.
#[expect(clippy::disallowed_methods, reason = "a command has no `Runtime`")]
pub(crate) fn pause(duration: Duration) {
    thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("/some/where/cargo");
        command.args(["doc", "--config", "a b"]).env("RUSTDOCFLAGS", "-D warnings").env_remove("OTHER");
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --config 'a b'");
    }

    #[test]
    fn the_stream_is_shown_as_it_is_and_counts_are_kept_from_it() {
        let mut runner = Runner::here();
        let output = "running 1 test\nsqlite: 4 passed, 0 violated, 0 skipped, 1 not applicable\nno line feed";
        let mut shown = Vec::new();
        runner.stream(output.as_bytes(), &mut shown).unwrap();
        assert_eq!(shown, output.as_bytes());
        assert_eq!(runner.counts(), ["sqlite: 4 passed, 0 violated, 0 skipped, 1 not applicable"]);
    }
}
