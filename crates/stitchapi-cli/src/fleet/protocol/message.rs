//! The lines that a worker process writes to its parent.

use std::fmt;
use std::str::FromStr;

use stitchapi::Tick;

use super::shared_request::SharedRequest;

/// Message of a worker: one line on its standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkerMessage {
    /// The worker is set up and waits for `go`.
    Ready,
    /// The worker could not be set up, for this reason.
    SetupFailed(String),
    /// A call to the rate-limited endpoint was sent at this time.
    CallStarted(Tick),
    /// A call got a response with status 429.
    CallRejected,
    /// A call failed for another reason.
    CallFailed(String),
    /// A login or a fetch of the cached resource began.
    SharedRequestBegan(SharedRequest, Tick),
    /// A login or a fetch of the cached resource ended, with or without success.
    SharedRequestEnded(SharedRequest, Tick),
    /// All tasks have ended. No message follows.
    Done,
}

impl fmt::Display for WorkerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::SetupFailed(reason) => write!(f, "setup-failed {reason}"),
            Self::CallStarted(at) => write!(f, "started {}", at.0),
            Self::CallRejected => f.write_str("rejected"),
            Self::CallFailed(reason) => write!(f, "failed {reason}"),
            Self::SharedRequestBegan(request, at) => write!(f, "{}-began {}", request.name(), at.0),
            Self::SharedRequestEnded(request, at) => write!(f, "{}-ended {}", request.name(), at.0),
            Self::Done => f.write_str("done"),
        }
    }
}

impl FromStr for WorkerMessage {
    /// The line is not a message of the protocol, for example a panic message.
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let at = || rest.parse().map(Tick).map_err(|_| ());
        Ok(match word {
            "ready" => Self::Ready,
            "setup-failed" => Self::SetupFailed(rest.to_owned()),
            "started" => Self::CallStarted(at()?),
            "rejected" => Self::CallRejected,
            "failed" => Self::CallFailed(rest.to_owned()),
            "login-began" => Self::SharedRequestBegan(SharedRequest::Login, at()?),
            "fetch-began" => Self::SharedRequestBegan(SharedRequest::Fetch, at()?),
            "login-ended" => Self::SharedRequestEnded(SharedRequest::Login, at()?),
            "fetch-ended" => Self::SharedRequestEnded(SharedRequest::Fetch, at()?),
            "done" => Self::Done,
            _ => return Err(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_a_round_trip_through_its_line() {
        for message in [
            WorkerMessage::Ready,
            WorkerMessage::SetupFailed("open the file: no such file".to_owned()),
            WorkerMessage::CallStarted(Tick(17)),
            WorkerMessage::CallRejected,
            WorkerMessage::CallFailed("call: no response".to_owned()),
            WorkerMessage::SharedRequestBegan(SharedRequest::Login, Tick(1)),
            WorkerMessage::SharedRequestEnded(SharedRequest::Login, Tick(2)),
            WorkerMessage::SharedRequestBegan(SharedRequest::Fetch, Tick(3)),
            WorkerMessage::SharedRequestEnded(SharedRequest::Fetch, Tick(4)),
            WorkerMessage::Done,
        ] {
            assert_eq!(message.to_string().parse(), Ok(message));
        }
    }

    #[test]
    fn a_line_outside_the_protocol_is_an_error() {
        for line in ["", "started", "started soon", "thread 'main' panicked", "sleep-ended 3"] {
            assert!(line.parse::<WorkerMessage>().is_err(), "{line}");
        }
    }
}
