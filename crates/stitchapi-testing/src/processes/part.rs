//! The work that one process does for a clause, and its text form.

use std::fmt;
use std::str::FromStr;

/// Work of one process for a clause.
///
/// [`Display`](fmt::Display) and [`FromStr`] carry it to another process: as an argument, a variable or a line.
///
/// ```
/// use stitchapi_testing::Part;
///
/// let part: Part = "count 0123".parse()?;
/// assert_eq!(part.to_string(), "count 0123");
/// assert!("juggle 0123".parse::<Part>().is_err());
/// # Ok::<(), stitchapi_testing::UnknownPart>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub(crate) task: Task,
    /// Namespace of the clause's keys.
    pub(crate) namespace: String,
}

/// Which work a [`Part`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Increments one counter.
    Count,
    /// Books starts in one cell.
    Reserve,
    /// Acquires and releases one lease.
    Lease,
    /// Replaces one versioned value.
    Write,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = match self.task {
            Task::Count => "count",
            Task::Reserve => "reserve",
            Task::Lease => "lease",
            Task::Write => "write",
        };
        write!(f, "{task} {}", self.namespace)
    }
}

/// Parses the text that [`Display`](fmt::Display) writes.
impl FromStr for Part {
    type Err = UnknownPart;

    fn from_str(text: &str) -> Result<Self, UnknownPart> {
        let (task, namespace) = text.split_once(' ').ok_or(UnknownPart(()))?;
        let task = match task {
            "count" => Task::Count,
            "reserve" => Task::Reserve,
            "lease" => Task::Lease,
            "write" => Task::Write,
            _ => return Err(UnknownPart(())),
        };
        Ok(Self { task, namespace: namespace.into() })
    }
}

/// Error of a text that is not a [`Part`]: another version of the kit wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPart(());

impl fmt::Display for UnknownPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text is not a part of a clause in this version of the kit")
    }
}

impl std::error::Error for UnknownPart {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_part_gives_the_same_part() {
        for task in [Task::Count, Task::Reserve, Task::Lease, Task::Write] {
            let part = Part { task, namespace: "0123".into() };
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        assert_eq!("".parse::<Part>(), Err(UnknownPart(())));
    }
}
