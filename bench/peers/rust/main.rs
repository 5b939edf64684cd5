//! One worker of a fleet that shares one limiter: `peers NAME URL KEY BUDGET TASKS`.
//!
//! Each limiter is a module with one type, a [`Peer`]; the worker around it is the same for all, and the same as
//! `../node/worker.mjs`.

mod incr;
mod limitador;
mod ours;
mod trypema;
mod worker;

use std::error::Error;

use worker::{Told, run};

/// A limiter, connected.
pub trait Peer: Sized + Send + Sync + 'static {
    /// Connects as its documentation says.
    fn start(told: &Told) -> impl Future<Output = Result<Self, Box<dyn Error>>>;

    /// Waits until one call may start.
    fn permit(&self) -> impl Future<Output = ()> + Send;
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, url, key, budget, tasks] = &*words else {
        return Err("usage: peers NAME URL KEY BUDGET TASKS".into());
    };
    let told = Told { url: url.clone(), key: key.clone(), budget: budget.parse()?, tasks: tasks.parse()? };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match &**name {
            "ours" => run::<ours::Ours>(&told).await,
            "incr" => run::<incr::Incr>(&told).await,
            "limitador" => run::<limitador::Limitador>(&told).await,
            "trypema" => run::<trypema::Trypema>(&told).await,
            _ => Err(format!("no peer is called {name}").into()),
        }
    })?;
    // What still waits is of no interest.
    std::process::exit(0);
}
