//! What one call carries through the layers.
//!
//! [`CallContext`] is built by the pipeline and passed to the layers below, so that none of them needs the seam.
//! [`InFlight`] counts calls and tasks, so that [`Seam::shutdown`](crate::Seam::shutdown) can wait for them.

mod call_context;
mod in_flight;

pub(crate) use call_context::CallContext;
pub(crate) use in_flight::InFlight;
