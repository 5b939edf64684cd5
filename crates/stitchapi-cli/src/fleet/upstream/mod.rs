//! The upstream HTTP API: counts every arrival and answers 429 above its limit; issues tokens; has a resource that may be
//! cached.

mod gate;
mod ledger;
mod routes;
mod server;
mod token;

pub(super) use ledger::Counts;
pub(super) use server::{Manner, Upstream};

use super::said::Errand;
