//! Readers of the response headers that state when the API accepts requests again.
//!
//! Pure functions from headers and a wall clock to a duration. The throttle, the retry policy, the error and the token
//! endpoint read the same values here.

mod retry_after;

pub(crate) use retry_after::{read_seconds, retry_after, since_the_answer};
