//! Finds the programs that cargo does not provide, and builds the one that the checks need.

use std::env;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use crate::run::Runner;
use crate::verdict::Stop;
use crate::workspace::Workspace;

/// Version that is built where `PATH` has no `cargo-deny`.
const CARGO_DENY: &str = "0.20.2";

/// Returns the path of `cargo-deny`: the one in `PATH`, or one built into `target/tools`. The first build takes minutes.
///
/// # Errors
///
/// [`Stop::Skipped`] if there is none and the build fails.
pub(crate) fn cargo_deny(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let in_path = PathBuf::from("cargo-deny");
    if version(runner, &in_path).is_some() {
        return Ok(in_path);
    }
    let tools = Workspace::load(runner)?.target.join("tools");
    let built = tools.join("bin").join(format!("cargo-deny{EXE_SUFFIX}"));
    if version(runner, &built).is_some_and(|version| version == CARGO_DENY) {
        return Ok(built);
    }
    // Without optimisation and debug information the build takes a quarter of the time, and the program runs for a second or
    // two.
    let install = |is_locked: bool| {
        let mut command =
            runner.cargo(["install", "cargo-deny", "--version", CARGO_DENY, "--debug", "--force", "--root"]);
        command.arg(&tools).args(is_locked.then_some("--locked")).env("CARGO_PROFILE_DEV_DEBUG", "false");
        command
    };
    let (locked, unlocked) = (install(true), install(false));
    // Its lock file may name a version that has been withdrawn.
    match runner.run(locked).or_else(|_| runner.run(unlocked)) {
        Ok(()) => Ok(built),
        Err(stop) => Err(stop.into_skipped("no cargo-deny")),
    }
}

/// Returns the program of this name in `PATH`.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut candidates = env::split_paths(&folders).map(|folder| folder.join(format!("{name}{EXE_SUFFIX}")));
    absolute(candidates.find(|candidate| candidate.is_file())?)
}

/// Returns the path in an environment variable, if it is set and not empty.
pub(crate) fn in_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|program| !program.is_empty()).and_then(|program| absolute(program.into()))
}

/// Makes a path absolute, because tests run in other folders.
fn absolute(program: PathBuf) -> Option<PathBuf> {
    std::path::absolute(program).ok()
}

/// Returns the first line that a program prints for `--version`, or `None` if it does not run.
pub(crate) fn version_line(runner: &Runner, program: &Path) -> Option<String> {
    // nginx accepts only the short flag, and prints to its standard error.
    ["--version", "-v"].iter().find_map(|flag| {
        let output = runner.command(program).arg(flag).output().ok()?;
        let printed = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        let printed = String::from_utf8(printed).ok()?;
        output.status.success().then(|| printed.lines().next().map(|line| line.trim().to_owned()))?
    })
}

/// Returns the version of a program that prints `name 1.2.3`, or `None` if it does not run.
fn version(runner: &Runner, program: &Path) -> Option<String> {
    version_line(runner, program)?.split_whitespace().nth(1).map(str::to_owned)
}
