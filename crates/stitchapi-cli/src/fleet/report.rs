//! The two halves side by side.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use serde::Serialize;

use super::figures::Half;
use super::options::Options;
use super::store::Store;
use crate::failure::Failure;

/// Both halves; there is only one where somebody else's server is called.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) without_store: Option<Half>,
    pub(super) with_store: Half,
    /// The worker that `--kill` killed, in the half with the store.
    pub(super) killed_worker: Option<usize>,
}

/// One line of the table: what it is, without a store, with one.
pub(super) type Row = [String; 3];

/// A figure of a half, as it is shown.
type Shown = fn(&Half) -> String;

impl Comparison {
    /// Prints the table, or the JSON object.
    pub(super) fn print(&self, options: &Options, store: &Store) -> Result<(), Failure> {
        let text = if options.json {
            let json = serde_json::to_string_pretty(self).map_err(|error| Failure::broken("no JSON", &error))?;
            json + "\n"
        } else {
            self.table(options, store)
        };
        match std::io::stdout().write_all(text.as_bytes()) {
            // Whoever reads has read enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::broken("nothing can be printed", &error))
            }
            _ => Ok(()),
        }
    }

    fn table(&self, options: &Options, store: &Store) -> String {
        let Options { workers, tasks, duration, .. } = options;
        let mut table = format!(
            "\n{workers} workers x {tasks} tasks, {} with a burst of {}, {:.1} s\n\n",
            options.rate.text,
            options.burst,
            duration.as_secs_f64()
        );
        let lines = [Self::head(store)].into_iter().chain(self.rows(options));
        for [name, without, with] in lines {
            let _ = writeln!(table, "{name:<30}{without:>18}{with:>24}");
        }
        table
    }

    /// The names of the columns.
    pub(super) fn head(store: &Store) -> Row {
        let kept =
            if store.is_shared() { format!("one {} store", store.name()) } else { "memory, each its own".to_owned() };
        [String::new(), "without a store".to_owned(), kept]
    }

    pub(super) fn rows(&self, options: &Options) -> Vec<Row> {
        let period = format!("most in any {}", humantime::format_duration(options.rate.rate.period()));
        let figures: [(&str, Shown); 11] = [
            ("starts", |half| half.starts.to_string()),
            (&period, |half| half.max_in_any_period.to_string()),
            ("of the budget", |half| format!("{:.1} %", half.utilisation * 100.0)),
            ("answered 429", |half| half.rejected_429.to_string()),
            ("answered 401", |half| or_none(half.rejected_401, |count| count.to_string())),
            ("failed", |half| half.failures.to_string()),
            ("logins", |half| or_none(half.token_requests, |count| count.to_string())),
            ("fetches of the cached resource", |half| or_none(half.cached_resource_fetches, |count| count.to_string())),
            ("smallest gap", |half| or_none(half.min_gap_ms, |gap| format!("{gap:.2} ms"))),
            ("gap variation", |half| or_none(half.gap_cv, |cv| format!("{cv:.3}"))),
            ("fewest / most of a worker", |half| or_none(half.fairness, |fairness| format!("{fairness:.2}"))),
        ];
        let row = |(name, figure): (&str, Shown)| {
            let without = self.without_store.as_ref().map_or_else(|| "not run".to_owned(), figure);
            [name.to_owned(), without, figure(&self.with_store)]
        };
        figures.into_iter().map(row).collect()
    }
}

fn or_none<T>(figure: Option<T>, show: impl Fn(T) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), show)
}
