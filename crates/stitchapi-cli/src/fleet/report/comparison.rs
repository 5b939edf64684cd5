//! The figures of both phases side by side, printed as a table or as JSON.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use serde::Serialize;

use super::figures::PhaseFigures;
use crate::error::CliError;
use crate::fleet::options::Options;
use crate::fleet::store_spec::StoreSpec;

/// Figures of both phases. The field names are the keys of the JSON output.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    /// `None` for an external API, which only the phase with the store calls.
    pub(crate) without_store: Option<PhaseFigures>,
    pub(crate) with_store: PhaseFigures,
    /// Number of the worker that `--kill` killed, in the phase with the store.
    pub(crate) killed_worker: Option<usize>,
}

/// Row of the table: label, figure without a store, figure with a store.
pub(super) type Row = [String; 3];

/// Formats one figure of a phase.
type FormatFigure = fn(&PhaseFigures) -> String;

impl Comparison {
    /// Prints the table, or one JSON object with `--json`.
    pub(crate) fn print(&self, options: &Options, store: &StoreSpec) -> Result<(), CliError> {
        let text = if options.json {
            let json = serde_json::to_string_pretty(self)
                .map_err(|error| CliError::internal("the figures cannot be encoded as JSON", &error))?;
            json + "\n"
        } else {
            self.table(options, store)
        };
        match std::io::stdout().write_all(text.as_bytes()) {
            // A closed pipe means that the reader has read enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(CliError::internal("standard output cannot be written", &error))
            }
            _ => Ok(()),
        }
    }

    fn table(&self, options: &Options, store: &StoreSpec) -> String {
        let Options { workers, tasks, duration, .. } = options;
        let mut table = format!(
            "\n{workers} workers x {tasks} tasks, {} with a burst of {}, {:.1} s\n\n",
            options.rate.text,
            options.burst,
            duration.as_secs_f64()
        );
        let lines = [Self::header(store)].into_iter().chain(self.rows(options));
        for [label, without, with] in lines {
            let _ = writeln!(table, "{label:<33}{without:>15}{with:>24}");
        }
        table
    }

    /// Returns the column headers.
    pub(super) fn header(store: &StoreSpec) -> Row {
        let with =
            if store.is_shared() { format!("one {} store", store.name()) } else { "memory of each worker".to_owned() };
        [String::new(), "without a store".to_owned(), with]
    }

    /// Returns the rows below the headers.
    pub(super) fn rows(&self, options: &Options) -> Vec<Row> {
        let max_label = format!("most starts in any {}", humantime::format_duration(options.rate.rate.period()));
        let figures: [(&str, FormatFigure); 11] = [
            ("starts", |phase| phase.starts.to_string()),
            (&max_label, |phase| phase.max_in_any_period.to_string()),
            ("share of the budget used", |phase| format!("{:.1} %", phase.utilisation * 100.0)),
            ("429 responses", |phase| phase.rejected_429.to_string()),
            ("401 responses", |phase| or_dash(phase.rejected_401, |count| count.to_string())),
            ("failed calls", |phase| phase.failures.to_string()),
            ("logins", |phase| or_dash(phase.token_requests, |count| count.to_string())),
            ("fetches of the cached resource", |phase| {
                or_dash(phase.cached_resource_fetches, |count| count.to_string())
            }),
            ("smallest gap between starts", |phase| or_dash(phase.min_gap_ms, |gap| format!("{gap:.2} ms"))),
            ("gap variation (std dev / mean)", |phase| or_dash(phase.gap_cv, |cv| format!("{cv:.3}"))),
            ("fewest / most starts of a worker", |phase| or_dash(phase.fairness, |fairness| format!("{fairness:.2}"))),
        ];
        let row = |(label, format): (&str, FormatFigure)| {
            let without = self.without_store.as_ref().map_or_else(|| "not run".to_owned(), format);
            [label.to_owned(), without, format(&self.with_store)]
        };
        figures.into_iter().map(row).collect()
    }
}

/// Formats a figure, or returns `-` if the phase does not have it.
fn or_dash<T>(figure: Option<T>, format: impl Fn(T) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), format)
}
