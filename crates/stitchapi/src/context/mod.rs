//! What one call carries through the layers.
//!
//! [`CallContext`] is built by the pipeline and passed down by reference, so that no layer below needs the seam.
//! [`InFlight`] counts calls for [`Seam::shutdown`](crate::Seam::shutdown).

mod call_context;
mod in_flight;

pub(crate) use call_context::CallContext;
pub(crate) use in_flight::InFlight;
