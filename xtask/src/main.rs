//! The commands of this workspace. They need cargo and nothing else.
//!
//! `cargo xtask help` lists them. `lanes.rs` holds the lanes of `test`, `checks` the steps of `check`; `run.rs` runs the
//! commands that they consist of.

mod bench;
mod checks;
mod counts;
mod debian;
mod lane;
mod lanes;
mod picture;
mod run;
mod servers;
mod test_build;
mod tools;
mod verdict;
mod workspace;

use std::process::ExitCode;

use crate::lane::{Lane, select};
use crate::run::Runner;
use crate::verdict::Verdict;

const USAGE: &str = "\
usage: cargo xtask test [--long] [LANE...]    runs the named lanes, or all lanes
       cargo xtask test --list                lists the lanes
       cargo xtask check [--long] [STEP...]   runs the named checks, or all checks
       cargo xtask check --list               lists the checks
       cargo xtask bench [throttle]           builds and runs the benches, or those of the throttle
       cargo xtask report-picture             takes docs/fleet-report.png from the report that `stitch fleet` writes
       cargo xtask help                       prints this

--long also runs what needs many minutes: 10,000 seeds, fleets of 30 seconds, every kind of outage.
With CI=true a lane that cannot run has failed.";

/// A command line.
#[derive(Debug, PartialEq, Eq)]
enum Task<'a> {
    Test { is_long: bool, names: &'a [String] },
    ListLanes,
    Check { is_long: bool, names: &'a [String] },
    ListChecks,
    Bench(&'a [String]),
    ReportPicture,
    Help,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(task) = parse(&arguments) else { return usage_error("unknown command") };
    match task {
        Task::Test { is_long, names } => run(lanes::LANES, names, is_long),
        Task::Check { is_long, names } => run(checks::STEPS, names, is_long),
        Task::ListLanes => list(lanes::LANES),
        Task::ListChecks => list(checks::STEPS),
        Task::Bench(parts) => exit_code("bench", bench::bench(&mut Runner::new(false), parts)),
        Task::ReportPicture => exit_code("report-picture", picture::update(&mut Runner::new(false))),
        Task::Help => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
    }
}

fn parse(arguments: &[String]) -> Option<Task<'_>> {
    let (command, rest) = arguments.split_first()?;
    let is_list = matches!(rest, [only] if only == "--list");
    let (is_long, names) = match rest {
        [first, names @ ..] if first == "--long" => (true, names),
        names => (false, names),
    };
    let are_names = names.iter().all(|name| !name.starts_with('-'));
    match command.as_str() {
        "test" if is_list => Some(Task::ListLanes),
        "test" if are_names => Some(Task::Test { is_long, names }),
        "check" if is_list => Some(Task::ListChecks),
        "check" if are_names => Some(Task::Check { is_long, names }),
        "bench" if rest.is_empty() || matches!(rest, [only] if only == "throttle") => Some(Task::Bench(rest)),
        "report-picture" if rest.is_empty() => Some(Task::ReportPicture),
        "help" | "--help" | "-h" if rest.is_empty() => Some(Task::Help),
        _ => None,
    }
}

fn run(lanes: &[Lane], names: &[String], is_long: bool) -> ExitCode {
    let selected = match select(lanes, names) {
        Ok(selected) => selected,
        Err(unknown) => return usage_error(&format!("`{unknown}` is not a name that `--list` shows")),
    };
    let mut runner = Runner::new(is_long).share_builds(names.is_empty());
    let summary = lane::run(&selected, &mut runner);
    println!("\n{summary}");
    if !runner.counts().is_empty() {
        println!("clauses of the contract executed, per store:");
        for line in runner.counts() {
            println!("  {line}");
        }
        println!();
    }
    println!("{}", summary.closing_line());
    if summary.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns the exit code of a task without lanes, and prints the reason of a failure.
fn exit_code(task: &str, verdict: Verdict) -> ExitCode {
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("{task}: {}", stop.reason());
            ExitCode::FAILURE
        }
    }
}

fn list(lanes: &[Lane]) -> ExitCode {
    for lane in lanes {
        println!("{:<12} {}", lane.name, lane.about);
    }
    ExitCode::SUCCESS
}

fn usage_error(reason: &str) -> ExitCode {
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
        assert_eq!(parse(&words("test")), Some(Task::Test { is_long: false, names: &[] }));
        assert_eq!(
            parse(&words("test core sqlite")),
            Some(Task::Test { is_long: false, names: &words("core sqlite") })
        );
        assert_eq!(parse(&words("test --list")), Some(Task::ListLanes));
        assert_eq!(parse(&words("check deny")), Some(Task::Check { is_long: false, names: &words("deny") }));
        assert_eq!(parse(&words("check --list")), Some(Task::ListChecks));
        assert_eq!(parse(&words("bench")), Some(Task::Bench(&[])));
        assert_eq!(parse(&words("bench throttle")), Some(Task::Bench(&words("throttle"))));
        assert_eq!(parse(&words("report-picture")), Some(Task::ReportPicture));
        assert_eq!(parse(&words("help")), Some(Task::Help));
    }

    #[test]
    fn long_precedes_the_names() {
        assert_eq!(parse(&words("test --long")), Some(Task::Test { is_long: true, names: &[] }));
        let names = words("throttle");
        assert_eq!(parse(&words("test --long throttle")), Some(Task::Test { is_long: true, names: &names }));
        assert_eq!(
            parse(&words("check --long package")),
            Some(Task::Check { is_long: true, names: &words("package") })
        );
    }

    #[test]
    fn other_command_lines_are_refused() {
        for line in ["", "tset", "test --lst", "test core --list", "bench fast", "report-picture now", "help me"] {
            assert_eq!(parse(&words(line)), None, "{line}");
        }
    }
}
