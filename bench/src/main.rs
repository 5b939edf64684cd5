//! Measures StitchAPI and its peers in turn, in one run. Shared machines are noisy, so only the median of the ratios is
//! meaningful. `bench` measures everything, `bench throttle` only the throttle.
//!
//! The program fails if a part does not run, never because of a figure.

mod comparison;
mod delay_proxy;
mod fleet;
mod idle_caller;
mod in_process;
mod permit;
mod recording_client;
mod shared_limiter;
mod sqlite;

use std::error::Error;
use std::fs::read_to_string;
use std::process::{Command, ExitCode};
use std::time::Instant;

use comparison::ComparisonTable;
use shared_limiter::Servers;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let everything = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => true,
        ["throttle"] => false,
        _ => {
            eprintln!("usage: bench [throttle]");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    println!("{}", machine());
    if everything {
        let mut table = ComparisonTable::new("Parts, in process and on SQLite", 15);
        in_process::measure(&mut table);
        sqlite::measure(&mut table);
        table.print();
    }
    let mut failures = Vec::new();
    if let Err(error) = throttle(&mut failures) {
        failures.push(error.to_string());
    }
    println!("\n{}; {:.0} s in all", machine(), begun.elapsed().as_secs_f64());
    for failure in &failures {
        eprintln!("did not run: {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures the throttle. Adds an entry to `failures` for each part that did not run.
fn throttle(failures: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    {
        let _runtime = runtime.enter();
        permit::uncontended();
    }
    runtime.block_on(permit::wake_up());
    memory(failures)?;
    let mut servers = Servers::start()?;
    runtime.block_on(idle_caller::local(&mut servers.redis))?;
    runtime.block_on(idle_caller::distant(&mut servers.redis))?;
    shared_limiter::unreached_budget(&mut servers, failures)?;
    shared_limiter::saturated_budget(&mut servers, failures)?;
    Ok(())
}

/// Measures memory in a separate process that counts every allocation.
fn memory(failures: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let memory = Command::new(fleet::program("memory")?).status()?;
    if !memory.success() {
        failures.push(format!("memory: {memory}"));
    }
    Ok(())
}

/// Returns the number of processors and the load average of the last minute.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    format!("{processors} processors, load {load}")
}
