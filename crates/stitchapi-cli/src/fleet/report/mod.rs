//! The result of a run: figures of each phase, as a table, as JSON, and as an HTML page.
//!
//! In: the phase records. Out: text. `run.rs` in the parent folder builds a [`Comparison`] and prints it, and writes the
//! page of [`ReportPage`]. Read on in `figures.rs`, `comparison.rs` and `html/`.

mod comparison;
mod figures;
mod html;

pub(super) use comparison::Comparison;
pub(super) use figures::PhaseFigures;
pub(super) use html::ReportPage;
