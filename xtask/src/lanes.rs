//! The lanes of the tests. Each test is run by exactly one of them; [`crate::test_build`] says why they share their builds.

use std::ffi::OsString;

use crate::checks;
use crate::lane::{self, Lane, select};
use crate::picture;
use crate::run::Runner;
use crate::servers;
use crate::test_build::{Build, Targets};
use crate::verdict::{Stop, Verdict};
use crate::workspace::{Package, Workspace};

/// The lanes, in the order in which they run. A new lane is one entry here and the function that it names. That function
/// sets up what the tests need, and returns [`Stop::Skipped`] with the reason if something is missing.
pub(crate) const LANES: &[Lane] = &[
    lane("check", "formatting, lints, docs, licences, budgets", &[], run_checks),
    lane("core", "the contract, pacing, the store in memory", &["stitchapi-core"], core),
    lane("workspace", "all doc tests, and every test that no other lane runs", &[], workspace),
    lane("sqlite", "the SQLite store", &["stitchapi-sqlite"], sqlite),
    lane("redis", "the Redis store, on a real server", &["stitchapi-redis"], redis),
    lane("fleet", "several processes on one budget", &[], fleet),
    lane("throttle", "what a throttle promises, with simulated and real fleets", &[], throttle),
    lane("report", "the page of a report, in a browser", &[], picture::check),
    lane("examples", "the tests and the programs of every example", &[], examples),
];

const CLI: &str = "stitchapi-cli";
/// Package whose integration tests start fleets of real processes.
const LAB: &str = "stitchapi-lab";
/// Package with the kit.
const KIT: &str = "stitchapi-testing";
/// Test of the CLI that the lane `fleet` runs.
const FLEET: &[&str] = &["fleet"];
/// Test of the kit that the lane `redis` runs: a store on a real server that the kit must fail.
const COMPARE_AND_SET: &[&str] = &["compare_and_set"];
/// Test that the lane `throttle` runs optimised, as a target of the lab. The lane `workspace` runs a few seeds of it with
/// debug assertions, as a target of the library.
const SIMULATOR: &[&str] = &["simulator"];

/// Variable that enables the tests of the lab: `short` or `long`.
const LAB_EXTENT: &str = "STITCHAPI_LAB";
/// Variable with the number of seeds that the simulator draws fleets from.
const SEEDS: &str = "STITCHAPI_SEEDS";
const SHORT_SEEDS: &str = "1500";
const LONG_SEEDS: &str = "10000";

const fn lane(
    name: &'static str,
    about: &'static str,
    packages: &'static [&'static str],
    run: fn(&mut Runner) -> Verdict,
) -> Lane {
    Lane { name, about, packages, run }
}

fn run_checks(runner: &mut Runner) -> Verdict {
    let steps = select(checks::STEPS, &[]).map_err(Stop::Failed)?;
    let summary = lane::run(&steps, runner);
    println!("\n{summary}");
    summary.verdict()
}

fn core(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    Build::Debug.test(runner, &[Targets::all(workspace.package("stitchapi-core")?)], &[], &[])
}

fn workspace(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let is_elsewhere = |package: &&Package| {
        let mut owned = LANES.iter().flat_map(|lane| lane.packages);
        package.directory.starts_with("examples") || owned.any(|name| *name == package.name)
    };
    let (cli_tests, kit_tests) =
        (workspace.package(CLI)?.tests_but(FLEET), workspace.package(KIT)?.tests_but(COMPARE_AND_SET));
    let mut targets = Vec::new();
    for package in workspace.packages.iter().filter(|package| !is_elsewhere(package)) {
        let tests: Option<&[&str]> = match package.name.as_str() {
            CLI => Some(&cli_tests),
            KIT => Some(&kit_tests),
            LAB => Some(&[]),
            _ => None,
        };
        targets.push(Targets { tests, ..Targets::all(package) });
    }
    // The output of tests that pass contains the counts of the contract kit.
    let tests = Build::Debug.test(runner, &targets, &["--show-output"], &[]);
    let docs = Build::Debug.doc_test(runner);
    tests.and(docs)
}

fn sqlite(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    Build::Debug.test(runner, &[Targets::all(workspace.package("stitchapi-sqlite")?)], &["--nocapture"], &[])
}

fn redis(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let server = servers::redis(runner)?.into_os_string();
    let kit = Targets::named(workspace.package(KIT)?, COMPARE_AND_SET);
    let targets = [Targets::all(workspace.package("stitchapi-redis")?), kit];
    Build::Debug.test(runner, &targets, &["--nocapture"], &[(servers::REDIS, server)])
}

fn fleet(runner: &mut Runner) -> Verdict {
    // The command in the README.
    runner.run(runner.cargo(["run", "--release", "--", "fleet"]))?;
    let workspace = Workspace::load(runner)?;
    let server = servers::redis(runner)?.into_os_string();
    let targets = [Targets::named(workspace.package(CLI)?, FLEET)];
    Build::Release.test(runner, &targets, &["--nocapture"], &[(servers::REDIS, server)])
}

/// Runs simulated fleets, and then real ones. The tests run one after the other, because they measure time and each needs
/// all processors. Tests without their server are skipped, and the skip is reported after the other tests have run.
fn throttle(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let (seeds, extent) = if runner.is_long() { (LONG_SEEDS, "long") } else { (SHORT_SEEDS, "short") };
    let lab = workspace.package(LAB)?;
    let simulator = [Targets::named(lab, SIMULATOR)];
    Build::Release.test(runner, &simulator, &["--nocapture"], &[(SEEDS, seeds.into())])?;

    let mut variables: Vec<(&str, OsString)> = vec![(LAB_EXTENT, extent.into())];
    let mut missing = Vec::new();
    let tools = [
        (servers::REDIS, servers::redis(runner)),
        (servers::NGINX, servers::nginx(runner)),
        (servers::FAKETIME, servers::faketime(runner)),
    ];
    for (variable, tool) in tools {
        match tool {
            Ok(path) => variables.push((variable, path.into_os_string())),
            Err(Stop::Skipped(reason)) if !runner.is_ci() => missing.push(reason),
            Err(stop) => return Err(stop),
        }
    }
    let real = lab.tests_but(SIMULATOR);
    let real = [Targets::named(lab, &real)];
    Build::Release.test(runner, &real, &["--test-threads=1", "--nocapture"], &variables)?;
    if missing.is_empty() { Ok(()) } else { Err(Stop::Skipped(missing.join("; "))) }
}

fn examples(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let packages: Vec<&Package> = workspace.under("examples").collect();
    if packages.is_empty() {
        return Err(Stop::Skipped("there is no package under examples/".to_owned()));
    }
    let targets: Vec<Targets<'_>> = packages.iter().map(|package| Targets::all(package)).collect();
    // The output of tests that pass contains the counts of the contract kit.
    Build::Debug.test(runner, &targets, &["--show-output"], &[])?;
    Build::Debug.run_programs(runner, &packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for lanes in [LANES, checks::STEPS] {
            for (at, lane) in lanes.iter().enumerate() {
                assert!(lanes[..at].iter().all(|other| other.name != lane.name), "{}", lane.name);
            }
        }
    }

    #[test]
    fn no_package_belongs_to_two_lanes() {
        let mut packages: Vec<_> = LANES.iter().flat_map(|lane| lane.packages).collect();
        let all = packages.len();
        packages.sort_unstable();
        packages.dedup();
        assert_eq!(packages.len(), all);
    }
}
