//! The HTML page of `--report`: charts of both phases, captions and the table of figures.
//!
//! In: the phase records and the comparison. Out: one self-contained page. All functions are pure. Read on in `page.rs`,
//! then `timeline.rs` (the chart of one phase).

mod axis;
mod budget_chart;
mod captions;
mod format;
mod page;
mod timeline;
mod window_counts;
mod worker_lane;

pub(crate) use page::ReportPage;

#[cfg(test)]
mod fixture;
