//! Titles and captions of the page, in sentences.

use std::time::Duration;

use super::format::{count, count_of};
use crate::fleet::options::Options;
use crate::fleet::protocol::SharedRequest;
use crate::fleet::report::figures::PhaseFigures;
use crate::fleet::store_spec::StoreSpec;

/// First sentence of a caption if the workers do not share a store.
const SEPARATE_BUDGETS: &str = "Each worker has a budget of its own";

/// Returns the promised maximum number of starts in one period: `permits + burst - 1`.
pub(super) fn budget(options: &Options) -> usize {
    options.rate.rate.permits() as usize + options.burst as usize - 1
}

/// Spells a period with units and nonbreaking spaces: `1 s`, `1 min 30 s`.
pub(super) fn spell_period(period: Duration) -> String {
    let text = humantime::format_duration(period).to_string();
    let parts = text.split(' ').map(|part| {
        let unit_at = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
        let (number, unit) = part.split_at(unit_at);
        format!("{number}\u{a0}{}", if unit == "m" { "min" } else { unit })
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// Returns the title of the page.
pub(super) fn headline(options: &Options) -> String {
    format!("{}, one API, {}", count_of(options.workers, "worker", "workers"), options.rate.text)
}

/// Returns the sentence that describes the set-up of the run.
pub(super) fn setup(options: &Options) -> String {
    let is_external = options.url.is_some();
    format!(
        "{} of {} call {} {} with a burst of {}, for {} s{}.",
        count_of(options.workers, "process", "processes"),
        count_of(options.tasks, "task", "tasks"),
        if is_external { "an external API, with a budget of" } else { "an API that allows" },
        options.rate.text,
        options.burst,
        options.duration.as_secs_f64(),
        if is_external { "" } else { " in each phase" }
    )
}

/// Returns the title of the phase with the store.
pub(super) fn title_with_store(store: &StoreSpec) -> String {
    if store.is_shared() {
        format!("On one {} store", store.title())
    } else {
        "Each worker on memory of its own".to_owned()
    }
}

/// Returns the caption of the phase without a store.
pub(super) fn caption_without_store(options: &Options, figures: &PhaseFigures) -> String {
    format!("{SEPARATE_BUDGETS}. {}", summary(options, figures))
}

/// Returns the caption of the phase with the store. `killed` is the killed worker and the request that it was making.
pub(super) fn caption_with_store(
    options: &Options,
    store: &StoreSpec,
    figures: &PhaseFigures,
    killed: Option<(usize, SharedRequest)>,
) -> String {
    let budgets = if store.is_shared() { "All workers share one budget" } else { SEPARATE_BUDGETS };
    let killed = killed.map_or_else(String::new, |(worker, request)| {
        format!(" Worker {worker} was killed during its {}, and another worker took over.", request.name())
    });
    format!("{budgets}. {}{killed}", summary(options, figures))
}

/// Summarizes the figures of a phase.
fn summary(options: &Options, figures: &PhaseFigures) -> String {
    let budget = budget(options);
    let max = figures.max_in_any_period;
    let verb = if max > budget { "start up to" } else { "never start more than" };
    let (max, period) = (count(max as u64), spell_period(options.rate.rate.period()));
    let rejected = match figures.rejected_429 {
        0 => "none was".to_owned(),
        1 => "1 was".to_owned(),
        number => format!("{} were", count(number)),
    };
    let mut text = format!(
        "Together they {verb} {max} calls in {period}, where {} are allowed: {} in all, {:.1}\u{a0}% of the budget, of \
         which {rejected} answered with status 429.",
        count(budget as u64),
        count_of(figures.starts, "call", "calls"),
        figures.utilisation * 100.0
    );
    if let (Some(logins), Some(fetches)) = (figures.token_requests, figures.cached_resource_fetches) {
        text += &format!(
            " The API counted {} and {} of the cached resource.",
            count_of(logins, "login", "logins"),
            count_of(fetches, "fetch", "fetches")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_spelled_with_its_units() {
        for (millis, text) in [(1_000, "1 s"), (100, "100 ms"), (90_000, "1 min 30 s"), (7_200_000, "2 h")] {
            assert_eq!(spell_period(Duration::from_millis(millis)).replace('\u{a0}', " "), text);
        }
    }
}
