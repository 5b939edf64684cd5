//! `stitch fleet`: worker processes against a rate limit, without a shared store and with one.

mod assignment;
mod figures;
mod half;
mod killing;
mod options;
mod outcome;
mod page;
mod process;
mod progress;
mod report;
mod run;
mod said;
mod secrets;
mod store;
mod upstream;
mod worker;

pub(crate) use options::Options;
pub(crate) use run::run;
pub(crate) use worker::work;
