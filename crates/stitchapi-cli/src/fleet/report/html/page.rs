//! The page of `--report`: headline, key figures, legend, a chart per phase, and the table.

use std::fmt::Write as _;

use super::captions;
use super::format::{count, escape};
use super::timeline::Timeline;
use crate::fleet::options::Options;
use crate::fleet::phase::PhaseRecord;
use crate::fleet::report::comparison::Comparison;
use crate::fleet::report::figures::PhaseFigures;
use crate::fleet::store_spec::StoreSpec;

const STYLE: &str = include_str!("style.css");

/// Input of the page.
pub(crate) struct ReportPage<'a> {
    pub(crate) options: &'a Options,
    pub(crate) store: &'a StoreSpec,
    /// Phase without a store; `None` for an external API.
    pub(crate) without: Option<&'a PhaseRecord>,
    /// Phase with the store.
    pub(crate) with: &'a PhaseRecord,
    pub(crate) comparison: &'a Comparison,
}

impl ReportPage<'_> {
    /// Returns the HTML document. It refers to no other file or server.
    pub(crate) fn html(&self) -> String {
        let headline = escape(&captions::headline(self.options));
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>stitch fleet: {headline}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <p class=\"kicker\">stitch fleet</p>\n<h1>{headline}</h1>\n<p>{}</p>\n</header>\n<main>\n",
            escape(&captions::setup(self.options))
        );
        self.write_key_figures(&mut page);
        self.write_legend(&mut page);
        if let (Some(record), Some(figures)) = (self.without, &self.comparison.without_store) {
            let caption = captions::caption_without_store(self.options, figures);
            self.write_phase(&mut page, "without", "Without a store", &caption, record);
        }
        let mut workers = self.with.workers.iter().enumerate();
        let killed = workers.find_map(|(number, worker)| Some((number, worker.killed?.0)));
        let caption = captions::caption_with_store(self.options, self.store, &self.comparison.with_store, killed);
        self.write_phase(&mut page, "with", &captions::title_with_store(self.store), &caption, self.with);
        self.write_table(&mut page);
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }

    /// Writes the figures in which the phases differ most.
    fn write_key_figures(&self, page: &mut String) {
        type FormatFigure = fn(&PhaseFigures) -> Option<String>;
        let figures: [(&str, FormatFigure); 4] = [
            ("share of the budget used", |phase| Some(format!("{:.1}\u{a0}%", phase.utilisation * 100.0))),
            ("429 responses", |phase| Some(count(phase.rejected_429))),
            ("logins", |phase| phase.token_requests.map(|number| count(number as u64))),
            ("fetches of the cached resource", |phase| {
                phase.cached_resource_fetches.map(|number| count(number as u64))
            }),
        ];
        page.push_str("<dl class=\"differences\">\n");
        for (label, format) in figures {
            let Some(with) = format(&self.comparison.with_store) else { continue };
            let without = self.comparison.without_store.as_ref().and_then(format);
            let before = without.map_or_else(String::new, |without| {
                format!("<span class=\"before\">{without}</span> <span class=\"arrow\">→</span> ")
            });
            let _ = writeln!(page, "<div><dt>{label}</dt><dd>{before}{with}</dd></div>");
        }
        page.push_str("</dl>\n");
    }

    /// Writes an entry for each kind of mark that the charts contain.
    fn write_legend(&self, page: &mut String) {
        let mut entries = vec![
            (r#"<path class="within" d="M2 2H18V14H2Z"/>"#, "within the budget"),
            (r#"<path class="over" d="M2 2H18V14H2Z"/>"#, "over the budget"),
            (r#"<path class="budget" d="M0 8H20"/>"#, "budget"),
            (r#"<path class="start" d="M4 2v12M8 2v12M14 2v12"/>"#, "start of a call"),
        ];
        if self.with.upstream.is_some() {
            entries.push((r#"<g class="login"><path d="M10 2.5l5.5 5.5l-5.5 5.5l-5.5 -5.5Z"/></g>"#, "login"));
            entries.push((r#"<g class="fetch"><circle cx="10" cy="8" r="5"/></g>"#, "fetch of the cached resource"));
        }
        if self.comparison.killed_worker.is_some() {
            entries.push((r#"<path class="killed" d="M5 3l10 10m-10 0l10 -10"/>"#, "worker killed"));
        }
        page.push_str("<ul class=\"legend\">\n");
        for (mark, label) in entries {
            let _ = writeln!(page, r#"<li><svg viewBox="0 0 20 16" aria-hidden="true">{mark}</svg>{label}</li>"#);
        }
        page.push_str("</ul>\n");
    }

    /// Writes the section of one phase: title, chart and caption.
    fn write_phase(&self, page: &mut String, name: &str, title: &str, caption: &str, record: &PhaseRecord) {
        let Comparison { without_store, with_store, .. } = self.comparison;
        let highest = without_store.iter().chain([with_store]).map(|phase| phase.max_in_any_period).max();
        let timeline = Timeline {
            name,
            title: &format!("{title}: starts against the budget, and each worker's calls, logins and fetches"),
            description: caption,
            record,
            period: self.options.rate.rate.period(),
            duration: self.options.duration,
            budget: captions::budget(self.options),
            highest: highest.unwrap_or(0),
        };
        let (title, caption) = (escape(title), escape(caption));
        let _ = writeln!(
            page,
            "<section>\n<h2>{title}</h2>\n<figure>\n<div class=\"picture\">\n{}</div>\n<figcaption>{caption}</figcaption>\n\
             </figure>\n</section>",
            timeline.svg()
        );
    }

    /// Writes the table of figures. The column of the phase without a store is omitted if that phase did not run.
    fn write_table(&self, page: &mut String) {
        let has_both = self.comparison.without_store.is_some();
        let [_, without, with] = Comparison::header(self.store).map(|label| escape(&label));
        let cell = |tag: &str, text: &str| if has_both { format!("<{tag}>{text}</{tag}>") } else { String::new() };
        let _ = writeln!(
            page,
            "<section>\n<h2>Figures</h2>\n<table>\n<thead><tr><td></td>{}<th>{with}</th></tr></thead>\n<tbody>",
            cell("th", &without)
        );
        for row in self.comparison.rows(self.options) {
            let [label, without, with] = row.map(|text| escape(&text));
            let without = cell("td", &without);
            let _ = writeln!(page, "<tr><th scope=\"row\">{label}</th>{without}<td>{with}</td></tr>");
        }
        page.push_str("</tbody>\n</table>\n</section>\n");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::fixture::{assert_well_formed, two_workers};
    use super::*;

    /// Command line with the options of `stitch fleet` only.
    #[derive(clap::Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: Options,
    }

    fn page(arguments: &[&str]) -> String {
        let line = CommandLine::parse_from(["fleet", "--duration", "2s", "--workers", "2"].iter().chain(arguments));
        let (options, record) = (line.options, two_workers());
        let without = options.url.is_none().then_some(&record);
        let figures = PhaseFigures::new(&options, &record);
        let comparison = Comparison {
            without_store: without.map(|_| figures.clone()),
            with_store: figures,
            killed_worker: record.killed_worker(),
        };
        let store = &StoreSpec::Sqlite("fleet.db".into());
        ReportPage { options: &options, store, without, with: &record, comparison: &comparison }.html()
    }

    #[test]
    fn a_page_shows_both_phases_and_refers_to_no_other_file() {
        let page = page(&[]);
        assert_well_formed(&page);
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
    fn a_page_of_an_external_api_has_one_phase() {
        let page = page(&["--url", "http://127.0.0.1:9/"]);
        assert_well_formed(&page);
        assert!(!page.contains("data-timeline=\"without\"") && page.contains("data-timeline=\"with\""), "{page}");
        assert!(!page.contains("without a store") && !page.contains("not run"), "{page}");
    }

    #[test]
    fn the_caption_says_whether_the_budget_was_exceeded() {
        assert!(page(&["--rate", "2/s"]).contains("start up to 4 calls in 1\u{a0}s, where 2 are allowed"));
        assert!(page(&["--rate", "4/s"]).contains("never start more than 4 calls in 1\u{a0}s, where 4 are allowed"));
    }
}
