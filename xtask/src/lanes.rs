//! The lanes of the tests. Each test is run by one of them.

use std::process::Command;

use crate::check;
use crate::lane::{self, Lane, Stop, Verdict, select};
use crate::peers;
use crate::picture;
use crate::run::Runner;
use crate::servers;
use crate::workspace::Workspace;

/// The lanes, in the order they run. A new one is one entry here and the function that it names: what it needs is set
/// up by that function, and what cannot be had is a [`Stop::Skipped`] with the reason.
pub(crate) const LANES: &[Lane] = &[
    Lane {
        name: "check",
        about: "formatting, lints, docs, licences, budgets",
        is_on_request: false,
        packages: &[],
        run: run_checks,
    },
    Lane {
        name: "core",
        about: "the contract, pacing, the store in memory",
        is_on_request: false,
        packages: &["stitchapi-core"],
        run: core,
    },
    Lane {
        name: "workspace",
        about: "every test that no other lane runs",
        is_on_request: false,
        packages: &[],
        run: workspace,
    },
    Lane {
        name: "sqlite",
        about: "the SQLite store",
        is_on_request: false,
        packages: &["stitchapi-sqlite"],
        run: sqlite,
    },
    Lane {
        name: "redis",
        about: "the Redis store, on a real server",
        is_on_request: false,
        packages: &["stitchapi-redis"],
        run: redis,
    },
    Lane {
        name: "fleet",
        about: "several processes on one budget",
        is_on_request: false,
        packages: &[CLI],
        run: fleet,
    },
    Lane {
        name: "throttle",
        about: "what a throttle promises, of simulated and real fleets",
        is_on_request: false,
        packages: &[LAB],
        run: throttle,
    },
    Lane {
        name: "report",
        about: "the page of a report, in a browser",
        is_on_request: false,
        packages: &[],
        run: picture::try_out,
    },
    Lane { name: "examples", about: "runs every example", is_on_request: false, packages: &[], run: examples },
];

const CLI: &str = "stitchapi-cli";
/// The fleets that are judged for minutes.
const LAB: &str = "stitchapi-lab";
/// Tells its tests that they are wanted.
const LAB_IS_HERE: &str = "STITCHAPI_LAB";
/// The test of the CLI that takes minutes and is built for release.
const FLEET: &str = "fleet";

fn run_checks(runner: &mut Runner) -> Verdict {
    let steps = select(check::STEPS, &[]).map_err(Stop::Failed)?;
    let summary = lane::run(&steps, runner);
    println!("\n{summary}");
    summary.verdict()
}

fn core(runner: &mut Runner) -> Verdict {
    test(runner, &["--package", "stitchapi-core"])
}

fn workspace(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let mut arguments = vec!["--workspace", "--all-features"];
    let elsewhere = LANES.iter().flat_map(|lane| lane.packages).copied();
    for name in elsewhere.chain(workspace.under("examples").map(|package| &*package.name)) {
        arguments.extend(["--exclude", name]);
    }
    // What passed is shown too: the kit's counts are in it.
    arguments.extend(["--", "--show-output"]);
    test(runner, &arguments)?;

    // Of the CLI the `fleet` lane runs one test.
    for cli in workspace.packages.iter().filter(|package| package.name == CLI) {
        let mut arguments = vec!["--package", CLI, "--all-features", "--bins"];
        arguments.extend(cli.is_library.then_some("--lib"));
        for name in cli.tests.iter().filter(|name| *name != FLEET) {
            arguments.extend(["--test", name]);
        }
        test(runner, &arguments)?;
    }
    Ok(())
}

fn sqlite(runner: &mut Runner) -> Verdict {
    test(runner, &["--package", "stitchapi-sqlite", "--all-features", "--", "--nocapture"])
}

fn redis(runner: &mut Runner) -> Verdict {
    let server = servers::redis(runner)?;
    let mut command = tests(runner, &["--package", "stitchapi-redis", "--all-features", "--", "--nocapture"]);
    command.env(servers::REDIS, server);
    runner.run(command)
}

fn fleet(runner: &mut Runner) -> Verdict {
    for arguments in [&["build", "--release", "--package", CLI][..], &["run", "--release", "--", "fleet"]] {
        runner.run(runner.cargo(arguments))?;
    }
    let server = servers::redis(runner)?;
    let mut command = tests(runner, &["--release", "--package", CLI, "--test", FLEET, "--", "--nocapture"]);
    command.env(servers::REDIS, server);
    runner.run(command)
}

/// Fleets from ten thousand seeds, on a virtual clock: one to two minutes on two processors.
fn simulate(runner: &mut Runner) -> Verdict {
    let mut command =
        tests(runner, &["--release", "--package", "stitchapi", "--test", "simulator", "--", "--nocapture"]);
    command.env("STITCHAPI_SEEDS", "10000");
    runner.run(command)
}

/// Simulated fleets, and then real ones. One test after the other: they measure, and each has both processors to itself. What
/// is not there is said at the end, when the rest has been tested.
fn throttle(runner: &mut Runner) -> Verdict {
    simulate(runner)?;
    let mut command = tests(runner, &["--release", "--package", LAB, "--", "--test-threads=1", "--nocapture"]);
    command.env(LAB_IS_HERE, "1");
    let mut lacking = Vec::new();
    let tools = [
        (servers::REDIS, servers::redis(runner)),
        (servers::NGINX, servers::nginx(runner)),
        (servers::FAKETIME, servers::faketime(runner)),
    ];
    for (variable, tool) in tools {
        match tool {
            Ok(path) => {
                command.env(variable, path);
            }
            Err(Stop::Skipped(reason)) if !runner.is_ci() => lacking.push(reason),
            Err(stop) => return Err(stop),
        }
    }
    runner.run(command)?;
    if lacking.is_empty() { Ok(()) } else { Err(Stop::Skipped(lacking.join("; "))) }
}

fn examples(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let names: Vec<&str> = workspace.under("examples").map(|package| &*package.name).collect();
    if names.is_empty() {
        return Err(Stop::Skipped("there is no package under examples/".to_owned()));
    }
    let mut arguments: Vec<&str> = names.iter().flat_map(|&name| ["--package", name]).collect();
    // The kit's counts for the store of one's own are in what passed.
    arguments.extend(["--", "--show-output"]);
    test(runner, &arguments)?;
    for package in workspace.under("examples") {
        for program in &package.programs {
            let command = runner.cargo(["run", "--package", &package.name, "--bin", program]);
            runner.run(command)?;
        }
    }
    Ok(())
}

/// Builds and runs the benches, which are a workspace of their own: all of them, or the part that is named.
///
/// # Errors
///
/// [`Stop::Failed`] if they are not there or something in them does not run, never because of a figure.
pub(crate) fn bench(runner: &mut Runner, part: &[String]) -> Verdict {
    let manifest = ["--release", "--manifest-path", "bench/Cargo.toml"];
    if !runner.root().join("bench/Cargo.toml").is_file() {
        return Err(Stop::Failed("there is no bench/Cargo.toml".to_owned()));
    }
    // All its programs: the one that is run starts the others.
    let build = runner.cargo(["build"].iter().chain(&manifest));
    runner.run(build)?;
    let mut command = runner.cargo(["run"].iter().chain(&manifest));
    command.arg("--").args(part);
    command.env(servers::REDIS, servers::redis(runner)?);
    // The benches say what they could not compare with, and go on.
    for (variable, found) in [(peers::NODE, peers::node(runner)), (peers::VALKEY, peers::valkey(runner))] {
        match found {
            Ok(path) => drop(command.env(variable, path)),
            Err(Stop::Failed(reason) | Stop::Skipped(reason)) => println!("{reason}"),
        }
    }
    runner.run(command)
}

fn test(runner: &mut Runner, arguments: &[&str]) -> Verdict {
    let command = tests(runner, arguments);
    runner.run(command)
}

/// `cargo test`, to its end even if something fails: one run tells all.
fn tests(runner: &Runner, arguments: &[&str]) -> Command {
    runner.cargo(["test", "--no-fail-fast"].iter().chain(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for lanes in [LANES, check::STEPS] {
            for (at, lane) in lanes.iter().enumerate() {
                assert!(lanes[..at].iter().all(|other| other.name != lane.name), "{}", lane.name);
            }
        }
    }

    #[test]
    fn no_package_is_tested_by_two_lanes() {
        let mut packages: Vec<_> = LANES.iter().flat_map(|lane| lane.packages).collect();
        let all = packages.len();
        packages.sort_unstable();
        packages.dedup();
        assert_eq!(packages.len(), all);
    }
}
