//! The `stitch` program.

mod failure;
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
    /// Runs worker processes against a rate limit: each with a budget of its own, then all on one store.
    Fleet(Box<fleet::Options>),
    /// One worker of a fleet; `stitch fleet` starts it.
    #[command(hide = true)]
    FleetWorker,
}

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(Cli { command: Command::Fleet(options) }) => fleet::run(&options),
        Ok(Cli { command: Command::FleetWorker }) => fleet::work(),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
