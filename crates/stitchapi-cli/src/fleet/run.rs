//! `stitch fleet`: runs both phases and writes the results.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use url::Url;

use super::options::Options;
use super::phase::{KillSwitch, PhasePlan, PhaseRecord, run_phase};
use super::protocol::FleetIdentity;
use super::report::{Comparison, PhaseFigures, ReportPage};
use super::secrets::{Secrets, random_hex};
use super::store_spec::StoreSpec;
use super::upstream::{Upstream, UpstreamConfig};
use crate::error::CliError;

/// Runs both phases, writes the requested files, and prints the figures.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    // The folder of the default store is deleted when this function returns.
    let folder =
        tempfile::tempdir().map_err(|error| CliError::internal("no temporary folder can be created", &error))?;
    let store = match &options.store {
        Some(text) => text.parse().map_err(CliError::input)?,
        None => StoreSpec::Sqlite(folder.path().join("fleet.db")),
    };
    if options.kill.is_some() && !store.is_shared() {
        return Err(CliError::input("--kill needs a store that the workers share: sqlite:PATH or redis://HOST"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| CliError::internal("the Tokio runtime cannot be built", &error))?;
    runtime.block_on(store.check())?;
    // Both files are created before the phases, so that a wrong path is reported at once.
    let stamps = options.stamps.as_deref().map(create_file).transpose()?;
    let report = options.report.as_deref().map(create_file).transpose()?;

    let (without_store, with_store) = runtime.block_on(run_both_phases(options, &store))?;

    if let Some(file) = stamps {
        write_stamps(file, &with_store)
            .map_err(|error| CliError::internal("the file of --stamps cannot be written", &error))?;
    }
    let figures = |record: &PhaseRecord| PhaseFigures::new(options, record);
    let comparison = Comparison {
        without_store: without_store.as_ref().map(figures),
        with_store: figures(&with_store),
        killed_worker: with_store.killed_worker(),
    };
    if let Some(mut file) = report {
        let (without, with) = (without_store.as_ref(), &with_store);
        let page = ReportPage { options, store: &store, without, with, comparison: &comparison };
        file.write_all(page.html().as_bytes())
            .map_err(|error| CliError::internal("the file of --report cannot be written", &error))?;
    }
    comparison.print(options, &store)
}

/// Runs the phase without a store and the phase with the store.
///
/// An external API is called in the phase with the store only: without a common budget, the workers would send it
/// several times the limit.
async fn run_both_phases(options: &Options, store: &StoreSpec) -> Result<(Option<PhaseRecord>, PhaseRecord), CliError> {
    if let Some(url) = &options.url {
        check_connection(url).await?;
        eprintln!("calling {} with {} workers on the {} store", origin(url), options.workers, store.name());
        let (url, kill) = (url.as_str(), KillSwitch::disabled());
        let plan = PhasePlan { options, url, store, identity: None, kill };
        return Ok((None, run_phase(&plan, std::future::pending()).await?));
    }

    let mut secrets = Secrets::random()?;
    if let Some(secret) = &options.client_secret {
        secrets.client_secret.clone_from(secret);
    }
    let identity = FleetIdentity { seam: format!("fleet {}", random_hex()?), secrets };
    let start_upstream = || Upstream::start(UpstreamConfig::new(options, &identity.secrets.client_secret));
    let without_store = {
        let upstream = start_upstream().await?;
        eprintln!("without a store: {} workers, each with a budget of its own", options.workers);
        let (store, kill) = (&StoreSpec::Memory, KillSwitch::disabled());
        let plan = PhasePlan { options, url: upstream.url(), store, identity: Some(&identity), kill };
        run_phase_against(&upstream, &plan).await?
    };
    let upstream = start_upstream().await?;
    eprintln!("with a store: {} workers, one budget on the {} store", options.workers, store.name());
    let kill = options.kill.map_or_else(KillSwitch::disabled, |request| KillSwitch::during(request, &upstream));
    let plan = PhasePlan { options, url: upstream.url(), store, identity: Some(&identity), kill };
    let with_store = run_phase_against(&upstream, &plan).await?;
    if let Some(request) = options.kill.filter(|_| with_store.killed_worker().is_none()) {
        eprintln!("no worker was killed: no {} was in flight", request.name());
    }
    Ok((Some(without_store), with_store))
}

/// Runs a phase against the built-in upstream and adds the upstream's counts to the record.
async fn run_phase_against(upstream: &Upstream, plan: &PhasePlan<'_>) -> Result<PhaseRecord, CliError> {
    let mut record = run_phase(plan, upstream.serve()).await?;
    let counts = upstream.counts();
    if counts.unauthorized > 0 {
        eprintln!("{} requests failed: the upstream responded with status 401", counts.unauthorized);
    }
    record.upstream = Some(counts);
    Ok(record)
}

/// Opens and closes a TCP connection. No request is sent, because the limit belongs to the external API.
async fn check_connection(url: &Url) -> Result<(), CliError> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match tokio::net::TcpStream::connect((host, port)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(CliError::input_because(format!("{} cannot be reached", origin(url)), &error)),
    }
}

/// Returns scheme, host and port: the part of a URL that may be printed.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn create_file(path: &Path) -> Result<File, CliError> {
    File::create(path).map_err(|error| CliError::input_because(format!("{} cannot be written", path.display()), &error))
}

/// Writes each start as CSV: worker number, and microseconds on the boot clock.
fn write_stamps(file: File, record: &PhaseRecord) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    writeln!(file, "worker,start_us")?;
    for (worker, start) in record.starts() {
        writeln!(file, "{worker},{start}")?;
    }
    file.flush()
}
