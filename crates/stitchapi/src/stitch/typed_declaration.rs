//! A declaration with its output type.

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;

use crate::error::BoxError;
use crate::pipeline::Declaration;

/// Converts a response into the value of a call.
pub(super) type Decode<O> = dyn Fn(&Parts, Bytes) -> Result<O, BoxError> + Send + Sync;

/// A declaration, and the decoder of its responses.
pub(super) struct TypedDeclaration<O> {
    pub(super) declaration: Arc<Declaration>,
    pub(super) decode: Box<Decode<O>>,
}
