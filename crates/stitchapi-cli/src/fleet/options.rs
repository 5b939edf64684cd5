//! The options of `stitch fleet`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use stitchapi::Rate;
use stitchapi::pace::SHORTEST_PERIOD;
use url::Url;

use super::said::Errand;

/// The longest run, so that a slip of the finger ends.
const LONGEST: Duration = Duration::from_secs(3_600);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Worker processes.
    #[arg(long, default_value_t = 4, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(super) workers: usize,

    /// Concurrent tasks of each worker.
    #[arg(long, default_value_t = 25, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub(super) tasks: usize,

    /// The budget, such as 50/s or 1000/m.
    #[arg(long, default_value = "50/s", value_parser = rate, allow_hyphen_values = true)]
    pub(super) rate: DeclaredRate,

    /// How many calls may start at once after a pause.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) burst: u32,

    /// How long each half runs, such as 10s (a number alone is seconds).
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(super) duration: Duration,

    /// Where the budget, the session and the cached resource are kept: sqlite:PATH, redis://HOST or rediss://HOST, or
    /// memory: which is each worker's own. The default is a SQLite file in a temporary folder.
    // Read later: clap would quote a wrong one, and with it a password.
    #[arg(long)]
    pub(super) store: Option<String>,

    /// Calls this URL instead of an upstream of our own; only the half with the store runs, without logins and without the
    /// cached resource.
    #[arg(long, value_parser = url)]
    pub(super) url: Option<Url>,

    /// Prints one JSON object instead of the table.
    #[arg(long)]
    pub(super) json: bool,

    /// Writes every start of the run with the store to this file, as CSV (worker,start_us).
    #[arg(long, value_name = "FILE")]
    pub(super) stamps: Option<PathBuf>,

    /// Writes a page that shows both halves as pictures to this file, as HTML.
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,

    /// In the half with the store, kills (SIGKILL) the worker whose login or fetch is the first in flight, to show that
    /// another one takes over.
    #[arg(long, value_name = "WHAT", conflicts_with = "url")]
    pub(super) kill: Option<Errand>,

    /// How long the upstream takes to issue a token.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = answer_time)]
    pub(super) login_takes: Duration,

    /// How long the upstream takes to answer with the cached resource.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = answer_time)]
    pub(super) fetch_takes: Duration,

    /// The token that the upstream issues, instead of random ones: for a test that searches a store for it.
    #[arg(long, hide = true)]
    pub(super) token: Option<String>,

    /// The secret with which the workers log in, instead of a random one: for a test that searches a store for it.
    #[arg(long, hide = true)]
    pub(super) client_secret: Option<String>,
}

/// A rate and the text that declared it.
#[derive(Debug, Clone)]
pub(super) struct DeclaredRate {
    pub(super) rate: Rate,
    pub(super) text: String,
}

impl DeclaredRate {
    /// Calls a second.
    pub(super) fn per_second(&self) -> f64 {
        f64::from(self.rate.permits()) / self.rate.period().as_secs_f64()
    }
}

pub(super) fn rate(text: &str) -> Result<DeclaredRate, String> {
    let rate: Rate = text.parse().map_err(|error: stitchapi::RateError| error.to_string())?;
    if rate.period() < SHORTEST_PERIOD {
        return Err("a period cannot be shorter than 100 ms".to_owned());
    }
    Ok(DeclaredRate { rate, text: text.to_owned() })
}

fn duration(text: &str) -> Result<Duration, String> {
    let read = match text.parse::<u32>() {
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string())?,
    };
    if read < Duration::from_millis(100) || read > LONGEST {
        return Err("a run takes between 100 ms and an hour".to_owned());
    }
    Ok(read)
}

fn answer_time(text: &str) -> Result<Duration, String> {
    let read = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    // Shorter than the time of one attempt.
    if read > Duration::from_secs(5) {
        return Err("an answer takes at most 5s".to_owned());
    }
    Ok(read)
}

fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("its scheme is http or https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it carries credentials, which would be shown in process lists".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_options_are_told_apart() {
        assert!(rate("0/s").is_err());
        assert!(rate("10/50ms").is_err());
        assert_eq!(rate("50/s").unwrap().text, "50/s");
        assert_eq!(duration("10").unwrap(), Duration::from_secs(10));
        assert_eq!(duration("1m").unwrap(), Duration::from_secs(60));
        for wrong in ["", "0", "1ms", "2h", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(answer_time("600ms").unwrap(), Duration::from_millis(600));
        for wrong in ["", "6s", "600"] {
            assert!(answer_time(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "ftp://a/", "http://user:secret@a/", "localhost:80"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
