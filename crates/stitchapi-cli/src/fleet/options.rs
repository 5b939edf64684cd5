//! Command-line options of `stitch fleet` and their value parsers.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use url::Url;

use super::protocol::SharedRequest;
use super::rate::DeclaredRate;

/// Shortest duration of a phase.
const MIN_DURATION: Duration = Duration::from_millis(100);
/// Longest duration of a phase, so that a mistyped one ends.
const MAX_DURATION: Duration = Duration::from_secs(3_600);
/// Longest response time of the upstream: shorter than the timeout of one attempt.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Number of worker processes.
    #[arg(long, default_value_t = 4, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(super) workers: usize,

    /// Number of concurrent tasks in each worker.
    #[arg(long, default_value_t = 25, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub(super) tasks: usize,

    /// Rate of the budget, such as 50/s or 1000/m.
    #[arg(long, default_value = "50/s", value_parser = DeclaredRate::parse, allow_hyphen_values = true)]
    pub(super) rate: DeclaredRate,

    /// Number of calls that may start at once after a pause.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) burst: u32,

    /// Duration of each of the two phases (without and with the store), such as 10s; a number without a unit is in
    /// seconds.
    #[arg(long, default_value = "10s", value_parser = phase_duration)]
    pub(super) duration: Duration,

    /// Store of the budget, the session and the cached resource: sqlite:PATH, redis://HOST, rediss://HOST, or memory:
    /// (each worker has its own memory). The default is a SQLite file in a temporary folder.
    // Parsed later: the parser's error message would quote a wrong value, and with it a password.
    #[arg(long)]
    pub(super) store: Option<String>,

    /// Calls this URL instead of the built-in upstream. Only the phase with the store runs, without logins and without
    /// the cached resource.
    #[arg(long, value_parser = http_url)]
    pub(super) url: Option<Url>,

    /// Prints one JSON object instead of the table.
    #[arg(long)]
    pub(super) json: bool,

    /// Writes every start of the phase with the store to this file, as CSV (worker,start_us).
    #[arg(long, value_name = "FILE")]
    pub(super) stamps: Option<PathBuf>,

    /// Writes an HTML page with charts of both phases to this file.
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,

    /// In the phase with the store, kills (SIGKILL) the worker whose login or fetch is the first in flight, to show that
    /// another worker takes over.
    #[arg(long, value_name = "REQUEST", conflicts_with = "url")]
    pub(super) kill: Option<SharedRequest>,

    /// Time that the upstream takes to issue a token.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = response_time)]
    pub(super) login_takes: Duration,

    /// Time that the upstream takes to return the cached resource.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = response_time)]
    pub(super) fetch_takes: Duration,

    /// Token that the upstream issues, instead of random ones: for a test that searches a store for it.
    #[arg(long, hide = true)]
    pub(super) token: Option<String>,

    /// Client secret of the workers, instead of a random one: for a test that searches a store for it.
    #[arg(long, hide = true)]
    pub(super) client_secret: Option<String>,
}

/// Parses the duration of a phase: a number of seconds, or a number with a unit.
fn phase_duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<u32>() {
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string())?,
    };
    if !(MIN_DURATION..=MAX_DURATION).contains(&duration) {
        return Err("a duration must be between 100 ms and 1 hour".to_owned());
    }
    Ok(duration)
}

/// Parses a response time of the upstream.
fn response_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time > MAX_RESPONSE_TIME {
        return Err("a response time must be at most 5s".to_owned());
    }
    Ok(time)
}

/// Parses an `http` or `https` URL without credentials.
fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("the scheme must be http or https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials in a URL are not allowed, because process lists show them".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_seconds_or_has_a_unit_and_stays_within_its_bounds() {
        assert_eq!(phase_duration("10").unwrap(), Duration::from_secs(10));
        assert_eq!(phase_duration("1m").unwrap(), Duration::from_secs(60));
        for wrong in ["", "0", "1ms", "2h", "soon"] {
            assert!(phase_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_response_time_has_a_unit_and_is_at_most_5_s() {
        assert_eq!(response_time("600ms").unwrap(), Duration::from_millis(600));
        for wrong in ["", "6s", "600"] {
            assert!(response_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_url_is_http_and_has_no_credentials() {
        for wrong in ["", "ftp://a/", "http://user:secret@a/", "localhost:80"] {
            assert!(http_url(wrong).is_err(), "{wrong}");
        }
    }
}
