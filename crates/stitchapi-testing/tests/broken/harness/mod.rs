//! A store that satisfies its contract, with the means to break one rule of it.

mod backend;
mod broken_store;
mod clock;
mod defect;
mod lock;
mod optimistic;
mod sound;

pub(crate) use backend::report_of;
pub(crate) use defect::{Defect, MAX_KEY, MAX_VALUE, NoDefect};
pub(crate) use lock::Lock;
pub(crate) use optimistic::{AfterLostRaces, Optimistic};
pub(crate) use sound::{AcquireArgs, Id, SoundClient, WriteArgs, is_corrupt};
