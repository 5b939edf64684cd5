//! Both halves, one after the other, and what is made of them.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use url::Url;

use super::assignment::Membership;
use super::figures::Half;
use super::half::{Plan, run_half};
use super::killing::Killing;
use super::options::Options;
use super::outcome::Outcome;
use super::page::{Sheet, page};
use super::report::Comparison;
use super::secrets::{Secrets, random_text};
use super::store::Store;
use super::upstream::{Manner, Upstream};
use crate::failure::Failure;

/// Runs both halves and reports them.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    // Kept until the end: its file is the default store.
    let folder = tempfile::tempdir().map_err(|error| Failure::broken("no temporary folder", &error))?;
    let store = match &options.store {
        Some(text) => text.parse().map_err(Failure::wrong)?,
        None => Store::Sqlite(folder.path().join("fleet.db")),
    };
    if options.kill.is_some() && !store.is_shared() {
        return Err(Failure::wrong("--kill needs a store that the workers share"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::broken("no runtime", &error))?;
    runtime.block_on(store.check())?;
    // Before anything runs, so that a wrong path is known at once.
    let stamps = options.stamps.as_deref().map(create).transpose()?;
    let report = options.report.as_deref().map(create).transpose()?;

    let (without_store, with_store) = runtime.block_on(both_halves(options, &store))?;

    if let Some(file) = stamps {
        write_stamps(file, &with_store).map_err(|error| Failure::broken("the stamps cannot be written", &error))?;
    }
    let figure = |outcome: &Outcome| Half::of(options, outcome);
    let comparison = Comparison {
        without_store: without_store.as_ref().map(figure),
        with_store: figure(&with_store),
        killed_worker: with_store.killed_worker(),
    };
    if let Some(mut file) = report {
        let (without, with) = (without_store.as_ref(), &with_store);
        let page = page(&Sheet { options, store: &store, without, with, comparison: &comparison });
        let written = file.write_all(page.as_bytes());
        written.map_err(|error| Failure::broken("the report cannot be written", &error))?;
    }
    comparison.print(options, &store)
}

/// The half without a store only runs against our own upstream: no stranger is sent several times the limit.
async fn both_halves(options: &Options, store: &Store) -> Result<(Option<Outcome>, Outcome), Failure> {
    if let Some(url) = &options.url {
        reach(url).await?;
        eprintln!("calling {} with {} workers on the {} store", origin(url), options.workers, store.name());
        let (url, killing) = (url.as_str(), Killing::nobody());
        let plan = Plan { options, url, store, membership: None, killing };
        return Ok((None, run_half(&plan, std::future::pending()).await?));
    }

    let mut secrets = Secrets::draw()?;
    if let Some(secret) = &options.client_secret {
        secrets.client_secret.clone_from(secret);
    }
    let membership = Membership { seam: format!("fleet {}", random_text()?), secrets };
    let start = || Upstream::start(Manner::of(options, &membership.secrets.client_secret));
    let alone = {
        let upstream = start().await?;
        eprintln!("without a store: {} workers, each with a budget of its own", options.workers);
        let (store, killing) = (&Store::Memory, Killing::nobody());
        let plan = Plan { options, url: upstream.url(), store, membership: Some(&membership), killing };
        run_against(&upstream, &plan).await?
    };
    let upstream = start().await?;
    eprintln!("with a store: {} workers, one budget on the {} store", options.workers, store.name());
    let killing = options.kill.map_or_else(Killing::nobody, |errand| Killing::who_is_on(errand, &upstream));
    let plan = Plan { options, url: upstream.url(), store, membership: Some(&membership), killing };
    let shared = run_against(&upstream, &plan).await?;
    if options.kill.is_some() && shared.killed_worker().is_none() {
        eprintln!("nobody was killed: there was nothing in flight");
    }
    Ok((Some(alone), shared))
}

async fn run_against(upstream: &Upstream, plan: &Plan<'_>) -> Result<Outcome, Failure> {
    let mut outcome = run_half(plan, upstream.serve()).await?;
    let counts = upstream.counts();
    if counts.unauthorized > 0 {
        eprintln!("{} requests failed: the upstream answered 401", counts.unauthorized);
    }
    outcome.upstream = Some(counts);
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
