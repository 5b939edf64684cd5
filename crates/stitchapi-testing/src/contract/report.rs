//! The outcome of every clause, and its text form.

use std::fmt;

use super::clause::Clause;

/// Outcome of every clause of the contract, in the order in which they ran.
///
/// Its [`Display`](fmt::Display) form is one line of counts, and a line for each clause that did not pass.
///
/// ```
/// use stitchapi_testing::{ContractReport, Outcome};
///
/// fn print(report: &ContractReport) {
///     println!("{report}");
///     for (clause, outcome) in report.outcomes() {
///         if let Outcome::Violated(observed) = outcome {
///             println!("{} ({}): {observed}", clause.id(), clause.says());
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report must be checked, for example with `assert_clean`"]
pub struct ContractReport {
    store: &'static str,
    outcomes: Vec<(&'static Clause, Outcome)>,
}

/// Outcome of one clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The store satisfies the clause.
    Passed,
    /// The store breaks the clause: what was observed.
    Violated(String),
    /// The clause could not run or could not be judged: why.
    Skipped(String),
    /// The clause has no meaning for this store: why.
    NotApplicable(String),
}

impl ContractReport {
    pub(crate) fn new(store: &'static str) -> Self {
        Self { store, outcomes: Vec::new() }
    }

    pub(crate) fn push(&mut self, clause: &'static Clause, outcome: Outcome) {
        self.outcomes.push((clause, outcome));
    }

    /// Returns every clause with its outcome.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static Clause, &Outcome)> {
        self.outcomes.iter().map(|(clause, outcome)| (*clause, outcome))
    }

    /// Returns the clauses that the store satisfies.
    pub fn passed(&self) -> impl Iterator<Item = &'static Clause> {
        self.outcomes().filter(|(_, outcome)| matches!(outcome, Outcome::Passed)).map(|(clause, _)| clause)
    }

    /// Returns the clauses that the store breaks, with what was observed.
    pub fn violated(&self) -> impl Iterator<Item = (&'static Clause, &str)> {
        self.outcomes().filter_map(|(clause, outcome)| match outcome {
            Outcome::Violated(observed) => Some((clause, &**observed)),
            _ => None,
        })
    }

    /// Returns the clauses that could not run or could not be judged, with the reason.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static Clause, &str)> {
        self.outcomes().filter_map(|(clause, outcome)| match outcome {
            Outcome::Skipped(why) => Some((clause, &**why)),
            _ => None,
        })
    }

    /// Returns the clauses that have no meaning for this store, with the reason.
    pub fn not_applicable(&self) -> impl Iterator<Item = (&'static Clause, &str)> {
        self.outcomes().filter_map(|(clause, outcome)| match outcome {
            Outcome::NotApplicable(why) => Some((clause, &**why)),
            _ => None,
        })
    }

    /// Returns `true` if no clause was violated and none skipped.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violated().next().is_none() && self.skipped().next().is_none()
    }

    /// Panics unless the report [is clean](Self::is_clean).
    ///
    /// # Panics
    ///
    /// If a clause was violated or skipped; the message is the report.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "the store breaks its contract, or some clauses were skipped\n{self}");
    }
}

impl fmt::Display for ContractReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} passed, {} violated, {} skipped, {} not applicable",
            self.store,
            self.passed().count(),
            self.violated().count(),
            self.skipped().count(),
            self.not_applicable().count()
        )?;
        for (clause, outcome) in self.outcomes() {
            let (kind, why) = match outcome {
                Outcome::Passed => continue,
                Outcome::Violated(observed) => ("violated", observed),
                Outcome::Skipped(why) => ("skipped", why),
                Outcome::NotApplicable(why) => ("not applicable", why),
            };
            write!(f, "\n  {kind:<14}  {:<36}  {why}", clause.id())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: impl IntoIterator<Item = Outcome>) -> ContractReport {
        let mut report = ContractReport::new("memory");
        for (clause, outcome) in Clause::all().iter().zip(outcomes) {
            report.push(clause, outcome);
        }
        report
    }

    #[test]
    fn the_text_counts_outcomes_and_lists_clauses_that_did_not_pass() {
        let report =
            report([Outcome::Passed, Outcome::Violated("observed 2".into()), Outcome::Skipped("no key".into())]);
        let text = report.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "memory: 1 passed, 1 violated, 1 skipped, 0 not applicable");
        assert!(lines[1].contains("violated") && lines[1].ends_with("observed 2"));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_skipped_clause_is_not_clean_and_one_that_is_not_applicable_is() {
        assert!(!report([Outcome::Skipped(String::new())]).is_clean());
        assert!(!report([Outcome::Violated(String::new())]).is_clean());
        assert!(report([Outcome::Passed, Outcome::NotApplicable(String::new())]).is_clean());
    }
}
