//! Errors of building and of calling: [`Error`], its [`ErrorKind`], and the [`ErrorResponse`] of the API.
//!
//! The layer that fails creates the [`Error`]; the layers above it keep its kind.

mod call_error;
mod kind;
mod response;

pub use call_error::{BoxError, Error, Result};
pub use kind::ErrorKind;
pub use response::ErrorResponse;
pub(crate) use response::MAX_ERROR_BODY;
