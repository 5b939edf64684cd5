//! How a lane, a check or a command ends. Everything in this program that can fail returns a [`Verdict`].

/// Result of a lane; `Ok` means passed.
pub(crate) type Verdict = Result<(), Stop>;

/// Why a lane has not passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The lane ran and found an error.
    Failed(String),
    /// The lane could not run. In CI this counts as a failure.
    Skipped(String),
}

impl Stop {
    /// Returns the reason, whichever kind it is.
    pub(crate) fn reason(self) -> String {
        let (Self::Failed(reason) | Self::Skipped(reason)) = self;
        reason
    }

    /// Turns a failure into a skip, because a tool or a package of others is missing.
    pub(crate) fn into_skipped(self, missing: &str) -> Self {
        Self::Skipped(format!("{missing}: {}", self.reason()))
    }
}

/// Passes if the list of errors is empty.
///
/// # Errors
///
/// [`Stop::Failed`] with all errors of the list.
pub(crate) fn fail_on(errors: &[String]) -> Verdict {
    if errors.is_empty() { Ok(()) } else { Err(Stop::Failed(errors.join("; "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_for_lack_of_a_tool_is_a_skip() {
        let stop = Stop::Failed("exit status: 1".to_owned()).into_skipped("no Valkey");
        assert_eq!(stop, Stop::Skipped("no Valkey: exit status: 1".to_owned()));
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        assert_eq!(fail_on(&[]), Ok(()));
        assert_eq!(fail_on(&["a".to_owned(), "b".to_owned()]), Err(Stop::Failed("a; b".to_owned())));
    }
}
