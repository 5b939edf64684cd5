//! Programs that cargo does not bring: where they are, and how those that the checks need are had.

use std::env;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use crate::lane::Stop;
use crate::run::Runner;
use crate::workspace::Workspace;

/// The version that is built if there is none.
const CARGO_DENY: &str = "0.20.2";

/// The path of `cargo-deny`: the one in `PATH`, or one built into `target/tools`, which takes some minutes once.
///
/// # Errors
///
/// [`Stop::Skipped`] if there is none and none can be built.
pub(crate) fn cargo_deny(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let in_path = PathBuf::from("cargo-deny");
    if version(runner, &in_path).is_some() {
        return Ok(in_path);
    }
    let tools = Workspace::load(runner)?.target.join("tools");
    let ours = tools.join("bin").join(format!("cargo-deny{EXE_SUFFIX}"));
    if version(runner, &ours).is_some_and(|version| version == CARGO_DENY) {
        return Ok(ours);
    }
    // Not optimised: it runs for a second or two, and is built in a third of the time.
    let install = |locked: bool| {
        let mut command =
            runner.cargo(["install", "cargo-deny", "--version", CARGO_DENY, "--debug", "--force", "--root"]);
        command.arg(&tools).args(locked.then_some("--locked"));
        command
    };
    let (locked, unlocked) = (install(true), install(false));
    // Its lock file may name a version that has been withdrawn since.
    match runner.run(locked).or_else(|_| runner.run(unlocked)) {
        Ok(()) => Ok(ours),
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => Err(Stop::Skipped(format!("no cargo-deny: {reason}"))),
    }
}

/// The program of this name that `PATH` leads to.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut candidates = env::split_paths(&folders).map(|folder| folder.join(format!("{name}{EXE_SUFFIX}")));
    absolute(candidates.find(|candidate| candidate.is_file())?)
}

/// The program that a variable names, if it names one.
pub(crate) fn in_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|program| !program.is_empty()).and_then(|program| absolute(program.into()))
}

/// A path that holds in every folder: tests run in other ones.
fn absolute(program: PathBuf) -> Option<PathBuf> {
    std::path::absolute(program).ok()
}

/// The first line that a program prints when it is asked for its version, or nothing if it does not run.
pub(crate) fn version_line(runner: &Runner, program: &Path) -> Option<String> {
    // nginx knows the short one only, and answers to its standard error.
    ["--version", "-v"].iter().find_map(|asks| {
        let output = runner.command(program).arg(asks).output().ok()?;
        let printed = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        let printed = String::from_utf8(printed).ok()?;
        output.status.success().then(|| printed.lines().next().map(|line| line.trim().to_owned()))?
    })
}

/// The version of a program that prints `name 1.2.3`, or nothing if it is not there.
fn version(runner: &Runner, program: &Path) -> Option<String> {
    version_line(runner, program)?.split_whitespace().nth(1).map(str::to_owned)
}
