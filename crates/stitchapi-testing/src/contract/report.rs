//! What the kit found.

use std::fmt;

use crate::Clause;

/// What became of every clause of the contract, in the order in which they ran.
///
/// Its text is one line of counts, and a line for each clause that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report that nobody reads proves nothing"]
pub struct ContractReport {
    store: &'static str,
    outcomes: Vec<(&'static Clause, Outcome)>,
}

/// What became of one clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The store keeps it.
    Passed,
    /// The store breaks it: what was seen.
    Violated(String),
    /// It could have run and did not: why.
    Skipped(String),
    /// It means nothing for this store: why.
    NotApplicable(String),
}

impl ContractReport {
    pub(crate) fn new(store: &'static str) -> Self {
        Self { store, outcomes: Vec::new() }
    }

    pub(crate) fn push(&mut self, clause: &'static Clause, outcome: Outcome) {
        self.outcomes.push((clause, outcome));
    }

    /// Every clause with what became of it.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static Clause, &Outcome)> {
        self.outcomes.iter().map(|(clause, outcome)| (*clause, outcome))
    }

    /// The clauses that the store keeps.
    pub fn passed(&self) -> impl Iterator<Item = &'static Clause> {
        self.outcomes().filter(|(_, outcome)| matches!(outcome, Outcome::Passed)).map(|(clause, _)| clause)
    }

    /// The clauses that the store breaks, with what was seen.
    pub fn violated(&self) -> impl Iterator<Item = (&'static Clause, &str)> {
        self.outcomes().filter_map(|(clause, outcome)| match outcome {
            Outcome::Violated(seen) => Some((clause, &**seen)),
            _ => None,
        })
    }

    /// The clauses that could have run and did not, with the reason.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static Clause, &str)> {
        self.outcomes().filter_map(|(clause, outcome)| match outcome {
            Outcome::Skipped(why) => Some((clause, &**why)),
            _ => None,
        })
    }

    /// The clauses that mean nothing for this store, with the reason.
    pub fn not_applicable(&self) -> impl Iterator<Item = (&'static Clause, &str)> {
        self.outcomes().filter_map(|(clause, outcome)| match outcome {
            Outcome::NotApplicable(why) => Some((clause, &**why)),
            _ => None,
        })
    }

    /// Whether nothing was violated and nothing skipped.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violated().next().is_none() && self.skipped().next().is_none()
    }

    /// Ends the test unless the report [is clean](Self::is_clean).
    ///
    /// # Panics
    ///
    /// If a clause was violated or skipped; the message is the report.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "the store does not keep its contract\n{self}");
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
            let (what, why) = match outcome {
                Outcome::Passed => continue,
                Outcome::Violated(seen) => ("violated", seen),
                Outcome::Skipped(why) => ("skipped", why),
                Outcome::NotApplicable(why) => ("not applicable", why),
            };
            write!(f, "\n  {what:<14}  {:<36}  {why}", clause.id())?;
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
    fn it_counts_and_lists_what_did_not_pass() {
        let report = report([Outcome::Passed, Outcome::Violated("saw 2".into()), Outcome::Skipped("no key".into())]);
        let text = report.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "memory: 1 passed, 1 violated, 1 skipped, 0 not applicable");
        assert!(lines[1].contains("violated") && lines[1].ends_with("saw 2"));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_skipped_clause_is_not_clean_and_one_that_means_nothing_is() {
        assert!(!report([Outcome::Skipped(String::new())]).is_clean());
        assert!(!report([Outcome::Violated(String::new())]).is_clean());
        assert!(report([Outcome::Passed, Outcome::NotApplicable(String::new())]).is_clean());
    }
}
