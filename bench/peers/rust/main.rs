//! Worker process of a fleet that shares one limiter: `peers NAME URL KEY BUDGET TASKS`.
//!
//! Each limiter is a module with one type that implements [`Limiter`]. The worker around it is the same for all limiters,
//! and does the same as `../node/worker.mjs`.

mod arguments;
mod incr;
mod limitador;
mod limiter;
mod stitchapi;
mod trypema;
mod worker;

use std::error::Error;

use arguments::WorkerArgs;
use worker::run;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, url, key, budget, tasks] = &*arguments else {
        return Err("usage: peers NAME URL KEY BUDGET TASKS".into());
    };
    let arguments = WorkerArgs { url: url.clone(), key: key.clone(), budget: budget.parse()?, tasks: tasks.parse()? };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match &**name {
            "stitchapi" => run::<stitchapi::StitchApi>(&arguments).await,
            "incr" => run::<incr::Incr>(&arguments).await,
            "limitador" => run::<limitador::Limitador>(&arguments).await,
            "trypema" => run::<trypema::Trypema>(&arguments).await,
            _ => Err(format!("unknown limiter {name}: expected stitchapi, incr, limitador or trypema").into()),
        }
    })?;
    // Tasks that still wait for a permit are abandoned.
    std::process::exit(0);
}
