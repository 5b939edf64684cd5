//! What the program says when it cannot go on, and its exit status.

use std::error::Error;
use std::fmt::{Display, Write as _};
use std::process::ExitCode;

/// One clear line on standard error and an exit status: 2 for what the caller can mend, 1 for the rest.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Help or the version was asked for, or the command line is wrong.
    Usage(Box<clap::Error>),
    /// An option is wrong, a store or a URL cannot be reached.
    Wrong(String),
    /// Something broke on the way.
    Broken(String),
}

impl Failure {
    /// The caller can mend it.
    pub(crate) fn wrong(what: impl Display) -> Self {
        Self::Wrong(what.to_string())
    }

    /// The caller can mend it; `error` and all that is behind it is told.
    pub(crate) fn wrong_because(what: impl Display, error: &dyn Error) -> Self {
        Self::Wrong(with_causes(what, error))
    }

    /// Something broke.
    pub(crate) fn broken(what: impl Display, error: &dyn Error) -> Self {
        Self::Broken(with_causes(what, error))
    }

    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(error) if !error.use_stderr() => {
                let _ = error.print();
                ExitCode::SUCCESS
            }
            Self::Usage(error) => {
                let text = error.to_string();
                let lines = text.lines().take_while(|line| !line.trim().is_empty());
                let line = lines.map(str::trim).collect::<Vec<_>>().join(" ");
                eprintln!("{line}");
                ExitCode::from(2)
            }
            Self::Wrong(what) => {
                eprintln!("error: {what}");
                ExitCode::from(2)
            }
            Self::Broken(what) => {
                eprintln!("error: {what}");
                ExitCode::FAILURE
            }
        }
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Usage(Box::new(error))
    }
}

/// The message and its causes in one line.
pub(crate) fn with_causes(what: impl Display, error: &dyn Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text.replace('\n', " ")
}
