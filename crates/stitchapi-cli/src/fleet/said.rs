//! The lines that a worker says to its parent.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use stitchapi::Tick;

/// What one worker does for the whole fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Errand {
    /// Logs in.
    Login,
    /// Fetches the cached resource.
    Fetch,
}

impl Errand {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Fetch => "fetch",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// It can begin.
    Ready,
    /// It cannot begin, and why.
    Cannot(String),
    /// A call of the API passed the lateness test.
    Start(Tick),
    /// A call was answered 429.
    Rejected,
    /// A call failed for another reason.
    Failed(String),
    /// A token request, or a request of the cached resource, begins.
    Began(Errand, Tick),
    /// It is over.
    Ended(Errand, Tick),
    /// Nothing more comes.
    Done,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Cannot(why) => write!(f, "cannot {why}"),
            Self::Start(at) => write!(f, "start {}", at.0),
            Self::Rejected => f.write_str("rejected"),
            Self::Failed(why) => write!(f, "failed {why}"),
            Self::Began(errand, at) => write!(f, "{} {}", errand.name(), at.0),
            Self::Ended(errand, at) => write!(f, "done-{} {}", errand.name(), at.0),
            Self::Done => f.write_str("done"),
        }
    }
}

impl FromStr for Said {
    /// It is no such line: somebody else said it.
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let at = || rest.parse().map(Tick).map_err(|_| ());
        Ok(match word {
            "ready" => Self::Ready,
            "cannot" => Self::Cannot(rest.to_owned()),
            "start" => Self::Start(at()?),
            "rejected" => Self::Rejected,
            "failed" => Self::Failed(rest.to_owned()),
            "login" => Self::Began(Errand::Login, at()?),
            "fetch" => Self::Began(Errand::Fetch, at()?),
            "done-login" => Self::Ended(Errand::Login, at()?),
            "done-fetch" => Self::Ended(Errand::Fetch, at()?),
            "done" => Self::Done,
            _ => return Err(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_said() {
        for said in [
            Said::Ready,
            Said::Cannot("open the file: no such file".to_owned()),
            Said::Start(Tick(17)),
            Said::Rejected,
            Said::Failed("call: no answer".to_owned()),
            Said::Began(Errand::Login, Tick(1)),
            Said::Ended(Errand::Login, Tick(2)),
            Said::Began(Errand::Fetch, Tick(3)),
            Said::Ended(Errand::Fetch, Tick(4)),
            Said::Done,
        ] {
            assert_eq!(said.to_string().parse(), Ok(said));
        }
        for other in ["", "start", "start soon", "thread 'main' panicked", "done-sleeping 3"] {
            assert!(other.parse::<Said>().is_err(), "{other}");
        }
    }
}
