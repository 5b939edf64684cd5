//! Each measured thing beside what it is compared with, in turn, in one run: shared machines are noisy, so what counts
//! is the median of the ratios. `bench` measures everything, `bench throttle` the throttle.
//!
//! It fails if something does not run, never because of a figure.

mod alone;
mod client;
mod delay;
mod fleet;
mod in_process;
mod permit;
mod shared;
mod sqlite;
mod turns;

use std::error::Error;
use std::fs::read_to_string;
use std::process::{Command, ExitCode};
use std::time::Instant;

use shared::Servers;
use turns::Table;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let everything = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
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
        let mut table = Table::new("The parts, in process and on SQLite", 15);
        in_process::measure(&mut table);
        sqlite::measure(&mut table);
        table.print();
    }
    let mut wrong = Vec::new();
    if let Err(error) = throttle(&mut wrong) {
        wrong.push(error.to_string());
    }
    println!("\n{}; {:.0} s in all", machine(), begun.elapsed().as_secs_f64());
    for wrong in &wrong {
        eprintln!("did not run: {wrong}");
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is measured of the throttle; what did not run is put into `wrong`.
fn throttle(wrong: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    {
        let _within = runtime.enter();
        permit::uncontended();
    }
    runtime.block_on(permit::woken());
    memory(wrong)?;
    let mut servers = Servers::start()?;
    runtime.block_on(alone::near(&mut servers.redis))?;
    runtime.block_on(alone::far(&mut servers.redis))?;
    shared::huge(&mut servers, wrong)?;
    shared::saturated(&mut servers, wrong)?;
    Ok(())
}

/// In a process of its own, in which every allocation is counted.
fn memory(wrong: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let memory = Command::new(fleet::sibling("memory")?).status()?;
    if !memory.success() {
        wrong.push(format!("the figures of memory: {memory}"));
    }
    Ok(())
}

fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    format!("{processors} processors, load {load}")
}
