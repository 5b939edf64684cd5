//! Errors of the program: one line on standard error and an exit status.
//!
//! Every command returns [`CliError`] on failure; `main` prints it with [`CliError::report`].

use std::error::Error;
use std::fmt::{Display, Write as _};
use std::process::ExitCode;

/// Error of a command. Exit status 2 stands for wrong input, 1 for every other failure.
#[derive(Debug)]
pub(crate) enum CliError {
    /// Result of the command-line parser: wrong arguments, or a request for the help text or the version.
    Usage(Box<clap::Error>),
    /// Wrong input: an option has an invalid value, or a store or URL is not reachable.
    Input(String),
    /// Failure that the user cannot correct by other input.
    Internal(String),
}

impl CliError {
    /// Creates an error about wrong input.
    pub(crate) fn input(message: impl Display) -> Self {
        Self::Input(message.to_string())
    }

    /// Creates an error about wrong input. The message is followed by `error` and its sources.
    pub(crate) fn input_because(message: impl Display, error: &dyn Error) -> Self {
        Self::Input(with_sources(message, error))
    }

    /// Creates an internal error. The message is followed by `error` and its sources.
    pub(crate) fn internal(message: impl Display, error: &dyn Error) -> Self {
        Self::Internal(with_sources(message, error))
    }

    /// Prints the error as one line and returns the exit status. The help text and the version go to standard output,
    /// with status 0.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(error) if !error.use_stderr() => {
                let _ = error.print();
                ExitCode::SUCCESS
            }
            Self::Usage(error) => {
                // The parser's text has several paragraphs; the first one names the error.
                let text = error.to_string();
                let paragraph = text.lines().take_while(|line| !line.trim().is_empty());
                let line = paragraph.map(str::trim).collect::<Vec<_>>().join(" ");
                eprintln!("{line}");
                ExitCode::from(2)
            }
            Self::Input(message) => {
                eprintln!("error: {message}");
                ExitCode::from(2)
            }
            Self::Internal(message) => {
                eprintln!("error: {message}");
                ExitCode::FAILURE
            }
        }
    }
}

impl From<clap::Error> for CliError {
    fn from(error: clap::Error) -> Self {
        Self::Usage(Box::new(error))
    }
}

/// Formats a message, an error and its sources as one line, separated by colons.
pub(crate) fn with_sources(message: impl Display, error: &dyn Error) -> String {
    let mut text = format!("{message}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text.replace('\n', " ")
}
