//! The `stitch` program: parses the command line and runs one command.

mod error;
mod fleet;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Shows what a shared rate budget does for a fleet.
#[derive(Debug, Parser)]
#[command(name = "stitch", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs worker processes against a rate limit: first each with a budget of its own, then all on one store.
    Fleet(Box<fleet::Options>),
    /// Runs one worker process of a fleet. Only `stitch fleet` starts it.
    #[command(hide = true)]
    FleetWorker,
}

fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(Cli { command: Command::Fleet(options) }) => fleet::run(&options),
        Ok(Cli { command: Command::FleetWorker }) => fleet::run_worker(),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}
