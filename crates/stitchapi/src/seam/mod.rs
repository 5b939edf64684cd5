//! The seam: what the calls of one API share.
//!
//! [`SeamBuilder`] validates a declaration and creates one of each: throttle registry, circuit registry, response
//! cache, auth strategy, store client, vault, transport, runtime, event dispatch and in-flight counter. [`Seam`] owns
//! them. `pipeline` and `stitch` read them through its accessors; lower layers receive a
//! [`CallContext`](crate::context::CallContext). `permit` and `shutdown` add the two operations that are not stitches.

mod builder;
mod default_parts;
mod handle;
mod permit;
mod settings;
mod shutdown;

pub use builder::SeamBuilder;
pub use handle::Seam;
pub(crate) use settings::{CommonSettings, ValidSettings};
