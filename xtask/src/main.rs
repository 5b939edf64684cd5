//! The workspace's own commands: plain cargo, nothing else to install first.
//!
//! `cargo xtask help` lists them.

mod budget;
mod check;
mod counts;
mod debian;
mod lane;
mod lanes;
mod language;
mod layers;
mod peers;
mod picture;
mod run;
mod servers;
mod tokens;
mod tools;
mod workspace;

use std::process::ExitCode;

use crate::lane::{Lane, Stop, Verdict, select};
use crate::run::Runner;

const USAGE: &str = "\
usage: cargo xtask test [LANE...]    runs the lanes, or all of them
       cargo xtask test --list       lists the lanes
       cargo xtask check [STEP...]   runs the checks, or all of them
       cargo xtask check --list      lists the checks
       cargo xtask bench [throttle]  builds and runs the benches, or those of the throttle
       cargo xtask report-picture    takes docs/fleet-report.png of the report that `stitch fleet` writes
       cargo xtask help              prints this

With CI=true a lane that cannot run has failed.";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Task<'a> {
    Test(&'a [String]),
    ListLanes,
    Check(&'a [String]),
    ListChecks,
    Bench(&'a [String]),
    ReportPicture,
    Help,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(task) = parse(&arguments) else { return refuse("unknown command") };
    match task {
        Task::Test(names) => run(lanes::LANES, names),
        Task::Check(names) => run(check::STEPS, names),
        Task::ListLanes => list(lanes::LANES),
        Task::ListChecks => list(check::STEPS),
        Task::Bench(parts) => tell("bench", lanes::bench(&mut Runner::here(), parts)),
        Task::ReportPicture => tell("report-picture", picture::take(&mut Runner::here())),
        Task::Help => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
    }
}

fn parse(arguments: &[String]) -> Option<Task<'_>> {
    let (command, rest) = arguments.split_first()?;
    let list = matches!(rest, [only] if only == "--list");
    let names = rest.iter().all(|name| !name.starts_with('-'));
    match command.as_str() {
        "test" if list => Some(Task::ListLanes),
        "test" if names => Some(Task::Test(rest)),
        "check" if list => Some(Task::ListChecks),
        "check" if names => Some(Task::Check(rest)),
        "bench" if rest.is_empty() || matches!(rest, [only] if only == "throttle") => Some(Task::Bench(rest)),
        "report-picture" if rest.is_empty() => Some(Task::ReportPicture),
        "help" | "--help" | "-h" if rest.is_empty() => Some(Task::Help),
        _ => None,
    }
}

fn run(lanes: &[Lane], names: &[String]) -> ExitCode {
    let chosen = match select(lanes, names) {
        Ok(chosen) => chosen,
        Err(unknown) => return refuse(&format!("`{unknown}` is none of them: `--list` shows them")),
    };
    let mut runner = Runner::here();
    let summary = lane::run(&chosen, &mut runner);
    println!("\n{summary}");
    if !runner.counts().is_empty() {
        println!("contract cases executed, per store:");
        for line in runner.counts() {
            println!("  {line}");
        }
        println!();
    }
    println!("{}", summary.closing_line());
    if summary.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The end of a task that is no choice of lanes.
fn tell(task: &str, verdict: Verdict) -> ExitCode {
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => {
            eprintln!("{task}: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn list(lanes: &[Lane]) -> ExitCode {
    for lane in lanes {
        let note = if lane.is_on_request { " (only where it is named)" } else { "" };
        println!("{:<12} {}{note}", lane.name, lane.about);
    }
    ExitCode::SUCCESS
}

fn refuse(reason: &str) -> ExitCode {
    eprintln!("{reason}\n\n{USAGE}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_command_takes_names_or_a_list() {
        assert_eq!(parse(&words("test")), Some(Task::Test(&[])));
        assert_eq!(parse(&words("test core sqlite")), Some(Task::Test(&words("core sqlite"))));
        assert_eq!(parse(&words("test --list")), Some(Task::ListLanes));
        assert_eq!(parse(&words("check deny")), Some(Task::Check(&words("deny"))));
        assert_eq!(parse(&words("check --list")), Some(Task::ListChecks));
        assert_eq!(parse(&words("bench")), Some(Task::Bench(&[])));
        assert_eq!(parse(&words("bench throttle")), Some(Task::Bench(&words("throttle"))));
        assert_eq!(parse(&words("report-picture")), Some(Task::ReportPicture));
        assert_eq!(parse(&words("help")), Some(Task::Help));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["", "tset", "test --lst", "test core --list", "bench fast", "report-picture now", "help me"] {
            assert_eq!(parse(&words(line)), None, "{line}");
        }
    }
}
