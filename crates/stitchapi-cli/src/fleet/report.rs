//! The two halves side by side.

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
}

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
        let kept =
            if store.is_shared() { format!("one {} store", store.name()) } else { "memory, each its own".to_owned() };
        table += &row("", "without a store", &kept);
        let period = format!("most in any {}", humantime::format_duration(options.rate.rate.period()));
        for (name, figure) in [
            ("starts", (|half| half.starts.to_string()) as fn(&Half) -> String),
            (&period, |half| half.max_in_any_period.to_string()),
            ("of the budget", |half| format!("{:.1} %", half.utilisation * 100.0)),
            ("answered 429", |half| half.rejected_429.to_string()),
            ("smallest gap", |half| or_none(half.min_gap_ms, |gap| format!("{gap:.2} ms"))),
            ("gap variation", |half| or_none(half.gap_cv, |cv| format!("{cv:.3}"))),
            ("fewest / most of a worker", |half| or_none(half.fairness, |fairness| format!("{fairness:.2}"))),
        ] {
            let without = self.without_store.as_ref().map_or_else(|| "not run".to_owned(), figure);
            table += &row(name, &without, &figure(&self.with_store));
        }
        table
    }
}

fn row(name: &str, without: &str, with: &str) -> String {
    format!("{name:<28}{without:>20}{with:>24}\n")
}

fn or_none(figure: Option<f64>, show: impl Fn(f64) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), show)
}
