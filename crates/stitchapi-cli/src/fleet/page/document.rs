//! The page around the pictures.

use std::fmt::Write as _;

use super::text::{count, escape};
use super::timeline::Timeline;
use super::words;
use crate::fleet::figures::Half;
use crate::fleet::options::Options;
use crate::fleet::outcome::Outcome;
use crate::fleet::report::Comparison;
use crate::fleet::store::Store;

const STYLE: &str = include_str!("style.css");

/// What a page shows.
pub(crate) struct Sheet<'a> {
    pub(crate) options: &'a Options,
    pub(crate) store: &'a Store,
    /// Not there where somebody else's server is called.
    pub(crate) without: Option<&'a Outcome>,
    pub(crate) with: &'a Outcome,
    pub(crate) comparison: &'a Comparison,
}

/// The whole page. It needs nothing but itself.
pub(crate) fn page(sheet: &Sheet<'_>) -> String {
    let headline = escape(&words::headline(sheet.options));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>stitch fleet: {headline}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <p class=\"kicker\">stitch fleet</p>\n<h1>{headline}</h1>\n<p>{}</p>\n</header>\n<main>\n",
        escape(&words::setting(sheet.options))
    );
    sheet.draw_differences(&mut page);
    sheet.draw_legend(&mut page);
    if let (Some(outcome), Some(half)) = (sheet.without, &sheet.comparison.without_store) {
        let says = words::without(sheet.options, half);
        sheet.draw_half(&mut page, "without", "Without a store", &says, outcome);
    }
    let killed = || sheet.with.workers.iter().enumerate().find_map(|(number, track)| Some((number, track.killed?.0)));
    let says = words::with(sheet.options, sheet.store, &sheet.comparison.with_store, killed());
    sheet.draw_half(&mut page, "with", &words::title_with(sheet.store), &says, sheet.with);
    sheet.draw_table(&mut page);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

impl Sheet<'_> {
    /// The figures that differ most.
    fn draw_differences(&self, page: &mut String) {
        type Figure = fn(&Half) -> Option<String>;
        let figures: [(&str, Figure); 4] = [
            ("of the budget", |half| Some(format!("{:.1}\u{a0}%", half.utilisation * 100.0))),
            ("calls answered 429", |half| Some(count(half.rejected_429))),
            ("logins", |half| half.token_requests.map(|logins| count(logins as u64))),
            ("fetches of the cached resource", |half| {
                half.cached_resource_fetches.map(|count_of| count(count_of as u64))
            }),
        ];
        page.push_str("<dl class=\"differences\">\n");
        for (name, figure) in figures {
            let Some(with) = figure(&self.comparison.with_store) else { continue };
            let without = self.comparison.without_store.as_ref().and_then(figure);
            let before = without.map_or_else(String::new, |without| {
                format!("<span class=\"before\">{without}</span> <span class=\"arrow\">→</span> ")
            });
            let _ = writeln!(page, "<div><dt>{name}</dt><dd>{before}{with}</dd></div>");
        }
        page.push_str("</dl>\n");
    }

    fn draw_legend(&self, page: &mut String) {
        let mut entries = vec![
            (r#"<path class="within" d="M2 2H18V14H2Z"/>"#, "within the budget"),
            (r#"<path class="over" d="M2 2H18V14H2Z"/>"#, "over it"),
            (r#"<path class="budget" d="M0 8H20"/>"#, "budget"),
            (r#"<path class="start" d="M4 2v12M8 2v12M14 2v12"/>"#, "a call starts"),
        ];
        if self.with.upstream.is_some() {
            entries.push((r#"<g class="login"><path d="M10 2.5l5.5 5.5l-5.5 5.5l-5.5 -5.5Z"/></g>"#, "login"));
            entries.push((r#"<g class="fetch"><circle cx="10" cy="8" r="5"/></g>"#, "fetch of the cached resource"));
        }
        if self.comparison.killed_worker.is_some() {
            entries.push((r#"<path class="killed" d="M5 3l10 10m-10 0l10 -10"/>"#, "worker killed"));
        }
        page.push_str("<ul class=\"legend\">\n");
        for (mark, name) in entries {
            let _ = writeln!(page, r#"<li><svg viewBox="0 0 20 16" aria-hidden="true">{mark}</svg>{name}</li>"#);
        }
        page.push_str("</ul>\n");
    }

    fn draw_half(&self, page: &mut String, name: &str, title: &str, says: &str, outcome: &Outcome) {
        let Comparison { without_store, with_store, .. } = self.comparison;
        let most = without_store.iter().chain([with_store]).map(|half| half.max_in_any_period).max();
        let timeline = Timeline {
            name,
            title: &format!("{title}: starts against the budget, and each worker's calls, logins and fetches"),
            description: says,
            outcome,
            period: self.options.rate.rate.period(),
            duration: self.options.duration,
            budget: words::budget(self.options),
            highest: most.unwrap_or(0),
        };
        let (title, says) = (escape(title), escape(says));
        let _ = writeln!(
            page,
            "<section>\n<h2>{title}</h2>\n<figure>\n<div class=\"picture\">\n{}</div>\n<figcaption>{says}</figcaption>\n\
             </figure>\n</section>",
            timeline.svg()
        );
    }

    fn draw_table(&self, page: &mut String) {
        let has_both = self.comparison.without_store.is_some();
        let [_, without, with] = Comparison::head(self.store).map(|name| escape(&name));
        let column = |tag: &str, text: &str| if has_both { format!("<{tag}>{text}</{tag}>") } else { String::new() };
        let _ = writeln!(
            page,
            "<section>\n<h2>The figures</h2>\n<table>\n<thead><tr><td></td>{}<th>{with}</th></tr></thead>\n<tbody>",
            column("th", &without)
        );
        for row in self.comparison.rows(self.options) {
            let [name, without, with] = row.map(|text| escape(&text));
            let without = column("td", &without);
            let _ = writeln!(page, "<tr><th scope=\"row\">{name}</th>{without}<td>{with}</td></tr>");
        }
        page.push_str("</tbody>\n</table>\n</section>\n");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::scene::{fleet, is_well_formed};
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn drawn(arguments: &[&str]) -> String {
        let line = Line::parse_from(["fleet", "--duration", "2s", "--workers", "2"].iter().chain(arguments));
        let (options, outcome) = (line.options, fleet());
        let without = options.url.is_none().then_some(&outcome);
        let half = Half::of(&options, &outcome);
        let comparison = Comparison {
            without_store: without.map(|_| half.clone()),
            with_store: half,
            killed_worker: outcome.killed_worker(),
        };
        let store = &Store::Sqlite("fleet.db".into());
        page(&Sheet { options: &options, store, without, with: &outcome, comparison: &comparison })
    }

    #[test]
    fn a_page_shows_both_halves_and_needs_nothing_but_itself() {
        let page = drawn(&[]);
        is_well_formed(&page);
        for once in
            ["<svg data-timeline=\"without\"", "<svg data-timeline=\"with\"", "<table>", "<h1>2 workers, one API, 50/s"]
        {
            assert_eq!(page.matches(once).count(), 1, "{once}");
        }
        let links = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for outside in ["http:", "https:", "//", "src=", "href=", "url(", "@import", "<script"] {
            assert!(!links.contains(outside), "{outside}");
        }
        assert!(page.contains("The API counted 1 login and 2 fetches of the cached resource."), "{page}");
        assert!(page.contains("Worker 1 was killed during its fetch"), "{page}");
        assert!(page.contains("On one SQLite store"), "{page}");
    }

    #[test]
    fn somebody_elses_server_has_one_half() {
        let page = drawn(&["--url", "http://127.0.0.1:9/"]);
        is_well_formed(&page);
        assert!(!page.contains("data-timeline=\"without\"") && page.contains("data-timeline=\"with\""), "{page}");
        assert!(!page.contains("without a store") && !page.contains("not run"), "{page}");
    }

    #[test]
    fn more_than_the_budget_is_called_so() {
        assert!(drawn(&["--rate", "2/s"]).contains("start up to 4 calls in 1\u{a0}s, where 2 are allowed"));
        assert!(drawn(&["--rate", "4/s"]).contains("never start more than 4 calls in 1\u{a0}s, where 4 are allowed"));
    }
}
