//! How a driver's tests start another process.

use std::fmt::Debug;

use stitchapi_core::BoxFuture;

use super::part::Part;

/// Starts processes that run parts of a clause.
///
/// [`TestBinary`](crate::TestBinary) implements it for tests that run under libtest.
///
/// ```
/// use stitchapi_core::BoxFuture;
/// use stitchapi_testing::{Part, Processes};
///
/// /// Starts `my-worker PART`, which runs the part and prints the reply.
/// #[derive(Debug)]
/// struct Workers;
///
/// impl Processes for Workers {
///     fn run(&self, part: Part) -> BoxFuture<'static, Result<String, String>> {
///         let child = std::process::Command::new("my-worker").arg(part.to_string()).output();
///         let reply = child.map(|child| String::from_utf8_lossy(&child.stdout).into_owned());
///         Box::pin(async move { reply.map_err(|error| error.to_string()) })
///     }
/// }
/// ```
pub trait Processes: Debug + Send + Sync + 'static {
    /// Starts a process that opens a client of the same backend with the same prefix, [runs](Part::run) `part` on it and
    /// returns the reply.
    ///
    /// The kit calls it for several parts at once, and these must run at the same time.
    ///
    /// # Errors
    ///
    /// Why the process failed, for the report. The clause is then violated.
    fn run(&self, part: Part) -> BoxFuture<'static, Result<String, String>>;
}
