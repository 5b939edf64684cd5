//! What one sees, in sentences.

use std::time::Duration;

use super::text::{count, counted};
use crate::fleet::figures::Half;
use crate::fleet::options::Options;
use crate::fleet::said::Errand;
use crate::fleet::store::Store;

/// The most starts that the promise lets into one period.
pub(super) fn budget(options: &Options) -> usize {
    options.rate.rate.permits() as usize + options.burst as usize - 1
}

/// `1 s` of a period, `1 min 30 s` of another.
pub(super) fn spelled(period: Duration) -> String {
    let text = humantime::format_duration(period).to_string();
    let words = text.split(' ').map(|word| {
        let unit = word.find(|character: char| !character.is_ascii_digit()).unwrap_or(word.len());
        let (number, unit) = word.split_at(unit);
        // A nonbreaking space.
        format!("{number}\u{a0}{}", if unit == "m" { "min" } else { unit })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Of the whole run.
pub(super) fn headline(options: &Options) -> String {
    format!("{}, one API, {}", counted(options.workers, "worker", "workers"), options.rate.text)
}

/// What ran.
pub(super) fn setting(options: &Options) -> String {
    let api = if options.url.is_some() { "somebody else's API" } else { "an API that allows" };
    let limit = if options.url.is_some() { ", with a budget of" } else { "" };
    format!(
        "{} of {} call {api}{limit} {} with a burst of {}, for {} s{}.",
        counted(options.workers, "process", "processes"),
        counted(options.tasks, "task", "tasks"),
        options.rate.text,
        options.burst,
        options.duration.as_secs_f64(),
        if options.url.is_some() { "" } else { " in each half" }
    )
}

/// The name of the half with the store.
pub(super) fn title_with(store: &Store) -> String {
    if store.is_shared() { format!("On one {} store", store.title()) } else { "Each on memory of its own".to_owned() }
}

/// What the half without a store shows.
pub(super) fn without(options: &Options, half: &Half) -> String {
    format!("Each worker keeps the budget for itself. {}", told(options, half))
}

/// What the half with the store shows.
pub(super) fn with(options: &Options, store: &Store, half: &Half, killed: Option<(usize, Errand)>) -> String {
    let who =
        if store.is_shared() { "All workers share one budget" } else { "Each worker keeps the budget for itself" };
    let killed = killed.map_or_else(String::new, |(worker, errand)| {
        format!(" Worker {worker} was killed during its {}, and another one took over.", errand.name())
    });
    format!("{who}. {}{killed}", told(options, half))
}

fn told(options: &Options, half: &Half) -> String {
    let budget = budget(options);
    let most = half.max_in_any_period;
    let (most_text, period) = (count(most as u64), spelled(options.rate.rate.period()));
    let held = if most > budget {
        format!("start up to {most_text} calls in {period}, where {} are allowed", count(budget as u64))
    } else {
        format!("never start more than {most_text} calls in {period}, where {} are allowed", count(budget as u64))
    };
    let rejected = match half.rejected_429 {
        0 => "none was".to_owned(),
        1 => "1 was".to_owned(),
        many => format!("{} were", count(many)),
    };
    let mut text = format!(
        "Together they {held}: {} in all, {:.1}\u{a0}% of the budget, of which {rejected} answered 429.",
        counted(half.starts, "call", "calls"),
        half.utilisation * 100.0
    );
    if let (Some(logins), Some(fetches)) = (half.token_requests, half.cached_resource_fetches) {
        text += &format!(
            " The API counted {} and {} of the cached resource.",
            counted(logins, "login", "logins"),
            counted(fetches, "fetch", "fetches")
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
            assert_eq!(spelled(Duration::from_millis(millis)).replace('\u{a0}', " "), text);
        }
    }
}
