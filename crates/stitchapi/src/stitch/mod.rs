//! The public handles of an endpoint.
//!
//! [`StitchBuilder`] declares an endpoint of a [`Seam`](crate::Seam), [`Stitch`] is its typed function, [`Call`] one
//! call of it, [`Response`] what a call returns. `call.rs` hands a call to `pipeline`.

mod builder;
mod call;
mod declare;
mod handle;
mod response;
mod typed_declaration;

pub use builder::StitchBuilder;
pub use call::Call;
pub use handle::Stitch;
pub use response::Response;
