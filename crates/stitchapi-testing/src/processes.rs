//! Clauses that need more than one process.

use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::Arc;

use stitchapi_core::{BoxFuture, Runtime, StitchStore};

use crate::clauses;

/// Runs parts of a clause in other processes.
///
/// [`TestBinary`](crate::TestBinary) is one for tests that run under libtest.
pub trait Processes: Debug + Send + Sync + 'static {
    /// Starts a process that opens a client of the same backend (and the same prefix), [runs](Part::run) `part` on it
    /// and hands back what that returns.
    ///
    /// It is called for several parts at once, and these must run at the same time.
    ///
    /// # Errors
    ///
    /// What went wrong with the process, for the report.
    fn run(&self, part: Part) -> BoxFuture<'static, Result<String, String>>;
}

/// What one process does for a clause. Its text can be handed to that process, and read there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub(crate) task: Task,
    pub(crate) namespace: String,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Count,
    Reserve,
    Lend,
    Write,
}

impl Part {
    /// Does it, on a client of the backend: the answer goes back to the process that asked.
    ///
    /// A failure is an answer, too: it violates the clause.
    pub async fn run(&self, store: Arc<dyn StitchStore>, runtime: Arc<dyn Runtime>) -> String {
        clauses::processes::run(self, store, runtime).await
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = match self.task {
            Task::Count => "count",
            Task::Reserve => "reserve",
            Task::Lend => "lend",
            Task::Write => "write",
        };
        write!(f, "{task} {}", self.namespace)
    }
}

/// Reads what its `Display` writes.
impl FromStr for Part {
    type Err = UnknownPart;

    fn from_str(text: &str) -> Result<Self, UnknownPart> {
        let (task, namespace) = text.split_once(' ').ok_or(UnknownPart(()))?;
        let task = match task {
            "count" => Task::Count,
            "reserve" => Task::Reserve,
            "lend" => Task::Lend,
            "write" => Task::Write,
            _ => return Err(UnknownPart(())),
        };
        Ok(Self { task, namespace: namespace.into() })
    }
}

/// A text that is no [`Part`]: another version of the kit wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPart(());

impl fmt::Display for UnknownPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a part of a clause of this version of the kit")
    }
}

impl std::error::Error for UnknownPart {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_can_be_handed_to_another_process() {
        for task in [Task::Count, Task::Reserve, Task::Lend, Task::Write] {
            let part = Part { task, namespace: "0123".into() };
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        assert_eq!("".parse::<Part>(), Err(UnknownPart(())));
    }
}
