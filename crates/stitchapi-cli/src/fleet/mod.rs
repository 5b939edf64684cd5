//! `stitch fleet`: worker processes against a rate limit, without a shared store and with one.

mod figures;
mod half;
mod options;
mod report;
mod store;
mod upstream;
mod worker;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use url::Url;

use figures::Half;
use half::{Outcome, Plan, run_half};
pub(crate) use options::Options;
use report::Comparison;
use store::Store;
use upstream::Upstream;
pub(crate) use worker::{WorkerOptions, work};

use crate::failure::Failure;

/// Runs both halves and reports them.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    // Kept until the end: its file is the default store.
    let folder = tempfile::tempdir().map_err(|error| Failure::broken("no temporary folder", &error))?;
    let store = options.store.clone().unwrap_or_else(|| Store::Sqlite(folder.path().join("fleet.db")));
    store.check()?;
    // Before anything runs, so that a wrong path is known at once.
    let stamps = options.stamps.as_deref().map(create).transpose()?;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::broken("no runtime", &error))?;
    let (without_store, with_store) = runtime.block_on(both_halves(options, &store))?;

    if let Some(file) = stamps {
        write_stamps(file, &with_store).map_err(|error| Failure::broken("the stamps cannot be written", &error))?;
    }
    let figure = |outcome: &Outcome| Half::of(options, outcome);
    let comparison = Comparison { without_store: without_store.as_ref().map(figure), with_store: figure(&with_store) };
    comparison.print(options, &store)
}

/// The half without a store only runs against our own upstream: no stranger is sent several times the limit.
async fn both_halves(options: &Options, store: &Store) -> Result<(Option<Outcome>, Outcome), Failure> {
    if let Some(url) = &options.url {
        reach(url).await?;
        eprintln!("calling {} with {} workers on the {} store", origin(url), options.workers, store.name());
        let plan = Plan { options, url: url.as_str(), store };
        return Ok((None, run_half(&plan, std::future::pending()).await?));
    }

    let alone = {
        let upstream = Upstream::start(&options.rate, options.burst).await?;
        eprintln!("without a store: {} workers, each with a budget of its own", options.workers);
        run_against(&upstream, options, &Store::Memory).await?
    };
    let upstream = Upstream::start(&options.rate, options.burst).await?;
    eprintln!("with a store: {} workers, one budget on the {} store", options.workers, store.name());
    let shared = run_against(&upstream, options, store).await?;
    Ok((Some(alone), shared))
}

async fn run_against(upstream: &Upstream, options: &Options, store: &Store) -> Result<Outcome, Failure> {
    let plan = Plan { options, url: upstream.url(), store };
    let mut outcome = run_half(&plan, upstream.serve()).await?;
    // What the upstream counted is worth more than what the workers say.
    outcome.rejected = upstream.rejected();
    Ok(outcome)
}

/// Connects and no more: the limit is somebody else's.
async fn reach(url: &Url) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match tokio::net::TcpStream::connect((host, port)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::wrong_because(format!("{} cannot be reached", origin(url)), &error)),
    }
}

/// What of a URL may be shown.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure::wrong_because(format!("{} cannot be written", path.display()), &error))
}

fn write_stamps(file: File, outcome: &Outcome) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    writeln!(file, "worker,start_us")?;
    for (worker, start) in outcome.starts() {
        writeln!(file, "{worker},{start}")?;
    }
    file.flush()
}
